package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/starter"
	"github.com/sluicehq/sluice/store"
)

// What a listener to one import is told beside the events of the channel.
const (
	// eventParked means that the import waits for a decision about its parked parts.
	eventParked = "parked"
	// eventTimeout means that the time to listen is over. The import goes on.
	eventTimeout = "timeout"
)

// parkedInterval is how often a listener looks whether the import is parked.
const parkedInterval = 500 * time.Millisecond

// errTimeout ends a command whose --timeout is over.
var errTimeout = errors.New("--timeout is over")

// withTimeout bounds ctx by the flag --timeout; 0 is no bound.
func withTimeout(ctx context.Context, s *session) (context.Context, context.CancelFunc) {
	timeout := s.cli.Duration("timeout")
	if timeout <= 0 {
		return context.WithCancel(ctx)
	}
	return context.WithTimeoutCause(ctx, timeout, errTimeout)
}

// listenUntilEnd prints the events of one import until it ends, is parked, or the time is
// over. The error has the exit code. An import that has ended before, or is parked, is told
// at once.
func listenUntilEnd(ctx context.Context, s *session, listener *starter.Listener, id int64) error {
	for {
		summary, err := s.store.Summary(ctx, id)
		if err != nil && ctx.Err() == nil {
			return err
		}
		imp := summary.Import
		switch {
		case ctx.Err() != nil:
			return timeUp(ctx, s, id)
		case store.Ended(imp.Status):
			return endOf(ctx, s, starter.Notification{Event: store.JobEvent(imp.Status), ImportID: id, SiteID: imp.SiteID})
		case imp.Status == store.StatusParked:
			return endOf(ctx, s, starter.Notification{Event: eventParked, ImportID: id, SiteID: imp.SiteID})
		}
		n, err := nextWithin(ctx, listener, parkedInterval)
		if err != nil {
			return err
		}
		if n.ImportID == id && n.Event == store.JobTransientFail {
			if err := printNotification(ctx, s, n); err != nil {
				return err
			}
		}
	}
}

// nextWithin waits a while for the next notification; it is empty if none comes.
func nextWithin(ctx context.Context, listener *starter.Listener, wait time.Duration) (starter.Notification, error) {
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	n, err := listener.Next(waiting)
	if err != nil && waiting.Err() != nil {
		return starter.Notification{}, nil
	}
	return n, err
}

// timeUp prints that the time is over, unless the command was interrupted.
func timeUp(ctx context.Context, s *session, id int64) error {
	if !errors.Is(context.Cause(ctx), errTimeout) {
		return ctx.Err()
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), connectTimeout)
	defer cancel()
	return endOf(ctx, s, starter.Notification{Event: eventTimeout, ImportID: id})
}

// endOf prints the last event of an import. The error has the exit code.
func endOf(ctx context.Context, s *session, n starter.Notification) error {
	if err := printNotification(ctx, s, n); err != nil {
		return err
	}
	if n.Event == eventTimeout {
		return silently(exitTimeout, fmt.Errorf("import %d: %w", n.ImportID, errTimeout))
	}
	imp, err := s.store.Import(ctx, n.ImportID)
	if err != nil {
		return err
	}
	if code := codeOfStatus(imp.Status); code != exitDone {
		return silently(code, fmt.Errorf("import %d is %s", n.ImportID, imp.Status))
	}
	return nil
}
