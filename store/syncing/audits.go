package syncing

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/internal/convert"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// LateErrors is errors of the later validation of a target that may be about records of some pages of a run.
type LateErrors = db.SyncLateErrorsOfRow

// LateLag is how long after the delivery of a record its error may appear.
const LateLag = 10 * time.Minute

// KeptIDs is how long the records of a page are known, so that it can be searched.
const KeptIDs = 7 * 24 * time.Hour

// maxLatePages bounds the runs that the errors of one reading may be about.
const maxLatePages = 1000

// Audit is a reading of the errors of an account.
type Audit struct {
	Account string
	// Version is 0 for the first reading.
	Version int64
	// ReadAt is when it was made, zero for none.
	ReadAt time.Time
	// Errors is a JSON array, the latest first.
	Errors json.RawMessage
	// Now is the time of the database.
	Now time.Time
}

// LastAudit returns the last reading of the errors of an account.
func (s *Store) LastAudit(ctx context.Context, account string) (Audit, error) {
	a := Audit{Account: account}
	row, err := s.sql.Queries.GetSyncAudit(ctx, account)
	if err == nil {
		a.Version, a.ReadAt, a.Errors = row.Version, row.ReadAt, row.Errors
	}
	if err == nil || store.NoRows(err) {
		a.Now, err = s.sql.Queries.SyncNow(ctx)
	}
	if err != nil {
		return Audit{}, fmt.Errorf("read the late errors of %s: %w", account, err)
	}
	return a, nil
}

// NewAudit is a reading to be recorded.
type NewAudit struct {
	// Last is the reading that it was compared with. Its Now is when the new one was made.
	Last Audit
	// Errors is a JSON array, the latest first.
	Errors json.RawMessage
	// New is the number of errors that are not in the last reading; Exact is false if there may be more. Reasons is
	// a JSON array.
	New     int
	Exact   bool
	Reasons json.RawMessage
}

// SaveAudit records a reading, and ties its new errors to the pages that were delivered to the account since the last
// one, or shortly before. The error is store.ErrConflict if another reading was recorded meanwhile.
func (s *Store) SaveAudit(ctx context.Context, a NewAudit) error {
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		n, err := saveAudit(ctx, q, a)
		switch {
		case err != nil:
			return err
		case n == 0:
			return store.ErrConflict
		case a.New == 0:
			return nil
		}
		return addLateErrors(ctx, q, a)
	})
	if err != nil {
		return fmt.Errorf("record the late errors of %s: %w", a.Last.Account, err)
	}
	return nil
}

func saveAudit(ctx context.Context, q *db.Queries, a NewAudit) (int64, error) {
	if a.Last.Version == 0 {
		return q.AddSyncAudit(ctx, db.AddSyncAuditParams{Account: a.Last.Account, ReadAt: a.Last.Now, Errors: a.Errors})
	}
	return q.SaveSyncAudit(ctx, db.SaveSyncAuditParams{
		Account: a.Last.Account, Version: a.Last.Version, ReadAt: a.Last.Now, Errors: a.Errors,
	})
}

func addLateErrors(ctx context.Context, q *db.Queries, a NewAudit) error {
	until, err := q.SyncNow(ctx)
	if err != nil {
		return err
	}
	pages, err := q.SyncPagesBetween(ctx, db.SyncPagesBetweenParams{
		Account: a.Last.Account, Since: a.Last.ReadAt.Add(-LateLag), Until: until, RowLimit: maxLatePages,
	})
	if err != nil || len(pages) == 0 {
		// Without pages they are errors of another program that uses the account.
		return err
	}
	if err := q.DeleteSyncLateErrors(ctx, a.Last.Account); err != nil {
		return err
	}
	id, err := q.AddSyncLateErrors(ctx, db.AddSyncLateErrorsParams{
		Account: a.Last.Account, Since: a.Last.ReadAt, Until: until, Errors: int64(a.New), Exact: a.Exact, Reasons: a.Reasons,
	})
	for _, p := range pages {
		if err == nil {
			err = q.AddSyncLateErrorPages(ctx, db.AddSyncLateErrorPagesParams{
				ErrorID: id, RunID: p.RunID, FirstPage: p.FirstPage, LastPage: p.LastPage,
			})
		}
	}
	return err
}

// LateErrors returns at most limit late errors of the last 7 days that may be about records of a sync, the latest
// first.
func (s *Store) LateErrors(ctx context.Context, sync string, limit int) ([]LateErrors, error) {
	all, err := s.LateErrorsOf(ctx, []string{sync}, limit)
	return all[sync], err
}

// CountLateErrors returns how many late errors may be about records of runs, by run.
func (s *Store) CountLateErrors(ctx context.Context, runs []Run) (map[int64]int64, error) {
	ids := convert.Slice(runs, func(r Run) int64 { return r.ID })
	rows, err := s.sql.Queries.SyncRunLateErrors(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("count the late errors of runs: %w", err)
	}
	counts := make(map[int64]int64, len(rows))
	for _, row := range rows {
		counts[row.RunID] = row.Errors
	}
	return counts, nil
}

// NoteAccount records the account that a run writes to.
func (s *Store) NoteAccount(ctx context.Context, run int64, account string) error {
	if err := s.sql.Queries.NoteSyncRunAccount(ctx, account, run); err != nil {
		return fmt.Errorf("record the account of run %d: %w", run, err)
	}
	return nil
}

// NoteAuditError records why the late errors of a run's account could not be read, "" if they could.
func (s *Store) NoteAuditError(ctx context.Context, run int64, text string) error {
	if err := s.sql.Queries.NoteSyncAuditError(ctx, store.Plain(text), run); err != nil {
		return fmt.Errorf("record an error of run %d: %w", run, err)
	}
	return nil
}

// PageIDs returns the compressed set of the records of a page that were delivered, or store.ErrNotFound if there are
// none or the page is older than KeptIDs.
func (s *Store) PageIDs(ctx context.Context, run, page int64) ([]byte, error) {
	ids, err := s.sql.Queries.GetSyncPageIDs(ctx, run, page)
	return ids, store.Found(err, "records of page %d/%d", run, page)
}

// Searched is the progress of a search.
type Searched struct {
	// Cursor is its state, Done means that it is complete.
	Cursor json.RawMessage
	Done   bool
	// Pages is how often records were sent, Read the records of the page, Rejected those that were found.
	Pages, Read, Rejected int64
	// Rejects are the records that were found now, Changes the same for the warehouse.
	Rejects []NewReject
	Changes []byte
}

// AdvanceSearch records the progress of a search. The error is store.ErrFenced as of Advance.
func (s *Store) AdvanceSearch(ctx context.Context, run Run, p Searched) error {
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		n, err := q.AdvanceSyncSearch(ctx, db.AdvanceSyncSearchParams{
			ID: run.ID, FencingToken: run.FencingToken, Cursor: p.Cursor, Done: p.Done, Pages: p.Pages, Read: p.Read,
			Delivered: p.Read - p.Rejected, Rejected: p.Rejected,
		})
		switch {
		case err != nil:
			return err
		case n == 0:
			return store.ErrFenced
		}
		if err := addChanges(ctx, q, run.ID, 0, p.Changes); err != nil {
			return err
		}
		return addRejects(ctx, q, run.Sync, &run.ID, p.Rejects)
	})
	if err != nil {
		return fmt.Errorf("record the search of run %d: %w", run.ID, err)
	}
	return nil
}
