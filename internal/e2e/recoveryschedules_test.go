package e2e

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/starter"
	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
)

// nightly is a schedule that only runs when it is triggered: once a year.
func nightly(name string, paused bool) starter.NewSchedule {
	return starter.NewSchedule{
		Name: name, Paused: paused, Overlap: starter.OverlapBufferOne, Catchup: 2 * time.Hour, PauseAfterFailures: 3,
		Timing:  starter.Timing{Cron: "0 0 1 1 *", TimeZone: "Europe/Berlin", Jitter: 1500 * time.Millisecond},
		Request: starter.Request{Site: site, Source: "noop", Args: json.RawMessage(`{"rows": 7, "fail": ""}`), By: "ann"},
		Note:    "the shop's <history>",
	}
}

func (s *system) temporalSchedule(ctx context.Context, id string) (*client.ScheduleDescription, error) {
	return s.Temporal.ScheduleClient().GetHandle(ctx, id).Describe(ctx)
}

// awaitTemporal waits until Temporal has a schedule of that ID, or has none.
func (s *system) awaitTemporal(id string, there bool) {
	s.t.Helper()
	ctx := enginetest.Context(s.t)
	require.Eventually(s.t, func() bool {
		_, err := s.temporalSchedule(ctx, id)
		return there == (err == nil)
	}, time.Minute, 100*time.Millisecond, id)
}

// runOnce triggers a schedule and waits for the import of that run.
func (s *system) runOnce(name string) {
	s.t.Helper()
	ctx := enginetest.Context(s.t)
	require.NoError(s.t, s.Starter.TriggerSchedule(ctx, name, ""))
	var run starter.Run
	polltest.Eventually(s.t, func() bool {
		now, err := s.Starter.Schedule(ctx, name)
		require.NoError(s.t, err)
		if len(now.Runs) > 0 {
			run = now.Runs[0]
		}
		return run.Status != "" && run.Status != starter.RunRunning
	}, time.Minute, 100*time.Millisecond)
	require.Equal(s.t, starter.RunCompleted, run.Status, run.Reason)
	last, err := s.Store.Imports.Summary(ctx, run.ImportID)
	require.NoError(s.t, err)
	require.EqualValues(s.t, 7, last.RowsLoaded)
}

// Temporal has lost its database: workers make the schedules again, as they were.
func TestTemporalLostWithSchedules(t *testing.T) {
	t.Parallel()
	s, _ := recovering(t)
	s.Settings.Retention.Events = 1000 * time.Hour
	ctx := enginetest.Context(t)
	before := map[string]starter.Schedule{}
	paused := nightly("paused", false)
	paused.Request.Args = json.RawMessage(`{"rows": 7, "start_date": "2022-01-01", "end_date": "2022-01-10"}`)
	for _, n := range []starter.NewSchedule{nightly("runs", false), paused, nightly("removed", false)} {
		_, err := s.Starter.CreateSchedule(ctx, n)
		require.NoError(t, err)
	}
	require.NoError(t, s.Starter.PauseSchedule(ctx, "paused", ann))
	require.NoError(t, s.Starter.DeleteSchedule(ctx, "removed"))
	for _, name := range []string{"runs", "paused"} {
		now, err := s.Starter.Schedule(ctx, name)
		require.NoError(t, err)
		require.Len(t, now.Next, 5)
		before[name] = now
	}
	s.LoseTemporal(t)
	known, _, err := s.Starter.Schedules(ctx, starter.ScheduleFilter{}, 10)
	require.NoError(t, err)
	require.Len(t, known, 2, "the store knows them meanwhile")
	require.Equal(t, []any{"paused", true, before["paused"].Note}, []any{known[0].Name, known[0].Paused, known[0].Note})

	s.StartWorker(t)
	for name, was := range before {
		s.awaitTemporal(workflows.ScheduleID(name), true)
		now, err := s.Starter.Schedule(ctx, name)
		require.NoError(t, err)
		require.Len(t, now.Next, 5)
		was.Next, now.Next = nil, nil
		require.True(t, was.CreatedAt.Equal(now.CreatedAt), "%s and %s", was.CreatedAt, now.CreatedAt)
		was.CreatedAt = now.CreatedAt
		require.Equal(t, was, now)
	}
	s.awaitTemporal(workflows.RetentionSchedule, true)
	_, err = s.temporalSchedule(ctx, workflows.ScheduleID("removed"))
	require.Error(t, err)
	s.runOnce("runs")
	s.runOnce("paused")

	// Nothing changes what is as it should be.
	done, err := s.Starter.SyncSchedule(ctx, "runs")
	require.NoError(t, err)
	require.Empty(t, done)
}

// Schedules are lost under a worker that runs, the one of retention, too.
func TestSchedulesLostUnderWorker(t *testing.T) {
	t.Parallel()
	s, _ := recovering(t)
	s.Settings.Retention.Events = 1000 * time.Hour
	ctx := enginetest.Context(t)
	_, err := s.Starter.CreateSchedule(ctx, nightly("runs", true))
	require.NoError(t, err)
	s.StartWorker(t)
	for _, id := range []string{workflows.ScheduleID("runs"), workflows.RetentionSchedule} {
		s.awaitTemporal(id, true)
		was, err := s.temporalSchedule(ctx, id)
		require.NoError(t, err)
		require.NoError(t, s.Temporal.ScheduleClient().GetHandle(ctx, id).Delete(ctx))
		require.Eventually(t, func() bool {
			now, err := s.temporalSchedule(ctx, id)
			return err == nil && now.Info.CreatedAt.After(was.Info.CreatedAt)
		}, time.Minute, 100*time.Millisecond, id)
	}
}

// A command without a worker makes a lost schedule again before it runs it.
func TestTriggerOfLostSchedule(t *testing.T) {
	t.Parallel()
	s, _ := recovering(t)
	ctx := enginetest.Context(t)
	_, err := s.Starter.CreateSchedule(ctx, nightly("runs", true))
	require.NoError(t, err)
	s.LoseTemporal(t)
	require.NoError(t, s.Starter.TriggerSchedule(ctx, "runs", ""))
	now, err := s.temporalSchedule(ctx, workflows.ScheduleID("runs"))
	require.NoError(t, err)
	require.True(t, now.Schedule.State.Paused)
}

// What is changed while Temporal cannot be reached is applied once it can.
func TestSchedulesChangedWithoutTemporal(t *testing.T) {
	t.Parallel()
	s, _ := recovering(t)
	ctx := enginetest.Context(t)
	for _, name := range []string{"removed", "paused", "resumed", "again"} {
		_, err := s.Starter.CreateSchedule(ctx, nightly(name, name == "resumed"))
		require.NoError(t, err)
	}
	away, err := client.NewLazyClient(client.Options{HostPort: "127.0.0.1:1"})
	require.NoError(t, err)
	t.Cleanup(away.Close)
	without := *s.Starter
	without.Temporal = away
	short, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	fails := func(err error, what string) {
		t.Helper()
		require.ErrorContains(t, err, what+": the store has recorded it, and workers retry until Temporal has it, too")
	}
	brief := func(fn func(context.Context) error) error {
		ctx, cancel := context.WithTimeout(short, time.Second)
		defer cancel()
		return fn(ctx)
	}
	for _, name := range []string{"removed", "again"} {
		fails(brief(func(ctx context.Context) error { return without.DeleteSchedule(ctx, name) }), "delete schedule "+name)
		_, err = s.Starter.Schedule(ctx, name)
		require.ErrorIs(t, err, store.ErrNotFound)
		s.awaitTemporal(workflows.ScheduleID(name), true)
	}
	fails(brief(func(ctx context.Context) error { return without.PauseSchedule(ctx, "paused", ann) }), "pause schedule paused")
	fails(brief(func(ctx context.Context) error { return without.ResumeSchedule(ctx, "resumed", bob) }), "resume schedule resumed")
	_, err = s.Starter.CreateSchedule(ctx, nightly("again", true))
	require.NoError(t, err, "the old one is deleted first")

	s.StartWorker(t)
	s.awaitTemporal(workflows.ScheduleID("removed"), false)
	require.Eventually(t, func() bool {
		_, err := s.Store.Imports.Schedule(ctx, "removed")
		paused, err1 := s.temporalSchedule(ctx, workflows.ScheduleID("paused"))
		resumed, err2 := s.temporalSchedule(ctx, workflows.ScheduleID("resumed"))
		return err != nil && err1 == nil && err2 == nil && paused.Schedule.State.Paused && !resumed.Schedule.State.Paused
	}, time.Minute, 100*time.Millisecond)
	s.awaitTemporal(workflows.ScheduleID("again"), true)
}

// A schedule that only Temporal has, of an earlier version, is added to the store and kept.
func TestScheduleIsAdopted(t *testing.T) {
	t.Parallel()
	s, _ := recovering(t)
	ctx := enginetest.Context(t)
	_, err := s.Starter.CreateSchedule(ctx, nightly("old", true))
	require.NoError(t, err)
	gone := func(importstore.Schedule) error { return nil }
	was, err := s.Store.Imports.Schedule(ctx, "old")
	require.NoError(t, err)
	require.NoError(t, s.Store.Imports.MarkScheduleDeleted(ctx, "old"))
	require.NoError(t, s.Store.Imports.SyncSchedule(ctx, "old", gone))
	_, err = s.Starter.CreateSchedule(ctx, nightly("seen", false))
	require.NoError(t, err)
	require.NoError(t, s.Store.Imports.MarkScheduleDeleted(ctx, "seen"))
	require.NoError(t, s.Store.Imports.SyncSchedule(ctx, "seen", gone))
	_, err = s.Starter.CreateSchedule(ctx, nightly("seen", false))
	require.ErrorIs(t, err, store.ErrTaken)
	require.NoError(t, s.Starter.PauseSchedule(ctx, "seen", ann))

	s.StartWorker(t)
	require.Eventually(t, func() bool {
		_, err := s.Store.Imports.Schedule(ctx, "old")
		return err == nil
	}, time.Minute, 100*time.Millisecond)
	now, err := s.Store.Imports.Schedule(ctx, "old")
	require.NoError(t, err)
	require.Equal(t, string(was.Definition), string(now.Definition))
	require.Equal(t, []any{true, was.Note}, []any{now.Paused, now.Note})
	done, err := s.Starter.SyncSchedule(ctx, "old")
	require.NoError(t, err)
	require.Empty(t, done)
	s.awaitTemporal(workflows.ScheduleID("old"), true)
}

// What was changed in Temporal alone becomes again what the store says; what is the same is
// not touched.
func TestScheduleChangedInTemporal(t *testing.T) {
	t.Parallel()
	s, _ := recovering(t)
	ctx := enginetest.Context(t)
	for _, timing := range []starter.Timing{{Cron: "@daily"}, {Every: time.Hour}, {Cron: " */15 1-5 * * mon-fri ", TimeZone: "Europe/Berlin"}} {
		n := nightly("changed", false)
		n.Timing, n.Note = timing, ""
		was, err := s.Starter.CreateSchedule(ctx, n)
		require.NoError(t, err)
		done, err := s.Starter.SyncSchedule(ctx, "changed")
		require.NoError(t, err)
		require.Empty(t, done, "%+v", timing)
		err = s.Temporal.ScheduleClient().GetHandle(ctx, workflows.ScheduleID("changed")).Update(ctx, client.ScheduleUpdateOptions{
			DoUpdate: func(now client.ScheduleUpdateInput) (*client.ScheduleUpdate, error) {
				changed := now.Description.Schedule
				changed.Spec = &client.ScheduleSpec{CronExpressions: []string{"1 2 3 4 *"}}
				changed.State.Paused, changed.State.Note = true, "by hand"
				changed.Policy.CatchupWindow = time.Minute
				return &client.ScheduleUpdate{Schedule: &changed}, nil
			},
		})
		require.NoError(t, err)
		done, err = s.Starter.SyncSchedule(ctx, "changed")
		require.NoError(t, err)
		require.Equal(t, "changed", done)
		now, err := s.Starter.Schedule(ctx, "changed")
		require.NoError(t, err)
		require.NotEmpty(t, now.Next)
		was.Next, now.Next = nil, nil
		require.Equal(t, was, now)
		done, err = s.Starter.SyncSchedule(ctx, "changed")
		require.NoError(t, err)
		require.Empty(t, done)
		require.NoError(t, s.Starter.DeleteSchedule(ctx, "changed"))
	}
}
