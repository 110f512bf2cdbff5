package importing

import (
	"errors"
	"fmt"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	importacts "github.com/sluicehq/sluice/activities/importing"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
)

// changeDispatch marks that an import starts a Dispatch. A run that was beyond its end
// before workers knew of dispatchs has no such mark, and starts none.
const changeDispatch = "dispatch"

// finish ends the import, other than well, and returns what is to be dispatched.
func (r *importRun) finish(ctx workflow.Context, end importacts.Ended) (*importacts.Outcome, error) {
	var finished importacts.Finished
	err := workflow.ExecuteActivity(workflows.Bookkeeping(ctx, "end as "+end.Status), workflows.ActivityFinish,
		end).Get(ctx, &finished)
	if err != nil && r.in.Ended != "" {
		err = r.notOurs(ctx, err)
	}
	return finished.Outcome, err
}

// dispatch starts what dispatches the import's end, if flows want something of it, and
// waits until that has begun: it continues by itself, however long destinations take. It is
// started when the import has ended, so that a fault of it is no fault of the import.
func (r *importRun) dispatch(ctx workflow.Context, h *importacts.Outcome) {
	if h == nil || workflow.GetVersion(ctx, changeDispatch, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
		return
	}
	child := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: workflows.DispatchID(h.Site, h.ImportID, h.Generation), TaskQueue: workflows.QueueMain,
		// The same end is dispatched once, unless that has failed.
		WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY,
		ParentClosePolicy:     enums.PARENT_CLOSE_POLICY_ABANDON,
		StaticSummary:         fmt.Sprintf("dispatch import %d of %s, %s", h.ImportID, h.Site, h.Status),
		TypedSearchAttributes: temporal.NewSearchAttributes(
			workflows.AttributeSite.ValueSet(h.Site), workflows.AttributeSource.ValueSet(h.Importer),
		),
	}), workflows.TypeDispatch, *h)
	err := child.GetChildWorkflowExecution().Get(ctx, nil)
	var started *temporal.ChildWorkflowExecutionAlreadyStartedError
	if err == nil || errors.As(err, &started) {
		return
	}
	_, reason := workflows.Explain(err)
	line := "What flows want of this import is not dispatched: " + reason + "."
	if err := r.note(ctx, importstore.LevelError, line); err != nil {
		workflow.GetLogger(ctx).Error("could not start the dispatch", "error", err)
	}
}
