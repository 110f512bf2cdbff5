package syncing

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	syncacts "github.com/sluicehq/sluice/activities/syncing"
	"github.com/sluicehq/sluice/starter/internal/call"
	"github.com/sluicehq/sluice/store"
	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/sync"
)

// States of syncs, for people.
const (
	// StatePaused means that it is paused: it raises no alarm.
	StatePaused = "paused"
	// StateLate means that it has missed a cycle, or has an alarm.
	StateLate = "late"
	// StateStopped means that its run was wholly rejected for too long, and waits for a command.
	StateStopped = "stopped"
	// StateRunning means that a run is under way.
	StateRunning = "running"
	// StateWaiting means that it has not had a successful run yet.
	StateWaiting = "waiting"
	// StateCurrent means that it is as current as its interval allows.
	StateCurrent = "current"
)

// States returns all states.
func States() []string {
	return []string{StateCurrent, StateRunning, StateWaiting, StateLate, StateStopped, StatePaused}
}

// View is everything about a sync.
type View struct {
	Row syncstore.Sync
	// Settings are those that are set, by name.
	Settings map[string]any
	// State is one of the states above.
	State string
	// NextRun is when the schedule wakes it next, nil for one that is paused, stopped or an entry of a state file.
	NextRun *time.Time
	Rejects int64
	// Scan is the last scan for deletions, Run the latest run; nil if there was none.
	Scan *syncstore.Scan
	Run  *syncstore.Run
	// Counts is the comparison of the last full load with the counts of the source, nil if there was none.
	Counts *Counts
	// Held is the number of records that were delivered as opted in and are held as opted out.
	Held int64
	// Late are the late errors of the last days, the latest first, at most MaxLate.
	Late []LateErrors
}

// MaxLate is the number of late errors of a view.
const MaxLate = 20

func readView(ctx context.Context, rows *syncstore.Store, name string, now time.Time) (View, error) {
	// The run comes first: what a successful one has changed is in the row then.
	runs, err := rows.History(ctx, name, syncstore.RunFilter{}, 0, 1)
	if err != nil {
		return View{}, err
	}
	row, err := rows.Sync(ctx, name)
	if err != nil {
		return View{}, err
	}
	v := View{Row: row}
	if err := json.Unmarshal(row.Settings, &v.Settings); err != nil {
		return View{}, fmt.Errorf("decode the settings of sync %s: %w", name, err)
	}
	if v.Rejects, err = rows.CountRejects(ctx, name); err != nil {
		return View{}, err
	}
	f, err := findingsOf(ctx, rows, []string{name})
	if err != nil {
		return View{}, err
	}
	if err := f.add(&v); err != nil {
		return View{}, err
	}
	status, stopped := "", false
	if len(runs) > 0 {
		v.Run, status, stopped = &runs[0], runs[0].Status, runs[0].StoppedAt != nil
	}
	v.State = syncState(
		row.Paused, stopped, row.AlarmedAt, row.SucceededAt, row.CurrentTo, row.EverySeconds, status, now)
	v.NextRun = nextRun(row, v.State, now)
	return v, nil
}

// StateOf returns the state of a listed sync.
func StateOf(l syncstore.Listed, now time.Time) string {
	return syncState(l.Paused, l.LastStopped, l.AlarmedAt, l.SucceededAt, l.CurrentTo, l.EverySeconds, l.LastStatus, now)
}

// SyncedTo returns the time up to which the target has the changes of the source, nil before a run has
// succeeded: the store counts freshness from the creation then.
func SyncedTo(currentTo time.Time, succeeded *time.Time) *time.Time {
	if succeeded == nil {
		return nil
	}
	currentTo = currentTo.UTC()
	return &currentTo
}

func syncState(
	paused, stopped bool, alarmed, succeeded *time.Time, currentTo time.Time, every int64, lastStatus string,
	now time.Time,
) string {
	// A cycle is missed when the next one is due and it has not succeeded.
	missed := now.Sub(currentTo) >= 2*time.Duration(every)*time.Second
	switch {
	case paused:
		return StatePaused
	case stopped && lastStatus == syncstore.StatusRunning:
		return StateStopped
	case alarmed != nil || missed:
		return StateLate
	case lastStatus == syncstore.StatusRunning:
		return StateRunning
	case succeeded == nil:
		return StateWaiting
	default:
		return StateCurrent
	}
}

// ParseSettings returns the settings of changes, for a sync to be created.
func ParseSettings(changes []Change) (sync.Settings, error) {
	for _, c := range changes {
		if slices.Contains([]string{"latest_timestamp", "every", "elapsed_seconds", "total_updates"}, c.Name) {
			return sync.Settings{}, call.Mark(fmt.Errorf(
				"%s: no setting of a new sync: change it with `sluice sync set`", c.Name), call.ErrInvalid)
		}
	}
	row := syncstore.Sync{Settings: json.RawMessage(`{}`)}
	if err := applyChanges(&row, changes); err != nil {
		return sync.Settings{}, call.Mark(err, call.ErrInvalid)
	}
	return syncacts.ParseSettings(row.Settings)
}

// RetryRejects requests that rejected records are read and written again, all without ids, and runs the sync; the watch
// of a state file runs its entry at its next look. It returns how many.
func (s *Syncs) RetryRejects(ctx context.Context, name string, ids []int64, by call.By) (int64, error) {
	row, err := s.Store.Sync(ctx, name)
	if err != nil {
		return 0, err
	}
	entry := store.AuditEntry{
		Operation: "sync.retry_rejects", SubjectType: "sync", SubjectID: name, After: map[string]any{"records": ids},
	}
	var n int64
	err = s.Store.Audited(ctx, entry, func(ctx context.Context) error {
		if n, err = s.Store.RequestRetries(ctx, name, ids); err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("no rejected record of sync %s can be retried: %w", name, store.ErrConflict)
		}
		if row.Watch != "" {
			return nil
		}
		return s.Run(ctx, name, by)
	})
	return n, err
}
