package workflows

import (
	"errors"
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/store"
)

// ImportInput starts an Import workflow. Everything else stands in the store.
type ImportInput struct {
	ImportID int64 `json:"import_id"`
	// Resumed says that an earlier run continued as this one: the import has been
	// planned already.
	Resumed bool `json:"resumed,omitempty"`
}

// ImportResult is what an import has brought in.
type ImportResult struct {
	activities.PartResult
	Days string `json:"days"`
}

// importRun is the state of one run of the Import workflow.
type importRun struct {
	in    ImportInput
	phase string
	// reason says why the import has failed, once it has.
	reason string
	plan   activities.Planned
	parts  []*partRun
}

// Import carries out one import:
//
//	before_start, plan, import_data for every part, on_success, clean_up, publish
//
// and where something fails or the workflow is cancelled
//
//	on_failure, purge_rows, clean_up, finish
//
// Its rows become visible with publish, all at once.
func Import(ctx workflow.Context, in ImportInput) (ImportResult, error) {
	run := &importRun{in: in, phase: store.PhaseQueued}
	if err := run.serve(ctx); err != nil {
		return ImportResult{}, err
	}
	err := run.work(ctx)
	if err == nil {
		return run.complete(ctx)
	}
	var again *workflow.ContinueAsNewError
	if errors.As(err, &again) {
		return ImportResult{}, err
	}
	return ImportResult{}, run.giveUp(ctx, err)
}

// work goes through all phases up to the point of no return.
func (r *importRun) work(ctx workflow.Context) error {
	ref := activities.ImportRef{ImportID: r.in.ImportID}
	if !r.in.Resumed {
		if err := r.enter(ctx, store.PhaseBeforeStart); err != nil {
			return err
		}
		check := callback(ctx, "check the source")
		if err := execute(check, ActivityBeforeStart, ref); err != nil {
			return err
		}
	}
	if err := r.enter(ctx, store.PhasePlanning); err != nil {
		return err
	}
	if err := workflow.ExecuteActivity(callback(ctx, "cut into parts"), ActivityPlan, ref).Get(ctx, &r.plan); err != nil {
		return err
	}
	if err := r.enter(ctx, store.PhaseLoading); err != nil {
		return err
	}
	if err := r.load(ctx); err != nil {
		return err
	}
	if err := r.enter(ctx, store.PhaseOnSuccess); err != nil {
		return err
	}
	return execute(callback(ctx, "round off"), ActivityOnSuccess, ref)
}

// complete cleans up and makes the rows visible. From here on a cancellation comes
// too late.
func (r *importRun) complete(ctx workflow.Context) (ImportResult, error) {
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	if err := r.cleanUp(ctx); err != nil {
		return ImportResult{}, err
	}
	result := ImportResult{Days: r.plan.Days}
	publish := workflow.ExecuteActivity(purging(ctx, "verify and make visible"), ActivityPublish,
		activities.ImportRef{ImportID: r.in.ImportID})
	if err := publish.Get(ctx, &result.PartResult); err != nil {
		return ImportResult{}, r.giveUp(ctx, err)
	}
	r.phase = store.StatusCompleted
	r.describe(ctx)
	return result, workflow.UpsertTypedSearchAttributes(ctx,
		AttributeStatus.ValueSet(store.StatusCompleted), AttributePhase.ValueSet(store.StatusCompleted),
		AttributeRows.ValueSet(result.RowsLoaded))
}

// giveUp leaves no rows behind, ends the import and returns the error that ends the
// workflow.
func (r *importRun) giveUp(ctx workflow.Context, cause error) error {
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	end := activities.Ended{ImportID: r.in.ImportID, Status: store.StatusFailed}
	end.Class, end.Reason = explain(cause)
	if end.Class == string(importers.ClassEnded) {
		// The import is not ours to end: it has ended before, or is gone. This run
		// must not pass for the one that tells how.
		err := workflow.UpsertTypedSearchAttributes(ctx,
			AttributeStatus.ValueUnset(), AttributePhase.ValueUnset(), AttributeErrorClass.ValueSet(end.Class))
		if err != nil {
			return fmt.Errorf("set search attributes: %w", err)
		}
		return temporal.NewNonRetryableApplicationError(end.Reason, end.Class, nil)
	}
	if end.Class == string(importers.ClassCancelled) {
		end.Status = store.StatusCancelled
	}
	r.reason = end.Reason
	if err := r.enter(ctx, store.PhaseOnFailure); err != nil {
		return err
	}
	// The importer's own reaction must not keep the import from ending.
	if err := execute(callback(ctx, "tell why"), ActivityOnFailure, end); err != nil {
		workflow.GetLogger(ctx).Error("on_failure failed", "error", err)
	}
	ref := activities.ImportRef{ImportID: r.in.ImportID}
	if err := execute(purging(ctx, "purge what was loaded"), ActivityPurgeRows, ref); err != nil {
		return err
	}
	if err := r.cleanUp(ctx); err != nil {
		return err
	}
	if err := execute(bookkeeping(ctx, "end as "+end.Status), ActivityFinish, end); err != nil {
		return err
	}
	r.phase = end.Status
	r.describe(ctx)
	err := workflow.UpsertTypedSearchAttributes(ctx,
		AttributeStatus.ValueSet(end.Status), AttributePhase.ValueSet(end.Status), AttributeErrorClass.ValueSet(end.Class))
	if err != nil {
		return fmt.Errorf("set search attributes: %w", err)
	}
	if end.Status == store.StatusCancelled {
		return temporal.NewCanceledError(end.Reason)
	}
	return temporal.NewNonRetryableApplicationError(end.Reason, end.Class, nil)
}

// cleanUp runs on every way out. A clean-up that keeps failing is logged and left:
// it must not keep the import from ending.
func (r *importRun) cleanUp(ctx workflow.Context) error {
	if err := r.enter(ctx, store.PhaseCleanUp); err != nil {
		return err
	}
	ref := activities.ImportRef{ImportID: r.in.ImportID}
	if err := execute(callback(ctx, "clean up"), ActivityCleanUp, ref); err != nil {
		workflow.GetLogger(ctx).Error("clean_up failed", "error", err)
	}
	return nil
}

// enter notes the phase where people see it. The store's copy is written by the
// phase's own activities.
func (r *importRun) enter(ctx workflow.Context, phase string) error {
	r.phase = phase
	r.describe(ctx)
	err := workflow.UpsertTypedSearchAttributes(ctx,
		AttributeStatus.ValueSet(store.StatusRunning), AttributePhase.ValueSet(phase))
	if err != nil {
		return fmt.Errorf("set search attributes: %w", err)
	}
	return nil
}

// explain returns the class and the text of the error that ended an import.
func explain(err error) (class, reason string) {
	var app *temporal.ApplicationError
	var panicked *temporal.PanicError
	var timeout *temporal.TimeoutError
	switch {
	case temporal.IsCanceledError(err):
		return string(importers.ClassCancelled), "cancelled"
	case errors.As(err, &app):
		if app.Type() == activities.TypeTransient {
			return string(importers.ClassSource), app.Message()
		}
		if !importers.Class(app.Type()).Known() {
			// Temporal's own, for instance about an activity that nobody knows.
			return string(importers.ClassInternal), app.Message()
		}
		return app.Type(), app.Message()
	case errors.As(err, &panicked):
		return string(importers.ClassInternal), "panic: " + panicked.Error()
	case errors.As(err, &timeout):
		return string(importers.ClassInternal), "an attempt took too long or its worker died: " + timeout.Error()
	default:
		return string(importers.ClassInternal), err.Error()
	}
}
