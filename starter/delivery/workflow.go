package delivery

import (
	"context"
	"fmt"
	"time"

	enums "go.temporal.io/api/enums/v1"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/starter/internal/call"
	"github.com/sluicehq/sluice/workflows"
)

// ActionWorkflow is how the workflow of a destination's action stands.
type ActionWorkflow struct {
	// Running says that Temporal has it as running.
	Running bool
	// ClosedAt is when it was closed, as by a termination; nil if it runs or is not known.
	ClosedAt *time.Time
	// Fault says why its task fails; "" if it does not.
	Fault string
}

// Workflow returns how the workflow of an action stands. It needs no worker. The error is that of
// Temporal.
func (c *Client) Workflow(ctx context.Context, ref deliveryacts.ActionRef) (ActionWorkflow, error) {
	id := workflows.DestinationActionID(ref.Destination, ref.Action)
	run, err := c.cfg.Temporal.DescribeWorkflowExecution(ctx, id, "")
	if call.IsNotFound(err) {
		return ActionWorkflow{}, nil
	}
	if err != nil {
		return ActionWorkflow{}, fmt.Errorf("describe the workflow of %s/%s: %w", ref.Destination, ref.Action, err)
	}
	info := run.GetWorkflowExecutionInfo()
	if info.GetStatus() != enums.WORKFLOW_EXECUTION_STATUS_RUNNING {
		return ActionWorkflow{ClosedAt: new(info.GetCloseTime().AsTime())}, nil
	}
	fault, err := call.TaskFault(ctx, c.cfg.Temporal, run)
	return ActionWorkflow{Running: true, Fault: fault}, err
}

// Recover starts the workflow of an action that does not run. The store has its settings and
// jobs. The error is that of Temporal.
func (c *Client) Recover(
	ctx context.Context, ref deliveryacts.ActionRef,
) (standing ActionWorkflow, started bool, err error) {
	standing, err = c.Workflow(ctx, ref)
	if err != nil || standing.Running {
		return standing, false, err
	}
	if err := c.signalEnqueue(ctx, ref); err != nil {
		return standing, false, fmt.Errorf("start the workflow of %s/%s: %w", ref.Destination, ref.Action, err)
	}
	return standing, true, nil
}
