// Package ingestbench measures the ingestion of events: the server beside a handler that does nothing, the
// event log beside the disk's fsync, and how the writers catch up after an outage of ClickHouse. In each case
// the stored events are compared with those that the server has accepted.
package ingestbench

import (
	"context"
	"errors"
	"fmt"
	"io"
)

// Run measures every case, then writes a table and one line of JSON to out. What it is doing
// goes to log. The error also says in which cases stored and accepted events differ.
func Run(ctx context.Context, cfg Config, out, log io.Writer) (err error) {
	if err := cfg.Validate(); err != nil {
		return err
	}
	b := &bench{cfg: cfg, log: log, sites: map[string]*site{}}
	defer func() { err = errors.Join(err, b.close()) }()
	if err := b.say("starting the processes"); err != nil {
		return err
	}
	if err := b.connect(ctx); err != nil {
		return err
	}
	r := newReport()
	if err := b.measure(ctx, r); err != nil {
		return err
	}
	if err := r.Write(out); err != nil {
		return err
	}
	return r.Err(cfg.Check)
}

func (b *bench) say(format string, args ...any) error {
	_, err := fmt.Fprintf(b.log, format+"\n", args...)
	return err
}

// measure measures the cases one after the other.
func (b *bench) measure(ctx context.Context, r *report) error {
	for _, one := range []struct {
		names []string
		run   func(ctx context.Context, r *report) error
	}{
		{[]string{CaseSingle, CaseRandom, CaseBatch}, b.rates},
		{[]string{CaseLatency}, b.latency},
		{[]string{CaseMemory}, b.memory},
		{[]string{CaseAway}, b.away},
	} {
		wanted := false
		for _, name := range one.names {
			wanted = wanted || b.cfg.has(name)
		}
		if !wanted {
			continue
		}
		if err := one.run(ctx, r); err != nil {
			return fmt.Errorf("%s: %w", one.names[0], err)
		}
		for _, name := range one.names {
			if !b.cfg.has(name) {
				continue
			}
			if err := b.stored(ctx, r, name); err != nil {
				return err
			}
		}
	}
	return nil
}
