package syncing

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// ErrExists means that a sync has the name. It is store.ErrTaken.
var ErrExists = fmt.Errorf("there is a sync of that name: %w", store.ErrTaken)

// NewSync is a sync to be created.
type NewSync struct {
	Name string
	// FromKind, FromConnection and ListID name what is read, ToKind and ToConnection what is written.
	FromKind, FromConnection, ListID, ToKind, ToConnection string
	// Every is the time between two runs, in whole seconds.
	Every time.Duration
	// Settings are those that are set: a JSON object, {} for none.
	Settings json.RawMessage
	// LatestTimestamp is the end of a window that was delivered before. Defaults to none: a full load.
	LatestTimestamp *time.Time
	// CreatedBy says who creates it.
	CreatedBy string
}

// Create adds a sync. The error is ErrExists if one has its name.
func (s *Store) Create(ctx context.Context, n NewSync) (Sync, error) {
	params := db.CreateSyncParams{
		Name: n.Name, FromKind: n.FromKind, FromConnection: n.FromConnection, ListID: n.ListID, ToKind: n.ToKind,
		ToConnection: n.ToConnection, EverySeconds: int64(n.Every / time.Second), Settings: n.Settings,
		LatestTimestamp: n.LatestTimestamp, CreatedBy: store.Plain(n.CreatedBy),
	}
	var row Sync
	entry := store.AuditEntry{Operation: "sync.create", SubjectType: "sync", SubjectID: n.Name, After: params}
	err := s.Audited(ctx, entry, func(ctx context.Context) error {
		return s.sql.InTx(ctx, func(q *db.Queries) (err error) {
			row, err = q.CreateSync(ctx, params)
			return err
		})
	})
	if store.NoRows(err) {
		err = ErrExists
	}
	if err != nil {
		return Sync{}, fmt.Errorf("create sync %s: %w", n.Name, err)
	}
	return row, nil
}

// Sync returns a sync, or store.ErrNotFound.
func (s *Store) Sync(ctx context.Context, name string) (Sync, error) {
	row, err := s.sql.Queries.GetSync(ctx, name)
	return row, store.Found(err, "sync %s", name)
}

// List returns at most limit syncs after a name, in order of their names.
func (s *Store) List(ctx context.Context, after string, limit int) ([]Listed, error) {
	rows, err := s.sql.Queries.ListSyncs(ctx, after, int64(limit))
	if err != nil {
		return nil, fmt.Errorf("list syncs: %w", err)
	}
	all := make([]Listed, len(rows))
	for i, r := range rows {
		all[i] = Listed{
			Sync: r.Sync, Rejects: r.Rejects, LastRun: r.LastRun, LastStatus: r.LastStatus, LastError: r.LastError,
			LastStopped: r.LastStopped,
		}
	}
	return all, nil
}

// Change changes what users can change of a sync: fn changes the row that it is given. A run that is
// under way keeps its window, and does not overwrite the change. The errors are
// store.ErrNotFound and that of fn.
func (s *Store) Change(ctx context.Context, name string, fn func(*Sync) error) (Sync, error) {
	var changed Sync
	entry := store.AuditEntry{Operation: "sync.set", SubjectType: "sync", SubjectID: name}
	err := s.Audited(ctx, entry, func(ctx context.Context) error {
		return s.sql.InTx(ctx, func(q *db.Queries) error {
			row, err := q.LockSync(ctx, name)
			if err != nil {
				return store.Found(err, "sync %s", name)
			}
			before := row
			if err := fn(&row); err != nil {
				return err
			}
			changed, err = q.ChangeSync(ctx, changeOf(row))
			store.NoteChange(ctx, changeOf(before), changeOf(changed))
			return err
		})
	})
	if err != nil {
		return Sync{}, fmt.Errorf("change sync %s: %w", name, err)
	}
	return changed, nil
}

// Replace is Change to a row that was read before. The error is store.ErrConflict if the sync has been
// changed by a user since.
func (s *Store) Replace(ctx context.Context, row Sync) (Sync, error) {
	var changed Sync
	entry := store.AuditEntry{Operation: "sync.set", SubjectType: "sync", SubjectID: row.Name}
	err := s.Audited(ctx, entry, func(ctx context.Context) error {
		return s.sql.InTx(ctx, func(q *db.Queries) error {
			before, err := q.LockSync(ctx, row.Name)
			if err != nil {
				return err
			}
			changed, err = q.ChangeSync(ctx, changeOf(row))
			store.NoteChange(ctx, changeOf(before), changeOf(changed))
			return err
		})
	})
	if store.NoRows(err) {
		if _, err = s.Sync(ctx, row.Name); err == nil {
			err = store.ErrConflict
		}
	}
	if err != nil {
		return Sync{}, fmt.Errorf("change sync %s at version %d: %w", row.Name, row.Version, err)
	}
	return changed, nil
}

func changeOf(row Sync) db.ChangeSyncParams {
	return db.ChangeSyncParams{
		Name: row.Name, Version: row.Version, EverySeconds: row.EverySeconds, Settings: row.Settings,
		LatestTimestamp: row.LatestTimestamp, ElapsedSeconds: row.ElapsedSeconds, TotalUpdates: row.TotalUpdates,
		Paused: row.Paused, Note: store.Plain(row.Note),
	}
}

// Delete deletes a sync with its runs and rejects. The error is store.ErrNotFound.
func (s *Store) Delete(ctx context.Context, name string) error {
	entry := store.AuditEntry{Operation: "sync.delete", SubjectType: "sync", SubjectID: name}
	err := s.Audited(ctx, entry, func(ctx context.Context) error {
		return s.sql.InTx(ctx, func(q *db.Queries) error {
			before, err := q.LockSync(ctx, name)
			if err != nil {
				return store.Found(err, "sync %s", name)
			}
			store.NoteChange(ctx, before, nil)
			_, err = q.DeleteSync(ctx, name)
			return err
		})
	})
	if err != nil {
		return fmt.Errorf("delete sync %s: %w", name, err)
	}
	return nil
}

// NoteWoken records that the schedule has woken a sync. The error is store.ErrNotFound.
func (s *Store) NoteWoken(ctx context.Context, name string) error {
	n, err := s.sql.Queries.NoteSyncWoken(ctx, name)
	if err == nil && n == 0 {
		err = store.ErrNotFound
	}
	if err != nil {
		return fmt.Errorf("note that sync %s was woken: %w", name, err)
	}
	return nil
}

// Uncompared returns at most limit syncs whose schedules were not compared with Temporal's in an
// interval, or were changed since, each to one caller.
func (s *Store) Uncompared(ctx context.Context, interval time.Duration, limit int) ([]Sync, error) {
	rows, err := s.sql.Queries.UncomparedSyncs(ctx, interval.Seconds(), int64(limit))
	if err != nil {
		return nil, fmt.Errorf("list syncs to compare: %w", err)
	}
	return rows, nil
}

// NoteApplied records that Temporal's schedule is that of a version of a sync.
func (s *Store) NoteApplied(ctx context.Context, name string, version int64) error {
	if err := s.sql.Queries.NoteSyncApplied(ctx, version, name); err != nil {
		return fmt.Errorf("note the schedule of sync %s: %w", name, err)
	}
	return nil
}
