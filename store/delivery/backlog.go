package delivery

import (
	"context"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/store/internal/db"
)

// Backlog counts the waiting jobs of an action.
type Backlog struct {
	// Due is how many jobs can be claimed now. Blocked is how many due jobs cannot, because their
	// connection has an open circuit, has reached its rate, or has its maximum of batches in flight.
	// Waiting is how many can be claimed now or later. Each is counted up to MaxBacklog.
	Due, Blocked, Waiting int64
	// Next is when the first job can be claimed, which may be in the past, or a lease expires. Zero if
	// there is neither.
	Next time.Time
}

// MaxBacklog is the number up to which a backlog is counted.
const MaxBacklog = 10_000

// Backlog counts the waiting jobs of the action that a request names; the request says which of them can
// be claimed. Waiting counts new jobs also if RetriesOnly is set.
func (s *Store) Backlog(ctx context.Context, r ClaimRequest) (Backlog, error) {
	row, err := s.sql.Queries.ActionBacklog(ctx, db.ActionBacklogParams{
		Destination: r.Destination, Action: r.Action, Concurrency: max(1, r.Concurrency), RetriesOnly: r.RetriesOnly,
		RowLimit: MaxBacklog,
	})
	if err != nil {
		return Backlog{}, fmt.Errorf("count the waiting jobs of %s/%s: %w", r.Destination, r.Action, err)
	}
	b := Backlog{Due: row.Due, Blocked: row.Blocked, Waiting: row.Waiting}
	if row.NextAt != nil {
		b.Next = *row.NextAt
	}
	return b, nil
}
