package syncing

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// OutboxRow is what a page, a retry or a scan has changed, on its way to the warehouse.
type OutboxRow = db.SyncOutbox

// EndedRun is a run that has ended, as the warehouse has it.
type EndedRun = db.EndedSyncRunRow

// addChanges adds a row to the outbox of a run, in the transaction that records what has changed.
func addChanges(ctx context.Context, q *db.Queries, run, page int64, changes []byte) error {
	return addPageChanges(ctx, q, run, map[int64][]byte{page: changes})
}

// addPageChanges adds a row for each page that has changes, in the order of pages.
func addPageChanges(ctx context.Context, q *db.Queries, run int64, pages map[int64][]byte) error {
	p := db.AddSyncChangesParams{RunID: run}
	for _, page := range slices.Sorted(maps.Keys(pages)) {
		if len(pages[page]) > 0 {
			p.Pages, p.Changes = append(p.Pages, page), append(p.Changes, pages[page])
		}
	}
	if len(p.Pages) == 0 {
		return nil
	}
	return q.AddSyncChanges(ctx, p)
}

// Unexported returns at most limit runs after one of which the warehouse does not have everything, the oldest
// first.
func (s *Store) Unexported(ctx context.Context, after int64, limit int) ([]int64, error) {
	ids, err := s.sql.Queries.UnexportedSyncRuns(ctx, after, int64(limit))
	if err != nil {
		return nil, fmt.Errorf("list runs for the warehouse: %w", err)
	}
	return ids, nil
}

// LeaseExport gives one caller at a time the copy of a run to the warehouse, for a while. ok is false if another one
// has it. The caller stops before the lease ends, and calls release once.
func (s *Store) LeaseExport(
	ctx context.Context, run int64, lease time.Duration,
) (release func(context.Context) error, ok bool, err error) {
	token, err := s.sql.Queries.LeaseSyncExport(ctx, lease.Seconds(), run)
	if store.NoRows(err) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, fmt.Errorf("lease the copy of run %d: %w", run, err)
	}
	return func(ctx context.Context) error {
		if err := s.sql.Queries.ReleaseSyncExport(ctx, run, token); err != nil {
			return fmt.Errorf("release the copy of run %d: %w", run, err)
		}
		return nil
	}, true, nil
}

// Export is a range of a run's outbox that is inserted into the warehouse.
type Export struct {
	Range db.ClaimSyncExportRow
	Rows  []OutboxRow
}

// ClaimExport returns the next range of a run's outbox, of at most so many rows. The range is stored before it is
// inserted: it is the same in each attempt. ok is false if the warehouse has everything. The
// caller has the lease of the run.
func (s *Store) ClaimExport(ctx context.Context, run int64, rows int) (e Export, ok bool, err error) {
	e.Range, err = s.sql.Queries.ClaimSyncExport(ctx, int64(rows), run)
	if store.NoRows(err) {
		return Export{}, false, nil
	}
	if err == nil {
		e.Rows, err = s.sql.Queries.ListSyncOutbox(ctx, db.ListSyncOutboxParams{
			RunID: run, FromSeq: e.Range.ExportedSeq + 1, ToSeq: e.Range.ExportingSeq,
		})
	}
	if want := int(e.Range.ExportingSeq - e.Range.ExportedSeq); err == nil && len(e.Rows) != want {
		err = fmt.Errorf("the outbox has %d rows after %d: want %d", len(e.Rows), e.Range.ExportedSeq, want)
	}
	if err != nil {
		return Export{}, false, fmt.Errorf("read the history of run %d: %w", run, err)
	}
	return e, true, nil
}

// NoteExported records that the warehouse has the outbox of a run up to a row, and removes it.
func (s *Store) NoteExported(ctx context.Context, run, seq int64) error {
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		if err := q.NoteSyncExported(ctx, seq, run); err != nil {
			return err
		}
		return q.DeleteSyncOutbox(ctx, run, seq)
	})
	if err != nil {
		return fmt.Errorf("note the history of run %d: %w", run, err)
	}
	return nil
}

// NoteRepair records that a range of a run is inserted again, after so many repairs.
func (s *Store) NoteRepair(ctx context.Context, run, repairs int64) error {
	if err := s.sql.Queries.NoteSyncExportRepair(ctx, run, repairs); err != nil {
		return fmt.Errorf("note the repair of the history of run %d: %w", run, err)
	}
	return nil
}

// EndedRun returns a run that has ended and is not in the warehouse, and whose outbox is; ok is false if there is
// none.
func (s *Store) EndedRun(ctx context.Context, run int64) (ended EndedRun, ok bool, err error) {
	ended, err = s.sql.Queries.EndedSyncRun(ctx, run)
	if store.NoRows(err) {
		return EndedRun{}, false, nil
	}
	if err != nil {
		return EndedRun{}, false, fmt.Errorf("read run %d for the warehouse: %w", run, err)
	}
	return ended, true, nil
}

// NoteRunExported records that the warehouse has a run.
func (s *Store) NoteRunExported(ctx context.Context, run int64) error {
	if err := s.sql.Queries.NoteSyncRunExported(ctx, run); err != nil {
		return fmt.Errorf("note that the warehouse has run %d: %w", run, err)
	}
	return nil
}
