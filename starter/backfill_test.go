package starter_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/starter"
	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
)

func mustTime(t *testing.T, text string) time.Time {
	t.Helper()
	at, err := time.Parse(time.RFC3339, text)
	require.NoError(t, err)
	return at
}

// Times that have passed are run one after the other; those that are done already are not
// done again, those that have failed are.
func TestBackfillSchedule(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.StartWorker(t)
	ctx := enginetest.Context(t)
	n := newSchedule("daily", `{"rows": 3, "fail": "plan", "permanent": true, "fail_times": 1}`)
	n.Timing = starter.Timing{Cron: "0 3 * * *", TimeZone: "Europe/Berlin"}
	n.Paused, n.PauseAfterFailures = true, 0
	create(t, s, n)
	from, to := mustTime(t, "2026-01-01T02:00:00Z"), mustTime(t, "2026-01-03T02:00:00Z")
	times, err := s.Starter.BackfillSchedule(ctx, "daily", from, to, "")
	require.NoError(t, err)
	require.Len(t, times, 3, "both ends are included")
	require.Equal(t, "2026-01-01 03:00 CET", times[0].Format("2006-01-02 15:04 MST"))
	over := func(runs int) func(starter.Schedule) bool {
		return func(now starter.Schedule) bool {
			if len(now.Runs) != runs {
				return false
			}
			for _, r := range now.Runs {
				if r.Status == starter.RunRunning {
					return false
				}
			}
			return true
		}
	}
	now := awaitSchedule(t, s, "daily", over(3))
	for _, r := range now.Runs {
		// Each import's own first call to plan fails.
		require.Equal(t, starter.RunFailed, r.Status)
	}
	for i := range 3 {
		require.True(t, now.Runs[2-i].At.Equal(times[i]))
		imp, err := s.Store.Imports.Import(ctx, now.Runs[2-i].ImportID)
		require.NoError(t, err)
		require.Equal(t, "schedule/daily/"+times[i].UTC().Format(time.RFC3339), *imp.IdempotencyKey)
	}
	failed := now.Runs[0].ImportID
	polltest.Eventually(t, func() bool { return idle(t, s, "daily") }, 30*time.Second, 50*time.Millisecond)

	// The last of them once more: an import of its own.
	_, err = s.Starter.BackfillSchedule(ctx, "daily", to.Add(-time.Minute), to, starter.OverlapBufferAll)
	require.NoError(t, err)
	now = awaitSchedule(t, s, "daily", over(4))
	require.Greater(t, now.Runs[0].ImportID, failed)
}

// A run also waits for an import whose workflow another process has started, and
// cancelled with its run.
func TestScheduledImportThatRunsAlready(t *testing.T) {
	t.Parallel()
	s := setupSlow(t)
	ctx := enginetest.Context(t)
	at := mustTime(t, "2026-01-01T02:00:00Z")
	early := request(slowArgs)
	early.IdempotencyKey = "schedule/early/2026-01-01T02:00:00Z"
	imp := s.Start(t, early)
	s.WaitLoading(t, imp.ID)
	n := newSchedule("early", slowArgs)
	n.Timing = starter.Timing{Cron: "0 3 * * *", TimeZone: "Europe/Berlin"}
	create(t, s, n)
	_, err := s.Starter.BackfillSchedule(ctx, "early", at.Add(-time.Minute), at.Add(time.Minute), "")
	require.NoError(t, err)
	run := awaitSchedule(t, s, "early", func(now starter.Schedule) bool { return len(now.Runs) == 1 }).Runs[0]
	require.Equal(t, starter.RunRunning, run.Status)
	require.NoError(t, s.Temporal.CancelWorkflow(ctx, run.WorkflowID, run.RunID))
	require.Equal(t, importstore.StatusCancelled, s.Wait(t, imp.ID).Import.Status)
	awaitSchedule(t, s, "early", func(now starter.Schedule) bool { return now.Runs[0].Status == starter.RunCancelled })

	// Once more, for a time that has its rows already: there is nothing left to do.
	done := request(`{"rows": 3}`)
	done.IdempotencyKey = "schedule/early/2026-01-02T02:00:00Z"
	imp = s.Start(t, done)
	require.Equal(t, importstore.StatusCompleted, s.Wait(t, imp.ID).Import.Status)
	at = at.AddDate(0, 0, 1)
	_, err = s.Starter.BackfillSchedule(ctx, "early", at.Add(-time.Minute), at.Add(time.Minute), "")
	require.NoError(t, err)
	now := awaitSchedule(t, s, "early", func(now starter.Schedule) bool {
		return len(now.Runs) == 2 && now.Runs[0].Status != starter.RunRunning
	})
	require.Equal(t, []any{starter.RunCompleted, imp.ID}, []any{now.Runs[0].Status, now.Runs[0].ImportID})
}

func TestBackfillRefuses(t *testing.T) {
	t.Parallel()
	s := setup(t)
	n := newSchedule("often", `{}`)
	n.Timing = starter.Timing{Every: time.Minute}
	create(t, s, n)
	create(t, s, newSchedule("seldom", `{}`))
	ctx := enginetest.Context(t)
	day := mustTime(t, "2026-01-02T00:00:00Z")
	times, err := s.Starter.BackfillTimes(ctx, "often", day, day.Add(999*time.Minute))
	require.NoError(t, err)
	require.Len(t, times, starter.MaxBackfill)
	for name, tc := range map[string]struct {
		schedule string
		from, to time.Time
		overlap  string
		want     string
	}{
		"too many": {"often", day, day.Add(1000 * time.Minute), "", "more than 1000 runs from 2026-01-02T00:00:00Z to"},
		"none":     {"seldom", day, day.Add(time.Hour), "", "schedule seldom has no time in between: there is nothing to run"},
		"order":    {"often", day, day, "", "want the earlier time first"},
		"future":   {"often", day, time.Now().Add(time.Hour), "", "a backfill is for times that have passed"},
		"overlap":  {"often", day, day.Add(time.Hour), "hope", `overlap "hope": want one of`},
		"unknown":  {"unknown", day, day.Add(time.Hour), "", "schedule unknown: not found"},
	} {
		_, err := s.Starter.BackfillSchedule(ctx, tc.schedule, tc.from, tc.to, tc.overlap)
		require.ErrorContains(t, err, tc.want, name)
	}
	_, err = s.Starter.BackfillTimes(ctx, "often", day, day.AddDate(0, 1, 0))
	require.ErrorIs(t, err, store.ErrLimit)
}

// Where the clocks change: what docs/schedules.md says of it is what the server does.
func TestDaylightSaving(t *testing.T) {
	t.Parallel()
	s := setup(t)
	n := newSchedule("dst", `{}`)
	n.Timing = starter.Timing{Cron: "30 2 * * *", TimeZone: "Europe/Berlin"}
	create(t, s, n)
	for name, tc := range map[string]struct {
		from, to string
		want     []string
	}{
		"jumped over": {"2026-03-28T00:00:00Z", "2026-03-31T00:00:00Z", []string{"2026-03-28T02:30:00+01:00", "2026-03-30T02:30:00+02:00"}},
		"comes twice": {
			"2026-10-24T00:00:00Z", "2026-10-26T12:00:00Z",
			[]string{"2026-10-24T02:30:00+02:00", "2026-10-25T02:30:00+01:00", "2026-10-26T02:30:00+01:00"},
		},
	} {
		times, err := s.Starter.BackfillTimes(enginetest.Context(t), "dst", mustTime(t, tc.from), mustTime(t, tc.to))
		require.NoError(t, err)
		got := []string{}
		for _, at := range times {
			got = append(got, at.Format(time.RFC3339))
		}
		require.Equal(t, tc.want, got, name)
	}
}
