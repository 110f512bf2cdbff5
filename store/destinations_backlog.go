package store

import (
	"context"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/store/db"
)

// Backlog is what waits for an action.
type Backlog struct {
	// Due is how many jobs can be claimed now, Blocked how many are due and cannot: the
	// circuit of their connection is open, its rate makes them wait, or it has as many batches
	// under way as it may. Waiting is how many can be claimed now or later. Each is MaxBacklog
	// if there are as many or more.
	Due, Blocked, Waiting int64
	// Next is when there is something to do: when the first job can be claimed, which may be
	// in the past, or a lease ends. Zero if there is nothing.
	Next time.Time
}

// MaxBacklog is how far a backlog is counted.
const MaxBacklog = 10_000

// Backlog returns what waits for the action of a request, which says what can be claimed.
// Waiting is of everything, whatever RetriesOnly says.
func (s *Store) Backlog(ctx context.Context, r ClaimRequest) (Backlog, error) {
	row, err := s.ActionBacklog(ctx, db.ActionBacklogParams{
		Destination: r.Destination, Action: r.Action, Concurrency: max(1, r.Concurrency), RetriesOnly: r.RetriesOnly,
		RowLimit: MaxBacklog,
	})
	if err != nil {
		return Backlog{}, fmt.Errorf("count what is due for %s/%s: %w", r.Destination, r.Action, err)
	}
	b := Backlog{Due: row.Due, Blocked: row.Blocked, Waiting: row.Waiting}
	if row.NextAt != nil {
		b.Next = *row.NextAt
	}
	return b, nil
}
