package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/importview"
	"github.com/sluicehq/sluice/internal/polltest"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// A schedule is created, read, replaced with the tag of what was read, run, and deleted.
func TestSchedules(t *testing.T) {
	t.Parallel()
	b := withWorker(t)
	var schedule importview.Schedule
	created := b.do(t, "operator-own", http.MethodPost, "/sites/"+own+"/schedules", map[string]any{
		"name": "nightly", "source": "noop", "args": map[string]any{"rows": 3}, "cron": "0 3 * * *", "time_zone": "Europe/Berlin",
		"jitter_seconds": 60, "pause_after_failures": 0, "parallelism": 3, "note": "all of it", "review": true,
		"rows_per_second": 7, "notify": []string{"ann@example.com"},
	})
	require.Equal(t, http.StatusCreated, created.status, string(created.body))
	created.decode(t, &schedule)
	require.Equal(t, "/api/v1/schedules/nightly", created.header.Get("Location"))
	require.Len(t, schedule.Next, 5)
	require.Equal(t, 3, *schedule.Settings.Parallelism)
	require.Zero(t, schedule.PauseAfterFailures)
	require.Len(t, readPages[importview.Schedule](t, b, "/schedules?site="+own), 1)
	require.Empty(t, readPages[importview.Schedule](t, b, "/schedules?site="+foreign))
	for query, want := range map[string]int{
		"text=NIGHT": 1, "text=noop&state=active&source=noop": 1, "text=" + own[:4]: 1, "state=paused": 0, "source=csv": 0,
		"text=nowhere": 0,
	} {
		require.Len(t, readPages[importview.Schedule](t, b, "/schedules?limit=1&"+query), want, query)
	}
	b.do(t, "viewer-all", http.MethodGet, "/schedules?state=late", nil).problem(t, "invalid")
	require.Equal(t, []any{true, int64(7), []string{"ann@example.com"}}, []any{
		*schedule.Review, schedule.RowsPerSecond, schedule.Notify,
	})
	b.do(t, "operator-own", http.MethodPost, "/sites/"+own+"/schedules", `{"name":"nightly","source":"noop","cron":"@daily"}`).
		problem(t, "taken")
	for _, body := range []string{
		`{"name":"x","source":"noop"}`, `{"name":"x","source":"noop","cron":"@evry 1h"}`, `{"name":"x","source":"noop","cron":"0 0 30 2 *"}`,
		`{"name":"x y","source":"noop","cron":"@daily"}`, `{"name":"x","source":"noop","cron":"@daily","upload":"u"}`,
		`{"name":"x","source":"noop","cron":"@daily","time_zone":"Mars"}`, `{"name":"x","source":"nope","cron":"@daily"}`,
	} {
		b.do(t, "operator-own", http.MethodPost, "/sites/"+own+"/schedules", body).problem(t, "invalid")
	}

	shown := b.ok(t, "viewer-own", http.MethodGet, "/schedules/nightly", nil, nil)
	etag := shown.header.Get("Etag")
	require.Equal(t, created.header.Get("Etag"), etag)
	change := map[string]any{"source": "noop", "every_seconds": 7200, "overlap": "buffer-one", "args": map[string]any{"rows": 4}}
	b.do(t, "operator-own", http.MethodPut, "/schedules/nightly", change).problem(t, "precondition-required")
	b.do(t, "operator-own", http.MethodPut, "/schedules/nightly", change, "If-Match", `"other"`).problem(t, "precondition-failed")
	changed := b.do(t, "operator-own", http.MethodPut, "/schedules/nightly", change, "If-Match", etag)
	require.Equal(t, http.StatusOK, changed.status, string(changed.body))
	changed.decode(t, &schedule)
	require.InDelta(t, 7200, schedule.EverySeconds, 0)
	require.Empty(t, schedule.Cron)
	require.Equal(t, "buffer-one", schedule.Overlap)
	require.NotEqual(t, etag, changed.header.Get("Etag"))
	b.do(t, "operator-own", http.MethodPut, "/schedules/nightly", change, "If-Match", etag).problem(t, "precondition-failed")

	b.ok(t, "operator-own", http.MethodPost, "/schedules/nightly/pause", map[string]any{"reason": "holidays"}, &schedule)
	require.True(t, schedule.Paused)
	require.Equal(t, "paused by operator-own: holidays", schedule.Note)
	b.ok(t, "operator-own", http.MethodPost, "/schedules/nightly/resume", nil, &schedule)
	require.False(t, schedule.Paused)

	b.ok(t, "operator-own", http.MethodPost, "/schedules/nightly/trigger", nil, nil)
	polltest.Eventually(t, func() bool {
		_, err := b.Store.Imports.Import(t.Context(), 1)
		return err == nil
	}, time.Minute, 50*time.Millisecond)
	b.WaitFor(t, 1, "completed", func(s importstore.Summary) bool { return s.Import.Status == importstore.StatusCompleted })
	require.Equal(t, "nightly", readPages[importview.Import](t, b, "/imports")[0].Schedule)

	from := time.Now().UTC().Add(-5 * time.Hour).Truncate(time.Second)
	var times struct{ Times []time.Time }
	b.ok(t, "operator-own", http.MethodGet, "/schedules/nightly/times?from="+from.Format(time.RFC3339), nil, &times)
	require.NotEmpty(t, times.Times)
	planned := times.Times
	b.ok(t, "operator-own", http.MethodPost, "/schedules/nightly/backfill", map[string]any{"from": from}, &times)
	require.Equal(t, planned, times.Times)
	b.do(t, "operator-own", http.MethodPost, "/schedules/nightly/backfill", map[string]any{
		"from": from, "to": time.Now().Add(time.Hour),
	}).problem(t, "invalid")
	b.do(t, "operator-own", http.MethodPost, "/schedules/nightly/backfill", map[string]any{"from": from.AddDate(-2, 0, 0)}).
		problem(t, "limit")

	b.ok(t, "operator-own", http.MethodPost, "/sites/"+own+"/schedules",
		`{"name":"second","source":"noop","cron":"@daily","paused":true}`, nil)
	all := readPages[importview.Schedule](t, b, "/schedules?limit=1")
	require.Len(t, all, 2)
	require.True(t, all[1].Paused)
	b.ok(t, "operator-own", http.MethodDelete, "/schedules/nightly", nil, nil)
	b.do(t, "viewer-own", http.MethodGet, "/schedules/nightly", nil).problem(t, "not-found")
}
