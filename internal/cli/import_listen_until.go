package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/starter"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// Events of --listen beside those of the channel.
const (
	// eventParked: the import waits for a decision about its parked parts.
	eventParked = "parked"
	// eventTimeout: --timeout expired. The import continues.
	eventTimeout = "timeout"
)

// parkedInterval is the interval at which the import is polled for being parked.
const parkedInterval = 500 * time.Millisecond

// errTimeout ends a command whose --timeout expired.
var errTimeout = errors.New("--timeout expired")

// withTimeout bounds ctx by --timeout; 0 is no bound.
func withTimeout(ctx context.Context, s *session) (context.Context, context.CancelFunc) {
	timeout := s.cli.Duration("timeout")
	if timeout <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, timeout, errTimeout)
}

// listenUntilEnd prints the events of one import until the import ends, is parked, or the timeout
// expires. The error carries the exit code. An import that has already ended or is parked is
// printed at once.
func listenUntilEnd(ctx context.Context, s *session, listener *starter.Listener, id int64) error {
	for {
		summary, err := s.store.Imports.Summary(ctx, id)
		if err != nil && ctx.Err() == nil {
			return err
		}
		imp := summary.Import
		switch {
		case ctx.Err() != nil:
			return timeUp(ctx, s, id)
		case importstore.Ended(imp.Status):
			return endOf(ctx, s, starter.Notification{Event: importstore.JobEvent(imp.Status), ImportID: id, SiteID: imp.SiteID})
		case imp.Status == importstore.StatusParked:
			return endOf(ctx, s, starter.Notification{Event: eventParked, ImportID: id, SiteID: imp.SiteID})
		}
		n, err := nextWithin(ctx, listener, parkedInterval)
		if err != nil {
			return err
		}
		if n.ImportID == id && n.Event == importstore.JobTransientFail {
			if err := printNotification(ctx, s, n); err != nil {
				return err
			}
		}
	}
}

// orTimeout returns err, or, if the timeout expired, errTimeout with its consequence.
func orTimeout(ctx context.Context, err error, consequence string) error {
	if !errors.Is(context.Cause(ctx), errTimeout) {
		return err
	}
	return exitWith(exitTimeout, fmt.Errorf("%w: %s", errTimeout, consequence))
}

// nextWithin waits for the next notification; it is empty if none arrives in time.
func nextWithin(ctx context.Context, listener *starter.Listener, wait time.Duration) (starter.Notification, error) {
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	n, err := listener.Next(waiting)
	if err != nil && waiting.Err() != nil {
		return starter.Notification{}, nil
	}
	return n, err
}

// timeUp prints that the timeout expired, unless the command was interrupted.
func timeUp(ctx context.Context, s *session, id int64) error {
	if !errors.Is(context.Cause(ctx), errTimeout) {
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectTimeout)
	defer cancel()
	return endOf(ctx, s, starter.Notification{Event: eventTimeout, ImportID: id})
}

// endOf prints the last event of an import. The error carries the exit code.
func endOf(ctx context.Context, s *session, n starter.Notification) error {
	if err := printNotification(ctx, s, n); err != nil {
		return err
	}
	if n.Event == eventTimeout {
		return silently(exitTimeout, fmt.Errorf("import %d: %w", n.ImportID, errTimeout))
	}
	imp, err := s.store.Imports.Import(ctx, n.ImportID)
	if err != nil {
		return err
	}
	if code := codeOfStatus(imp.Status); code != exitDone {
		return silently(code, fmt.Errorf("import %d is %s", n.ImportID, imp.Status))
	}
	return nil
}
