// Package delay waits.
package delay

import (
	"context"
	"time"
)

// Wait waits for d, and returns ctx's error if ctx ends first. A d of 0 or less does not wait.
func Wait(ctx context.Context, d time.Duration) error {
	if d <= 0 {
		return ctx.Err()
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
