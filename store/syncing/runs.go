package syncing

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// KeptRuns is the number of runs of a sync that are kept.
const KeptRuns = 500

// NewRun is a run to be created.
type NewRun struct {
	Sync string
	// Version is that of the row that the window was made from.
	Version int64
	Kind    string
	// Since is nil for a full load.
	Since *time.Time
	Until time.Time
	// Skip is the number of records to skip at the start.
	Skip int64
	// RequestedBy says who wants the run, "" for the schedule.
	RequestedBy string
	// Continue lets a run that has stopped continue.
	Continue bool
	// FindRun and FindPage name the page that a run of the kind KindFind searches, otherwise nil.
	FindRun, FindPage *int64
}

// Begin returns the run of a sync that has not ended, or else creates one. The errors are
// store.ErrNotFound, and store.ErrConflict if the sync has another version than the window was made
// from.
func (s *Store) Begin(ctx context.Context, n NewRun) (run Run, created bool, err error) {
	err = s.sql.InTx(ctx, func(q *db.Queries) error {
		row, err := q.LockSync(ctx, n.Sync)
		if err != nil {
			return store.Found(err, "sync %s", n.Sync)
		}
		if run, err = q.RunningSyncRun(ctx, n.Sync); !store.NoRows(err) {
			if err == nil && run.StoppedAt != nil && n.Continue {
				run, err = q.ContinueSyncRun(ctx, run.ID)
			}
			return err
		}
		if row.Version != n.Version {
			return store.ErrConflict
		}
		created = true
		run, err = q.CreateSyncRun(ctx, db.CreateSyncRunParams{
			Sync: n.Sync, Kind: n.Kind, Since: n.Since, Until: n.Until, SyncVersion: n.Version, Skip: n.Skip,
			RequestedBy: store.Plain(n.RequestedBy), Base: row.LatestTimestamp, FindRun: n.FindRun, FindPage: n.FindPage,
		})
		return err
	})
	if err != nil {
		return Run{}, false, fmt.Errorf("begin a run of sync %s: %w", n.Sync, err)
	}
	return run, created, nil
}

// Running returns the run of a sync that has not ended; ok is false if there is none.
func (s *Store) Running(ctx context.Context, sync string) (run Run, ok bool, err error) {
	run, err = s.sql.Queries.RunningSyncRun(ctx, sync)
	if store.NoRows(err) {
		return Run{}, false, nil
	}
	if err != nil {
		return Run{}, false, fmt.Errorf("read the run of sync %s: %w", sync, err)
	}
	return run, true, nil
}

// Claim begins an attempt at a run: checkpoints of earlier attempts are refused from now on. The error is
// store.ErrConflict if the run has ended.
func (s *Store) Claim(ctx context.Context, id int64) (Run, error) {
	run, err := s.sql.Queries.ClaimSyncRun(ctx, id)
	if store.NoRows(err) {
		err = store.ErrConflict
	}
	if err != nil {
		return Run{}, fmt.Errorf("claim run %d: %w", id, err)
	}
	return run, nil
}

// NewReject is a record that was rejected.
type NewReject struct {
	Key          string
	Unidentified bool
	// Stage is read, map or write.
	Stage  string
	Reason string
}

// Page is the checkpoint of a page.
type Page struct {
	Cursor json.RawMessage
	// Done means that the window is complete.
	Done                               bool
	Read, Delivered, Rejected, Skipped int64
	// Announced is the number of records that the source has announced for the window, 0 if unknown.
	Announced int64
	Rejects   []NewReject
	// Keys are the records that were delivered, IDs the same with their refs as a compressed set.
	Keys []string
	IDs  []byte
	// Consents is what the delivered records say.
	Consents Consents
	// Changes are the records of the page for the warehouse, as a blob that the store does not read.
	Changes []byte
	// StopAfter is the number of pages in a row that stop the run if they are wholly rejected.
	StopAfter int64
}

// Advance records a page of a run: its cursor, its counts and its rejected records, all or nothing. It
// removes rejects of records that are delivered now. stopped means that the run has stopped, because too many
// pages in a row were wholly rejected. The error is store.ErrFenced if a later attempt has claimed the run, or
// the run has ended.
func (s *Store) Advance(ctx context.Context, run Run, p Page) (stopped bool, err error) {
	err = s.sql.InTx(ctx, func(q *db.Queries) error {
		at, err := q.AdvanceSyncRun(ctx, db.AdvanceSyncRunParams{
			ID: run.ID, FencingToken: run.FencingToken, Cursor: p.Cursor, Done: p.Done, Read: p.Read,
			Delivered: p.Delivered, Rejected: p.Rejected, Skipped: p.Skipped, Announced: p.Announced,
			StopAfter: p.StopAfter,
		})
		if store.NoRows(err) {
			return store.ErrFenced
		}
		if err != nil {
			return err
		}
		stopped = at.StoppedAt != nil
		if err := q.AddSyncPage(ctx, db.AddSyncPageParams{
			RunID: run.ID, Page: at.Pages, Read: p.Read, Delivered: p.Delivered, Rejected: p.Rejected, Skipped: p.Skipped,
			Ids: p.IDs,
		}); err != nil {
			return err
		}
		if _, err := q.RemoveSyncRejects(ctx, run.Sync, p.Keys); err != nil {
			return err
		}
		if err := addConsents(ctx, q, run.Sync, p.Consents); err != nil {
			return err
		}
		if err := addChanges(ctx, q, run.ID, at.Pages, p.Changes); err != nil {
			return err
		}
		return addRejects(ctx, q, run.Sync, &run.ID, p.Rejects)
	})
	if err != nil {
		return false, fmt.Errorf("record a page of run %d: %w", run.ID, err)
	}
	return stopped, nil
}

func addRejects(ctx context.Context, q *db.Queries, sync string, run *int64, all []NewReject) error {
	if len(all) == 0 {
		return nil
	}
	p := db.AddSyncRejectsParams{Sync: sync, RunID: run}
	seen := map[string]bool{}
	for _, r := range all {
		if seen[r.Key] {
			continue
		}
		seen[r.Key] = true
		p.Keys, p.Unidentified = append(p.Keys, r.Key), append(p.Unidentified, r.Unidentified)
		p.Stages, p.Reasons = append(p.Stages, r.Stage), append(p.Reasons, store.Plain(r.Reason))
	}
	return q.AddSyncRejects(ctx, p)
}

// Ending is the end of a run.
type Ending struct {
	// Status is succeeded, failed or cancelled.
	Status string
	// Error and Class say why it has failed.
	Error, Class string
	// SourceCount is the number of records of the list according to the source, nil if unknown.
	SourceCount *int64
}

// End ends a run. Success sets the state of the sync: latest_timestamp becomes the end of the window, unless
// a user has changed the sync since the run began. A repetition returns the run as it has ended. The error
// is store.ErrConflict if a run that is to succeed is not complete.
func (s *Store) End(ctx context.Context, id int64, e Ending) (Run, error) {
	var run Run
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		before, err := q.GetSyncRun(ctx, id)
		if err != nil {
			return store.Found(err, "run")
		}
		if e.Status == StatusSucceeded && !before.Done {
			return store.ErrConflict
		}
		run, err = q.EndSyncRun(ctx, db.EndSyncRunParams{
			ID: id, Status: e.Status, Error: store.Plain(e.Error), ErrorClass: e.Class, SourceCount: e.SourceCount,
		})
		if store.NoRows(err) {
			run = before
			return nil
		}
		if err != nil {
			return err
		}
		if e.Status == StatusSucceeded && run.Kind != KindFind {
			if err := q.NoteSyncSucceeded(ctx, id); err != nil {
				return err
			}
		}
		_, err = q.DeleteSyncRuns(ctx, run.Sync, KeptRuns)
		return err
	})
	if err != nil {
		return Run{}, fmt.Errorf("end run %d: %w", id, err)
	}
	return run, nil
}

// Run returns a run, or store.ErrNotFound.
func (s *Store) Run(ctx context.Context, id int64) (Run, error) {
	run, err := s.sql.Queries.GetSyncRun(ctx, id)
	return run, store.Found(err, "run")
}

// History returns at most limit runs of a sync, the latest first, before a run; 0 is from the latest.
func (s *Store) History(ctx context.Context, sync string, before int64, limit int) ([]Run, error) {
	if before == 0 {
		before = 1<<63 - 1
	}
	rows, err := s.sql.Queries.ListSyncRuns(ctx, db.ListSyncRunsParams{Sync: sync, Before: before, RowLimit: int64(limit)})
	if err != nil {
		return nil, fmt.Errorf("list the runs of sync %s: %w", sync, err)
	}
	return rows, nil
}

// Pages returns at most limit checkpoints of a run after a page, in order.
func (s *Store) Pages(ctx context.Context, run, after int64, limit int) ([]PageRow, error) {
	rows, err := s.sql.Queries.ListSyncPages(ctx, db.ListSyncPagesParams{RunID: run, After: after, RowLimit: int64(limit)})
	if err != nil {
		return nil, fmt.Errorf("list the pages of run %d: %w", run, err)
	}
	return rows, nil
}
