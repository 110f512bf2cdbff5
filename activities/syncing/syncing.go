// Package syncing has the activities of list sync. The store has the progress: every activity may run
// twice, also at the same time, and may be killed at any point.
package syncing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/inbound"
	"github.com/sluicehq/sluice/store"
	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/sync"
)

// Syncs has the activities of syncs.
type Syncs struct {
	// Store is the system of record. Required.
	Store *syncstore.Store
	// Systems opens both sides. Required, except for End and SetPaused.
	Systems *Systems
	// Now is the clock of windows. Defaults to time.Now.
	Now func() time.Time
	// MaxDuration bounds an activity that delivers pages. Defaults to DefaultMaxDuration.
	MaxDuration time.Duration
	// Stopping is closed when pages are to be ended: an activity delivers those that it has read, and returns.
	// Defaults to never.
	Stopping <-chan struct{}
}

// DefaultMaxDuration is how long an activity delivers pages before it returns to its workflow.
const DefaultMaxDuration = time.Minute

func (s *Syncs) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// stopping reports whether Stopping is closed.
func (s *Syncs) stopping() bool {
	select {
	case <-s.Stopping:
		return true
	default:
		return false
	}
}

// Types of errors, beside those of sync.Class.
const (
	// TypeGone means that the sync does not exist any more.
	TypeGone = "gone"
)

// failure turns an error into what Temporal's retries understand.
func failure(err error) error {
	var e *sync.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, context.Canceled):
		return activities.Failure(err)
	case errors.Is(err, store.ErrNotFound):
		return temporal.NewNonRetryableApplicationError(text(err), TypeGone, nil)
	case unopened(err):
		return temporal.NewNonRetryableApplicationError(text(err), string(sync.ClassPermanent), nil)
	case errors.As(err, &e), sync.ClassOf(err) == sync.ClassPermanent:
		class := sync.ClassOf(err)
		return temporal.NewApplicationErrorWithOptions(text(err), string(class), temporal.ApplicationErrorOptions{
			NonRetryable: class == sync.ClassPermanent, NextRetryDelay: sync.RetryAfter(err),
		})
	default:
		return activities.Failure(err)
	}
}

// unopened reports whether a connection cannot be opened, which no attempt changes: a person adds or corrects it, or
// the key set.
func unopened(err error) bool {
	return errors.Is(err, connections.ErrNotFound) || errors.Is(err, connections.ErrNoKeyset) ||
		errors.Is(err, connections.ErrUnknownKey) || errors.Is(err, connections.ErrSealBroken)
}

// text makes the text of an error fit for a history.
func text(err error) string {
	return inbound.CutLines(activities.Plain(err.Error()), activities.MaxMessage)
}

// BeginRequest asks for a run.
type BeginRequest struct {
	Sync string `json:"sync"`
	// RequestedBy says who wants the run, "" for the schedule.
	RequestedBy string `json:"requested_by,omitempty"`
	// Continue lets a run that has stopped continue.
	Continue bool `json:"continue,omitempty"`
	// Find names a page to search for records that the target rejected later, nil for a run of the list.
	Find *PageRef `json:"find,omitempty"`
}

// Begun is the run of a sync.
type Begun struct {
	// Paused means that the sync is paused: there is no run.
	Paused bool  `json:"paused,omitempty"`
	RunID  int64 `json:"run_id,omitempty"`
	Full   bool  `json:"full,omitempty"`
	// Stopped says why the run waits for a command before it continues, "" if it does not.
	Stopped string `json:"stopped,omitempty"`
	// Find is the page that the run searches, nil for a run of the list.
	Find *PageRef `json:"find,omitempty"`
	// Since is zero for a full load.
	Since time.Time `json:"since,omitzero"`
	Until time.Time `json:"until,omitzero"`
}

// Begin returns the run of a sync that has not ended, or else creates one with a new window.
func (s *Syncs) Begin(ctx context.Context, in BeginRequest) (Begun, error) {
	begun, err := s.begin(ctx, in)
	return begun, failure(err)
}

func (s *Syncs) begin(ctx context.Context, in BeginRequest) (Begun, error) {
	for {
		row, err := s.Store.Sync(ctx, in.Sync)
		if err != nil {
			return Begun{}, err
		}
		if row.Paused {
			return Begun{Paused: true}, nil
		}
		n, err := s.newRun(ctx, row, in.RequestedBy)
		if err != nil {
			return Begun{}, err
		}
		n.Continue = in.Continue
		if in.Find != nil {
			n.Kind, n.Since, n.Until, n.Skip = syncstore.KindFind, nil, s.now().UTC().Truncate(time.Second), 0
			n.FindRun, n.FindPage = &in.Find.RunID, &in.Find.Page
		}
		run, _, err := s.Store.Begin(ctx, n)
		if errors.Is(err, store.ErrConflict) {
			// A user has changed it meanwhile: the window is made of the change.
			continue
		}
		if err != nil {
			return Begun{}, err
		}
		begun := Begun{
			RunID: run.ID, Full: run.Kind == syncstore.KindFull, Until: run.Until.UTC(), Stopped: progressOf(run).Stopped,
		}
		if run.Since != nil {
			begun.Since = run.Since.UTC()
		}
		if run.FindRun != nil && run.FindPage != nil {
			begun.Find = &PageRef{RunID: *run.FindRun, Page: *run.FindPage}
		}
		return begun, nil
	}
}

// newRun makes the window of a run. Faults of the connections are found here as well, but do not prevent the
// run, which records them.
func (s *Syncs) newRun(ctx context.Context, row syncstore.Sync, by string) (syncstore.NewRun, error) {
	n := syncstore.NewRun{Sync: row.Name, Version: row.Version, Kind: syncstore.KindUpdate, RequestedBy: by}
	o, err := s.Systems.open(ctx, row, 0)
	if err != nil && sync.ClassOf(err) != sync.ClassPermanent && !unopened(err) {
		return n, err
	}
	var latest time.Time
	if row.LatestTimestamp != nil {
		latest = *row.LatestTimestamp
	}
	w := sync.Window{Until: s.now().UTC().Truncate(time.Second)}
	if o != nil {
		defer o.close()
		w = o.reader.Window(latest, s.now())
		n.Skip = o.settings.StartOffset
	} else if !latest.IsZero() {
		w.Since = latest
	}
	if w.Until.Before(w.Since) {
		return n, permanent(fmt.Errorf("latest_timestamp %s is in the future: set it to a time before now, or to null",
			latest.UTC().Format(time.RFC3339)))
	}
	n.Until = w.Until
	if w.Full() {
		n.Kind = syncstore.KindFull
		return n, nil
	}
	n.Since, n.Skip = &w.Since, 0
	return n, nil
}

// EndRequest ends a run.
type EndRequest struct {
	RunID int64 `json:"run_id"`
	// Error and Class say why it has failed; no error is a success.
	Error string `json:"error,omitempty"`
	Class string `json:"class,omitempty"`
	// SourceCount is the number of records of the list according to the source, nil if unknown.
	SourceCount *int64 `json:"source_count,omitempty"`
}

// ClassRejected is the class of a full load that failed because all records were rejected.
const ClassRejected = "rejected"

// End ends a run and returns its progress. A full load of which every record was rejected has failed: nothing
// delivered is no success.
func (s *Syncs) End(ctx context.Context, in EndRequest) (Progress, error) {
	run, err := s.Store.Run(ctx, in.RunID)
	if err != nil {
		return Progress{}, failure(err)
	}
	e := syncstore.Ending{Status: syncstore.StatusSucceeded, SourceCount: in.SourceCount}
	switch {
	case in.Error != "":
		e.Status, e.Error, e.Class = syncstore.StatusFailed, inbound.Cut(in.Error, activities.MaxMessage), in.Class
	case run.Kind == syncstore.KindFull && run.Delivered == 0 && run.Rejected > 0:
		e.Status, e.Class = syncstore.StatusFailed, ClassRejected
		e.Error = fmt.Sprintf("all %d records of the full load were rejected: `sluice sync rejects %s` has the reasons",
			run.Rejected, run.Sync)
	}
	if run, err = s.Store.End(ctx, in.RunID, e); err != nil {
		return Progress{}, failure(err)
	}
	return progressOf(run), nil
}

// PauseRequest pauses or resumes a sync.
type PauseRequest struct {
	Sync   string `json:"sync"`
	Paused bool   `json:"paused"`
	// Note says who and why.
	Note string `json:"note,omitempty"`
}

// SetPaused pauses or resumes a sync in the store.
func (s *Syncs) SetPaused(ctx context.Context, in PauseRequest) error {
	_, err := s.Store.Change(ctx, in.Sync, func(row *syncstore.Sync) error {
		row.Paused, row.Note = in.Paused, inbound.Cut(in.Note, maxNote)
		return nil
	})
	return failure(err)
}

// maxNote bounds the note of a pause in bytes.
const maxNote = 500
