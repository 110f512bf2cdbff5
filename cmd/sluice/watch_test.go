package main

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/fakemailchimp"
	"github.com/sluicehq/sluice/internal/fakeometria"
	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/workflows"
)

// eventually waits for a condition.
func eventually(t *testing.T, what string, is func() bool) {
	t.Helper()
	require.Eventually(t, is, 2*time.Minute, 20*time.Millisecond, what)
}

// rowNames returns the names of all syncs.
func (w *watching) rowNames(t *testing.T) (names []string) {
	t.Helper()
	rows, err := w.rows.List(t.Context(), "", 10)
	require.NoError(t, err)
	for _, row := range rows {
		names = append(names, row.Name)
	}
	return names
}

// history returns the runs of the only sync, the latest first.
func (w *watching) history(t *testing.T) []syncstore.Run {
	t.Helper()
	names := w.rowNames(t)
	require.Len(t, names, 1)
	runs, err := w.rows.History(t.Context(), names[0], syncstore.RunFilter{}, 0, 100)
	require.NoError(t, err)
	return runs
}

// A full load, an update, and all that the file says meanwhile, beside a stack that has no worker and no key set.
func TestWatch(t *testing.T) {
	t.Parallel()
	w := setUpWatch(t, `[{"list_id": "1a2d7ebf82", "note": "kept"}]`)
	w.fill(0, 450, time.Now().Add(-5*time.Hour))
	w.quit(t)
	p := w.start(t, 1000)
	p.await(t, `list "1a2d7ebf82" updated up to "`)
	require.Equal(t, 450, w.delivered())
	entry := w.entries(t)[0]
	require.EqualValues(t, 450, entry["total_updates"])
	require.Equal(t, "kept", entry["note"])
	require.Len(t, entry, 5, "no default is written: %v", entry)
	latest, err := time.Parse("2006-01-02T15:04:05", fmt.Sprint(entry["latest_timestamp"]))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), latest, time.Minute)
	p.await(t, `up to date, last updated on "`+latest.Format(time.DateTime))

	// A second watch of the same file is refused.
	second := w.start(t, 1000)
	require.Equal(t, 3, second.wait(t))
	require.Contains(t, second.errors.String(), "another process watches this file: stop it first")

	// A timestamp of three hours ago makes the list due; the file is wrong for a while before.
	w.write(t, "[\n  {\"list_id\": 7}\n]")
	p.await(t, w.file+`:2:15: list_id: want the list's id in quotes`)
	w.fill(0, 7, time.Now().Add(-time.Minute))
	w.write(t, fmt.Sprintf(`[{"list_id": "1a2d7ebf82", "latest_timestamp": %q, "worker_count": 2}]`,
		time.Now().UTC().Add(-3*time.Hour).Format("2006-01-02T15:04:05")))
	p.await(t, `7 records delivered, 0 rejected`)
	entry = w.entries(t)[0]
	require.EqualValues(t, 7, entry["total_updates"])
	require.EqualValues(t, 2, entry["worker_count"])
	require.Equal(t, 450, w.delivered())

	// The row says what the file says, and belongs to the watch.
	row, err := w.rows.Sync(t.Context(), w.rowNames(t)[0])
	require.NoError(t, err)
	require.True(t, strings.HasSuffix(row.Watch, "state.json"), row.Watch)
	require.JSONEq(t, `{"worker_count": 2}`, string(row.Settings))
	requireNoKeys(t, w, p)
	w.quit(t)
	require.Zero(t, p.wait(t), p.errors.String())
	require.True(t, strings.HasSuffix(p.log(), "INFO controller: stopped."), p.log())
	require.NoError(t, p.failure)
	require.Empty(t, p.errors.String())
}

// requireNoKeys fails if a key is in the store, in the history of the workflow or in the log.
func requireNoKeys(t *testing.T, w *watching, p *process) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), w.system.Settings.Store.DSN)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(t.Context())) }()
	rows, err := conn.Query(t.Context(), "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
	require.NoError(t, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	require.NotEmpty(t, tables)
	texts := []string{p.log(), w.system.History(t, workflows.SyncID(w.rowNames(t)[0]), "").String()}
	for _, table := range tables {
		rows, err := conn.Query(t.Context(), "SELECT t::text FROM "+pgx.Identifier{table}.Sanitize()+" t")
		require.NoError(t, err)
		all, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		texts = append(texts, all...)
	}
	for _, text := range texts {
		require.NotContains(t, text, fakemailchimp.Key)
		require.NotContains(t, text, fakeometria.Key)
	}
}

// A stop in the middle of a run ends its pages, leaves the file as it is, and the next start continues the run.
func TestWatchStops(t *testing.T) {
	t.Parallel()
	const before = `[{"list_id": "1a2d7ebf82", "items_per_request": 50, "worker_count": 2}]`
	w := setUpWatch(t, before)
	w.fill(0, 2000, time.Now().Add(-5*time.Hour))
	for _, stop := range []func(p *process){
		func(*process) { w.quit(t) },
		func(p *process) { require.NoError(t, p.Process.Signal(syscall.SIGINT)) },
	} {
		began := w.delivered()
		p := w.start(t, 2)
		eventually(t, "pages are delivered", func() bool { return w.delivered() > began })
		stop(p)
		require.Zero(t, p.wait(t), p.errors.String())
		require.Contains(t, p.log(), `list "1a2d7ebf82" is not complete: the next start continues it after`)
		require.Equal(t, before, w.content(t)) //nolint:testifylint // the text of the file
		run := w.history(t)[0]
		require.Equal(t, syncstore.StatusRunning, run.Status)
		require.EqualValues(t, w.delivered(), run.Delivered, "each page that was begun has ended")
	}
	p := w.start(t, 1000, "--once", "--output", "json")
	require.Zero(t, p.wait(t), p.errors.String())
	require.Contains(t, p.log(), `"event":"updated","list_id":"1a2d7ebf82"`)
	require.Len(t, w.history(t), 1)
	require.Equal(t, 2000, w.delivered())
	require.Equal(t, 40, w.ometria.Calls("push"), "nothing was delivered twice")
	require.EqualValues(t, 2000, w.entries(t)[0]["total_updates"])
}

// A run that has stopped, because all records were rejected, continues by itself once the cause is corrected, and so do
// retries that were requested: no list waits until its timestamp is due.
func TestWatchContinues(t *testing.T) {
	t.Parallel()
	entry := func(latest string) string {
		return fmt.Sprintf(`[{"list_id": "1a2d7ebf82", "latest_timestamp": %s, "items_per_request": 10, "worker_count": 1}]`, latest)
	}
	w := setUpWatch(t, entry(time.Now().UTC().Format(`"2006-01-02T15:04:05"`)))
	w.fill(0, 450, time.Now().Add(-5*time.Hour))
	p := w.start(t, 1000)
	p.await(t, "up to date")
	name := w.rowNames(t)[0]
	set := func(settings string) {
		_, err := w.rows.Change(t.Context(), name, func(row *syncstore.Sync) error {
			row.Settings = json.RawMessage(settings)
			return nil
		})
		require.NoError(t, err)
	}
	set(`{"items_per_request":10,"worker_count":1,"max_rejected_pages":1,"mapping":{"@type":"\"contact\""}}`)
	w.write(t, entry("null"))
	p.await(t, "failed, and is tried again: the last 1 pages were wholly rejected")
	set(`{"items_per_request":10,"worker_count":1}`)
	p.await(t, `list "1a2d7ebf82" updated up to "`)
	require.Len(t, w.history(t), 1, "it is the same run")
	rejects, err := w.rows.CountRejects(t.Context(), name)
	require.NoError(t, err)
	require.Positive(t, rejects)
	_, err = w.rows.RequestRetries(t.Context(), name, nil)
	require.NoError(t, err)
	p.await(t, "has a run that is not complete, or rejected records to retry")
	eventually(t, "rejected records are delivered", func() bool {
		left, err := w.rows.CountRejects(t.Context(), name)
		return err == nil && left == 0
	})
	require.Equal(t, 450, w.delivered())
}

// The process is killed again and again, at any moment, while the file is edited: in the end all members are
// delivered, and the file has what was edited and the result.
func TestWatchKilled(t *testing.T) {
	t.Parallel()
	w := setUpWatch(t, `[{"list_id": "1a2d7ebf82", "items_per_request": 50, "worker_count": 2}]`)
	w.fill(0, 2000, time.Now().Add(-5*time.Hour))
	seed := uint64(time.Now().UnixNano())
	t.Log("seed", seed)
	random := rand.New(rand.NewPCG(seed, 1))
	for kill := range 5 {
		p := w.start(t, 5)
		p.await(t, "checking all lists")
		if kill > 0 {
			<-time.After(time.Duration(random.IntN(1500)) * time.Millisecond)
		}
		p.kill(t)
		entry := w.entries(t)[0]
		if entry["latest_timestamp"] == nil {
			w.write(t, fmt.Sprintf(`[{"list_id": "1a2d7ebf82", "items_per_request": 50, "worker_count": 2, "note": %d}]`, kill))
		}
	}
	p := w.start(t, 1000, "--once")
	require.Zero(t, p.wait(t), p.errors.String())
	runs := w.history(t)
	require.Len(t, runs, 1, "each start continued the run")
	require.Equal(t, syncstore.StatusSucceeded, runs[0].Status)
	require.EqualValues(t, 2000, runs[0].Delivered)
	require.Equal(t, 2000, w.delivered())
	entry := w.entries(t)[0]
	require.EqualValues(t, 2000, entry["total_updates"])
	require.EqualValues(t, 4, entry["note"])
	require.Equal(t, runs[0].Until.UTC().Format("2006-01-02T15:04:05"), entry["latest_timestamp"])
	results, err := w.rows.Unrecorded(t.Context(), w.file)
	require.NoError(t, err)
	require.Empty(t, results)

	// A result that was not written before the kill is written at the next start, and the list does not run again.
	conn, err := pgx.Connect(t.Context(), w.system.Settings.Store.DSN)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "UPDATE sync_runs SET unrecorded = true")
	require.NoError(t, err)
	require.NoError(t, conn.Close(enginetest.Context(t)))
	w.write(t, `[{"list_id": "1a2d7ebf82"}]`)
	p = w.start(t, 1000, "--once")
	require.Zero(t, p.wait(t), p.errors.String())
	require.Equal(t, entry["latest_timestamp"], w.entries(t)[0]["latest_timestamp"])
	require.Len(t, w.history(t), 1)
}
