// Package jobsbench measures how jobs are delivered: by Sluice, and beside it by River with
// the same PostgreSQL, to the same HTTP server, in one run.
package jobsbench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/sluicehq/sluice/bench/sink"
	"github.com/sluicehq/sluice/bench/stack"
	"github.com/sluicehq/sluice/bench/workerprocess"
	"github.com/sluicehq/sluice/config"
)

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
	to, err := workerprocess.StartSelf(ctx, nil, roleSink)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Stop()) }()
	b := &bench{cfg: cfg, sink: sink.Client{URL: "http://" + to.Address()}, systems: map[string]system{}}
	defer b.close()
	if err := b.connect(ctx); err != nil {
		return err
	}
	result := Result{
		Bench: "jobs", Latency: map[string]Latency{}, Burn: map[string]BurnDown{}, Isolation: map[string]Isolation{},
	}
	if err := b.measure(ctx, result, log); err != nil {
		return err
	}
	// What is missing is seen in the table, too, but not by a program that looks at nothing
	// but whether it went well.
	return errors.Join(report(out, cfg, result), result.missing())
}

// connect connects the systems.
func (b *bench) connect(ctx context.Context) error {
	settings, err := config.Load("", os.Environ())
	if err != nil {
		return err
	}
	postgres, err := stack.PostgresPID(ctx, settings.Store.DSN)
	if err != nil {
		return err
	}
	for _, name := range b.cfg.Systems {
		var s system
		if name == SystemSluice {
			s, err = connectSluice(ctx, b.sink, postgres)
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

// measure measures every case with every system, one after the other, so that they do not compete.
func (b *bench) measure(ctx context.Context, r Result, log io.Writer) error {
	for _, one := range b.cfg.Cases {
		for _, name := range b.cfg.Systems {
			if _, err := fmt.Fprintf(log, "%s: %s\n", one, name); err != nil {
				return err
			}
			var err error
			switch one {
			case CaseLatency:
				r.Latency[name], err = b.latency(ctx, b.systems[name])
			case CaseBurn:
				r.Burn[name], err = b.burnDown(ctx, b.systems[name])
			case CaseIsolation:
				r.Isolation[name], err = b.isolation(ctx, b.systems[name])
			}
			if err != nil {
				return fmt.Errorf("%s of %s: %w", one, name, err)
			}
		}
	}
	return nil
}
