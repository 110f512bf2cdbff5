package store

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// JobFilter picks jobs. Fields that are not set pick all; those that are, narrow down
// together.
type JobFilter struct {
	// IDs are the jobs themselves.
	IDs []string
	// EventID is the event of the jobs, ParentID the job that made them, ReplayOf the
	// one that they repeat.
	EventID, ParentID, ReplayOf string
	// Destinations, Actions, Versions and States are what the jobs have, those with Not
	// what they have not.
	Destinations, NotDestinations []string
	Actions, NotActions           []string
	Versions, NotVersions         []string
	States, NotStates             []string
	// CreatedAfter and CreatedBefore bound when the jobs were made; the first moment is
	// in, the last one out.
	CreatedAfter, CreatedBefore time.Time
	// MinAttempts and MaxAttempts bound how often they were tried, both in.
	MinAttempts, MaxAttempts *int32
	// Event, if set, picks the jobs of such events. What it says about jobs is not looked at.
	Event *EventFilter
}

// EventFilter picks events, as JobFilter does jobs.
type EventFilter struct {
	// IDs are the events themselves.
	IDs []string
	// ParentID is the event that they are parts of.
	ParentID string
	// Sources, Triggers and Versions are what the events have, those with Not what they
	// have not.
	Sources, NotSources   []string
	Triggers, NotTriggers []string
	Versions, NotVersions []string
	// ReceivedAfter and ReceivedBefore bound when they came; the first moment is in, the
	// last one out.
	ReceivedAfter, ReceivedBefore time.Time
	// Jobs, if set, picks events that have such jobs. What it says about events is not looked
	// at.
	Jobs *JobFilter
}

// Page is a part of a listing, which goes from the newest to the oldest.
type Page struct {
	// Before is the ID of the last row of the page before. Defaults to the beginning.
	Before string
	// Limit is how many rows. Defaults to 100, and is MaxPage at most.
	Limit int32
}

// MaxPage is how many rows a page can have.
const MaxPage = 1000

func (p Page) limit() int32 {
	if p.Limit <= 0 {
		return 100
	}
	return min(p.Limit, MaxPage)
}

// where collects the conditions of a query. Statements are put together for each filter
// instead of having conditions that are switched off: PostgreSQL can see then which index
// to use. No part of a statement comes from a filter; values are parameters.
type where struct {
	conditions []string
	args       []any
}

// add adds a condition about the value, which stands in it as $.
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

// addIn adds conditions about the values that a column has or has not.
func (w *where) addIn(column string, in, notIn []string) {
	switch {
	case len(in) == 1:
		// An equation lets an index deliver the order, too.
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

// jobs adds the conditions of a filter about the jobs that are called j.
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
		// Said twice, because it is what the index by state goes by.
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

// events adds the conditions of a filter about the events that are called e.
func (w *where) events(f EventFilter) {
	w.addIn("e.id", f.IDs, nil)
	w.addText("e.parent_event_id = $", f.ParentID)
	w.addIn("e.source", f.Sources, f.NotSources)
	w.addIn("e.trigger", f.Triggers, f.NotTriggers)
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
