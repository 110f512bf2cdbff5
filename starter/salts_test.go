package starter_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	ingestacts "github.com/sluicehq/sluice/activities/ingesting"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/enginetest"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
	"github.com/sluicehq/sluice/worker"
	"github.com/sluicehq/sluice/workflows"
)

// A worker with a key set creates the schedule, also after it was lost, and rotates the salts.
func TestSaltRotationRuns(t *testing.T) {
	t.Parallel()
	s := setup(t)
	ctx := enginetest.Context(t)
	keys, err := connections.NewKeyset()
	require.NoError(t, err)
	text, err := keys.JSON()
	require.NoError(t, err)
	s.Settings.Connections.Keyset = string(text)
	s.Tune = func(c *worker.Config) { c.ReconcileInterval = 200 * time.Millisecond }
	s.StartWorker(t)

	handle := s.Temporal.ScheduleClient().GetHandle(ctx, workflows.SaltSchedule)
	restored := func() (now *client.ScheduleDescription) {
		require.EventuallyWithT(t, func(collect *assert.CollectT) {
			var err error
			now, err = handle.Describe(context.Background())
			require.NoError(collect, err)
		}, 30*time.Second, 100*time.Millisecond)
		return now
	}
	now := restored()
	require.Equal(t, "0 0 * * *", now.Schedule.Spec.Calendars[0].Comment)
	require.Len(t, now.Info.NextActionTimes, 10)
	require.Equal(t, "00:00:00", now.Info.NextActionTimes[0].UTC().Format(time.TimeOnly))
	require.NoError(t, handle.Delete(ctx))
	restored()

	require.EventuallyWithT(t, func(collect *assert.CollectT) {
		require.NoError(collect, handle.Trigger(context.Background(), client.ScheduleTriggerOptions{}))
	}, 30*time.Second, 200*time.Millisecond)
	var run *client.ScheduleWorkflowExecution
	require.EventuallyWithT(t, func(collect *assert.CollectT) {
		now, err := handle.Describe(context.Background())
		require.NoError(collect, err)
		require.NotEmpty(collect, now.Info.RecentActions)
		run = now.Info.RecentActions[0].StartWorkflowResult
		require.NotNil(collect, run)
	}, 30*time.Second, 100*time.Millisecond)
	var done ingestacts.Rotation
	require.NoError(t, s.Temporal.GetWorkflow(ctx, run.WorkflowID, "").Get(ctx, &done))
	require.Zero(t, done.Deleted)
	secrets, err := ingeststore.New(s.Store.Store).Secrets(ctx)
	require.NoError(t, err)
	require.Len(t, secrets, 2)
	require.Contains(t, secrets, "salt-"+done.Today.String())
	require.Contains(t, secrets, "salt-"+(done.Today+1).String())
}
