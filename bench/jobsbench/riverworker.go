package jobsbench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/bench/program"
	"github.com/sluicehq/sluice/internal/outbound"
)

// poster is River's worker: it posts and signs what Sluice's destination webhook does, with
// the same code.
type poster struct {
	river.WorkerDefaults[riverArgs]
	setup  riverSetup
	client *http.Client
}

// attemptTimeout is how long Sluice's destination waits for an answer.
const attemptTimeout = 10 * time.Second

func newPoster(setup riverSetup) *poster {
	guard := outbound.Loopback()
	return &poster{setup: setup, client: &http.Client{Transport: &http.Transport{
		// No connection is closed because there are too many of them.
		DialContext:  guard.Dialer(outbound.Exposed).DialContext,
		MaxIdleConns: 0, MaxIdleConnsPerHost: setup.MaxWorkers * lanes, IdleConnTimeout: 30 * time.Second,
	}}}
}

// Work posts a job.
func (p *poster) Work(ctx context.Context, job *river.Job[riverArgs]) error {
	body, err := json.Marshal(envelope{Type: job.Args.Type, Timestamp: job.CreatedAt.UTC(), Data: job.Args.Data})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	address := p.setup.Sink.Hook(job.Args.Lane)
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	secrets := map[string]string{outbound.SecretSigning: signingSecret}
	if err := outbound.Sign(request.Header, secrets, strconv.FormatInt(job.ID, 10), time.Now(), body); err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	response, err := p.client.Do(request)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, outbound.MaxAnswer))
	if response.StatusCode/100 != 2 {
		err = errors.Join(err, fmt.Errorf("the sink answered %s", response.Status))
	}
	return errors.Join(err, response.Body.Close())
}

// envelope is what Sluice's destination sends.
type envelope struct {
	Type      string          `json:"type"`
	Timestamp time.Time       `json:"timestamp"`
	Data      json.RawMessage `json:"data"`
}

// runRiverWorker runs River's worker, set up as envRiver says.
func runRiverWorker(ctx context.Context, address string) (err error) {
	var setup riverSetup
	if err := json.Unmarshal([]byte(os.Getenv(envRiver)), &setup); err != nil {
		return fmt.Errorf("%s: %w", envRiver, err)
	}
	pool, err := openPool(ctx, setup.DSN, setup.MaxConns)
	if err != nil {
		return err
	}
	defer pool.Close()
	workers := river.NewWorkers()
	river.AddWorker(workers, newPoster(setup))
	client, err := river.NewClient(riverpgxv5.New(pool), &river.Config{
		Schema: setup.Schema, Workers: workers, Queues: riverQueues(setup),
		FetchCooldown: setup.FetchCooldown, FetchPollInterval: setup.FetchPollInterval,
		// Jobs that fail are seen by their absence at the sink.
		Logger: slog.New(slog.DiscardHandler),
		// What hangs is not waited for.
		SoftStopTimeout: time.Second,
	})
	if err != nil {
		return err
	}
	begun := make(chan struct{})
	begin := sync.OnceFunc(func() { close(begun) })
	if !setup.Held {
		begin()
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /readyz", func(http.ResponseWriter, *http.Request) {})
	mux.HandleFunc("POST "+releasePath, func(http.ResponseWriter, *http.Request) { begin() })
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return program.Serve(ctx, address, mux) })
	group.Go(func() error {
		select {
		case <-begun:
		case <-ctx.Done():
			return nil
		}
		if err := client.Start(ctx); err != nil {
			return err
		}
		<-client.Stopped()
		return nil
	})
	return group.Wait()
}

// riverQueues are the queues that are worked on.
func riverQueues(setup riverSetup) map[string]river.QueueConfig {
	one := river.QueueConfig{MaxWorkers: setup.MaxWorkers}
	if !setup.Lanes {
		return map[string]river.QueueConfig{river.QueueDefault: one}
	}
	all := map[string]river.QueueConfig{}
	for no := range int64(lanes) {
		all[riverQueue(laneOf(no))] = one
	}
	return all
}
