package jobsbench

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
)

// schedule computes the times at which jobs are enqueued, evenly spaced. It never waits: latency
// counts from the computed time, so that a system that blocks its callers does not look fast
// (coordinated omission).
type schedule struct {
	start time.Time
	// rate is in jobs a second.
	rate float64
}

// at is the time of a job, numbered from 0.
func (s schedule) at(no int64) time.Time {
	return s.start.Add(time.Duration(float64(no) / s.rate * float64(time.Second)))
}

// within is how many jobs there are in a time.
func (s schedule) within(d time.Duration) int64 { return int64(d.Seconds() * s.rate) }

// generate enqueues jobs by a schedule, each by the first producer that is free, and returns
// by number how long after its time each was enqueued.
func generate(
	ctx context.Context, s schedule, jobs int64, producers int, enqueue func(ctx context.Context, no int64) error,
) ([]time.Duration, error) {
	accepted := make([]time.Duration, jobs)
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range producers {
		group.Go(func() error {
			for {
				no := next.Add(1) - 1
				if no >= jobs {
					return nil
				}
				if err := pass(ctx, time.Until(s.at(no))); err != nil {
					return err
				}
				if err := enqueue(ctx, no); err != nil {
					return err
				}
				accepted[no] = time.Since(s.at(no))
			}
		})
	}
	return accepted, group.Wait()
}

// pass lets time pass.
func pass(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
