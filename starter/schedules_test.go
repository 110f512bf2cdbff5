package starter_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	importacts "github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
)

// never is when a schedule runs that is only triggered in a test: once a year.
var never = starter.Timing{Cron: "0 0 1 1 *", TimeZone: "Europe/Berlin"}

// slowArgs are those of an import that runs until it is cancelled, in the system of
// setupSlow.
const slowArgs = `{"rows": 1000000, "delay": "50ms"}`

// setupSlow returns a system with a worker that loads in many small chunks.
func setupSlow(t *testing.T) *enginetest.System {
	t.Helper()
	s := setup(t)
	s.Settings.Import.ChunkRows = 50
	s.Starter.Defaults = s.Settings.Import
	s.StartWorker(t)
	return s
}

func newSchedule(name, args string) starter.NewSchedule {
	return starter.NewSchedule{
		Name: name, Timing: never, PauseAfterFailures: 3,
		Request: starter.Request{Site: site, Source: "noop", Args: json.RawMessage(args), By: "ann"},
	}
}

func create(t *testing.T, s *enginetest.System, n starter.NewSchedule) starter.Schedule {
	t.Helper()
	created, err := s.Starter.CreateSchedule(enginetest.Context(t), n)
	require.NoError(t, err)
	return created
}

// awaitSchedule waits until a schedule is as the condition wants it.
func awaitSchedule(t *testing.T, s *enginetest.System, name string, is func(starter.Schedule) bool) starter.Schedule {
	t.Helper()
	var now starter.Schedule
	require.EventuallyWithT(t, func(collect *assert.CollectT) {
		var err error
		now, err = s.Starter.Schedule(context.Background(), name)
		require.NoError(collect, err)
		require.True(collect, is(now), "%+v", now)
	}, time.Minute, 100*time.Millisecond)
	return now
}

// trigger runs a schedule and waits for the end of that run.
func trigger(t *testing.T, s *enginetest.System, name string) starter.Run {
	t.Helper()
	before := awaitSchedule(t, s, name, func(now starter.Schedule) bool {
		// Two runs for the same second would be for the same time, and share an import.
		return idle(t, s, name) && (len(now.Runs) == 0 || time.Since(now.Runs[0].At) > time.Second)
	}).Started
	require.NoError(t, s.Starter.TriggerSchedule(enginetest.Context(t), name, ""))
	return awaitSchedule(t, s, name, func(now starter.Schedule) bool {
		return now.Started > before && now.Runs[0].Status != starter.RunRunning
	}).Runs[0]
}

// idle says whether the server has noticed that nothing runs any more.
func idle(t *testing.T, s *enginetest.System, name string) bool {
	t.Helper()
	now, err := s.Temporal.ScheduleClient().GetHandle(context.Background(), workflows.ScheduleID(name)).Describe(context.Background())
	require.NoError(t, err)
	return len(now.Info.RunningWorkflows) == 0
}

// A schedule matches its request, also after the server has normalised it.
func TestCreateSchedule(t *testing.T) {
	t.Parallel()
	s := setup(t)
	n := newSchedule("nightly", `{"rows": 3}`)
	n.Timing = starter.Timing{Cron: "30 2 * * *", TimeZone: "Europe/Berlin", Jitter: time.Minute}
	n.Overlap, n.Catchup, n.Note, n.Paused = starter.OverlapBufferOne, 2*time.Hour, "the shop's history", true
	parallelism, review := 7, true
	n.Settings.Parallelism, n.Request.Review, n.Request.Notify = &parallelism, &review, []string{"ann@example.com"}
	got := create(t, s, n)
	again, err := s.Starter.Schedule(enginetest.Context(t), "nightly")
	require.NoError(t, err)
	require.Equal(t, got.Request, again.Request)
	require.Equal(t, []any{"nightly", n.Timing, "buffer-one", 2 * time.Hour, 3, true, "the shop's history"},
		[]any{got.Name, got.Timing, got.Overlap, got.Catchup, got.PauseAfterFailures, got.Paused, got.Note})
	require.Equal(t, []any{site, "noop", "ann", 7, true},
		[]any{got.Request.Site, got.Request.Source, got.Request.By, *got.Request.Settings.Parallelism, *got.Request.Review})
	require.Contains(t, string(got.Request.Args), `"parts":1`, "arguments are in normal form")
	require.Len(t, got.Next, 5)
	for _, at := range got.Next {
		require.Equal(t, "Europe/Berlin", at.Location().String())
		require.Equal(t, 2, at.Hour())
	}

	_, err = s.Starter.CreateSchedule(enginetest.Context(t), n)
	require.ErrorIs(t, err, store.ErrTaken)
	every := newSchedule("every", `{}`)
	every.Timing = starter.Timing{Every: 6 * time.Hour}
	got = create(t, s, every)
	require.Equal(t, starter.Timing{Every: 6 * time.Hour, TimeZone: "UTC"}, got.Timing)
	require.Equal(t, []any{starter.OverlapSkip, starter.DefaultCatchup, 0}, []any{got.Overlap, got.Catchup, got.Next[0].Hour() % 6})
	require.EventuallyWithT(t, func(collect *assert.CollectT) {
		all, more, err := s.Starter.Schedules(context.Background(), starter.ScheduleFilter{}, 1)
		require.NoError(collect, err)
		require.True(collect, more)
		require.Len(collect, all, 1)
		require.Equal(collect, "every", all[0].Name)
	}, 30*time.Second, 100*time.Millisecond)
}

// An expression means to a schedule what it means to a destination: a day that matches either the day
// of the month or the day of the week is enough. Temporal's own cron strings want both.
func TestScheduleCronDialect(t *testing.T) {
	t.Parallel()
	s := setup(t)
	for name, expression := range map[string]string{"either": "0 3 1-7 * mon", "both": "0 3 */2 * mon", "weekly": "@weekly"} {
		n := newSchedule(name, `{}`)
		n.Timing, n.Paused = starter.Timing{Cron: expression, TimeZone: "Europe/Berlin"}, true
		got := create(t, s, n)
		require.Equal(t, n.Timing, got.Timing, "what was typed is kept")
		require.Len(t, got.Next, 5)
		delivery := destinations.Schedule{Interval: expression, TimeZone: "Europe/Berlin"}
		want := got.Next[0].Add(-time.Second)
		for _, at := range got.Next {
			next, err := delivery.Next(want)
			require.NoError(t, err)
			require.True(t, next.Equal(at), "%s: a destination runs at %s, the schedule at %s", expression, next, at)
			want = next
		}
	}
}

func TestCreateScheduleRefuses(t *testing.T) {
	t.Parallel()
	s := setup(t)
	for name, tc := range map[string]struct {
		change func(n *starter.NewSchedule)
		want   string
	}{
		"name":     {func(n *starter.NewSchedule) { n.Name = "A b" }, `"A b" is not a schedule's name: want 1 to 63`},
		"no time":  {func(n *starter.NewSchedule) { n.Timing = starter.Timing{} }, "say when it runs: a cron expression or an interval"},
		"both":     {func(n *starter.NewSchedule) { n.Timing.Every = time.Hour }, "both a cron expression and an interval are given"},
		"cron":     {func(n *starter.NewSchedule) { n.Timing.Cron = "0 25 * * *" }, `the cron expression: field 2, the hour: invalid "25": want *, or 0 to 23`},
		"zone":     {func(n *starter.NewSchedule) { n.Timing.TimeZone = "Mars" }, `time zone "Mars": want an IANA name`},
		"local":    {func(n *starter.NewSchedule) { n.Timing.TimeZone = "Local" }, `time zone "Local": want an IANA name`},
		"interval": {func(n *starter.NewSchedule) { n.Timing = starter.Timing{Every: time.Second} }, "an interval of 1s: want whole seconds, at least 1m0s"},
		"jitter": {
			func(n *starter.NewSchedule) { n.Timing = starter.Timing{Every: time.Hour, Jitter: time.Hour} },
			"a jitter of 1h0m0s: want less than the interval, 1h0m0s",
		},
		"overlap":  {func(n *starter.NewSchedule) { n.Overlap = "hope" }, `overlap "hope": want one of allow, buffer-all, buffer-one, cancel-other, skip`},
		"catch-up": {func(n *starter.NewSchedule) { n.Catchup = time.Second }, "a catch-up window of 1s: want at least 10s"},
		"failures": {func(n *starter.NewSchedule) { n.PauseAfterFailures = -1 }, "pause after -1 failures: want 0, for never, or more"},
		"note":     {func(n *starter.NewSchedule) { n.Note = strings.Repeat("x", 1001) }, "a note of 1001 bytes: at most 1000 are allowed"},
		"site":     {func(n *starter.NewSchedule) { n.Request.Site = "missing.example" }, "site missing.example: not found"},
		"source":   {func(n *starter.NewSchedule) { n.Request.Source = "nope" }, `unknown importer "nope"`},
		"args":     {func(n *starter.NewSchedule) { n.Request.Args = json.RawMessage(`{"rowz": 1}`) }, `arguments of noop: unknown argument "rowz"`},
		"settings": {
			func(n *starter.NewSchedule) { zero := 0; n.Settings.Parallelism = &zero },
			"import.parallelism is 0: want 1 to 64",
		},
		"size": {
			func(n *starter.NewSchedule) {
				paths := []string{}
				for i := range 20 {
					paths = append(paths, fmt.Sprintf(`"/%d/%s"`, i, strings.Repeat("x", 1900)))
				}
				n.Request.Source, n.Request.Args = "csv", json.RawMessage(`{"paths": [`+strings.Join(paths, ",")+`]}`)
			},
			"bytes, most of them arguments: at most 32768 are allowed",
		},
		"30 February": {
			func(n *starter.NewSchedule) { n.Timing.Cron = "0 0 30 2 *" },
			`the cron expression: "0 0 30 2 *" never runs: none of its months has such a day`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			n := newSchedule("bad", `{}`)
			tc.change(&n)
			_, err := s.Starter.CreateSchedule(enginetest.Context(t), n)
			require.ErrorContains(t, err, tc.want)
		})
	}
	t.Cleanup(func() {
		_, err := s.Starter.Schedule(context.Background(), "bad")
		require.ErrorIs(t, err, store.ErrNotFound, "nothing was created, or is left")
	})
}

// What a schedule starts is an import like any other, and knows its schedule.
func TestTriggerSchedule(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.StartWorker(t)
	n := newSchedule("now", `{"rows": 3}`)
	parallelism := 7
	n.Settings.Parallelism = &parallelism
	n.Paused = true
	create(t, s, n)
	run := trigger(t, s, "now")
	require.Equal(t, []any{starter.RunCompleted, importstore.StatusCompleted, ""}, []any{run.Status, run.ImportStatus, run.Reason})
	imp, err := s.Store.Imports.Import(enginetest.Context(t), run.ImportID)
	require.NoError(t, err)
	require.Equal(t, []any{"now", "ann", int32(7), workflows.ImportID(site, imp.ID)},
		[]any{imp.Schedule, imp.RequestedBy, imp.Parallelism, imp.WorkflowID})
	require.Equal(t, "schedule/now/"+run.At.Truncate(time.Second).Format(time.RFC3339), *imp.IdempotencyKey)
	require.True(t, strings.HasPrefix(run.WorkflowID, "scheduled/now-"))
	described, err := s.Temporal.DescribeWorkflowExecution(enginetest.Context(t), imp.WorkflowID, "")
	require.NoError(t, err)
	require.Equal(t, run.WorkflowID, described.GetWorkflowExecutionInfo().GetParentExecution().GetWorkflowId())

	require.ErrorIs(t, s.Starter.TriggerSchedule(enginetest.Context(t), "unknown", ""), store.ErrNotFound)
	require.ErrorContains(t, s.Starter.TriggerSchedule(enginetest.Context(t), "now", "hope"), `overlap "hope": want one of`)
}

// While an import is under way the next is left out, or cancels it.
func TestOverlap(t *testing.T) {
	t.Parallel()
	s := setupSlow(t)
	create(t, s, newSchedule("slow", slowArgs))
	require.NoError(t, s.Starter.TriggerSchedule(enginetest.Context(t), "slow", ""))
	first := awaitSchedule(t, s, "slow", func(now starter.Schedule) bool { return len(now.Runs) == 1 && now.Runs[0].ImportID != 0 }).Runs[0]
	require.Equal(t, starter.RunRunning, first.Status)
	s.WaitLoading(t, first.ImportID)
	require.NoError(t, s.Starter.TriggerSchedule(enginetest.Context(t), "slow", ""))
	now := awaitSchedule(t, s, "slow", func(now starter.Schedule) bool { return now.Skipped == 1 })
	require.Equal(t, 1, now.Started)

	require.NoError(t, s.Starter.TriggerSchedule(enginetest.Context(t), "slow", starter.OverlapCancelOther))
	now = awaitSchedule(t, s, "slow", func(now starter.Schedule) bool { return now.Started == 2 && now.Runs[0].ImportID != 0 })
	require.Equal(t, []any{starter.RunCancelled, starter.RunRunning}, []any{now.Runs[1].Status, now.Runs[0].Status})
	require.Equal(t, importstore.StatusCancelled, s.Wait(t, first.ImportID).Import.Status)
	second := now.Runs[0].ImportID

	// A person cancels the import itself: the run ends as cancelled, and counts for nothing.
	s.WaitLoading(t, second)
	require.NoError(t, s.Starter.Cancel(enginetest.Context(t), second, starter.By{Who: "ann"}))
	now = awaitSchedule(t, s, "slow", func(now starter.Schedule) bool { return now.Runs[0].Status != starter.RunRunning })
	require.Equal(t, starter.RunCancelled, now.Runs[0].Status)
}

// Terminating a run leaves its import alone, which then is cancelled as any other.
func TestTerminatedRun(t *testing.T) {
	t.Parallel()
	s := setupSlow(t)
	ctx := enginetest.Context(t)
	create(t, s, newSchedule("slow", slowArgs))
	require.NoError(t, s.Starter.TriggerSchedule(ctx, "slow", ""))
	run := awaitSchedule(t, s, "slow", func(now starter.Schedule) bool { return len(now.Runs) == 1 && now.Runs[0].ImportID != 0 }).Runs[0]
	s.WaitLoading(t, run.ImportID)
	require.NoError(t, s.Temporal.TerminateWorkflow(ctx, run.WorkflowID, run.RunID, "a test"))
	awaitSchedule(t, s, "slow", func(now starter.Schedule) bool { return now.Runs[0].Status == starter.RunTerminated })
	before := s.WaitLoading(t, run.ImportID).RowsLoaded
	s.WaitFor(t, run.ImportID, "continuing", func(now importstore.Summary) bool { return now.RowsLoaded > before })
	require.NoError(t, s.Starter.Cancel(ctx, run.ImportID, starter.By{}))
	require.Equal(t, importstore.StatusCancelled, s.Wait(t, run.ImportID).Import.Status)
}

// A schedule whose imports keep failing is paused with a reason; resuming it gives
// it as many tries again.
func TestPauseAfterFailures(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.StartWorker(t)
	n := newSchedule("bad", `{"rows": 3, "fail": "before_start", "permanent": true}`)
	n.PauseAfterFailures = 2
	create(t, s, n)
	first := trigger(t, s, "bad")
	const reason = "noop failed as configured in before_start"
	require.Equal(t, starter.RunFailed, first.Status)
	require.Equal(t, "import 1: "+reason, first.Reason)
	now, err := s.Starter.Schedule(enginetest.Context(t), "bad")
	require.NoError(t, err)
	require.False(t, now.Paused)
	second := trigger(t, s, "bad")
	now, err = s.Starter.Schedule(enginetest.Context(t), "bad")
	require.NoError(t, err)
	require.True(t, now.Paused)
	require.Equal(t, "paused by sluice: 2 failures in a row, the last: import 2: "+reason, now.Note)
	lines, err := s.Store.Imports.ListFeedback(enginetest.Context(t), importstore.FeedbackQuery{ImportID: second.ImportID, RowLimit: 100})
	require.NoError(t, err)
	require.Equal(t, "Schedule bad is paused: 2 failures in a row, the last: import 2: "+reason+
		". Resume it with `sluice schedule resume bad`.", lines[len(lines)-1].Message)

	require.NoError(t, s.Starter.ResumeSchedule(enginetest.Context(t), "bad", starter.By{Who: "ann", Why: "fixed"}))
	now, err = s.Starter.Schedule(enginetest.Context(t), "bad")
	require.NoError(t, err)
	require.Equal(t, []any{false, "resumed by ann: fixed"}, []any{now.Paused, now.Note})
	trigger(t, s, "bad")
	now, err = s.Starter.Schedule(enginetest.Context(t), "bad")
	require.NoError(t, err)
	require.False(t, now.Paused, "counting has begun anew")
	require.NoError(t, s.Starter.PauseFailing(enginetest.Context(t), "unknown", "x"), "a deleted schedule is ignored")
}

// Errors that prevent the import of a schedule are reported.
func TestScheduleCannotCreate(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.Settings.Limits.ImportsPerSite = 1
	s.StartWorker(t)
	n := newSchedule("full", `{"rows": 3}`)
	n.PauseAfterFailures = 1
	create(t, s, n)
	require.Equal(t, starter.RunCompleted, trigger(t, s, "full").Status)
	run := trigger(t, s, "full")
	require.Equal(t, starter.RunFailed, run.Status)
	require.Equal(t, "create the import: site example.com: the site has 1 imports, and may have 1: limit reached", run.Reason)
	require.Zero(t, run.ImportID)
	now, err := s.Starter.Schedule(enginetest.Context(t), "full")
	require.NoError(t, err)
	require.Equal(t, "paused by sluice: it has failed: "+run.Reason, now.Note)

	// Neither a site nor an importer has to last as long as a schedule.
	for name, tc := range map[string]struct {
		run  importacts.ScheduledRequest
		want string
	}{
		"site": {
			importacts.ScheduledRequest{Site: "gone.example", Source: "noop"},
			"site gone.example does not exist any more: delete schedule x, or add the site again",
		},
		"importer": {importacts.ScheduledRequest{Site: site, Source: "gone"}, `unknown importer "gone" (want csv, noop)`},
		"arguments": {
			importacts.ScheduledRequest{Site: site, Source: "noop", Args: json.RawMessage(`[]`)},
			"arguments of noop: the arguments are not a JSON object",
		},
	} {
		_, err := s.Starter.CreateScheduled(enginetest.Context(t), importacts.ScheduledRun{Schedule: "x", Request: tc.run})
		require.EqualError(t, err, tc.want, name)
		class, permanent := importers.ClassOf(err)
		require.True(t, permanent, name)
		require.Equal(t, importers.ClassInput, class, name)
	}
}

func TestPauseAndDeleteSchedule(t *testing.T) {
	t.Parallel()
	s := setup(t)
	ctx := enginetest.Context(t)
	create(t, s, newSchedule("mine", `{}`))
	require.NoError(t, s.Starter.PauseSchedule(ctx, "mine", starter.By{Who: "ann", Why: "holidays"}))
	require.NoError(t, s.Starter.PauseFailing(ctx, "mine", "it fails"))
	now, err := s.Starter.Schedule(ctx, "mine")
	require.NoError(t, err)
	require.Equal(t, []any{true, "paused by ann: holidays"}, []any{now.Paused, now.Note})
	require.NoError(t, s.Starter.DeleteSchedule(ctx, "mine"))
	for name, err := range map[string]error{
		"pause":  s.Starter.PauseSchedule(ctx, "mine", starter.By{}),
		"resume": s.Starter.ResumeSchedule(ctx, "mine", starter.By{}),
		"delete": s.Starter.DeleteSchedule(ctx, "mine"),
	} {
		require.ErrorIs(t, err, store.ErrNotFound, name)
		require.EqualError(t, err, "schedule mine: not found", name)
	}
}
