package call

import (
	"context"
	"fmt"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	"github.com/sluicehq/sluice/internal/inbound"
)

// failingFrom is the attempt from which on a task counts as failing: single ones fail when a worker
// stops.
const failingFrom = 3

// maxFault bounds the text about a failing task, in bytes.
const maxFault = 500

// TaskFault says why the task of a running workflow fails; "" if it does not. The workflow
// stands still meanwhile, and resumes once a worker can execute its task.
func TaskFault(
	ctx context.Context, c client.Client, run *workflowservice.DescribeWorkflowExecutionResponse,
) (string, error) {
	task := run.GetPendingWorkflowTask()
	if task.GetAttempt() < failingFrom {
		return "", nil
	}
	text := fmt.Sprintf("the workflow stands still: a task of it fails since %s, in attempt %d",
		task.GetOriginalScheduledTime().AsTime().UTC().Format(time.RFC3339), task.GetAttempt())
	of := run.GetWorkflowExecutionInfo().GetExecution()
	events := c.GetWorkflowHistory(ctx, of.GetWorkflowId(), of.GetRunId(), false,
		enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	why := ""
	for events.HasNext() {
		event, err := events.Next()
		if err != nil {
			return "", err
		}
		switch event.GetEventType() {
		case enums.EVENT_TYPE_WORKFLOW_TASK_FAILED:
			message := event.GetWorkflowTaskFailedEventAttributes().GetFailure().GetMessage()
			why = ": " + inbound.Cut(message, maxFault)
		case enums.EVENT_TYPE_WORKFLOW_TASK_TIMED_OUT:
			why = ": a worker took it and did not answer"
		}
	}
	return text + why, nil
}
