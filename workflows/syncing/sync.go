// Package syncing has the workflows of list sync. The store has settings, state and progress: a workflow may
// be terminated and started again at any time.
package syncing

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	syncacts "github.com/sluicehq/sluice/activities/syncing"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/command"
)

// SyncInput starts a Sync workflow.
type SyncInput struct {
	// Sync is the name of the sync, From and To are the kinds of its connections.
	Sync string `json:"sync"`
	From string `json:"from"`
	To   string `json:"to"`
	// Once carries out one run, with all activities on the task queue of the workflow, and ends the workflow: it
	// fails if the run could not begin or has failed.
	Once bool `json:"once,omitempty"`
	// Carried is the state of the previous run of the workflow, nil for the first one.
	Carried *Carried `json:"carried,omitempty"`
}

// Carried is the state that a run of a Sync passes to the next one.
type Carried struct {
	State  State  `json:"state"`
	Wanted bool   `json:"wanted,omitempty"`
	By     string `json:"by,omitempty"`
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
	// PhasePaused means that it is paused.
	PhasePaused = "paused"
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
type Run struct{ command.Command }

// syncRun is the state of one run of a Sync.
type syncRun struct {
	in       SyncInput
	state    State
	commands command.State
	// wanted says that a run of the sync is due, by says who wants it.
	wanted bool
	by     string
	// active says that a cycle is under way, pausing that it is to end because of the command pause.
	active, pausing bool
	// interrupt ends the activity that is under way, nil if there is none.
	interrupt func()
	refusal   string
	gone      bool
}

// maxEvents is after how many events a run of the workflow continues as a new one.
const maxEvents = 1000

// Sync carries out the runs of a sync, one after the other. It does not end before the sync is deleted, but for one
// that is to run once. A schedule wakes it; the commands are run, pause and resume.
func Sync(ctx workflow.Context, in SyncInput) error {
	r := &syncRun{in: in, wanted: in.Once, state: State{Sync: in.Sync, Phase: PhaseIdle}}
	if c := in.Carried; c != nil {
		r.state, r.wanted, r.by = c.State, c.Wanted, c.By
		r.commands.SeenKeys, r.commands.Refusals = c.Seen, c.Refused
	}
	if err := r.serve(ctx); err != nil {
		return err
	}
	for {
		r.describe(ctx)
		if r.long(ctx) {
			return r.continueAsNew(ctx)
		}
		if err := workflow.Await(ctx, func() bool { return r.wanted || r.long(ctx) }); err != nil {
			return err
		}
		if !r.wanted {
			continue
		}
		if err := r.cycle(ctx); err != nil {
			return err
		}
		switch {
		case r.gone || in.Once && r.state.Failures == 0:
			return nil
		case in.Once:
			return temporal.NewNonRetryableApplicationError(r.state.LastError, typeFailed, nil)
		}
	}
}

// typeFailed is the type of the error of a single run that has failed.
const typeFailed = "failed"

// long reports whether the run of the workflow has to continue as new.
func (r *syncRun) long(ctx workflow.Context) bool {
	info := workflow.GetInfo(ctx)
	return r.commands.Accepted >= command.MaxRunCommands || info.GetCurrentHistoryLength() >= maxEvents ||
		info.GetContinueAsNewSuggested()
}

// continueAsNew continues in a new run of the workflow.
func (r *syncRun) continueAsNew(ctx workflow.Context) error {
	r.commands.Closing = true
	if err := workflow.Await(ctx, func() bool { return r.commands.Answered(ctx) }); err != nil {
		return err
	}
	return workflow.NewContinueAsNewError(ctx, workflows.TypeSync, SyncInput{
		Sync: r.in.Sync, From: r.in.From, To: r.in.To, Carried: &Carried{
			State: r.state, Wanted: r.wanted, By: r.by, Seen: r.commands.SeenKeys, Refused: r.commands.Refusals,
		},
	})
}

// describe shows the state in the Web UI.
func (r *syncRun) describe(ctx workflow.Context) {
	s := r.state
	line := fmt.Sprintf("Sync **%s** is %s.", s.Sync, s.Phase)
	if !s.CurrentTo.IsZero() {
		line += fmt.Sprintf(" Current to **%s**.", s.CurrentTo.Format(time.RFC3339))
	}
	if s.RunID > 0 {
		line += fmt.Sprintf(" Run %d: %d read, %d delivered, %d rejected.",
			s.RunID, s.Progress.Read, s.Progress.Delivered, s.Progress.Rejected)
	}
	if s.LastError != "" {
		line += fmt.Sprintf(" %d failures in a row, the last: %s", s.Failures, s.LastError)
	}
	workflow.SetCurrentDetails(ctx, line)
}

// cycle carries out one run of the sync.
func (r *syncRun) cycle(ctx workflow.Context) error {
	by := r.by
	r.wanted, r.by, r.active = false, "", true
	defer r.leave()
	var begun syncacts.Begun
	request := syncacts.BeginRequest{Sync: r.in.Sync, RequestedBy: by}
	err := r.run(ctx, workflows.ActivityBeginSync, "begin a run", request, &begun)
	switch {
	case r.ended(err):
		return nil
	case r.pausing || temporal.IsCanceledError(err):
		return ctx.Err()
	case err != nil:
		r.failed(err)
		return ctx.Err()
	case begun.Paused:
		r.state.Phase = PhasePaused
		return nil
	}
	s := &r.state
	s.Phase, s.RunID, s.Full, s.Until, s.Progress = PhaseReading, begun.RunID, begun.Full, begun.Until, syncacts.Progress{}
	err = r.deliver(ctx)
	if r.ended(err) || r.pausing || ctx.Err() != nil {
		// A run that is paused stays as it is: a resume continues it.
		return ctx.Err()
	}
	return r.end(ctx, err)
}

// ended reports whether the sync does not exist any more.
func (r *syncRun) ended(err error) bool {
	r.gone = r.gone || workflows.IsType(err, syncacts.TypeGone)
	return r.gone
}

// leave ends a cycle.
func (r *syncRun) leave() {
	if r.pausing {
		r.state.Phase = PhasePaused
	}
	r.active, r.pausing = false, false
}

// interruptedWait is the pause after an interruption of an attempt that has made progress.
const interruptedWait = 5 * time.Second

// deliver delivers all pages, retries rejected records and scans for deletions.
func (r *syncRun) deliver(ctx workflow.Context) error {
	ref := syncacts.RunRef{Sync: r.in.Sync, RunID: r.state.RunID}
	for !r.state.Progress.Done {
		var now syncacts.Progress
		summary := fmt.Sprintf("deliver pages after %d records", r.state.Progress.Read)
		if err := r.run(ctx, workflows.ActivitySyncPages, summary, ref, &now); err != nil {
			return err
		}
		r.state.Progress = now
		r.describe(ctx)
		if now.Interrupted != "" && !r.pausing {
			if err := workflow.Sleep(ctx, interruptedWait); err != nil {
				return err
			}
		}
		if r.pausing {
			return nil
		}
	}
	for more := true; more; {
		var retried syncacts.Retried
		if err := r.run(ctx, workflows.ActivityRetrySync, "retry rejected records", ref, &retried); err != nil {
			return err
		}
		more = retried.More && !r.pausing
	}
	r.state.Phase = PhaseScanning
	r.describe(ctx)
	var scanned syncacts.Scanned
	if err := r.run(ctx, workflows.ActivityScanSync, "scan for permanent deletions", ref, &scanned); err != nil {
		return err
	}
	if !scanned.Skipped {
		r.state.Scan = scanned
	}
	return nil
}

// end ends the run and records how it went.
func (r *syncRun) end(ctx workflow.Context, fault error) error {
	request := syncacts.EndRequest{RunID: r.state.RunID, SourceCount: r.state.Progress.SourceCount}
	if fault != nil {
		request.Class, request.Error = explain(fault)
	}
	var ended syncacts.Progress
	ending := workflows.Bookkeeping(ctx, "end the run")
	if err := workflow.ExecuteActivity(ending, workflows.ActivityEndSync, request).Get(ctx, &ended); err != nil {
		if r.ended(err) {
			return nil
		}
		return err
	}
	r.state.Phase, r.state.Progress = PhaseIdle, ended
	if fault != nil {
		r.failed(fault)
		return nil
	}
	r.state.CurrentTo, r.state.Succeeded = r.state.Until, workflow.Now(ctx).UTC().Truncate(time.Second)
	r.state.Failures, r.state.LastError = 0, ""
	return nil
}

// failed notes a failure: the next cycle begins again.
func (r *syncRun) failed(fault error) {
	r.state.Phase = PhaseIdle
	r.state.Failures++
	_, r.state.LastError = explain(fault)
}

// run runs an activity that the command pause interrupts.
func (r *syncRun) run(ctx workflow.Context, activity, summary string, in, out any) error {
	if r.pausing {
		return temporal.NewCanceledError()
	}
	running, cancel := workflow.WithCancel(ctx)
	defer cancel()
	r.interrupt = cancel
	defer func() { r.interrupt = nil }()
	running = workflows.Syncing(running, r.in.From, r.in.To, summary)
	if r.in.Once {
		running = workflow.WithTaskQueue(running, workflow.GetInfo(ctx).TaskQueueName)
	}
	return workflow.ExecuteActivity(running, activity, in).Get(ctx, out)
}
