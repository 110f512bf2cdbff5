package jobsbench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/riverqueue/river"
	"github.com/riverqueue/river/riverdriver/riverpgxv5"
	"github.com/riverqueue/river/rivermigrate"

	"github.com/sluicehq/sluice/bench/sink"
	"github.com/sluicehq/sluice/bench/workerprocess"
)

// riverSystem is River, set up in one way or another.
type riverSystem struct {
	setup       riverSetup
	pool        *pgxpool.Pool
	client      *river.Client[pgx.Tx]
	worker      *workerprocess.Worker
	postgresPID int
	began       time.Time
}

var _ system = (*riverSystem)(nil)

// connectRiver makes River's tables, in a schema of their own, and a client to insert jobs.
func connectRiver(
	ctx context.Context, dsn string, tuned bool, to sink.Client, postgresPID int,
) (s *riverSystem, err error) {
	s = &riverSystem{setup: newRiverSetup(dsn, tuned, to), postgresPID: postgresPID}
	if s.pool, err = openPool(ctx, dsn, poolSize); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			s.pool.Close()
		}
	}()
	for _, statement := range []string{"DROP SCHEMA IF EXISTS %s CASCADE", "CREATE SCHEMA %s"} {
		if _, err := s.pool.Exec(ctx, fmt.Sprintf(statement, s.setup.Schema)); err != nil {
			return nil, err
		}
	}
	driver, quiet := riverpgxv5.New(s.pool), slog.New(slog.DiscardHandler)
	migrator, err := rivermigrate.New(driver, &rivermigrate.Config{Schema: s.setup.Schema, Logger: quiet})
	if err != nil {
		return nil, err
	}
	if _, err := migrator.Migrate(ctx, rivermigrate.DirectionUp, nil); err != nil {
		return nil, err
	}
	// Inserts notify the workers, at most once per FetchCooldown.
	s.client, err = river.NewClient(driver, &river.Config{
		Schema: s.setup.Schema, Logger: quiet,
		FetchCooldown: s.setup.FetchCooldown, FetchPollInterval: s.setup.FetchPollInterval,
	})
	return s, err
}

func openPool(ctx context.Context, dsn string, conns int32) (*pgxpool.Pool, error) {
	cfg, err := pgxpool.ParseConfig(dsn)
	if err != nil {
		return nil, errors.New("SLUICE_STORE_DSN is not a DSN")
	}
	if conns > 0 {
		cfg.MaxConns = conns
	}
	return pgxpool.NewWithConfig(ctx, cfg)
}

func (s *riverSystem) close() { s.pool.Close() }

func (s *riverSystem) start(ctx context.Context, m mode) error {
	s.began = time.Now()
	setup := s.setup
	setup.Held, setup.Lanes = m.held, m.lanes
	text, err := json.Marshal(setup)
	if err != nil {
		return err
	}
	s.worker, err = workerprocess.StartSelf(ctx, []string{envRiver + "=" + string(text)}, roleRiverWorker)
	return err
}

func (s *riverSystem) release(ctx context.Context) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://"+s.worker.Address()+releasePath, http.NoBody)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		err = fmt.Errorf("river's worker answered %s", response.Status)
	}
	return errors.Join(err, response.Body.Close())
}

func (s *riverSystem) stop(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopTimeout)
	defer cancel()
	stopped := s.worker.Stop()
	_, err := s.pool.Exec(ctx, fmt.Sprintf("DELETE FROM %s.river_job WHERE finalized_at IS NULL", s.setup.Schema))
	return errors.Join(stopped, err)
}

func (s *riverSystem) enqueue(ctx context.Context, lane string, no int64) error {
	_, err := s.client.Insert(ctx, s.args(lane, no), insertOpts(lane))
	return err
}

func (s *riverSystem) args(lane string, no int64) riverArgs {
	return riverArgs{Lane: lane, Type: jobType, Data: jobData(no)}
}

// insertOpts puts the lanes into queues of their own, which is how River keeps kinds of jobs
// out of each other's way.
func insertOpts(lane string) *river.InsertOpts {
	if lane == laneAll {
		return nil
	}
	return &river.InsertOpts{Queue: riverQueue(lane)}
}

func riverQueue(lane string) string { return "lane_" + lane }

// enqueueAll copies jobs in, which is the fastest way that River has.
func (s *riverSystem) enqueueAll(ctx context.Context, first, jobs int64) error {
	const atOnce = 5000
	for end := first + jobs; first < end; first += atOnce {
		var params []river.InsertManyParams
		for no := first; no < min(first+atOnce, end); no++ {
			params = append(params, river.InsertManyParams{Args: s.args(laneAll, no)})
		}
		if _, err := s.client.InsertManyFast(ctx, params); err != nil {
			return err
		}
	}
	return nil
}

func (s *riverSystem) succeeded(ctx context.Context) (n int64, err error) {
	query := "SELECT count(*) FROM %s.river_job WHERE state = 'completed' AND created_at >= $1"
	err = s.pool.QueryRow(ctx, fmt.Sprintf(query, s.setup.Schema), s.began).Scan(&n)
	return n, err
}

func (s *riverSystem) usage() (Usage, error) { return usageOf(s.worker.PID(), 0, s.postgresPID) }
