package importing

import (
	"errors"
	"fmt"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
	importacts "github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/importers"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/command"
)

// complete cleans up and makes the rows visible. From here on a cancellation comes
// too late.
func (r *importRun) complete(outer workflow.Context) (ImportResult, error) {
	r.ending = true
	ctx, cancel := workflow.NewDisconnectedContext(outer)
	defer cancel()
	if err := r.cleanUp(ctx, r.self()); err != nil {
		return ImportResult{}, err
	}
	return r.publish(ctx, outer)
}

// publish makes the rows visible and does what follows. A workflow that is ahead of a restored
// store continues as a new run of outer.
func (r *importRun) publish(ctx, outer workflow.Context) (ImportResult, error) {
	result := ImportResult{Days: r.plan.Days}
	published, err := r.publishVerified(ctx)
	if workflows.IsType(err, activities.TypeUnfinished) {
		if err = r.reloadOpenParts(outer); command.IsContinueAsNew(err) {
			return ImportResult{}, err
		}
	}
	if err != nil {
		return ImportResult{}, r.giveUp(ctx, err)
	}
	result.PartResult = published.PartResult
	if published.Days != "" {
		// Fewer than were planned, where the source had no rows.
		result.Days, r.plan.Days = published.Days, published.Days
	}
	r.phase = importstore.StatusCompleted
	r.describe(ctx)
	err = workflow.UpsertTypedSearchAttributes(ctx,
		workflows.AttributeStatus.ValueSet(importstore.StatusCompleted),
		workflows.AttributePhase.ValueSet(importstore.StatusCompleted),
		workflows.AttributeRows.ValueSet(result.RowsLoaded))
	r.dispatch(ctx, published.Outcome)
	r.onSuccess(ctx)
	return result, errors.Join(err, r.close(ctx))
}

// follow does what follows the end of an import that an earlier run has ended.
func (r *importRun) follow(outer workflow.Context) (ImportResult, error) {
	r.ending, r.checked = true, true
	ctx, cancel := workflow.NewDisconnectedContext(outer)
	defer cancel()
	switch r.in.Ended {
	case importstore.StatusCompleted:
		return r.publish(ctx, outer)
	case importstore.StatusUnchanged:
		return r.endUnchanged(ctx, r.in.GiveUp)
	default:
		return ImportResult{}, r.end(ctx, importacts.Ended{
			ImportID: r.in.ImportID, Status: r.in.Ended, Class: r.in.GiveUpClass, Reason: r.in.GiveUp,
		})
	}
}

// close records that nothing is left to do.
func (r *importRun) close(ctx workflow.Context) error {
	return workflows.Execute(workflows.Bookkeeping(ctx, "close"), workflows.ActivityClose, r.self())
}

// publishVerified runs the activity publish. If the warehouse holds other rows than were recorded, a
// worker that has the importer repairs them first.
func (r *importRun) publishVerified(ctx workflow.Context) (importacts.Published, error) {
	for {
		var published importacts.Published
		publishing := workflow.ExecuteActivity(workflows.Purging(ctx, "verify and make visible"), workflows.ActivityPublish,
			r.self())
		err := publishing.Get(ctx, &published)
		if !workflows.IsType(err, activities.TypeUnverified) {
			return published, err
		}
		if err := workflows.Execute(workflows.Repairing(ctx, r.in.Importer, "repair the rows"), workflows.ActivityRepair,
			r.self()); err != nil {
			return published, err
		}
	}
}

// onSuccess lets the importer react to the import's success. The import is completed,
// whatever comes of it.
func (r *importRun) onSuccess(ctx workflow.Context) {
	if err := workflows.Execute(workflows.EndCallback(ctx, r.in.Importer, "react to the success"),
		workflows.ActivityOnSuccess, r.self()); err != nil {
		if err := r.noteFailing(ctx, "on_success failed permanently; the import is completed", err); err != nil {
			workflow.GetLogger(ctx).Error("could not note that on_success failed", "error", err)
		}
	}
}

// unchanged ends an import that has nothing to bring in.
func (r *importRun) unchanged(ctx workflow.Context, why error) (ImportResult, error) {
	r.ending = true
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	_, reason := workflows.Explain(why)
	if err := r.note(ctx, importstore.LevelInfo, "Unchanged: "+reason+"."); err != nil {
		return ImportResult{}, err
	}
	if r.plan.Total > 0 {
		// A part that was skipped may have left rows behind.
		if err := workflows.Execute(workflows.Purging(ctx, "purge what was loaded"), workflows.ActivityPurgeRows,
			r.self()); err != nil {
			return ImportResult{}, err
		}
	}
	if err := r.cleanUp(ctx, r.self()); err != nil {
		return ImportResult{}, err
	}
	return r.endUnchanged(ctx, reason)
}

// endUnchanged ends an import as unchanged and does what follows.
func (r *importRun) endUnchanged(ctx workflow.Context, reason string) (ImportResult, error) {
	end := importacts.Ended{ImportID: r.in.ImportID, Status: importstore.StatusUnchanged}
	dispatch, err := r.finish(ctx, end)
	if err != nil {
		return ImportResult{}, err
	}
	if dispatch != nil {
		// The store has no reason for an end that is none to worry about.
		dispatch.Reason = reason
	}
	r.phase = importstore.StatusUnchanged
	r.describe(ctx)
	err = workflow.UpsertTypedSearchAttributes(ctx,
		workflows.AttributeStatus.ValueSet(importstore.StatusUnchanged),
		workflows.AttributePhase.ValueSet(importstore.StatusUnchanged))
	r.dispatch(ctx, dispatch)
	return ImportResult{Unchanged: reason}, errors.Join(err, r.close(ctx))
}

// giveUp leaves no rows behind, ends the import and returns the error that ends the
// workflow.
func (r *importRun) giveUp(ctx workflow.Context, cause error) error {
	r.ending = true
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	end := importacts.Ended{ImportID: r.in.ImportID, Status: importstore.StatusFailed}
	end.Class, end.Reason = workflows.Explain(cause)
	if r.in.Ended != "" || end.Class == string(importers.ClassEnded) {
		return r.notOurs(ctx, cause)
	}
	switch end.Class {
	case string(importers.ClassCancelled):
		end.Status, end.Reason = importstore.StatusCancelled, r.commands.CancelReason(end.Reason)
	case string(importers.ClassDeclined):
		end.Status = importstore.StatusDeclined
	}
	r.reason = end.Reason
	if err := r.onFailure(ctx, end); err != nil {
		return err
	}
	anyway := importacts.ImportRef{ImportID: r.in.ImportID, FencingToken: importstore.AnyFencingToken}
	var purged importacts.Purged
	purge := workflow.ExecuteActivity(workflows.Purging(ctx, "purge what was loaded"), workflows.ActivityPurgeRows, anyway)
	if err := purge.Get(ctx, &purged); err != nil {
		return err
	}
	// An import that no worker has begun ends also where no worker has its importer.
	if r.checked || !purged.Untouched {
		if err := r.cleanUp(ctx, anyway); err != nil {
			return err
		}
	}
	return r.end(ctx, end)
}

// end ends an import other than well, does what follows and returns the error that ends the
// workflow.
func (r *importRun) end(ctx workflow.Context, end importacts.Ended) error {
	dispatch, err := r.finish(ctx, end)
	if err != nil {
		return err
	}
	r.phase = end.Status
	r.describe(ctx)
	err = workflow.UpsertTypedSearchAttributes(ctx,
		workflows.AttributeStatus.ValueSet(end.Status), workflows.AttributePhase.ValueSet(end.Status),
		workflows.AttributeErrorClass.ValueSet(end.Class))
	r.dispatch(ctx, dispatch)
	if err := r.close(ctx); err != nil {
		return err
	}
	if err != nil {
		return fmt.Errorf("set search attributes: %w", err)
	}
	if end.Status == importstore.StatusCancelled {
		return temporal.NewCanceledError(end.Reason)
	}
	return temporal.NewNonRetryableApplicationError(end.Reason, end.Class, nil)
}

// onFailure tells why the import fails, and lets the importer react unless its
// before_start has not succeeded.
func (r *importRun) onFailure(ctx workflow.Context, end importacts.Ended) error {
	if !r.checked {
		return r.note(ctx, end.Level(), end.Reason)
	}
	if err := r.enter(ctx, importstore.PhaseOnFailure); err != nil {
		return err
	}
	if err := workflows.Execute(workflows.Bookkeeping(ctx, "say why the import fails"), workflows.ActivityNoteFailure,
		end); err != nil {
		return err
	}
	// The importer's own reaction must not keep the import from ending.
	if err := workflows.Execute(workflows.EndCallback(ctx, r.in.Importer, "react to the failure"),
		workflows.ActivityOnFailure, end); err != nil {
		return r.noteFailing(ctx, "on_failure failed permanently; the import ends nevertheless", err)
	}
	return nil
}

// notOurs ends a run whose import is not its to end: it has ended before, or is gone.
// The run must not pass for the one that tells how.
func (r *importRun) notOurs(ctx workflow.Context, cause error) error {
	class, reason := workflows.Explain(cause)
	err := workflow.UpsertTypedSearchAttributes(ctx,
		workflows.AttributeStatus.ValueUnset(), workflows.AttributePhase.ValueUnset(),
		workflows.AttributeErrorClass.ValueSet(class))
	if err != nil {
		return fmt.Errorf("set search attributes: %w", err)
	}
	return temporal.NewNonRetryableApplicationError(reason, class, nil)
}

// cleanUp runs at every end. A clean-up that keeps failing stands in the import's log: it
// must not keep the import from ending.
func (r *importRun) cleanUp(ctx workflow.Context, ref importacts.ImportRef) error {
	if err := r.enter(ctx, importstore.PhaseCleanUp); err != nil {
		return err
	}
	if err := workflows.Execute(workflows.EndCallback(ctx, r.in.Importer, "clean up"), workflows.ActivityCleanUp,
		ref); err != nil {
		return r.noteFailing(ctx, "clean_up failed permanently; its resources may remain", err)
	}
	return nil
}

// noteFailing writes to the import's log what has failed without changing how the import ends.
func (r *importRun) noteFailing(ctx workflow.Context, what string, err error) error {
	_, reason := workflows.Explain(err)
	return r.note(ctx, importstore.LevelError, what+": "+reason)
}
