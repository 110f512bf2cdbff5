package importing

import (
	"slices"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/command"
)

// long reports whether the run has reached a bound and is to continue as new.
func (r *importRun) long(ctx workflow.Context) bool {
	info := workflow.GetInfo(ctx)
	return r.commands.Accepted >= command.MaxRunCommands || info.GetCurrentHistoryLength() >= command.MaxRunEvents ||
		info.GetContinueAsNewSuggested() && r.waits() != ""
}

// watch cancels the work of a run that is to continue as new: running parts stop at their
// checkpoints, waits end. It spares a run that is executing a decision or ending.
func (r *importRun) watch(ctx workflow.Context, stop workflow.CancelFunc) {
	workflow.GoNamed(ctx, "continue-as-new", func(ctx workflow.Context) {
		if err := workflow.Await(ctx, func() bool { return r.long(ctx) && !r.deciding() }); err != nil {
			return
		}
		r.commands.Continuing = true
		stop()
	})
}

// deciding reports whether a decision is being executed or the import is ending.
func (r *importRun) deciding() bool {
	return r.ending || r.commands.Cancelling != nil || r.review.busy ||
		slices.ContainsFunc(r.parts, func(p *partRun) bool { return p.decision != "" })
}

// continues reports whether err is the stop of the work before the next run.
func (r *importRun) continues(ctx workflow.Context, err error) bool {
	return r.commands.Continuing && r.commands.Cancelling == nil && ctx.Err() == nil &&
		err != nil && (temporal.IsCanceledError(err) || !workflows.IsPermanent(err))
}

// continueAsNew continues in a new run with a short history. It returns a cancellation that
// arrived meanwhile, which the next run would miss.
func (r *importRun) continueAsNew(ctx workflow.Context) error {
	r.commands.Continuing, r.commands.Closing = true, true
	settled, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	if err := workflow.Await(settled, func() bool { return r.commands.Answered(ctx) }); err != nil {
		return err
	}
	if r.commands.Cancelling != nil || ctx.Err() != nil {
		return temporal.NewCanceledError()
	}
	next := ImportInput{
		ImportID: r.in.ImportID, Importer: r.in.Importer,
		Resumed: r.plan.Total > 0, Checked: r.checked && r.plan.Total == 0,
		FencingToken: r.fencingToken,
		Paused:       r.gate.paused, RowsPerSecond: r.in.RowsPerSecond, Seen: r.commands.SeenKeys,
		Signals: r.commands.Carried,
	}
	switch r.phase {
	case importstore.PhaseInReview, importstore.PhaseStagingDone, importstore.PhaseFinalize:
		next.InReview = r.plan.Review
	}
	for _, part := range r.parts {
		if part.Parked && (part.status == importstore.PartWaiting || part.status == importstore.PartRunning) {
			// The store lists it as parked until its next attempt begins.
			next.Retrying = append(next.Retrying, part.No)
		}
	}
	return workflow.NewContinueAsNewError(ctx, workflows.TypeImport, next)
}

// reloadOpenParts continues as a new run that loads the parts that the store has as open: the
// store was restored from a backup and is behind this run.
func (r *importRun) reloadOpenParts(ctx workflow.Context) error {
	err := r.note(ctx, importstore.LevelWarn,
		"The store has open parts that the workflow had loaded: the store was restored. "+
			"Loading them again from their last checkpoints.")
	if err != nil {
		return err
	}
	// Its parts come before its review.
	r.phase = importstore.PhaseLoading
	return r.continueAsNew(ctx)
}
