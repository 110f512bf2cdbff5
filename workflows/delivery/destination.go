// Package delivery has the workflows that deliver jobs to destinations and purge old events.
package delivery

import (
	"errors"
	"fmt"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/workflows"
)

// DestinationInput starts a Destination workflow.
type DestinationInput struct {
	// Destination is the destination's name, Actions those of its actions.
	Destination string   `json:"destination"`
	Actions     []string `json:"actions"`
}

// Destination starts a DestinationAction for each action of a destination, and ends. An action that
// already runs is asked to read its settings again: those of a new release may differ. Every worker
// starts this workflow when it starts.
func Destination(ctx workflow.Context, in DestinationInput) error {
	var faults []error
	for _, action := range in.Actions {
		if err := startAction(ctx, in.Destination, action); err != nil {
			faults = append(faults, fmt.Errorf("%s/%s: %w", in.Destination, action, err))
		}
	}
	return errors.Join(faults...)
}

func startAction(ctx workflow.Context, destination, action string) error {
	id := workflows.DestinationActionID(destination, action)
	child := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(ctx, workflow.ChildWorkflowOptions{
		WorkflowID: id, TaskQueue: workflows.QueueMain,
		// A terminated workflow is started again by the next worker.
		WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		ParentClosePolicy:     enums.PARENT_CLOSE_POLICY_ABANDON,
		StaticSummary:         ActionSummary(destination, action),
		StaticDetails:         ActionDetails(destination, action),
	}), workflows.TypeDestinationAction, DestinationActionInput{Destination: destination, Action: action})
	err := child.GetChildWorkflowExecution().Get(ctx, nil)
	var started *temporal.ChildWorkflowExecutionAlreadyStartedError
	if !errors.As(err, &started) {
		return err
	}
	return workflow.SignalExternalWorkflow(ctx, id, "", workflows.SignalRefresh, nil).Get(ctx, nil)
}

// ActionSummary is the static summary of an action's workflow in the Temporal Web UI.
func ActionSummary(destination, action string) string {
	return fmt.Sprintf("deliver the jobs of %s/%s", destination, action)
}

// ActionDetails are the static details of an action's workflow in the Temporal Web UI.
func ActionDetails(destination, action string) string {
	return fmt.Sprintf("`sluice destination show %[1]s` shows its status, "+
		"`sluice job list --destination %[1]s --action %[2]s` lists its jobs.\n\n"+
		"It takes the updates and signals `pause`, `resume`, `trigger`, `set_schedule`, `set_rate` and `set_concurrency`. "+
		"While a drain runs, *Pending Activities* has its results so far.", destination, action)
}
