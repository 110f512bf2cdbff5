package workflows

import (
	"errors"
	"fmt"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/store"
)

// changeHandover marks that an import starts a Handover. A run that was beyond its end
// before workers knew of handovers has no such mark, and starts none.
const changeHandover = "handover"

// finish ends the import, other than well, and returns what is to be handed over.
func (r *importRun) finish(ctx workflow.Context, end activities.Ended) (*activities.Handover, error) {
	var finished activities.Finished
	err := workflow.ExecuteActivity(bookkeeping(ctx, "end as "+end.Status), ActivityFinish, end).Get(ctx, &finished)
	if err != nil && r.in.Ended != "" {
		err = r.notOurs(ctx, err)
	}
	return finished.Handover, err
}

// handOver starts what hands the import's end over, if flows want something of it, and
// waits until that has begun: it goes on by itself, however long destinations take. It is
// asked for when the import has ended, so that a fault of it is no fault of the import.
func (r *importRun) handOver(ctx workflow.Context, h *activities.Handover) {
	if h == nil || workflow.GetVersion(ctx, changeHandover, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return
	}
	child := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: HandoverID(h.Site, h.ImportID, h.Generation), TaskQueue: QueueMain,
		// The same end is handed over once, unless that has failed.
		WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
		ParentClosePolicy:     enums.PARENT_CLOSE_POLICY_ABANDON,
		StaticSummary:         fmt.Sprintf("hand over import %d of %s, %s", h.ImportID, h.Site, h.Status),
		TypedSearchAttributes: temporal.NewSearchAttributes(
			AttributeSite.ValueSet(h.Site), AttributeSource.ValueSet(h.Importer),
		),
	}), TypeHandover, HandoverInput{Handover: *h})
	err := child.GetChildWorkflowExecution().Get(ctx, nil)
	var started *temporal.ChildWorkflowExecutionAlreadyStartedError
	if err == nil || errors.As(err, &started) {
		return
	}
	_, reason := explain(err)
	if err := r.note(ctx, store.LevelError, "What flows want of this import is not handed over: "+reason+"."); err != nil {
		workflow.GetLogger(ctx).Error("could not start the handover", "error", err)
	}
}
