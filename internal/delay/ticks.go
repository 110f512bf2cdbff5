package delay

import (
	"context"
	"iter"
	"time"
)

// Ticks yields at each interval until ctx ends, first after one interval. A loop that takes longer than an interval
// misses ticks.
func Ticks(ctx context.Context, interval time.Duration) iter.Seq[time.Time] {
	return func(yield func(time.Time) bool) {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case now := <-ticker.C:
				if !yield(now) {
					return
				}
			case <-ctx.Done():
				return
			}
		}
	}
}

// Rounds is Ticks with a first round at once, even if ctx has ended.
func Rounds(ctx context.Context, interval time.Duration) iter.Seq[time.Time] {
	return func(yield func(time.Time) bool) {
		if yield(time.Now()) {
			Ticks(ctx, interval)(yield)
		}
	}
}

// Until calls look at once and then at an interval, until it reports that it has seen enough. It returns the first
// error, or the cause of the end of ctx.
func Until(ctx context.Context, interval time.Duration, look func() (enough bool, err error)) error {
	for range Rounds(ctx, interval) {
		if enough, err := look(); enough || err != nil {
			return err
		}
	}
	return context.Cause(ctx)
}
