package syncing

import (
	"cmp"
	"context"
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

// RecordAttemptError records why the last attempt at a run failed, which is retried; "" clears it, as the next page
// that is recorded does. A run that has ended keeps its error.
func (s *Store) RecordAttemptError(ctx context.Context, run int64, failure string) error {
	if err := s.sql.Queries.SetSyncAttemptError(ctx, store.Plain(failure), run); err != nil {
		return fmt.Errorf("record the attempt error of run %d: %w", run, err)
	}
	return nil
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

// RunFilter selects runs of a sync. The zero value selects all.
type RunFilter struct {
	// Status is one of the constants that begin with Status, Kind one of those that begin with Kind.
	Status, Kind string
}

// History returns at most limit runs of a sync that a filter selects, the latest first, before a run; 0 is from the
// latest.
func (s *Store) History(ctx context.Context, sync string, f RunFilter, before int64, limit int) ([]Run, error) {
	rows, err := s.sql.Queries.ListSyncRuns(ctx, db.ListSyncRunsParams{
		Sync: sync, Before: cmp.Or(before, 1<<63-1), Status: f.Status, Kind: f.Kind, RowLimit: int64(limit),
	})
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
