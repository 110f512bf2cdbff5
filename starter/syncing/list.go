package syncing

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/textsearch"
	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/sync"
)

// Show returns everything about a sync, or store.ErrNotFound. Like the other reads it needs neither Temporal nor a
// worker.
func (s *Syncs) Show(ctx context.Context, name string) (View, error) {
	return readView(ctx, s.Store, name, time.Now())
}

// Filter selects syncs. The zero value selects all.
type Filter struct {
	// State is one of the constants that begin with State.
	State string
	// Text is in the name, the list or one of the connections, in upper or lower case.
	Text string
}

// matches reports whether the filter selects a sync at a time.
func (f Filter) matches(l syncstore.Listed, now time.Time) bool {
	return (f.State == "" || f.State == StateOf(l, now)) &&
		textsearch.In(f.Text, l.Name, l.ListID, l.FromKind+":"+l.FromConnection, l.ToKind+":"+l.ToConnection)
}

// listed is the number of syncs that List reads at a time.
const listed = 200

// List returns up to limit syncs that a filter selects after a name, in order of their names. Syncs belong to no site.
// Their states depend on the time, and are not in the store: it reads all of them until it has enough.
func (s *Syncs) List(ctx context.Context, f Filter, after string, limit int) ([]syncstore.Listed, error) {
	var found []syncstore.Listed
	now := time.Now()
	for len(found) < limit {
		rows, err := s.Store.List(ctx, after, listed)
		if err != nil {
			return nil, err
		}
		for _, row := range rows {
			if f.matches(row, now) && len(found) < limit {
				found = append(found, row)
			}
		}
		if len(rows) < listed {
			break
		}
		after = rows[len(rows)-1].Name
	}
	return found, nil
}

// Views returns everything about listed syncs, in their order. The number of queries does not depend on that of the
// syncs.
func (s *Syncs) Views(ctx context.Context, all []syncstore.Listed) ([]View, error) {
	names, ids, now := make([]string, len(all)), make([]int64, len(all)), time.Now()
	for i, l := range all {
		names[i], ids[i] = l.Name, l.LastRun
	}
	runs, err := s.Store.RunsOf(ctx, ids)
	if err != nil {
		return nil, err
	}
	f, err := findingsOf(ctx, s.Store, names)
	if err != nil {
		return nil, err
	}
	views := make([]View, len(all))
	for i, l := range all {
		v := View{Row: l.Sync, Rejects: l.Rejects, State: StateOf(l, now)}
		v.NextRun = nextRun(l.Sync, v.State, now)
		if err := json.Unmarshal(l.Settings, &v.Settings); err != nil {
			return nil, fmt.Errorf("decode the settings of sync %s: %w", l.Name, err)
		}
		if run, ok := runs[l.LastRun]; ok {
			v.Run = &run
		}
		if err := f.add(&v); err != nil {
			return nil, err
		}
		views[i] = v
	}
	return views, nil
}

// findings is what is known of syncs beside their rows and runs, by their names.
type findings struct {
	scans  map[string]syncstore.Scan
	counts map[string]syncstore.Counts
	held   map[string]int64
	late   map[string][]syncstore.LateErrors
}

func findingsOf(ctx context.Context, rows *syncstore.Store, names []string) (f findings, err error) {
	if f.scans, err = rows.ScansOf(ctx, names); err != nil {
		return f, err
	}
	if f.counts, err = rows.CountsOf(ctx, names); err != nil {
		return f, err
	}
	if f.held, err = rows.HeldOf(ctx, names); err != nil {
		return f, err
	}
	f.late, err = rows.LateErrorsOf(ctx, names, MaxLate)
	return f, err
}

// add adds what is known of a sync to its view.
func (f findings) add(v *View) (err error) {
	name := v.Row.Name
	if scan, scanned := f.scans[name]; scanned {
		v.Scan = &scan
	}
	if counts, compared := f.counts[name]; compared {
		if v.Counts, err = countsOf(counts); err != nil {
			return err
		}
	}
	v.Held = f.held[name]
	v.Late, err = lateOf(f.late[name])
	return err
}

// History returns up to limit runs of a sync that a filter selects and that are older than a run (0 for the latest),
// the latest first. The error is store.ErrNotFound if there is no such sync.
func (s *Syncs) History(
	ctx context.Context, name string, f syncstore.RunFilter, before int64, limit int,
) ([]SyncRun, error) {
	if _, err := s.Store.Sync(ctx, name); err != nil {
		return nil, err
	}
	rows, err := s.Store.History(ctx, name, f, before, limit)
	if err != nil {
		return nil, err
	}
	late, err := s.Store.CountLateErrors(ctx, rows)
	if err != nil {
		return nil, err
	}
	runs := make([]SyncRun, len(rows))
	for i, r := range rows {
		runs[i] = runOf(r)
		runs[i].LateErrors = late[r.ID]
	}
	return runs, nil
}

// States of rejected records.
const (
	// RejectOpen is a record that was rejected, and for which no retry was requested since.
	RejectOpen = "rejected"
	// RejectRetried is one that the next run reads and writes again.
	RejectRetried = "retry_requested"
)

// RejectStates returns the states of rejected records.
func RejectStates() []string { return []string{RejectOpen, RejectRetried} }

// RejectFilter selects rejected records of a sync. The zero value selects all.
type RejectFilter struct {
	// Stage is one of Stages.
	Stage string
	// State is one of RejectStates.
	State string
	// Text is in their reasons, in upper or lower case.
	Text string
}

// Stages returns the steps of a run that reject records.
func Stages() []string {
	return []string{string(sync.StageRead), string(sync.StageMap), string(sync.StageWrite)}
}

// rows returns the filter of the store.
func (f RejectFilter) rows() syncstore.RejectFilter {
	rows := syncstore.RejectFilter{Stage: f.Stage, Text: strings.TrimSpace(f.Text)}
	if f.State != "" {
		rows.Retried = new(f.State == RejectRetried)
	}
	return rows
}

// Rejects returns up to limit records of a sync that are not delivered and that a filter selects, after a row, the
// oldest first. The error is store.ErrNotFound if there is no such sync.
func (s *Syncs) Rejects(
	ctx context.Context, name string, f RejectFilter, after int64, limit int,
) ([]RejectedRecord, error) {
	if _, err := s.Store.Sync(ctx, name); err != nil {
		return nil, err
	}
	rows, err := s.Store.Rejects(ctx, name, f.rows(), after, limit)
	if err != nil {
		return nil, err
	}
	rejects := make([]RejectedRecord, len(rows))
	for i, r := range rows {
		rejects[i] = RejectedRecord{
			ID: r.ID, Key: r.Key, Stage: r.Stage, Reason: r.Reason, RunID: r.RunID, Times: r.Times,
			FirstAt: r.FirstAt.UTC(), LastAt: r.LastAt.UTC(), RetryAt: utc(r.RetryAt),
		}
	}
	return rejects, nil
}

// Held returns up to limit records of a sync that are held as opted out and that a filter selects, after a row, the
// oldest first. The error is store.ErrNotFound if there is no such sync.
func (s *Syncs) Held(
	ctx context.Context, name string, f syncstore.HeldFilter, after int64, limit int,
) ([]HeldRecord, error) {
	if _, err := s.Store.Sync(ctx, name); err != nil {
		return nil, err
	}
	rows, err := s.Store.Held(ctx, name, f, after, limit)
	if err != nil {
		return nil, err
	}
	held := make([]HeldRecord, len(rows))
	for i, h := range rows {
		held[i] = HeldRecord{ID: h.ID, Key: h.Key, FirstAt: h.FirstAt.UTC(), LastAt: h.LastAt.UTC()}
	}
	return held, nil
}

// LateErrors returns the late errors of a sync of the last days, the latest first, at most MaxLate.
func (s *Syncs) LateErrors(ctx context.Context, name string) ([]LateErrors, error) {
	rows, err := s.Store.LateErrors(ctx, name, MaxLate)
	if err != nil {
		return nil, err
	}
	return lateOf(rows)
}
