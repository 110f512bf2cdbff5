package delivery

import (
	"fmt"
	"slices"
	"strings"
	"time"
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

// where collects the conditions of a query. Each filter has its own statement instead of one with
// disabled conditions, so that PostgreSQL can choose an index. Values are parameters: no text of a
// filter becomes part of a statement.
type where struct {
	conditions []string
	args       []any
}

// add adds a condition with a value, which is written as $.
func (w *where) add(condition string, value any) {
	w.args = append(w.args, value)
	w.conditions = append(w.conditions, strings.Replace(condition, "$", fmt.Sprintf("$%d", len(w.args)), 1))
}

// addText adds a condition unless the text is empty.
func (w *where) addText(condition, text string) {
	if text != "" {
		w.add(condition, text)
	}
}

// addTime adds a condition unless the time is zero.
func (w *where) addTime(condition string, t time.Time) {
	if !t.IsZero() {
		w.add(condition, t)
	}
}

// addIn adds conditions that include or exclude values of a column.
func (w *where) addIn(column string, in, notIn []string) {
	switch {
	case len(in) == 1:
		// With an equality the index also provides the order.
		w.add(column+" = $", in[0])
	case len(in) > 1:
		w.add(column+" = ANY ($::text[])", in)
	}
	if len(notIn) > 0 {
		w.add(column+" <> ALL ($::text[])", notIn)
	}
}

// String returns the WHERE clause.
func (w *where) String() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}

// limited returns a LIMIT clause.
func (w *where) limited(n int32) string {
	w.args = append(w.args, n)
	return fmt.Sprintf(" LIMIT $%d", len(w.args))
}

// jobs adds the conditions of a filter on jobs with the alias j.
func (w *where) jobs(f JobFilter) {
	w.addIn("j.id", f.IDs, nil)
	w.addText("j.event_id = $", f.EventID)
	w.addText("j.parent_job_id = $", f.ParentID)
	w.addText("j.replay_of = $", f.ReplayOf)
	w.addIn("j.destination", f.Destinations, f.NotDestinations)
	w.addIn("j.action", f.Actions, f.NotActions)
	w.addIn("j.version", f.Versions, f.NotVersions)
	w.addIn("j.state", f.States, f.NotStates)
	if len(f.States) > 0 && !slices.Contains(f.States, JobSucceeded) || slices.Contains(f.NotStates, JobSucceeded) {
		// Redundant, but the predicate of the index by state.
		w.conditions = append(w.conditions, "j.state <> 'succeeded'")
	}
	w.addTime("j.created_at >= $", f.CreatedAfter)
	w.addTime("j.created_at < $", f.CreatedBefore)
	if f.MinAttempts != nil {
		w.add("j.attempt >= $", *f.MinAttempts)
	}
	if f.MaxAttempts != nil {
		w.add("j.attempt <= $", *f.MaxAttempts)
	}
	if f.Event == nil {
		return
	}
	event := *f.Event
	event.Jobs = nil
	inner := where{args: w.args, conditions: []string{"e.id = j.event_id"}}
	inner.events(event)
	w.args = inner.args
	w.conditions = append(w.conditions, "EXISTS (SELECT 1 FROM events e"+inner.String()+")")
}

// events adds the conditions of a filter on events with the alias e.
func (w *where) events(f EventFilter) {
	w.addIn("e.id", f.IDs, nil)
	w.addText("e.parent_event_id = $", f.ParentID)
	w.addIn("e.source", f.Sources, f.NotSources)
	w.addIn("e.name", f.Names, f.NotNames)
	w.addIn("e.version", f.Versions, f.NotVersions)
	w.addTime("e.received_at >= $", f.ReceivedAfter)
	w.addTime("e.received_at < $", f.ReceivedBefore)
	if f.Jobs == nil {
		return
	}
	jobs := *f.Jobs
	jobs.Event = nil
	inner := where{args: w.args, conditions: []string{"j.event_id = e.id"}}
	inner.jobs(jobs)
	w.args = inner.args
	w.conditions = append(w.conditions, "EXISTS (SELECT 1 FROM jobs j"+inner.String()+")")
}
