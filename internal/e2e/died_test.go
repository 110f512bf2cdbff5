package e2e

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	failure "go.temporal.io/api/failure/v1"
	history "go.temporal.io/api/history/v1"
	taskqueue "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/internal/enginetest"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/importing"
)

// takeTask takes the next task of a queue, which must be of the activity, and does not answer it:
// a worker that dies right then.
func (s *system) takeTask(ctx context.Context, queue, activity string) (token []byte) {
	s.t.Helper()
	// An empty response means that there was no task for a while.
	for len(token) == 0 {
		task, err := s.Temporal.WorkflowService().PollActivityTaskQueue(ctx, &workflowservice.PollActivityTaskQueueRequest{
			Namespace: s.Namespace(), Identity: "dead", TaskQueue: &taskqueue.TaskQueue{Name: queue},
		})
		require.NoError(s.t, err)
		if token = task.GetTaskToken(); len(token) > 0 {
			require.Equal(s.t, activity, task.GetActivityType().GetName())
		}
	}
	return token
}

// completeTask completes the next task of a queue, which must be of the activity, with no result.
func (s *system) completeTask(ctx context.Context, queue, activity string) {
	s.t.Helper()
	nothing, err := converter.GetDefaultDataConverter().ToPayloads(struct{}{})
	require.NoError(s.t, err)
	_, err = s.Temporal.WorkflowService().RespondActivityTaskCompleted(ctx,
		&workflowservice.RespondActivityTaskCompletedRequest{
			Namespace: s.Namespace(), TaskToken: s.takeTask(ctx, queue, activity), Result: nothing, Identity: "dead",
		})
	require.NoError(s.t, err)
}

// The death of a worker within an import's bookkeeping is noticed by its missing heartbeats, long
// before the attempt times out.
func TestWorkerDiesInBookkeeping(t *testing.T) {
	t.Parallel()
	s := setupNoop(t)
	ctx := enginetest.Context(t)
	// It executes workflows only: the activities are for the worker that dies.
	first := worker.New(s.Temporal, workflows.QueueMain, worker.Options{LocalActivityWorkerOnly: true})
	first.RegisterWorkflowWithOptions(importing.Import, workflow.RegisterOptions{Name: workflows.TypeImport})
	require.NoError(t, first.Start())
	imp := s.noop(site, `{"rows": 10}`)
	s.completeTask(ctx, workflows.ImporterQueue("noop"), workflows.ActivityBeforeStart)
	s.takeTask(ctx, workflows.QueueMain, workflows.ActivityAcquire)
	first.Stop()
	s.StartWorker(t)
	s.end(imp, importstore.StatusCompleted)
	missed := lastFailure(s.History(t, imp.WorkflowID, ""), workflows.ActivityAcquire)
	require.Equal(t, enums.TIMEOUT_TYPE_HEARTBEAT, missed.GetTimeoutFailureInfo().GetTimeoutType(), missed)
}

// lastFailure returns how the attempt before the last at an activity failed: nil if there was
// one attempt.
func lastFailure(of *history.History, activity string) *failure.Failure {
	scheduled := map[int64]string{}
	var last *failure.Failure
	for _, event := range of.GetEvents() {
		switch event.GetEventType() {
		case enums.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
			scheduled[event.GetEventId()] = event.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName()
		case enums.EVENT_TYPE_ACTIVITY_TASK_STARTED:
			started := event.GetActivityTaskStartedEventAttributes()
			if scheduled[started.GetScheduledEventId()] == activity {
				last = started.GetLastFailure()
			}
		default:
		}
	}
	return last
}
