package apibench

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/valyala/fasthttp"
	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/bench/figures"
	"github.com/sluicehq/sluice/bench/openloop"
)

// askTimeout bounds a request.
const askTimeout = time.Minute

// ask measures questions to the server, each beside its statements: by all connections, then by one. goal is how long
// an answer may take for one connection, in milliseconds.
func (b *bench) ask(
	ctx context.Context, r *figures.Report, name string, header http.Header, goal float64, questions []question,
) error {
	client := &fasthttp.HostClient{
		Addr: b.address, MaxConns: b.cfg.Connections, ReadTimeout: askTimeout, WriteTimeout: askTimeout,
		MaxIdleConnDuration: time.Minute, NoDefaultUserAgentHeader: true, MaxResponseBodySize: 32 << 20,
	}
	defer client.CloseIdleConnections()
	for _, q := range questions {
		if err := b.say("%s: %s", name, q.name); err != nil {
			return err
		}
		request := func(context.Context) error { return b.get(client, header, q.path()) }
		var many, alone, statements, oneStatement openloop.Spread
		for _, run := range []struct {
			into        *openloop.Spread
			connections int
			length      time.Duration
			do          func(ctx context.Context) error
		}{
			{&many, b.cfg.Connections, b.cfg.Length, request},
			{&statements, b.cfg.Connections, b.cfg.Length / 2, q.read},
			{&alone, 1, b.cfg.Length / 10, request},
			{&oneStatement, 1, b.cfg.Length / 10, q.read},
		} {
			if run.do == nil {
				continue
			}
			var err error
			if *run.into, err = flood(ctx, run.connections, run.length, run.do); err != nil {
				return fmt.Errorf("%s: %w", q.name, err)
			}
		}
		b.reportQuestion(r, name, q, goal, [2]openloop.Spread{many, statements}, [2]openloop.Spread{alone, oneStatement})
	}
	return nil
}

// reportQuestion reports the answers to a question by all connections and by one, each of the server and of PostgreSQL.
func (b *bench) reportQuestion(
	r *figures.Report, name string, q question, goal float64, many, alone [2]openloop.Spread,
) {
	for _, one := range []struct {
		percentile string
		of         func(s openloop.Spread) float64
	}{
		{"p50", func(s openloop.Spread) float64 { return s.P50 }},
		{"p95", func(s openloop.Spread) float64 { return s.P95 }},
		{"p99", func(s openloop.Spread) float64 { return s.P99 }},
	} {
		l := figures.Line{
			Case: name, Figure: fmt.Sprintf("%s: %s, %d connections", q.name, one.percentile, b.cfg.Connections),
			Unit: figures.Milliseconds, Value: one.of(many[0]),
		}
		if q.read != nil {
			l.Compare("SQL", one.of(many[1]), one.of(many[0])/one.of(many[1]))
		}
		if q.ratio && one.percentile == "p50" {
			l = l.AtMost(goalRatio)
		}
		r.Add(l)
	}
	l := figures.Line{
		Case: name, Figure: q.name + ": p95, 1 connection (server time)", Unit: figures.Milliseconds, Value: alone[0].P95,
	}
	if q.read != nil {
		l.Compare("SQL", alone[1].P95, alone[0].P95/alone[1].P95)
	}
	r.Add(l.ValueAtMost(goal))
}

// get sends a request, whose answer must be 200.
func (b *bench) get(client *fasthttp.HostClient, header http.Header, path string) error {
	request, response := fasthttp.AcquireRequest(), fasthttp.AcquireResponse()
	defer fasthttp.ReleaseRequest(request)
	defer fasthttp.ReleaseResponse(response)
	request.SetRequestURI("http://" + b.address + path)
	for name, values := range header {
		request.Header.Set(name, values[0])
	}
	if err := client.Do(request, response); err != nil {
		return fmt.Errorf("GET %s: %w", path, err)
	}
	if status := response.StatusCode(); status != http.StatusOK {
		return fmt.Errorf("GET %s: the server answered %d %.200s", path, status, response.Body())
	}
	return nil
}

// flood does something again and again by so many connections for a time, and returns how long each took. A fifth of
// the time passes before it counts. Each connection has one answer at least.
func flood(
	ctx context.Context, connections int, length time.Duration, do func(ctx context.Context) error,
) (openloop.Spread, error) {
	begun := time.Now()
	counts, end := begun.Add(length/5), begun.Add(length+length/5)
	var mu sync.Mutex
	var all []time.Duration
	working, ctx := errgroup.WithContext(ctx)
	for range connections {
		working.Go(func() error {
			var took []time.Duration
			for at := time.Now(); (at.Before(end) || len(took) == 0) && ctx.Err() == nil; {
				if err := do(ctx); err != nil {
					return err
				}
				done := time.Now()
				if at.After(counts) {
					took = append(took, done.Sub(at))
				}
				at = done
			}
			mu.Lock()
			defer mu.Unlock()
			all = append(all, took...)
			return nil
		})
	}
	if err := working.Wait(); err != nil {
		return openloop.Spread{}, err
	}
	if len(all) == 0 {
		return openloop.Spread{}, errors.Join(ctx.Err(), fmt.Errorf("nothing was answered in %s", length))
	}
	return openloop.SpreadOf(all), nil
}
