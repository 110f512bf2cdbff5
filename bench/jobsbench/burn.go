package jobsbench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/internal/delay"
)

// BurnDown are the figures of jobs that have piled up.
type BurnDown struct {
	Jobs      int `json:"jobs"`
	Delivered int `json:"delivered"`
	Doubles   int `json:"doubles"`
	// Enqueueing is how long it took to enqueue them in bulk, in seconds.
	Enqueueing float64 `json:"enqueueing_s"`
	// Seconds is from the order to deliver until the sink had the last one, Settled until
	// the store said that all have succeeded.
	Seconds float64 `json:"seconds"`
	Settled float64 `json:"settled_s"`
	// PerSecond is how many the sink had of them a second.
	PerSecond float64 `json:"jobs_per_second"`
	Used      PerJob  `json:"used"`
}

// burnDown enqueues jobs while nothing is delivered, and looks how long they take then.
func (b *bench) burnDown(ctx context.Context, s system) (d BurnDown, err error) {
	if err := s.start(ctx, mode{held: true}); err != nil {
		return d, err
	}
	defer func() { err = errors.Join(err, s.stop(ctx)) }()
	first, err := b.fresh(ctx)
	if err != nil {
		return d, err
	}
	began := time.Now()
	if err := s.enqueueAll(ctx, first, int64(b.cfg.Burn)); err != nil {
		return d, fmt.Errorf("enqueue: %w", err)
	}
	d.Jobs, d.Enqueueing = b.cfg.Burn, time.Since(began).Seconds()
	if early, err := b.sink.Counts(ctx); err != nil || early.Jobs > 0 {
		return d, errors.Join(err, fmt.Errorf("%d jobs came before they were to", early.Jobs))
	}
	before, err := s.usage()
	if err != nil {
		return d, err
	}
	began = time.Now()
	if err := s.release(ctx); err != nil {
		return d, err
	}
	n, err := b.sink.Wait(ctx, b.cfg.Burn, b.cfg.Patience)
	if err != nil {
		return d, err
	}
	d.Seconds = time.Unix(0, n.Last).Sub(began).Seconds()
	if n.Jobs < b.cfg.Burn {
		d.Seconds = time.Since(began).Seconds()
	}
	if d.Settled, err = b.awaitSucceeded(ctx, s, int64(n.Jobs), began); err != nil {
		return d, err
	}
	after, err := s.usage()
	if err != nil {
		return d, err
	}
	// A job may come again while the store is waited for.
	last, err := b.sink.Counts(ctx)
	d.Delivered, d.Doubles, d.Used = n.Jobs, last.Doubles, after.each(before, n.Jobs)
	d.PerSecond = float64(n.Jobs) / d.Seconds
	return d, err
}

// settleTimeout bounds how much later than the sink the store may know.
const settleTimeout = 30 * time.Second

// awaitSucceeded waits until the store says of as many jobs that they have succeeded, and returns
// the seconds since a time.
func (b *bench) awaitSucceeded(ctx context.Context, s system, jobs int64, since time.Time) (float64, error) {
	ctx, cancel := context.WithTimeout(ctx, settleTimeout)
	defer cancel()
	var n int64
	err := delay.Until(ctx, 100*time.Millisecond, func() (enough bool, err error) {
		n, err = s.succeeded(ctx)
		return n >= jobs, err
	})
	if err != nil {
		return 0, fmt.Errorf("the sink has %d jobs, of which the store says that %d have succeeded: %w", jobs, n, err)
	}
	return time.Since(since).Seconds(), nil
}
