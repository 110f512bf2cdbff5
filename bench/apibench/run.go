// Package apibench measures the REST API and the pages of a full store: each question beside the statements that answer
// it, asked by as many connections in the same run; the memory and the delay of many subscribers; and what the triggers
// that notify servers cost those who write.
package apibench

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/sluicehq/sluice/bench/figures"
)

// Run measures every case, then writes a table and one line of JSON to out. What it is doing goes to log.
func Run(ctx context.Context, cfg Config, out, log io.Writer) (err error) {
	if err := cfg.Validate(); err != nil {
		return err
	}
	b := &bench{cfg: cfg, log: log}
	defer func() { err = errors.Join(err, b.close(ctx)) }()
	if err := b.connect(ctx); err != nil {
		return err
	}
	r := &figures.Report{Bench: "api"}
	for _, one := range []struct {
		name string
		run  func(ctx context.Context, r *figures.Report) error
	}{
		{CaseAPI, b.api}, {CasePages, b.pages}, {CaseSubscribers, b.subscribers}, {CaseNotify, b.notify},
	} {
		if !cfg.has(one.name) {
			continue
		}
		if err := one.run(ctx, r); err != nil {
			return fmt.Errorf("%s: %w", one.name, err)
		}
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
