package store

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/store/db"
)

// Backlog is what waits for an action.
type Backlog struct {
	// Due is how many jobs can be loaded now, Waiting how many can be now or later; both
	// are MaxBacklog if there are as many or more.
	Due, Waiting int64
	// Next is when there is something to do: when the first job is due, which may be in
	// the past, or a lease ends. Zero if there is nothing.
	Next time.Time
}

// MaxBacklog is how far a backlog is counted.
const MaxBacklog = 10_000

// Backlog returns what waits for an action: everything, or without the jobs that are
// acknowledged if retriesOnly is set, as ClaimRequest.RetriesOnly says. Waiting is always of
// everything.
func (s *Store) Backlog(ctx context.Context, destination, action string, retriesOnly bool) (Backlog, error) {
	count, err := s.CountDue(ctx, db.CountDueParams{
		Destination: destination, Action: action, RetriesOnly: retriesOnly, Most: MaxBacklog,
	})
	if err != nil {
		return Backlog{}, fmt.Errorf("count what is due for %s/%s: %w", destination, action, err)
	}
	b := Backlog{Due: count.Due, Waiting: count.Waiting}
	if !retriesOnly {
		b.Next, err = s.NextDue(ctx, destination, action)
		return b, err
	}
	next, err := s.NextRetry(ctx, destination, action)
	if err != nil {
		return Backlog{}, fmt.Errorf("look for what is due for %s/%s: %w", destination, action, err)
	}
	if due, ends := cmp.Or(next.DueAt, next.LeaseEnds), next.LeaseEnds; due != nil {
		b.Next = *due
		if ends != nil && ends.Before(*due) {
			b.Next = *ends
		}
	}
	return b, nil
}
