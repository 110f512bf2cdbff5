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
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/importing"
)

// takeTask takes an activity's task from the main queue and never answers, as a worker does
// that dies right then. Activities that come before it are answered with nothing.
func (s *system) takeTask(ctx context.Context, activity string) {
	s.t.Helper()
	for {
		task, err := s.Temporal.WorkflowService().PollActivityTaskQueue(ctx, &workflowservice.PollActivityTaskQueueRequest{
			Namespace: s.Namespace(), Identity: "dead", TaskQueue: &taskqueue.TaskQueue{Name: workflows.QueueMain},
		})
		require.NoError(s.t, err)
		// An empty answer says that there was nothing for a while.
		if len(task.GetTaskToken()) == 0 {
			continue
		}
		if task.GetActivityType().GetName() == activity {
			return
		}
		nothing, err := converter.GetDefaultDataConverter().ToPayloads(struct{}{})
		require.NoError(s.t, err)
		_, err = s.Temporal.WorkflowService().RespondActivityTaskCompleted(ctx,
			&workflowservice.RespondActivityTaskCompletedRequest{
				Namespace: s.Namespace(), TaskToken: task.GetTaskToken(), Result: nothing, Identity: "dead",
			})
		require.NoError(s.t, err)
	}
}

// A worker that dies within an import's bookkeeping is missed by its heartbeats, and not only
// once an attempt has taken as long as it may.
func TestWorkerDiesInBookkeeping(t *testing.T) {
	t.Parallel()
	s := setupNoop(t)
	ctx := enginetest.Context(t)
	// It carries out workflows alone: the activities are for the one that dies.
	first := worker.New(s.Temporal, workflows.QueueMain, worker.Options{LocalActivityWorkerOnly: true})
	first.RegisterWorkflowWithOptions(importing.Import, workflow.RegisterOptions{Name: workflows.TypeImport})
	require.NoError(t, first.Start())
	imp := s.noop(site, `{"rows": 10}`)
	s.takeTask(ctx, workflows.ActivityAcquire)
	first.Stop()
	s.StartWorker(t)
	s.end(imp, store.StatusCompleted)
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
