// Package jobsbench measures how jobs are delivered: by Sluice, and beside it by River with
// the same PostgreSQL, to the same HTTP server, in one run.
package jobsbench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/bench/sink"
	"github.com/sluicehq/sluice/bench/workerprocess"
	"github.com/sluicehq/sluice/config"
)

// The cases.
const (
	CaseLatency   = "latency"
	CaseBurn      = "burn"
	CaseIsolation = "isolation"
)

// The systems.
const (
	SystemSluice     = "sluice"
	SystemRiver      = "river"
	SystemRiverTuned = "river-tuned"
)

// Config says what to measure.
type Config struct {
	// Cases and Systems are what to measure, and of what.
	Cases, Systems []string
	// Rate is how many jobs a second are enqueued in the case of latency, for Length after
	// a WarmUp that does not count, by as many Producers at once at most.
	Rate           float64
	WarmUp, Length time.Duration
	Producers      int
	// Burn is how many jobs have piled up in the case of the burn-down.
	Burn int
	// LaneRate is how many jobs a second are enqueued in the case of isolation, for all ten
	// destinations together, as long as in the case of latency.
	LaneRate float64
	// Patience is how long the jobs of a case are waited for once all are enqueued.
	Patience time.Duration
}

// Cases returns the names of all cases, Systems those of all systems.
func Cases() []string   { return []string{CaseLatency, CaseBurn, CaseIsolation} }
func Systems() []string { return []string{SystemSluice, SystemRiver, SystemRiverTuned} }

// Validate reports every fault at once.
func (c Config) Validate() error {
	var faults []error
	for _, list := range []struct {
		flag         string
		given, known []string
	}{{"cases", c.Cases, Cases()}, {"systems", c.Systems, Systems()}} {
		for _, name := range list.given {
			if !slices.Contains(list.known, name) {
				faults = append(faults, fmt.Errorf("-%s names %q: want some of %v", list.flag, name, list.known))
			}
		}
	}
	for name, n := range map[string]float64{
		"rate": c.Rate, "producers": float64(c.Producers), "burn": float64(c.Burn),
		"lane-rate": c.LaneRate, "length": c.Length.Seconds(),
	} {
		if n < 1 {
			faults = append(faults, fmt.Errorf("-%s is %v: want 1 or more", name, n))
		}
	}
	if c.WarmUp < 0 || c.Patience < time.Second {
		faults = append(faults, errors.New("-warm-up and -patience: want 0s and 1s or more"))
	}
	return errors.Join(faults...)
}

// bench is what the cases work with.
type bench struct {
	cfg     Config
	sink    sink.Client
	systems map[string]system
	// first is the number of the next case's first job.
	first int64
}

// numbers is how many numbers a case has for its jobs. They are never used again: what comes
// late is not taken for a job of another case.
const numbers = 1_000_000_000

// fresh lets the sink forget what was before, and let the lanes hang from now on. It returns
// the number of the first job.
func (b *bench) fresh(ctx context.Context, hang ...string) (first int64, err error) {
	first = b.first
	b.first += numbers
	return first, b.sink.Reset(ctx, sink.Behaviour{From: first, Hang: hang})
}

// Run measures every case, then writes a table and one line of JSON to out. What it is doing
// goes to log.
func Run(ctx context.Context, cfg Config, out, log io.Writer) (err error) {
	if err := cfg.Validate(); err != nil {
		return err
	}
	to, err := startSelf(ctx, nil, roleSink)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Stop()) }()
	b := &bench{cfg: cfg, sink: sink.Client{URL: "http://" + to.Address()}, systems: map[string]system{}}
	defer b.close()
	if err := b.connect(ctx); err != nil {
		return err
	}
	result := Result{Bench: "jobs"}
	if err := b.measure(ctx, &result, log); err != nil {
		return err
	}
	return report(out, cfg, result)
}

// connect connects the systems.
func (b *bench) connect(ctx context.Context) error {
	settings, err := config.Load("", os.Environ())
	if err != nil {
		return err
	}
	postgres, err := findPostgres(ctx, settings.Store.DSN)
	if err != nil {
		return fmt.Errorf("PostgreSQL: %w", err)
	}
	for _, name := range b.cfg.Systems {
		var s system
		if name == SystemSluice {
			s, err = connectSluice(ctx, settings, b.sink, postgres)
		} else {
			s, err = connectRiver(ctx, settings.Store.DSN, name == SystemRiverTuned, b.sink, postgres)
		}
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		b.systems[name] = s
	}
	return nil
}

func (b *bench) close() {
	for _, s := range b.systems {
		s.close()
	}
}

// measure measures every case with every system, one after the other: they are to be in
// nobody's way.
func (b *bench) measure(ctx context.Context, r *Result, log io.Writer) error {
	for _, one := range b.cfg.Cases {
		for _, name := range b.cfg.Systems {
			if _, err := fmt.Fprintf(log, "%s: %s\n", one, name); err != nil {
				return err
			}
			var err error
			switch one {
			case CaseLatency:
				err = measured(&r.Latency, name)(b.latency(ctx, b.systems[name]))
			case CaseBurn:
				err = measured(&r.Burn, name)(b.burnDown(ctx, b.systems[name]))
			case CaseIsolation:
				err = measured(&r.Isolation, name)(b.isolation(ctx, b.systems[name]))
			}
			if err != nil {
				return fmt.Errorf("%s of %s: %w", one, name, err)
			}
		}
	}
	return nil
}

// measured returns a function that puts figures of a system down.
func measured[T any](into *map[string]T, name string) func(T, error) error {
	return func(figures T, err error) error {
		if *into == nil {
			*into = map[string]T{}
		}
		(*into)[name] = figures
		return err
	}
}

// findPostgres returns the process of PostgreSQL, which runs on this machine: it is the
// parent of its sessions.
func findPostgres(ctx context.Context, dsn string) (pid int, err error) {
	db, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close(ctx)) }()
	var session int
	if err := db.QueryRow(ctx, "SELECT pg_backend_pid()").Scan(&session); err != nil {
		return 0, err
	}
	return workerprocess.Parent(session)
}
