package syncing

import (
	"context"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// Consents is what delivered records say about consent to marketing.
type Consents struct {
	// Change is the change of the set of records that the target holds as opted out, as a compressed blob; nil
	// for none.
	Change []byte
	// Held are the keys of records that were delivered as opted in and are held as opted out, Freed those of
	// records that are not, or not any more.
	Held, Freed []string
}

// addConsents adds what records say, in the order of their delivery.
func addConsents(ctx context.Context, q *db.Queries, sync string, all ...Consents) error {
	var freed []string
	free := func() error {
		if len(freed) == 0 {
			return nil
		}
		_, err := q.RemoveSyncHeld(ctx, sync, freed)
		freed = nil
		return err
	}
	for _, c := range all {
		if c.Change != nil {
			if err := q.AddSyncOptOutChange(ctx, sync, c.Change); err != nil {
				return err
			}
		}
		if len(c.Held) > 0 {
			// Those that were freed before may be held now.
			if err := free(); err != nil {
				return err
			}
			if err := q.AddSyncHeld(ctx, sync, c.Held); err != nil {
				return err
			}
		}
		freed = append(freed, c.Freed...)
	}
	return free()
}

// OptOuts returns the set of records that the target holds as opted out, as a compressed blob, and its changes
// since, in order.
func (s *Store) OptOuts(ctx context.Context, sync string) (set []byte, changes [][]byte, err error) {
	err = s.sql.InTx(ctx, func(q *db.Queries) error {
		set, changes, _, err = optOuts(ctx, q, sync)
		return err
	})
	if err != nil {
		return nil, nil, fmt.Errorf("read the opt-outs of sync %s: %w", sync, err)
	}
	return set, changes, nil
}

// optOuts returns the ID of the last change, too. The transaction holds a lock on the sync: changes are
// merged by one caller at a time.
func optOuts(ctx context.Context, q *db.Queries, sync string) (set []byte, changes [][]byte, last int64, err error) {
	if _, err = q.LockSync(ctx, sync); err != nil {
		return nil, nil, 0, store.Found(err, "sync %s", sync)
	}
	if set, err = q.GetSyncOptOuts(ctx, sync); err != nil && !store.NoRows(err) {
		return nil, nil, 0, err
	}
	rows, err := q.ListSyncOptOutChanges(ctx, sync)
	for _, row := range rows {
		changes, last = append(changes, row.Keys), row.ID
	}
	return set, changes, last, err
}

// MergeOptOuts merges the changes of the set into it, by fn.
func (s *Store) MergeOptOuts(
	ctx context.Context, sync string, fn func(set []byte, changes [][]byte) ([]byte, error),
) error {
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		set, changes, last, err := optOuts(ctx, q, sync)
		if err != nil || len(changes) == 0 {
			return err
		}
		merged, err := fn(set, changes)
		if err != nil {
			return err
		}
		if err := q.SaveSyncOptOuts(ctx, sync, merged); err != nil {
			return err
		}
		return q.DeleteSyncOptOutChanges(ctx, sync, last)
	})
	if err != nil {
		return fmt.Errorf("merge the opt-outs of sync %s: %w", sync, err)
	}
	return nil
}

// HeldFilter selects records that are held as opted out by the time since when they are. The zero value selects all.
// Their keys are pseudonyms, which belong into no address: no filter has them.
type HeldFilter struct {
	// After is the first time and Before the end, which is not included; zero for an open end.
	After, Before time.Time
}

// Held returns at most limit records of a sync after a row that are held as opted out and that a filter selects, the
// oldest first.
func (s *Store) Held(ctx context.Context, sync string, f HeldFilter, after int64, limit int) ([]Held, error) {
	rows, err := s.sql.Queries.ListSyncHeld(ctx, db.ListSyncHeldParams{
		Sync: sync, After: after, HeldAfter: notZero(f.After), HeldBefore: notZero(f.Before), RowLimit: int64(limit),
	})
	if err != nil {
		return nil, fmt.Errorf("list the records of sync %s that are held as opted out: %w", sync, err)
	}
	return rows, nil
}

// notZero returns a time, nil for the zero time.
func notZero(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

// CountHeld counts the records of a sync that are held as opted out.
func (s *Store) CountHeld(ctx context.Context, sync string) (int64, error) {
	all, err := s.HeldOf(ctx, []string{sync})
	return all[sync], err
}
