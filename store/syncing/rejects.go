package syncing

import (
	"context"
	"fmt"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// RejectFilter selects rejected records of a sync. The zero value selects all.
type RejectFilter struct {
	// Stage is the step that has rejected them: one of the constants of package sync that begin with Stage.
	Stage string
	// Retried selects those for which a retry was requested, or the others; nil selects both.
	Retried *bool
	// Text is in their reasons, in upper or lower case.
	Text string
}

// Rejects returns at most limit rejected records of a sync that a filter selects after a row, the oldest first.
func (s *Store) Rejects(
	ctx context.Context, sync string, f RejectFilter, after int64, limit int,
) ([]Reject, error) {
	rows, err := s.sql.Queries.ListSyncRejects(ctx, db.ListSyncRejectsParams{
		Sync: sync, After: after, Stage: f.Stage, Retried: f.Retried, Text: store.Plain(f.Text), RowLimit: int64(limit),
	})
	if err != nil {
		return nil, fmt.Errorf("list the rejects of sync %s: %w", sync, err)
	}
	return rows, nil
}

// CountRejects counts the rejected records of a sync.
func (s *Store) CountRejects(ctx context.Context, sync string) (int64, error) {
	n, err := s.sql.Queries.CountSyncRejects(ctx, sync)
	if err != nil {
		return 0, fmt.Errorf("count the rejects of sync %s: %w", sync, err)
	}
	return n, nil
}

// RequestRetries requests that rejected records are read and written again by the next run, all that can
// be without ids. It returns how many.
func (s *Store) RequestRetries(ctx context.Context, sync string, ids []int64) (int64, error) {
	if ids == nil {
		ids = []int64{}
	}
	n, err := s.sql.Queries.RequestSyncRetries(ctx, sync, ids)
	if err != nil {
		return 0, fmt.Errorf("request retries of sync %s: %w", sync, err)
	}
	return n, nil
}

// WaitingRetries returns at most limit keys of records for which a retry was requested.
func (s *Store) WaitingRetries(ctx context.Context, sync string, limit int) ([]string, error) {
	keys, err := s.sql.Queries.WaitingSyncRetries(ctx, sync, int64(limit))
	if err != nil {
		return nil, fmt.Errorf("list the retries of sync %s: %w", sync, err)
	}
	return keys, nil
}

// Settled is the outcome of retries in a run.
type Settled struct {
	Sync  string
	RunID int64
	// Done are records that are delivered or do not exist any more, Rejects those that were rejected again.
	Done    []string
	Rejects []NewReject
	// Consents is what the delivered records say, Changes are the records for the warehouse.
	Consents Consents
	Changes  []byte
}

// SettleRetries records the outcome of retries.
func (s *Store) SettleRetries(ctx context.Context, n Settled) error {
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		if _, err := q.RemoveSyncRejects(ctx, n.Sync, n.Done); err != nil {
			return err
		}
		if err := addConsents(ctx, q, n.Sync, n.Consents); err != nil {
			return err
		}
		if err := addChanges(ctx, q, n.RunID, 0, n.Changes); err != nil {
			return err
		}
		return addRejects(ctx, q, n.Sync, nil, n.Rejects)
	})
	if err != nil {
		return fmt.Errorf("record retries of sync %s: %w", n.Sync, err)
	}
	return nil
}
