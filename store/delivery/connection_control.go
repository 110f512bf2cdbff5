package delivery

import (
	"context"
	"fmt"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// ConnectionNotify is the name of the built-in connection to the mail server of notifications. It has
// health, rate and concurrency like any other connection, but no row.
const ConnectionNotify = "notify"

// PauseConnection opens the circuit of a connection until ResumeConnection: its jobs wait, in all
// destinations. Batches in flight are not interrupted. The error is ErrNotFound if there is no such
// connection.
func (s *Store) PauseConnection(ctx context.Context, name string, o Order) error {
	p := db.PauseConnectionParams{Name: name, By: store.Plain(o.By), Reason: store.Plain(o.Reason)}
	return s.sql.InTx(ctx, func(q *db.Queries) error {
		n, err := q.PauseConnection(ctx, p)
		if err != nil {
			return fmt.Errorf("pause connection %s: %w", name, err)
		}
		if n == 0 {
			return fmt.Errorf("connection %s: %w", name, store.ErrNotFound)
		}
		return nil
	})
}

// maxAdvanced is how many retries one command makes due.
const maxAdvanced = 10_000

// ResumeConnection makes the jobs of a connection due now, including retries. If its circuit was open, one
// job is delivered first as a probe. The error is ErrNotFound if there is no such connection.
func (s *Store) ResumeConnection(ctx context.Context, name string) error {
	if _, err := s.Connection(ctx, name); err != nil && name != ConnectionNotify {
		return fmt.Errorf("resume connection %s: %w", name, err)
	}
	return s.sql.InTx(ctx, func(q *db.Queries) error {
		if err := q.ResumeConnection(ctx, name); err != nil {
			return fmt.Errorf("resume connection %s: %w", name, err)
		}
		if _, err := q.AdvanceJobs(ctx, db.AdvanceJobsParams{Connection: name, RowLimit: maxAdvanced}); err != nil {
			return fmt.Errorf("advance the jobs of connection %s: %w", name, err)
		}
		return nil
	})
}

// TryNow retries the jobs of a destination (action "") or of one of its actions now: the open circuits of
// their connections become half-open, and up to 10,000 retries become due.
func (s *Store) TryNow(ctx context.Context, destination, action string) error {
	return s.sql.InTx(ctx, func(q *db.Queries) error {
		if _, err := q.HalfOpenCircuits(ctx, destination, action); err != nil {
			return fmt.Errorf("half-open the circuits of %s: %w", named(destination, action), err)
		}
		p := db.AdvanceJobsParams{Destination: destination, Action: action, RowLimit: maxAdvanced}
		if _, err := q.AdvanceJobs(ctx, p); err != nil {
			return fmt.Errorf("advance the jobs of %s: %w", named(destination, action), err)
		}
		return nil
	})
}

// ConnectionWaiting counts the jobs of a destination that wait for a connection.
type ConnectionWaiting struct {
	// Health is the connection's.
	Health Health
	// Waiting is how many jobs wait, Due how many of them are due.
	Waiting, Due int64
}

// ConnectionsOf returns the connections that jobs of a destination wait for, by name.
func (s *Store) ConnectionsOf(ctx context.Context, destination string) ([]ConnectionWaiting, error) {
	counts, err := s.sql.Queries.WaitingByConnection(ctx, destination)
	if err != nil {
		return nil, fmt.Errorf("count the waiting jobs of %s: %w", destination, err)
	}
	names := make([]string, len(counts))
	for i, n := range counts {
		names[i] = n.Connection
	}
	rows, err := s.sql.Queries.HealthOf(ctx, names)
	if err != nil {
		return nil, fmt.Errorf("read the health of the connections of %s: %w", destination, err)
	}
	byName := make(map[string]Health, len(rows))
	for _, h := range rows {
		byName[h.Connection] = h
	}
	all := make([]ConnectionWaiting, len(counts))
	for i, n := range counts {
		all[i] = ConnectionWaiting{Health: byName[n.Connection], Waiting: n.Waiting, Due: n.Due}
		all[i].Health.Connection = n.Connection
	}
	return all, nil
}
