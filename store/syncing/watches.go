package syncing

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// Entry is an entry of a state file, as the store has it.
type Entry struct {
	// Sync is the name of the entry's row. It is the same whenever the entry is read.
	Sync string
	// Watch names the watch of the file. Required.
	Watch string
	// ListID is the list, Place the entry's place among those of the same list, from 0.
	ListID string
	Place  int
	// FromKind, FromConnection, ToKind and ToConnection name what is read and written.
	FromKind, FromConnection, ToKind, ToConnection string
	// Every is the time between two runs, in whole seconds.
	Every time.Duration
	// Settings are start_offset, items_per_request and worker_count, those that are set: a JSON object, {} for none.
	Settings json.RawMessage
	// LatestTimestamp is the end of the last window that was delivered, in whole seconds; nil is a full load.
	LatestTimestamp *time.Time
}

// PutEntry makes the row of an entry what the file says, and adds it if it does not exist. Settings that the file does
// not have stay as users have set them, and a run under way keeps the timestamp from which it began. begin says that
// a run of the entry is about to begin: one that began from another timestamp is cancelled then. The error is ErrExists
// if another sync has the name.
func (s *Store) PutEntry(ctx context.Context, e Entry, begin bool) (row Sync, err error) {
	err = s.sql.InTx(ctx, func(q *db.Queries) error {
		if begin {
			_, err := q.CancelEditedSyncRun(ctx, db.CancelEditedSyncRunParams{
				Sync: e.Sync, LatestTimestamp: e.LatestTimestamp,
				Error: "the timestamp was edited before the run was complete: another run begins from it",
			})
			if err != nil {
				return err
			}
		}
		row, err = q.PutWatchedSync(ctx, db.PutWatchedSyncParams{
			Name: e.Sync, FromKind: e.FromKind, FromConnection: e.FromConnection, ListID: e.ListID, ToKind: e.ToKind,
			ToConnection: e.ToConnection, EverySeconds: int64(e.Every / time.Second), Settings: e.Settings,
			LatestTimestamp: e.LatestTimestamp, CreatedBy: "sync watch", Watch: e.Watch,
			Place: int32(e.Place),
		})
		if store.NoRows(err) {
			err = ErrExists
		}
		return err
	})
	if err != nil {
		return Sync{}, fmt.Errorf("store list %s of the state file as sync %s: %w", e.ListID, e.Sync, err)
	}
	return row, nil
}

// LeaveEntries pauses the rows of a watch whose entries are not in its file any more: all but those named. They raise
// no alarms, and their rejects and histories are kept. It returns how many it has paused.
func (s *Store) LeaveEntries(ctx context.Context, watch string, keep []string) (int64, error) {
	if keep == nil {
		keep = []string{}
	}
	n, err := s.sql.Queries.LeaveWatchedSyncs(ctx, db.LeaveWatchedSyncsParams{
		Watch: watch, Names: keep, Note: "the state file has no such entry any more",
	})
	if err != nil {
		return 0, fmt.Errorf("pause the lists that have left the state file: %w", err)
	}
	return n, nil
}

// EntryPlace identifies an entry of a state file.
type EntryPlace struct {
	ListID string
	Place  int
}

// Pending returns the entries of a watch that need a run whatever their timestamps: a run has not ended, such as one
// that has stopped, or retries of rejected records were requested.
func (s *Store) Pending(ctx context.Context, watch string) ([]EntryPlace, error) {
	rows, err := s.sql.Queries.PendingWatchedSyncs(ctx, watch)
	if err != nil {
		return nil, fmt.Errorf("read which lists of the state file have work left: %w", err)
	}
	places := make([]EntryPlace, len(rows))
	for i, row := range rows {
		places[i] = EntryPlace{ListID: row.ListID, Place: int(row.Place)}
	}
	return places, nil
}

// EntryResult is a successful run whose result is not in the state file yet.
type EntryResult struct {
	ListID string
	Place  int
	Run    Run
}

// Unrecorded returns the successful runs of a watch whose results are not in its state file, in their order.
func (s *Store) Unrecorded(ctx context.Context, watch string) ([]EntryResult, error) {
	rows, err := s.sql.Queries.UnrecordedSyncRuns(ctx, watch)
	if err != nil {
		return nil, fmt.Errorf("read the results for the state file: %w", err)
	}
	results := make([]EntryResult, len(rows))
	for i, row := range rows {
		results[i] = EntryResult{ListID: row.ListID, Place: int(row.Place), Run: row.SyncRun}
	}
	return results, nil
}

// NoteRecorded records that the result of a run is in the state file, or that its entry has gone.
func (s *Store) NoteRecorded(ctx context.Context, run int64) error {
	if err := s.sql.Queries.NoteSyncRecorded(ctx, run); err != nil {
		return fmt.Errorf("note that the result of run %d is in the state file: %w", run, err)
	}
	return nil
}
