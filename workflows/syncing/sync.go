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

// syncRun is the state of one run of a Sync.
type syncRun struct {
	in       SyncInput
	state    State
	commands command.State
	// wanted says that a run of the sync is due, by says who wants it.
	wanted bool
	by     string
	// proceed says that a command wants a run that has stopped to continue.
	proceed bool
	// find is a page that is to be searched, nil for none.
	find *syncacts.PageRef
	// unaudited is the run whose late errors are still to be read, 0 for none.
	unaudited int64
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
	// A single run continues one that has stopped: it is the next one that is requested.
	r := &syncRun{in: in, wanted: in.Once, proceed: in.Once, state: State{Sync: in.Sync, Phase: PhaseIdle}}
	if c := in.Carried; c != nil {
		r.state, r.wanted, r.by, r.proceed = c.State, c.Wanted, c.By, c.Continue
		r.find, r.unaudited = c.Find, c.Unaudited
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
		if err := r.await(ctx); err != nil {
			return err
		}
		if r.wanted || r.find != nil {
			if err := r.cycle(ctx); err != nil {
				return err
			}
		}
		switch {
		case r.gone || in.Once && r.state.Failures == 0 && r.state.Phase != PhaseStopped:
			return nil
		case in.Once:
			return temporal.NewNonRetryableApplicationError(r.state.LastError, typeFailed, nil)
		}
	}
}

// typeFailed is the type of the error of a single run that has failed.
const typeFailed = "failed"

// lateAudit is how long after a run its late errors are read.
const lateAudit = 2 * time.Minute

// await waits for work, and reads the late errors of the last run meanwhile.
func (r *syncRun) await(ctx workflow.Context) error {
	due := func() bool { return r.wanted || r.find != nil || r.long(ctx) }
	if r.unaudited == 0 {
		return workflow.Await(ctx, due)
	}
	ok, err := workflow.AwaitWithTimeout(ctx, lateAudit, due)
	if err != nil || ok {
		return err
	}
	ref := syncacts.RunRef{Sync: r.in.Sync, RunID: r.unaudited}
	r.unaudited = 0
	audit := workflows.Syncing(ctx, r.in.From, r.in.To, "read late errors of the target")
	err = workflow.ExecuteActivity(audit, workflows.ActivityAuditSync, ref).Get(ctx, nil)
	if err != nil && !r.ended(err) {
		// The next run reads them, too.
		workflow.GetLogger(ctx).Warn("late errors could not be read", "run_id", ref.RunID, "error", err)
	}
	return ctx.Err()
}

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
			State: r.state, Wanted: r.wanted, By: r.by, Continue: r.proceed, Find: r.find, Unaudited: r.unaudited,
			Seen: r.commands.SeenKeys, Refused: r.commands.Refusals,
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
