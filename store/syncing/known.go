package syncing

import (
	"context"
	"fmt"
	"math"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// Place is a page of a run.
type Place struct {
	Run  int64 `json:"run"`
	Page int64 `json:"page"`
}

// idsBatch is the number of sets that are read at a time.
const idsBatch = 200

// EachIDs calls fn with the compressed set of each page of a sync that no scan has taken over, in order,
// and returns the place of the last.
func (s *Store) EachIDs(ctx context.Context, sync string, fn func(ids []byte) error) (Place, error) {
	var last Place
	for {
		rows, err := s.sql.Queries.SyncPageIDs(ctx, db.SyncPageIDsParams{
			Sync: sync, AfterRun: last.Run, AfterPage: last.Page, RowLimit: idsBatch,
		})
		if err != nil {
			return Place{}, fmt.Errorf("read the delivered records of sync %s: %w", sync, err)
		}
		for _, row := range rows {
			if err := fn(row.Ids); err != nil {
				return Place{}, err
			}
			last = Place{Run: row.RunID, Page: row.Page}
		}
		if len(rows) < idsBatch {
			return last, nil
		}
	}
}

// LastScan returns what the last scan of a sync has found; ok is false if there was none.
func (s *Store) LastScan(ctx context.Context, sync string) (known Known, ok bool, err error) {
	known, err = s.sql.Queries.GetSyncKnown(ctx, sync)
	if store.NoRows(err) {
		return Known{}, false, nil
	}
	if err != nil {
		return Known{}, false, fmt.Errorf("read the last scan of sync %s: %w", sync, err)
	}
	return known, true, nil
}

// Scanned is the result of a scan.
type Scanned struct {
	Sync string
	// Known and Missing are compressed sets for the next scan.
	Known, Missing []byte
	// Found, MissingCount and Deleted are numbers of records.
	Found, MissingCount, Deleted int64
	// Exceeded means that nothing was deleted, because too many are missing.
	Exceeded bool
	// TakenOver is the last page whose set is part of Known.
	TakenOver Place
	// Gone are the records whose deletion was delivered, Rejects those whose deletion was refused.
	Gone    []string
	Rejects []NewReject
	// Consents is what the deletions say, Changes are their records for the warehouse, with the run.
	Consents Consents
	RunID    int64
	Changes  []byte
}

// ForgetIDs removes what is kept to find deletions in a sync that ignores them. The sets of pages stay as long as a
// search may need them.
func (s *Store) ForgetIDs(ctx context.Context, sync string) error {
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		if err := q.DeleteSyncKnown(ctx, sync); err != nil {
			return err
		}
		err := q.TakeOverSyncPageIDs(ctx, db.TakeOverSyncPageIDsParams{
			Sync: sync, RunID: math.MaxInt64, Page: math.MaxInt64,
		})
		if err != nil {
			return err
		}
		return q.ClearSyncPageIDs(ctx, sync)
	})
	if err != nil {
		return fmt.Errorf("remove the known records of sync %s: %w", sync, err)
	}
	return nil
}

// SaveScan records a scan, and that it has taken over the sets of pages, all or nothing.
func (s *Store) SaveScan(ctx context.Context, n Scanned) error {
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		if err := q.SaveSyncKnown(ctx, db.SaveSyncKnownParams{
			Sync: n.Sync, Known: n.Known, Missing: n.Missing, Found: n.Found, MissingCount: n.MissingCount,
			Deleted: n.Deleted, Exceeded: n.Exceeded,
		}); err != nil {
			return err
		}
		if n.TakenOver != (Place{}) {
			err := q.TakeOverSyncPageIDs(ctx, db.TakeOverSyncPageIDsParams{
				Sync: n.Sync, RunID: n.TakenOver.Run, Page: n.TakenOver.Page,
			})
			if err != nil {
				return err
			}
		}
		if err := q.ClearSyncPageIDs(ctx, n.Sync); err != nil {
			return err
		}
		if _, err := q.RemoveSyncRejects(ctx, n.Sync, n.Gone); err != nil {
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
		return fmt.Errorf("record a scan of sync %s: %w", n.Sync, err)
	}
	return nil
}
