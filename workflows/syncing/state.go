package syncing

import (
	"time"

	syncacts "github.com/sluicehq/sluice/activities/syncing"
	"github.com/sluicehq/sluice/workflows/command"
)

// SyncInput starts a Sync workflow.
type SyncInput struct {
	// Sync is the name of the sync, From and To are the kinds of its connections.
	Sync string `json:"sync"`
	From string `json:"from"`
	To   string `json:"to"`
	// Once carries out one run, with all activities on the task queue of the workflow, and ends the workflow: it
	// fails if the run could not begin, has failed or has stopped.
	Once bool `json:"once,omitempty"`
	// Carried is the state of the previous run of the workflow, nil for the first one.
	Carried *Carried `json:"carried,omitempty"`
}

// Carried is the state that a run of a Sync passes to the next one.
type Carried struct {
	State  State  `json:"state"`
	Wanted bool   `json:"wanted,omitempty"`
	By     string `json:"by,omitempty"`
	// Continue lets a run that has stopped continue.
	Continue bool `json:"continue,omitempty"`
	// Find is a page that is to be searched, nil for none; Unaudited is the run whose late errors are still to be
	// read, 0 for none.
	Find      *syncacts.PageRef `json:"find,omitempty"`
	Unaudited int64             `json:"unaudited,omitempty"`
	// Seen are the keys of executed commands.
	Seen []string `json:"seen,omitempty"`
	// Refused is how many signals were refused.
	Refused int `json:"refused,omitempty"`
}

// Phases of a sync.
const (
	// PhaseIdle means that it waits for its schedule.
	PhaseIdle = "idle"
	// PhaseReading means that pages are read and delivered.
	PhaseReading = "delivering"
	// PhaseScanning means that permanent deletions are looked for.
	PhaseScanning = "scanning"
	// PhaseCounting means that a full load is compared with the counts of the source.
	PhaseCounting = "counting"
	// PhaseSearching means that a page is searched for records that the target rejected later.
	PhaseSearching = "searching"
	// PhasePaused means that it is paused.
	PhasePaused = "paused"
	// PhaseStopped means that its run was wholly rejected for too long, and waits for a command.
	PhaseStopped = "stopped"
)

// State is the answer of the query state.
type State struct {
	Sync  string `json:"sync"`
	Phase string `json:"phase"`
	// RunID is the current run, or the last one.
	RunID    int64             `json:"run_id,omitempty"`
	Full     bool              `json:"full,omitempty"`
	Until    time.Time         `json:"until,omitzero"`
	Progress syncacts.Progress `json:"progress"`
	Scan     syncacts.Scanned  `json:"scan"`
	// Counted is the comparison of the last full load with the counts of the source.
	Counted syncacts.Counted `json:"counted"`
	// CurrentTo is the end of the last window that was delivered by this workflow, zero if none was.
	CurrentTo time.Time `json:"current_to,omitzero"`
	// Succeeded is when that was.
	Succeeded time.Time `json:"succeeded,omitzero"`
	// Failures is the number of runs in a row that have failed, LastError why the last one has.
	Failures  int    `json:"failures"`
	LastError string `json:"last_error,omitempty"`
}

// Freshness is the answer of the query freshness.
type Freshness struct {
	// CurrentTo is the time up to which the target has the changes of the source, zero if unknown to this
	// workflow: the store has it.
	CurrentTo time.Time `json:"current_to,omitzero"`
	// Since is when that was reached.
	Since time.Time `json:"since,omitzero"`
	// Failures is the number of runs in a row that have failed.
	Failures int `json:"failures"`
}

// Run is the argument of the command run.
type Run struct {
	command.Command
	// Find names a page that is searched for records that the target rejected later, instead of a run of the list.
	Find *syncacts.PageRef `json:"find,omitempty"`
}
