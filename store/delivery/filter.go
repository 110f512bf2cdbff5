package delivery

import (
	"slices"
	"time"

	"github.com/sluicehq/sluice/store/internal/pg"
)

// JobFilter selects jobs that match all fields that are set. The zero value selects all jobs.
type JobFilter struct {
	// IDs are the jobs themselves.
	IDs []string
	// EventID is the event of the jobs, ParentID the job that they are chained to, ReplayOf the job that
	// they replay.
	EventID, ParentID, ReplayOf string
	// Destinations, Actions, Versions and States include jobs with one of the values; the fields with
	// Not exclude jobs.
	Destinations, NotDestinations []string
	Actions, NotActions           []string
	Versions, NotVersions         []string
	States, NotStates             []string
	// CreatedAfter (inclusive) and CreatedBefore (exclusive) bound the creation of the jobs.
	CreatedAfter, CreatedBefore time.Time
	// MinAttempts and MaxAttempts bound the number of attempts, both inclusive.
	MinAttempts, MaxAttempts *int32
	// Event, if set, selects the jobs of matching events. Its field Jobs is ignored.
	Event *EventFilter
}

// EventFilter selects events, as JobFilter does jobs.
type EventFilter struct {
	// IDs are the events themselves.
	IDs []string
	// ParentID is the event whose parts they are.
	ParentID string
	// Sources, Names and Versions include events with one of the values; the fields with Not exclude
	// events.
	Sources, NotSources   []string
	Names, NotNames       []string
	Versions, NotVersions []string
	// ReceivedAfter (inclusive) and ReceivedBefore (exclusive) bound when they were received.
	ReceivedAfter, ReceivedBefore time.Time
	// Jobs, if set, selects events with matching jobs. Its field Event is ignored.
	Jobs *JobFilter
}

// Page is a page of a listing from the newest row to the oldest.
type Page struct {
	// Before is the ID of the last row of the previous page. Defaults to the first page.
	Before string
	// Limit is the number of rows, at most MaxPage. Defaults to 100.
	Limit int32
}

// MaxPage is the maximum number of rows of a page.
const MaxPage = 1000

func (p Page) limit() int32 {
	if p.Limit <= 0 {
		return 100
	}
	return min(p.Limit, MaxPage)
}

// where collects the conditions of a query on jobs or events.
type where struct{ pg.Where }

// jobs adds the conditions of a filter on jobs with the alias j.
func (w *where) jobs(f JobFilter) {
	w.AddIn("j.id", f.IDs, nil)
	w.AddText("j.event_id = $", f.EventID)
	w.AddText("j.parent_job_id = $", f.ParentID)
	w.AddText("j.replay_of = $", f.ReplayOf)
	w.AddIn("j.destination", f.Destinations, f.NotDestinations)
	w.AddIn("j.action", f.Actions, f.NotActions)
	w.AddIn("j.version", f.Versions, f.NotVersions)
	w.AddIn("j.state", f.States, f.NotStates)
	if len(f.States) > 0 && !slices.Contains(f.States, JobSucceeded) || slices.Contains(f.NotStates, JobSucceeded) {
		// Redundant, but the predicate of the index by state.
		w.AddPlain("j.state <> 'succeeded'")
	}
	w.AddTime("j.created_at >= $", f.CreatedAfter)
	w.AddTime("j.created_at < $", f.CreatedBefore)
	if f.MinAttempts != nil {
		w.Add("j.attempt >= $", *f.MinAttempts)
	}
	if f.MaxAttempts != nil {
		w.Add("j.attempt <= $", *f.MaxAttempts)
	}
	if f.Event == nil {
		return
	}
	event := *f.Event
	event.Jobs = nil
	inner := where{w.Inner("e.id = j.event_id")}
	inner.events(event)
	w.AddExists("events e", inner.Where)
}

// events adds the conditions of a filter on events with the alias e.
func (w *where) events(f EventFilter) {
	w.AddIn("e.id", f.IDs, nil)
	w.AddText("e.parent_event_id = $", f.ParentID)
	w.AddIn("e.source", f.Sources, f.NotSources)
	w.AddIn("e.name", f.Names, f.NotNames)
	w.AddIn("e.version", f.Versions, f.NotVersions)
	w.AddTime("e.received_at >= $", f.ReceivedAfter)
	w.AddTime("e.received_at < $", f.ReceivedBefore)
	if f.Jobs == nil {
		return
	}
	jobs := *f.Jobs
	jobs.Event = nil
	inner := where{w.Inner("j.event_id = e.id")}
	inner.jobs(jobs)
	w.AddExists("jobs j", inner.Where)
}
