package cli

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/internal/components"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
)

// seenSchedule is a schedule as a program sees it, with the names that are promised.
type seenSchedule struct {
	Name               string          `json:"name"`
	Site               string          `json:"site"`
	Source             string          `json:"source"`
	Args               json.RawMessage `json:"args"`
	Label              string          `json:"label"`
	Review             *bool           `json:"review"`
	RowsPerSecond      int64           `json:"rows_per_second"`
	Notify             []string        `json:"notify"`
	Settings           map[string]any  `json:"settings"`
	Cron               string          `json:"cron"`
	EverySeconds       float64         `json:"every_seconds"`
	TimeZone           string          `json:"time_zone"`
	JitterSeconds      float64         `json:"jitter_seconds"`
	Overlap            string          `json:"overlap"`
	CatchupSeconds     float64         `json:"catchup_seconds"`
	PauseAfterFailures int             `json:"pause_after_failures"`
	Paused             bool            `json:"paused"`
	Note               string          `json:"note"`
	CreatedAt          time.Time       `json:"created_at"`
	Next               []string        `json:"next"`
	Runs               []seenRun       `json:"runs"`
	Started            int             `json:"started"`
	Skipped            int             `json:"skipped"`
	Missed             int             `json:"missed"`
}

type seenRun struct {
	At           time.Time `json:"at"`
	StartedAt    time.Time `json:"started_at"`
	Status       string    `json:"status"`
	ImportID     int64     `json:"import_id"`
	ImportStatus string    `json:"import_status"`
	Reason       string    `json:"reason"`
	WorkflowID   string    `json:"workflow_id"`
	RunID        string    `json:"run_id"`
}

// awaitRuns waits until a schedule has so many runs, all of them over.
func awaitRuns(t *testing.T, s shell, name string, n int) seenSchedule {
	t.Helper()
	var now seenSchedule
	require.EventuallyWithT(t, func(collect *assert.CollectT) {
		r := s.runContext(enginetest.Context(t), "schedule", "show", name, "-o", "json")
		require.Zero(collect, r.code, r.err)
		now = seenSchedule{}
		require.NoError(collect, json.Unmarshal([]byte(r.out), &now))
		require.Len(collect, now.Runs, n)
		for _, run := range now.Runs {
			require.NotEqual(collect, "running", run.Status)
		}
	}, 40*time.Second, 100*time.Millisecond)
	return now
}

// TestSchedule goes through the life of a schedule as an operator does.
func TestSchedule(t *testing.T) {
	t.Parallel()
	_, s := start(t)
	s.ok(t, "site", "add", "example.com")
	require.Equal(t, "No schedules found. Create one with `sluice schedule create`.\n", s.ok(t, "schedule", "list"))
	out := s.ok(t, "schedule", "create", "nightly", "noop", "--site", "example.com", "--args", `{"rows": 3}`,
		"--cron", "0 3 1 1 *", "--timezone", "Europe/Berlin", "--jitter", "5m", "--note", "the shop", "--by", "ann", "--parallelism", "3")
	require.Regexp(t, `^created schedule nightly; next runs: 20\d\d-01-01 03:0\d CET, .* CET\n$`, out)
	s.fails(t, "schedule nightly: taken already", "schedule", "create", "nightly", "noop", "--site", "example.com", "--every", "6h")

	var one seenSchedule
	s.json(t, &one, "schedule", "show", "nightly")
	require.Equal(t, []any{"nightly", "example.com", "noop", "0 3 1 1 *", "Europe/Berlin", 300.0, "skip", 3600.0, 10, false, "the shop"},
		[]any{
			one.Name, one.Site, one.Source, one.Cron, one.TimeZone, one.JitterSeconds, one.Overlap, one.CatchupSeconds,
			one.PauseAfterFailures, one.Paused, one.Note,
		})
	require.Equal(t, map[string]any{"parallelism": 3.0}, one.Settings)
	require.Len(t, one.Next, 5)
	require.Regexp(t, `^20\d\d-01-01T03:0\d:\d\d(\.\d+)?\+01:00$`, one.Next[0])

	require.Equal(t, "triggered schedule nightly; see its runs with `sluice schedule show nightly`\n",
		s.ok(t, "schedule", "trigger", "nightly"))
	now := awaitRuns(t, s, "nightly", 1)
	require.Equal(t, []any{"completed", int64(1), "completed", 1},
		[]any{now.Runs[0].Status, now.Runs[0].ImportID, now.Runs[0].ImportStatus, now.Started})
	require.Equal(t, "paused schedule nightly; resume it with `sluice schedule resume nightly`\n",
		s.ok(t, "schedule", "pause", "nightly", "--by", "ann", "--reason", "holidays"))
	shown := s.ok(t, "schedule", "show", "nightly")
	for _, want := range []string{
		"State      paused\nNote       paused by ann: holidays\nImports    noop into example.com\n",
		"Timing     0 3 1 1 *, Europe/Berlin, up to 5m later\nOverlap    skip\nCatch-up   up to 1h late\n",
		"Pauses     after 10 consecutive failures\nCreated by ann\nRuns       1 started, 0 skipped, 0 missed\nNext runs  20",
		"SCHEDULED ", "completed",
	} {
		require.Contains(t, shown, want)
	}
	require.EventuallyWithT(t, func(collect *assert.CollectT) {
		r := s.runContext(enginetest.Context(t), "schedule", "list")
		require.Regexp(collect, `nightly +example.com +noop +0 3 1 1 \* +Europe/Berlin +paused +01-01 03:0\d, .* completed, import 1 +paused by ann: holidays`, r.out)
	}, 30*time.Second, 100*time.Millisecond)
	var all []seenSchedule
	s.json(t, &all, "schedule", "list")
	require.Len(t, all, 1)
	s.json(t, &all, "schedule", "list", "--text", "NIGHT", "--site", "example.com", "--source", "noop", "--state", "paused")
	require.Len(t, all, 1)
	require.Equal(t, "No schedules match --state.\n", s.ok(t, "schedule", "list", "--state", "active"))
	require.Equal(t, "No schedules match --site, --source.\n",
		s.ok(t, "schedule", "list", "--source", "csv", "--site", "nowhere.example"))
	s.fails(t, "--state late: want one of active, paused", "schedule", "list", "--state", "late")
	s.json(t, &one, "schedule", "resume", "nightly", "--by", "ann")
	require.Equal(t, []any{false, "resumed by ann"}, []any{one.Paused, one.Note})

	require.Equal(t, "deleted schedule nightly; its imports stay, running ones continue\n", s.ok(t, "schedule", "delete", "nightly"))
	s.fails(t, "schedule nightly: not found: see `sluice schedule list`", "schedule", "show", "nightly")
	var imp struct{ Schedule string }
	require.NoError(t, json.Unmarshal([]byte(s.ok(t, "import", "show", "1", "-o", "json")), &imp))
	require.Equal(t, "nightly", imp.Schedule)
}

func TestScheduleBackfill(t *testing.T) {
	t.Parallel()
	_, s := start(t)
	s.ok(t, "site", "add", "example.com")
	s.ok(t, "schedule", "create", "daily", "noop", "--site", "example.com", "--cron", "0 3 * * *", "--timezone", "Europe/Berlin", "--paused")
	times := []string{"--from", "2026-01-01", "--to", "2026-01-03T03:00"}
	want := "3 runs from 2026-01-01 03:00 CET to 2026-01-03 03:00 CET\n"
	require.Equal(t, want+"Dry run: no run was started.\n", s.ok(t, append([]string{"schedule", "backfill", "daily", "--dry-run"}, times...)...))
	var told struct {
		Schedule string
		Runs     []string
		Started  bool
	}
	s.json(t, &told, append([]string{"schedule", "backfill", "daily", "--dry-run"}, times...)...)
	require.Equal(t, []any{"daily", "2026-01-01T03:00:00+01:00", 3, false}, []any{told.Schedule, told.Runs[0], len(told.Runs), told.Started})
	require.Equal(t, want+"started a backfill of schedule daily; see its runs with `sluice schedule show daily`\n",
		s.ok(t, append([]string{"schedule", "backfill", "daily"}, times...)...))
	now := awaitRuns(t, s, "daily", 3)
	require.Equal(t, "2026-01-03T02:00:00Z", now.Runs[0].At.UTC().Format(time.RFC3339))
	s.fails(t, "schedule daily has no time in between: there is nothing to run",
		"schedule", "backfill", "daily", "--from", "2026-01-01", "--to", "2026-01-01T02:00")
	s.fails(t, `--from "soon" is not a time: want 2026-01-31, 2026-01-31T03:00 or 2026-01-31T03:00:00+01:00`,
		"schedule", "backfill", "daily", "--from", "soon")
}

// What is wrong with a command line is said before anything is reached.
func TestScheduleUsage(t *testing.T) {
	t.Parallel()
	create := func(more ...string) []string {
		return append([]string{"schedule", "create", "a", "noop", "--site", "b.com"}, more...)
	}
	for name, tc := range map[string]struct {
		args []string
		want string
	}{
		"no name":   {[]string{"schedule", "create"}, "name is missing: want `sluice schedule create NAME SOURCE`"},
		"no source": {[]string{"schedule", "create", "a"}, "source is missing: want `sluice schedule create NAME SOURCE`, where SOURCE is one of " + strings.Join(components.Stock(config.Default()).Importers.Names(), ", ")},
		"no site":   {[]string{"schedule", "create", "a", "noop"}, "--site is missing: want the domain of a site (see `sluice site list`)"},
		"no time":   {create(), "--cron or --every is missing: want when it runs, such as --cron '0 3 * * *' or --every 6h"},
		"cron":      {create("--cron", "0 3 * *"), `the cron expression: "0 3 * *" has 4 fields: want minute, hour, day of the month, month and day of the week`},
		"duration":  {create("--every", "daily"), `--every "daily": want a duration such as 90s, 30m or 6h`},
		"negative":  {create("--every", "6h", "--jitter", "-5m"), `--jitter "-5m": want a duration such as 90s, 30m or 6h`},
		"zone":      {create("--every", "6h", "--timezone", "Mars"), `time zone "Mars": want an IANA name such as UTC or Europe/Berlin`},
		"show":      {[]string{"schedule", "show"}, "want one argument, a schedule's name, got none: see `sluice schedule show --help`"},
		"list":      {[]string{"schedule", "list", "x"}, "unexpected argument \"x\": see `sluice schedule list --help`"},
		"backfill":  {[]string{"schedule", "backfill", "x"}, "--from is missing: want the first time, such as --from 2026-01-31"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			offline().fails(t, tc.want, tc.args...)
		})
	}
}

// Whatever the flags say, there is a timing that the server takes, or an error.
func FuzzTimingFlags(f *testing.F) {
	f.Add("0 3 * * *", "", "5m", "Europe/Berlin", "1h")
	f.Add("", "6h", "", "", "")
	f.Add("@daily", "1ns", "-1s", "Local", "x")
	f.Fuzz(func(t *testing.T, cron, every, jitter, zone, catchup string) {
		timing, late, err := timingFlags{cron: cron, every: every, jitter: jitter, zone: zone, catchup: catchup}.parse()
		if err != nil {
			require.NotEmpty(t, err.Error())
			return
		}
		require.NoError(t, timing.Validate())
		require.NotEqual(t, timing.Cron == "", timing.Every == 0)
		require.GreaterOrEqual(t, timing.Jitter, time.Duration(0))
		require.GreaterOrEqual(t, late, time.Duration(0))
		require.NotNil(t, timing.Location())
		require.True(t, timing.Every == 0 || timing.Every >= starter.MinInterval)
	})
}

func TestShort(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		time.Hour: "1h", 90 * time.Minute: "1h30m", 5 * time.Minute: "5m", 10 * time.Second: "10s", 61 * time.Second: "1m1s", 100 * time.Hour: "100h",
	} {
		require.Equal(t, want, short(d))
	}
}
