package starter

import (
	"context"
	"errors"
	"time"

	"github.com/sluicehq/sluice/internal/delay"
	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// pollInterval is how often the store is asked while waiting.
const pollInterval = 50 * time.Millisecond

// Wait follows an import until it has ended and returns it as it is then. seen, if
// set, is called with every state that was read. It needs the store alone: no
// worker, and no Temporal. The errors are store.ErrNotFound and that of ctx, with the last state.
func (s *Starter) Wait(ctx context.Context, id int64, seen func(importstore.Summary)) (importstore.Summary, error) {
	return s.WaitFor(ctx, id, func(i importstore.Import) bool { return importstore.Ended(i.Status) }, seen)
}

// WaitFor is Wait until a condition holds, with the errors of Wait.
func (s *Starter) WaitFor(
	ctx context.Context, id int64, holds func(importstore.Import) bool, seen func(importstore.Summary),
) (summary importstore.Summary, err error) {
	for range delay.Rounds(ctx, pollInterval) {
		summary, err = s.Store.Imports.Summary(ctx, id)
		if err != nil {
			return importstore.Summary{}, err
		}
		if seen != nil {
			seen(summary)
		}
		if holds(summary.Import) {
			return summary, nil
		}
	}
	return summary, ctx.Err()
}

// WaitDeleted waits until a deletion has ended. The error is that of the store or of ctx.
func (s *Starter) WaitDeleted(ctx context.Context, id int64) error {
	for range delay.Rounds(ctx, pollInterval) {
		_, err := s.Store.Imports.Import(ctx, id)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}
