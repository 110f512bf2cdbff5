package starter_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/starter"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/importing"
)

// Temporal's schedule is made what the store says, whatever has become of it.
func testSyncSchedule(t *testing.T, s *enginetest.System) {
	t.Helper()
	ctx := enginetest.Context(t)
	created := create(t, s, newSchedule("synced", `{"rows": 3}`))
	handle := s.Temporal.ScheduleClient().GetHandle(ctx, workflows.ScheduleID("synced"))
	sync := func(want string) {
		t.Helper()
		done, err := s.Starter.SyncSchedule(ctx, "synced")
		require.NoError(t, err)
		require.Equal(t, want, done)
	}
	sync("")
	require.NoError(t, handle.Pause(ctx, client.SchedulePauseOptions{Note: "by hand"}))
	sync("changed")
	require.NoError(t, handle.Delete(ctx))
	now, err := s.Starter.Schedule(ctx, "synced")
	require.NoError(t, err, "the store has it")
	require.Equal(t, []any{created.Request, created.Timing, false}, []any{now.Request, now.Timing, now.Paused})
	require.Empty(t, now.Next)
	sync("created")
	now, err = s.Starter.Schedule(ctx, "synced")
	require.NoError(t, err)
	require.Equal(t, created, now)
	_, err = enginetest.ConnectStore(t, s.Settings.Store.DSN).Exec(ctx, "UPDATE schedules SET deleted_at = now() WHERE name = 'synced'")
	require.NoError(t, err)
	sync("deleted")
	sync("")
	done, err := s.Starter.SyncSchedule(ctx, "unknown")
	require.NoError(t, err)
	require.Empty(t, done)
}

// A schedule that the store has lost is adopted from Temporal, once, by the first operation that names it.
func testAdoptSchedule(t *testing.T, s *enginetest.System) {
	t.Helper()
	ctx := enginetest.Context(t)
	n := newSchedule("lost", `{"rows": 3}`)
	n.Note, n.Paused = "the shop's history", true
	created := create(t, s, n)
	create(t, s, newSchedule("kept", `{}`))
	sql := enginetest.ConnectStore(t, s.Settings.Store.DSN)
	lose := func() {
		t.Helper()
		_, err := sql.Exec(ctx, "DELETE FROM schedules WHERE name = 'lost'")
		require.NoError(t, err)
	}
	lose()
	polltest.Until(t, func(c *polltest.Check) {
		unknown, err := s.Starter.UnknownSchedules(ctx)
		require.NoError(c, err)
		require.Contains(c, unknown, "lost")
		require.NotContains(c, unknown, "kept")
	}, 30*time.Second, 50*time.Millisecond)
	now, err := s.Starter.Schedule(ctx, "lost")
	require.NoError(t, err)
	require.Equal(t, created.Request, now.Request)
	for _, want := range []bool{true, false} {
		adopted, err := s.Starter.AdoptSchedule(ctx, "lost")
		require.NoError(t, err)
		require.Equal(t, want, adopted)
	}
	stored, err := s.Starter.StoredSchedule(ctx, "lost")
	require.NoError(t, err)
	require.Equal(t, []any{created.Request, created.Timing, true, "the shop's history"},
		[]any{stored.Request, stored.Timing, stored.Paused, stored.Note})

	lose()
	require.NoError(t, s.Starter.ResumeSchedule(ctx, "lost", starter.By{Who: "ann"}), "a command adopts it")
	now, err = s.Starter.Schedule(ctx, "lost")
	require.NoError(t, err)
	require.False(t, now.Paused)
	lose()
	_, err = s.Starter.CreateSchedule(ctx, n)
	require.ErrorIs(t, err, store.ErrTaken)
	_, err = s.Starter.AdoptSchedule(ctx, "unknown")
	require.ErrorIs(t, err, store.ErrNotFound)
	lose()
	_, err = refusing(t, s, "DescribeSchedule", serviceerror.NewPermissionDenied("away", "")).AdoptSchedule(ctx, "lost")
	require.EqualError(t, err, "schedule lost: describe it: away")

	// All that are lost are adopted; those of other programs are no error.
	makeForeign(t, s, "foreign", workflows.TypeScheduledImport, "hello")
	awaitListed(t, s, "lost", "foreign")
	adopted, err := s.Starter.AdoptSchedules(ctx)
	require.NoError(t, err)
	require.Contains(t, adopted, "lost")
	require.NotContains(t, adopted, "foreign")
}

// A schedule that others have made under one of the names is shown as what it is, and is neither adopted nor reported.
func testForeignSchedule(t *testing.T, s *enginetest.System) {
	t.Helper()
	ctx := enginetest.Context(t)
	const foreign = ": it was not made by sluice: it starts something else"
	makeForeign(t, s, "none", workflows.TypeScheduledImport)
	makeForeign(t, s, "text", workflows.TypeScheduledImport, "hello")
	makeForeign(t, s, "copied", workflows.TypeScheduledImport, importing.ScheduledInput{Schedule: "source"})
	makeForeign(t, s, "other", "Other", importing.ScheduledInput{Schedule: "other"})
	for name, want := range map[string]string{
		"none": "schedule none" + foreign, "text": "schedule text" + foreign + ": read its input: ",
		"copied": "schedule copied" + foreign, "other": "schedule other" + foreign,
	} {
		_, err := s.Starter.Schedule(ctx, name)
		require.ErrorContains(t, err, want)
		_, err = s.Starter.AdoptSchedule(ctx, name)
		require.ErrorContains(t, err, want)
	}
	awaitListed(t, s, "none", "text", "copied", "other")
	unknown, err := s.Starter.UnknownSchedules(ctx)
	require.NoError(t, err)
	require.NotContains(t, unknown, "other")
	all, _, err := s.Starter.Schedules(ctx, starter.ScheduleFilter{}, 1000)
	require.NoError(t, err, "it does not hide the others")
	for _, one := range all {
		require.NotContains(t, []string{"none", "text", "copied", "other"}, one.Name)
	}
	// One that Temporal has under the name of a schedule of the store is replaced.
	create(t, s, newSchedule("mine", `{"rows": 3}`))
	require.NoError(t, s.Temporal.ScheduleClient().GetHandle(ctx, workflows.ScheduleID("mine")).Delete(ctx))
	makeForeign(t, s, "mine", "Other")
	done, err := s.Starter.SyncSchedule(ctx, "mine")
	require.NoError(t, err)
	require.Equal(t, "changed", done)
	now, err := s.Starter.Schedule(ctx, "mine")
	require.NoError(t, err)
	require.Equal(t, []any{never, false}, []any{now.Timing, now.Paused})
}

// makeForeign makes a schedule of another program under a name of sluice's.
func makeForeign(t *testing.T, s *enginetest.System, name, workflow string, args ...any) {
	t.Helper()
	_, err := s.Temporal.ScheduleClient().Create(enginetest.Context(t), client.ScheduleOptions{
		ID: workflows.ScheduleID(name), Paused: true, Spec: client.ScheduleSpec{Intervals: []client.ScheduleIntervalSpec{{Every: time.Hour}}},
		Action: &client.ScheduleWorkflowAction{ID: "w", Workflow: workflow, TaskQueue: "other", Args: args},
	})
	require.NoError(t, err)
}

// awaitListed waits until Temporal's listing, which is a little behind, has schedules.
func awaitListed(t *testing.T, s *enginetest.System, names ...string) {
	t.Helper()
	ctx := enginetest.Context(t)
	polltest.Until(t, func(c *polltest.Check) {
		entries, err := s.Temporal.ScheduleClient().List(ctx, client.ScheduleListOptions{PageSize: 1000})
		require.NoError(c, err)
		var listed []string
		for entries.HasNext() {
			entry, err := entries.Next()
			require.NoError(c, err)
			listed = append(listed, entry.ID)
		}
		for _, name := range names {
			require.Contains(c, listed, workflows.ScheduleID(name))
		}
	}, 30*time.Second, 50*time.Millisecond)
}

// What the server cannot list or describe is an error, not an empty list.
func testSchedulesWithoutTemporal(t *testing.T, s *enginetest.System) {
	t.Helper()
	ctx := enginetest.Context(t)
	create(t, s, newSchedule("unseen", `{}`))
	denied := serviceerror.NewPermissionDenied("away", "")
	for method, calls := range map[string]map[string]func(s *starter.Starter) error{
		"ListSchedules": {
			"list schedules: away": func(s *starter.Starter) error { _, _, err := s.Schedules(ctx, starter.ScheduleFilter{}, 1); return err },
			"schedules: away":      func(s *starter.Starter) error { _, err := s.UnknownSchedules(ctx); return err },
		},
		"DescribeSchedule": {
			"describe schedule unseen: away": func(s *starter.Starter) error { _, err := s.Schedule(ctx, "unseen"); return err },
			"trigger schedule unseen: apply schedule unseen in Temporal: describe it: away": func(s *starter.Starter) error {
				return s.TriggerSchedule(ctx, "unseen", "")
			},
		},
		"PatchSchedule": {
			"trigger schedule unseen: away": func(s *starter.Starter) error { return s.TriggerSchedule(ctx, "unseen", starter.OverlapAllow) },
		},
		"ListScheduleMatchingTimes": {
			"list the times of schedule unseen: away": func(s *starter.Starter) error {
				_, err := s.BackfillTimes(ctx, "unseen", time.Now().Add(-time.Hour), time.Now().Add(-time.Minute))
				return err
			},
		},
	} {
		for want, call := range calls {
			require.ErrorContains(t, call(refusing(t, s, method, denied)), want, method)
		}
	}
	// A list that lags behind has what has been deleted meanwhile; what others have made is not in it.
	listed := func() (names []string) {
		t.Helper()
		list, more, err := s.Starter.Schedules(ctx, starter.ScheduleFilter{}, 1000)
		require.NoError(t, err)
		require.False(t, more)
		for _, one := range list {
			names = append(names, one.Name)
		}
		return names
	}
	require.Contains(t, listed(), "unseen")
	require.NoError(t, s.Starter.DeleteSchedule(ctx, "unseen"))
	require.NotContains(t, listed(), "unseen")
}
