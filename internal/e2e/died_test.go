package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	taskqueue "go.temporal.io/api/taskqueue/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
)

// takeTask takes a task from the main queue, as a worker does that dies right then: nobody
// ever hears of it again.
func (s *system) takeTask(ctx context.Context) string {
	s.t.Helper()
	for {
		task, err := s.Temporal.WorkflowService().PollActivityTaskQueue(ctx, &workflowservice.PollActivityTaskQueueRequest{
			Namespace: s.Namespace(), Identity: "dead", TaskQueue: &taskqueue.TaskQueue{Name: workflows.QueueMain},
		})
		require.NoError(s.t, err)
		// An empty answer says that there was nothing for a while.
		if len(task.GetTaskToken()) > 0 {
			return task.GetActivityType().GetName()
		}
	}
}

// A worker that dies within an import's bookkeeping is missed after seconds.
func TestWorkerDiesInBookkeeping(t *testing.T) {
	t.Parallel()
	s := setupNoop(t)
	ctx := enginetest.Context(t)
	// It carries out workflows alone: the activities are for the one that dies.
	first := worker.New(s.Temporal, workflows.QueueMain, worker.Options{LocalActivityWorkerOnly: true})
	first.RegisterWorkflowWithOptions(workflows.Import, workflow.RegisterOptions{Name: workflows.TypeImport})
	require.NoError(t, first.Start())
	imp := s.noop(site, `{"rows": 10}`)
	taken := s.takeTask(ctx)
	died := time.Now()
	first.Stop()
	require.Equal(t, workflows.ActivityAcquire, taken)
	s.StartWorker(t)
	s.end(imp, store.StatusCompleted)
	require.Less(t, time.Since(died), 40*time.Second, "less than an attempt may take")
}
