package worker_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/worker"
	"github.com/sluicehq/sluice/workflows"
)

// startVersion runs a worker of a version and makes that version the current one, as
// `temporal worker deployment set-current-version` does.
func startVersion(t *testing.T, s *enginetest.System, build string) (stop func()) {
	t.Helper()
	s.Tune = func(cfg *worker.Config) {
		cfg.Settings.Worker.Deployment, cfg.Settings.Worker.BuildID = "sluice", build
	}
	stop = s.StartWorker(t)
	handle := s.Temporal.WorkerDeploymentClient().GetHandle("sluice")
	ctx := enginetest.Context(t)
	// The server learns of a version by the first polls, of each task queue.
	require.EventuallyWithT(t, func(collect *assert.CollectT) {
		version, err := handle.DescribeVersion(ctx, client.WorkerDeploymentDescribeVersionOptions{BuildID: build})
		require.NoError(collect, err)
		queues := map[string]bool{}
		for _, queue := range version.Info.TaskQueuesInfos {
			queues[queue.Name] = true
		}
		require.True(collect, queues[workflows.QueueMain] && queues[workflows.ImporterQueue("noop")] && queues[workflows.LoadQueue("noop")])
	}, 30*time.Second, 50*time.Millisecond)
	_, err := handle.SetCurrentVersion(ctx, client.WorkerDeploymentSetCurrentVersionOptions{BuildID: build})
	require.NoError(t, err)
	return stop
}

// The next version resumes an import that an earlier version began, once it is the
// current one.
func TestVersions(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	ctx := enginetest.Context(t)
	review := true
	imp := s.Start(t, starter.Request{
		Site: "example.com", Source: "noop", Args: json.RawMessage(`{"rows": 100}`), Review: &review,
	})
	stop := startVersion(t, s, "1.0.0")
	s.WaitFor(t, imp.ID, "a review", func(now importstore.Summary) bool { return now.Import.Status == importstore.StatusInReview })
	stop()
	startVersion(t, s, "1.1.0+g12ab")
	require.NoError(t, s.Starter.Decide(ctx, imp.ID, importstore.Accepted, starter.By{Who: "ann"}))
	require.Equal(t, importstore.StatusCompleted, s.Wait(t, imp.ID).Import.Status)

	described, err := s.Temporal.DescribeWorkflowExecution(ctx, imp.WorkflowID, "")
	require.NoError(t, err)
	info := described.GetWorkflowExecutionInfo().GetVersioningInfo()
	require.Equal(t, enums.VERSIONING_BEHAVIOR_AUTO_UPGRADE, info.GetBehavior())
	require.Equal(t, "1.1.0+g12ab", info.GetDeploymentVersion().GetBuildId())
	require.Equal(t, "sluice", info.GetDeploymentVersion().GetDeploymentName())
}

// Without the settings workers have no version.
func TestNoVersion(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	s.StartWorker(t)
	imp := s.Start(t, starter.Request{Site: "example.com", Source: "noop", Args: json.RawMessage(`{"rows": 100}`)})
	require.Equal(t, importstore.StatusCompleted, s.Wait(t, imp.ID).Import.Status)
	described, err := s.Temporal.DescribeWorkflowExecution(enginetest.Context(t), imp.WorkflowID, "")
	require.NoError(t, err)
	require.Nil(t, described.GetWorkflowExecutionInfo().GetVersioningInfo())
}
