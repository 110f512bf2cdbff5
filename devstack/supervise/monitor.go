package supervise

import (
	"context"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/internal/delay"
)

// monitor probes one process: first until it is ready, then for its health.
type monitor struct {
	// failed receives at most one error: the process should be killed.
	failed chan error
	cancel context.CancelFunc
	result chan time.Duration
}

// monitor starts probing the current process. The caller must call end.
func (c *Child) monitor() *monitor {
	ctx, cancel := context.WithCancel(context.Background())
	m := &monitor{failed: make(chan error, 1), cancel: cancel, result: make(chan time.Duration, 1)}
	go func() {
		readyAt, err := c.watch(ctx)
		if err != nil {
			m.failed <- err
		}
		<-ctx.Done()
		if readyAt.IsZero() {
			m.result <- 0
			return
		}
		m.result <- max(time.Since(readyAt), 1)
	}()
	return m
}

// end stops the probing and returns how long the process was ready.
func (m *monitor) end() time.Duration {
	m.cancel()
	return <-m.result
}

// watch returns when ctx ends, or with an error when the process is to be
// killed; in either case with the time at which it became ready, if it did.
func (c *Child) watch(ctx context.Context) (time.Time, error) {
	if err := c.waitFirst(ctx); err != nil || ctx.Err() != nil {
		return time.Time{}, err
	}
	readyAt := time.Now()
	if c.spec.Ready == nil {
		return readyAt, nil
	}
	lastGood := readyAt
	for pause(ctx, c.spec.HealthInterval) {
		err := c.probe(ctx)
		now := time.Now()
		switch {
		case ctx.Err() != nil:
			return readyAt, nil //nolint:nilerr // The probe failed because it was cancelled.
		case err == nil:
			lastGood = now
		case now.Sub(lastGood) >= c.spec.UnhealthyAfter:
			return readyAt, fmt.Errorf("unhealthy for %s: %w", now.Sub(lastGood).Round(time.Second), err)
		default:
			c.log.Warn("child does not answer its health check", "error", err)
		}
	}
	return readyAt, nil
}

// waitFirst probes until the process is ready and marks it so.
func (c *Child) waitFirst(ctx context.Context) error {
	if c.spec.Ready != nil {
		begun := time.Now()
		for {
			err := c.probe(ctx)
			if err == nil {
				break
			}
			if ctx.Err() == nil && time.Since(begun) >= c.spec.ReadyTimeout {
				return fmt.Errorf("not ready after %s: %w", c.spec.ReadyTimeout, err)
			}
			if !pause(ctx, c.spec.ProbeInterval) {
				return nil
			}
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	// The process may have been killed or may have ended during the probe; what
	// answered was then its last breath, or another program on its port.
	if ctx.Err() == nil && c.process != nil && !c.doomed {
		c.setReadyLocked(true)
	}
	return nil
}

func (c *Child) probe(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.spec.ProbeTimeout)
	defer cancel()
	return c.spec.Ready(ctx)
}

// pause waits and tells whether ctx is still alive.
func pause(ctx context.Context, d time.Duration) bool {
	return delay.Wait(ctx, d) == nil
}
