// Package startup waits for the servers that a process needs: in a compose file or a cluster everything
// starts at once.
package startup

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/sluicehq/sluice/internal/delay"
	"github.com/sluicehq/sluice/internal/migration"
)

// Waiter waits for servers until its context ends.
type Waiter struct {
	// Logger reports each failed attempt. Required.
	Logger *slog.Logger
	// Timeout is the bound of the caller's context, for the error. Required.
	Timeout time.Duration
}

// Delays between attempts, and the bound of one.
const (
	firstBackoff   = 100 * time.Millisecond
	maxBackoff     = 5 * time.Second
	attemptTimeout = 10 * time.Second
)

// Await tries until it works, ctx ends, the error is Final or no retry makes a schema supported. what names the
// server in logs and errors.
func (w Waiter) Await(ctx context.Context, what string, try func(context.Context) error) error {
	for backoff := firstBackoff; ; backoff = min(2*backoff, maxBackoff) {
		attempt, cancel := context.WithTimeout(ctx, attemptTimeout)
		err := try(attempt)
		cancel()
		var final *finalError
		var unsupported *migration.UnsupportedError
		switch {
		case err == nil:
			return nil
		case errors.As(err, &final):
			return final.error
		case errors.As(err, &unsupported):
			return err
		}
		w.Logger.Warn("waiting", "for", what, "error", err, "retry_in", backoff)
		if delay.Wait(ctx, backoff) != nil {
			return fmt.Errorf("gave up waiting for the %s after %s: %w", what, w.Timeout, err)
		}
	}
}

// finalError is an error that another attempt does not cure.
type finalError struct{ error }

// Unwrap returns the cause.
func (e *finalError) Unwrap() error { return e.error }

// Final marks an error that another attempt does not cure: Await returns it at once.
func Final(err error) error { return &finalError{err} }
