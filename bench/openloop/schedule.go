// Package openloop sends requests at a rate, whether or not earlier ones have been answered, and sums up how
// long they took.
package openloop

import (
	"context"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/internal/delay"
)

// Schedule computes the times at which requests are sent, evenly spaced. It never waits: latency
// counts from the computed time, so that a system that blocks its callers does not look fast
// (coordinated omission).
type Schedule struct {
	Start time.Time
	// Rate is in requests a second.
	Rate float64
}

// At is the time of a request, numbered from 0.
func (s Schedule) At(no int64) time.Time {
	return s.Start.Add(time.Duration(float64(no) / s.Rate * float64(time.Second)))
}

// Within is how many requests there are in a time.
func (s Schedule) Within(d time.Duration) int64 { return int64(d.Seconds() * s.Rate) }

// Run sends n requests by a schedule, each by the first sender that is free, and returns
// by number how long after its time each had ended. The first error ends all senders.
func Run(
	ctx context.Context, s Schedule, n int64, senders int, send func(ctx context.Context, no int64) error,
) ([]time.Duration, error) {
	took := make([]time.Duration, n)
	var next atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	for range senders {
		group.Go(func() error {
			for {
				no := next.Add(1) - 1
				if no >= n {
					return nil
				}
				if delay.Wait(ctx, time.Until(s.At(no))) != nil {
					return context.Cause(ctx)
				}
				if err := send(ctx, no); err != nil {
					return err
				}
				took[no] = time.Since(s.At(no))
			}
		})
	}
	return took, group.Wait()
}
