package delivery_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/config"
	dlog "github.com/sluicehq/sluice/destinations/log"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	"github.com/sluicehq/sluice/store"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	"github.com/sluicehq/sluice/workflows"
)

// keep are settings under which events are kept for a time.
func keep(events time.Duration, cron string) config.Retention {
	r := config.Default().Retention
	r.Events, r.Cron = events, cron
	return r
}

func describe(t *testing.T, s *enginetest.System) *client.ScheduleDescription {
	t.Helper()
	now, err := s.Temporal.ScheduleClient().GetHandle(enginetest.Context(t), workflows.RetentionSchedule).
		Describe(enginetest.Context(t))
	require.NoError(t, err)
	return now
}

func cronOf(d *client.ScheduleDescription) string { return d.Schedule.Spec.Calendars[0].Comment }

// The schedule follows the settings, and otherwise stays as people have left it.
func TestApplyRetention(t *testing.T) {
	t.Parallel()
	_, s := setup(t, dlog.New())
	ctx := enginetest.Context(t)
	require.NoError(t, deliveryclient.ApplyRetention(ctx, s.Temporal, keep(0, "@daily")), "there is nothing to delete")
	for range 2 {
		require.NoError(t, deliveryclient.ApplyRetention(ctx, s.Temporal, keep(720*time.Hour, "0 3 * * *")))
	}
	first := describe(t, s)
	require.Equal(t, "0 3 * * *", cronOf(first))
	require.Equal(t, time.Hour, first.Schedule.Spec.Jitter)
	require.Equal(t, enums.SCHEDULE_OVERLAP_POLICY_SKIP, first.Schedule.Policy.Overlap)
	require.Zero(t, first.Info.LastUpdateAt.Unix(), "the second time there was nothing to do")

	handle := s.Temporal.ScheduleClient().GetHandle(ctx, workflows.RetentionSchedule)
	require.NoError(t, handle.Pause(ctx, client.SchedulePauseOptions{Note: "by ann"}))
	require.NoError(t, deliveryclient.ApplyRetention(ctx, s.Temporal, keep(48*time.Hour, "@hourly")))
	changed := describe(t, s)
	require.Equal(t, "@hourly", cronOf(changed))
	require.NotZero(t, changed.Info.LastUpdateAt.Unix())
	require.Len(t, changed.Schedule.Spec.Calendars, 1, "the times before are gone")
	require.True(t, changed.Schedule.State.Paused)
	require.Equal(t, "by ann", changed.Schedule.State.Note)

	_, more, err := s.Starter.Schedules(ctx, starter.ScheduleFilter{}, 10)
	require.NoError(t, err, "it is not taken for a schedule of imports")
	require.False(t, more)
	require.NoError(t, deliveryclient.ApplyRetention(ctx, s.Temporal, keep(0, "@daily")))
	require.EventuallyWithT(t, func(collect *assert.CollectT) {
		_, err := handle.Describe(context.Background())
		var gone *serviceerror.NotFound
		require.ErrorAs(collect, err, &gone)
	}, time.Minute, 100*time.Millisecond)
}

// A lost schedule is made again. One that exists stays as it is, whatever the settings say.
func TestRestoreRetention(t *testing.T) {
	t.Parallel()
	ctx := enginetest.Context(t)
	c, err := client.DialContext(ctx, enginetest.Namespace(t))
	require.NoError(t, err)
	t.Cleanup(c.Close)
	handle := c.ScheduleClient().GetHandle(ctx, workflows.RetentionSchedule)
	require.NoError(t, deliveryclient.RestoreRetention(ctx, c, keep(0, "@daily")))
	_, err = handle.Describe(ctx)
	var missing *serviceerror.NotFound
	require.ErrorAs(t, err, &missing, "events are kept forever")
	require.NoError(t, deliveryclient.RestoreRetention(ctx, c, keep(48*time.Hour, "@hourly")))
	require.NoError(t, deliveryclient.RestoreRetention(ctx, c, keep(24*time.Hour, "@daily")))
	now, err := handle.Describe(ctx)
	require.NoError(t, err)
	require.Equal(t, "@hourly", cronOf(now))

	// The settings replace an action that another program has set.
	require.NoError(t, handle.Update(ctx, client.ScheduleUpdateOptions{
		DoUpdate: func(in client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
			changed := in.Description.Schedule
			changed.Action = &client.ScheduleWorkflowAction{ID: "x", Workflow: "Other", TaskQueue: workflows.QueueMain}
			return &client.ScheduleUpdate{Schedule: &changed}, nil
		},
	}))
	require.NoError(t, deliveryclient.ApplyRetention(ctx, c, keep(48*time.Hour, "@hourly")))
	now, err = handle.Describe(ctx)
	require.NoError(t, err)
	start, ok := now.Schedule.Action.(*client.ScheduleWorkflowAction)
	require.True(t, ok)
	require.Equal(t, workflows.TypeRetention, start.Workflow)
}

// A worker makes the schedule, and carries out what it starts.
func TestRetentionRuns(t *testing.T) {
	t.Parallel()
	_, s := setup(t, dlog.New())
	ctx := enginetest.Context(t)
	add := func(age time.Duration) string {
		added, err := s.Store.Deliveries.AddEvent(ctx, deliverystore.NewEvent{Source: "shop", Data: json.RawMessage(`{}`)})
		require.NoError(t, err)
		moveBack(ctx, t, s, added.Event.ID, age)
		return added.Event.ID
	}
	old, young := add(3*time.Hour), add(time.Hour)
	s.Settings.Retention = keep(2*time.Hour, "0 0 1 1 *")
	s.StartWorker(t)
	handle := s.Temporal.ScheduleClient().GetHandle(ctx, workflows.RetentionSchedule)
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
	var end deliveryacts.PurgeProgress
	require.NoError(t, s.Temporal.GetWorkflow(ctx, run.WorkflowID, "").Get(ctx, &end))
	require.EqualValues(t, 1, end.Events)
	require.True(t, end.Done)
	_, err := s.Store.Deliveries.Event(ctx, old)
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = s.Store.Deliveries.Event(ctx, young)
	require.NoError(t, err)
}
