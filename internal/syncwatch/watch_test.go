package syncwatch_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/syncwatch"
	"github.com/sluicehq/sluice/sync/statefile"
)

// bubble runs a test with a fake clock.
func bubble(t *testing.T, test func(t *testing.T)) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, test)
}

// The lines are those of the original importer.
func TestLines(t *testing.T) {
	bubble(t, func(t *testing.T) {
		t.Helper()
		b := start(t, `[{"list_id": "1a2d7ebf82", "latest_timestamp": "1999-12-31T22:59:38"},
			{"list_id": "1a2d7ebf82", "latest_timestamp": "1999-12-31T22:59:49"}]`, nil)
		require.Equal(t, strings.TrimSpace(`
2000-01-01 00:00:00 INFO controller: starting...
2000-01-01 00:00:00 INFO controller: checking all lists.
2000-01-01 00:00:00 INFO controller: list "1a2d7ebf82" up to date, last updated on "1999-12-31 22:59:38".
2000-01-01 00:00:00 INFO controller: list "1a2d7ebf82 (2)" up to date, last updated on "1999-12-31 22:59:49".
2000-01-01 00:00:00 INFO controller: sleeping for 60 seconds.`)+"\n", b.log())
		b.finish(t)
		require.Equal(t, "2000-01-01 00:00:00 INFO controller: stopping...\n2000-01-01 00:00:00 INFO controller: stopped.\n", b.log())
		require.Zero(t, b.begins())
	})
}

// A list without a timestamp is loaded in full, and updated when its timestamp is more than two hours old.
func TestFullLoadThenUpdate(t *testing.T) {
	bubble(t, func(t *testing.T) {
		t.Helper()
		b := start(t, `[{"list_id": "1a2d7ebf82"}]`, nil)
		require.Contains(t, b.log(), `list "1a2d7ebf82" has no timestamp: it is loaded in full.`)
		require.True(t, b.latest().LatestTimestamp.IsZero())
		look()
		require.Contains(t, b.log(), `list "1a2d7ebf82" is running: 1200 of about 46134 records are delivered or rejected.`)
		b.end(1600*time.Millisecond, key, nil)
		//nolint:testifylint // the text of the file
		require.Equal(t, `[
  {
    "list_id": "1a2d7ebf82",
    "latest_timestamp": "2000-01-01T00:00:00",
    "elapsed_seconds": 61.6,
    "total_updates": 46134
  }
]
`, b.content(t), "the timestamp is the start of the run, and no default is written")
		require.Contains(t, b.log(), `list "1a2d7ebf82" updated up to "2000-01-01 00:00:00": 46134 records delivered, 2 rejected, in 61.6 seconds.`)
		for time.Since(time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)) < 2*time.Hour-time.Minute {
			look()
		}
		require.Equal(t, 1, b.begins())
		b.log()
		look()
		require.Contains(t, b.log(), "up to date", "exactly two hours are not more")
		look()
		require.Contains(t, b.log(), `list "1a2d7ebf82" is due, last updated on "2000-01-01 00:00:00": it is updated.`)
		require.Equal(t, 2, b.begins())
		b.end(0, key, nil)
		b.finish(t)
		require.Contains(t, b.content(t), `"latest_timestamp": "2000-01-01T02:01:00"`)
	})
}

// An edit during a run is kept, and decides about the next run. Settings apply to the run.
func TestEditDuringRun(t *testing.T) {
	bubble(t, func(t *testing.T) {
		t.Helper()
		b := start(t, `[{"list_id": "1a2d7ebf82", "latest_timestamp": "1999-12-31T12:00:00"}]`, nil)
		b.write(t, `[{"list_id": "1a2d7ebf82", "latest_timestamp": null, "worker_count": 4, "note": "kept"}]`)
		look()
		require.Equal(t, 4, b.applied[key].WorkerCount)
		require.Equal(t, 1, b.begins())
		b.end(0, key, nil)
		require.Contains(t, b.log(), "Its timestamp was edited meanwhile, and is kept.")
		require.Contains(t, b.content(t), `"latest_timestamp": null`)
		require.Contains(t, b.content(t), `"note": "kept"`)
		require.Contains(t, b.content(t), `"total_updates": 46134`)
		look()
		require.Equal(t, 2, b.begins())
		require.True(t, b.latest().LatestTimestamp.IsZero(), "a full load")
		b.finish(t)
	})
}

// A result whose entry has gone is written nowhere.
func TestGone(t *testing.T) {
	bubble(t, func(t *testing.T) {
		t.Helper()
		b := start(t, `[{"list_id": "1a2d7ebf82"}, {"list_id": "b", "latest_timestamp": "2000-01-01T00:00:00"}]`, nil)
		require.Len(t, b.kept, 2)
		const other = `[{"list_id": "b", "latest_timestamp": "2000-01-01T00:00:00"}]`
		b.write(t, other)
		look()
		require.Equal(t, []statefile.Key{{ListID: "b"}}, b.kept)
		b.end(0, key, nil)
		require.Contains(t, b.log(), `WARN controller: list "1a2d7ebf82" has left the state file: the result of its run is not written`)
		require.Equal(t, other, b.content(t)) //nolint:testifylint // the text of the file
		require.Empty(t, b.results)
		b.finish(t)
	})
}

// While the file is wrong its last good state is used, and results wait for it.
func TestInvalid(t *testing.T) {
	bubble(t, func(t *testing.T) {
		t.Helper()
		b := start(t, `[{"list_id": "1a2d7ebf82"}, {"list_id": "b", "latest_timestamp": "1999-12-31T22:01:30"},
			{"list_id": "c"}]`, nil)
		b.end(0, statefile.Key{ListID: "c"}, nil)
		b.log()
		const broken = "[\n  {\"list_id\": \"1a2d7ebf82\",}\n]"
		b.write(t, broken)
		b.end(time.Second, key, nil)
		require.Contains(t, b.log(), `list "1a2d7ebf82" is updated, and its result waits for the state file: `)
		look()
		look()
		require.Equal(t, broken, b.content(t)) //nolint:testifylint // the text of the file
		log := b.log()
		require.Contains(t, log, "ERROR controller: the state file is not used, and its last good state is: "+b.path+":2:28: invalid character '}'")
		require.Contains(t, log, `list "b" is due`)
		require.NotContains(t, log, `list "c" has no timestamp`, "its result was written")
		require.Equal(t, 3, b.begins())

		b.write(t, `[{"list_id": "1a2d7ebf82", "note": "new"}, {"list_id": "b", "latest_timestamp": "1999-12-31T22:01:30"}]`)
		look()
		require.Contains(t, b.log(), `list "1a2d7ebf82" updated up to "2000-01-01 00:00:00"`)
		require.Contains(t, b.content(t), `"latest_timestamp": "2000-01-01T00:00:00"`)
		require.Contains(t, b.content(t), `"note": "new"`)
		require.Empty(t, b.results)
		b.finish(t)
	})
}

// A file that is wrong at the start is an error.
func TestInvalidAtStart(t *testing.T) {
	bubble(t, func(t *testing.T) {
		t.Helper()
		b := start(t, `[{"list_id": 7}]`, nil)
		require.ErrorContains(t, <-b.done, b.path+":1:14: list_id: want the list's id in quotes")
		require.Empty(t, b.log())
	})
}

// The same list may stand twice. Both run at the same time.
func TestTwice(t *testing.T) {
	bubble(t, func(t *testing.T) {
		t.Helper()
		b := start(t, `[{"list_id": "1a2d7ebf82"}, {"list_id": "1a2d7ebf82", "start_offset": 10000}]`, nil)
		require.Equal(t, 2, b.begins())
		b.end(0, statefile.Key{ListID: "1a2d7ebf82", Place: 1}, nil)
		require.Equal(t, 1, strings.Count(b.content(t), "latest_timestamp"))
		require.Contains(t, b.log(), `list "1a2d7ebf82 (2)" updated`)
		b.end(0, key, nil)
		require.Equal(t, 2, strings.Count(b.content(t), "latest_timestamp"))
		b.finish(t)
	})
}

// The quit file stops the watch, and lists that are running continue at the next start. One of earlier is removed.
func TestQuit(t *testing.T) {
	bubble(t, func(t *testing.T) {
		t.Helper()
		b := start(t, `[{"list_id": "1a2d7ebf82"}]`, func(cfg *syncwatch.Config, _ *bundle) {
			require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(cfg.Path), syncwatch.QuitFile), nil, 0o600))
		})
		require.Equal(t, 1, b.begins())
		before := b.content(t)
		require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(b.path), syncwatch.QuitFile), nil, 0o600))
		asked := time.Now()
		require.NoError(t, <-b.done)
		require.LessOrEqual(t, time.Since(asked), time.Second)
		require.Contains(t, b.log(), `list "1a2d7ebf82" is not complete: the next start continues it after 1200 records.`)
		require.Equal(t, before, b.content(t))
	})
}

// The quit file is noticed, however short the interval is.
func TestQuitAtShortInterval(t *testing.T) {
	bubble(t, func(t *testing.T) {
		t.Helper()
		b := start(t, `[{"list_id": "1a2d7ebf82", "latest_timestamp": "2000-01-01T00:00:00"}]`, func(cfg *syncwatch.Config, _ *bundle) {
			cfg.Interval = syncwatch.MinInterval
		})
		require.NoError(t, os.WriteFile(filepath.Join(filepath.Dir(b.path), syncwatch.QuitFile), nil, 0o600))
		asked := time.Now()
		require.NoError(t, <-b.done)
		require.LessOrEqual(t, time.Since(asked), time.Second)
	})
}

// A run that ends while the watch stops is written.
func TestEndsWhileStopping(t *testing.T) {
	bubble(t, func(t *testing.T) {
		t.Helper()
		b := start(t, `[{"list_id": "1a2d7ebf82"}]`, nil)
		b.set(func() {
			b.results = append(b.results, syncwatch.Finished{Run: 7, Result: statefile.Result{Key: key, LatestTimestamp: time.Now(), Updates: 3}})
		})
		b.finish(t)
		require.Contains(t, b.content(t), `"total_updates": 3`)
		require.Empty(t, b.results)
	})
}

// A result that an earlier process may have written is not written over an edit.
func TestAfterKill(t *testing.T) {
	bubble(t, func(t *testing.T) {
		t.Helper()
		result := statefile.Result{Key: key, LatestTimestamp: time.Now().Add(-time.Hour), Elapsed: time.Second, Updates: 3}
		const written = `[{"list_id": "1a2d7ebf82", "latest_timestamp": null, "elapsed_seconds": 1, "total_updates": 3}]`
		b := start(t, written, func(_ *syncwatch.Config, b *bundle) {
			b.results = []syncwatch.Finished{{Run: 5, Result: result}}
		})
		require.Equal(t, written, b.content(t)) //nolint:testifylint // the text of the file
		require.Empty(t, b.results)
		require.Equal(t, 1, b.begins(), "the full load that the edit wants")
		b.finish(t)

		b = start(t, `[{"list_id": "1a2d7ebf82"}]`, func(_ *syncwatch.Config, b *bundle) {
			b.results = []syncwatch.Finished{{Run: 5, Result: result}}
		})
		require.Contains(t, b.content(t), `"latest_timestamp": "1999-12-31T23:00:00"`)
		require.Zero(t, b.begins(), "the list is up to date")
		b.finish(t)
	})
}

// A failure is reported and tried again; so is what the stack cannot do at present.
func TestFailures(t *testing.T) {
	bubble(t, func(t *testing.T) {
		t.Helper()
		b := start(t, `[{"list_id": "1a2d7ebf82"}]`, nil)
		b.end(0, key, errors.New("no access:\nkey"))
		require.Contains(t, b.log(), `ERROR controller: list "1a2d7ebf82" failed, and is tried again: no access:; key`)
		b.set(func() { b.check = errors.New("refused") })
		look()
		require.Contains(t, b.log(), "ERROR controller: lists cannot be run at present: refused")
		require.Equal(t, 1, b.begins())
		b.set(func() { b.check, b.apply = nil, errors.New("no space") })
		b.write(t, `[{"list_id": "1a2d7ebf82", "worker_count": 3}]`)
		look()
		require.Contains(t, b.log(), `list "1a2d7ebf82" cannot be stored: no space`)
		require.Equal(t, 1, b.begins())
		b.set(func() { b.apply, b.recorded = nil, errors.New("lost") })
		look()
		require.Equal(t, 2, b.begins())
		b.end(0, key, nil)
		require.Contains(t, b.log(), "its result waits for the stack: lost")
		require.Contains(t, b.content(t), "46134")
		edited := strings.Replace(b.content(t), `"2000-01-01T00:03:00"`, "null", 1)
		b.write(t, edited)
		b.set(func() { b.recorded = nil })
		look()
		require.Equal(t, edited, b.content(t), "it was written before")
		require.Equal(t, 3, b.begins())
		b.set(func() { b.check = syncwatch.ErrWatched })
		look()
		require.ErrorIs(t, <-b.done, syncwatch.ErrWatched)
	})
}

// A watch for scripts ends when the lists that are due have ended, and says whether all are up to date.
func TestOnce(t *testing.T) {
	bubble(t, func(t *testing.T) {
		t.Helper()
		once := func(cfg *syncwatch.Config, _ *bundle) { cfg.Once = true }
		b := start(t, `[{"list_id": "1a2d7ebf82"}]`, once)
		b.end(time.Hour, key, nil)
		require.NoError(t, <-b.done)
		require.NotContains(t, b.log(), "sleeping")
		b = start(t, `[{"list_id": "1a2d7ebf82"}]`, once)
		b.end(0, key, errors.New("no access"))
		require.ErrorIs(t, <-b.done, syncwatch.ErrFailed)
		b = start(t, `[{"list_id": "1a2d7ebf82"}]`, once)
		b.stop(nil)
		require.ErrorIs(t, <-b.done, syncwatch.ErrFailed)
		refused := errors.New("temporal refuses this worker")
		b = start(t, `[{"list_id": "1a2d7ebf82"}]`, nil)
		b.stop(refused)
		require.ErrorIs(t, <-b.done, refused)
	})
}

// A run that has stopped, or failed, continues at the next look, also if the timestamp was edited to a recent one
// meanwhile; so do retries that were requested.
func TestPending(t *testing.T) {
	bubble(t, func(t *testing.T) {
		t.Helper()
		b := start(t, `[{"list_id": "1a2d7ebf82"}]`, nil)
		stopped := errors.New("the last 10 pages were wholly rejected")
		b.end(0, key, stopped)
		b.set(func() { b.pending = map[statefile.Key]bool{key: true} })
		require.Contains(t, b.log(), `list "1a2d7ebf82" failed, and is tried again: the last 10 pages were wholly rejected`)
		look()
		require.Equal(t, 2, b.begins(), "it is due still")
		b.end(0, key, stopped)
		b.write(t, `[{"list_id": "1a2d7ebf82", "latest_timestamp": "2000-01-01T00:00:00"}]`)
		look()
		require.Contains(t, b.log(), `list "1a2d7ebf82" has a run that is not complete, or rejected records to retry, `+
			`last updated on "2000-01-01 00:00:00": it is updated.`)
		require.Equal(t, 3, b.begins())
		require.False(t, b.latest().LatestTimestamp.IsZero(), "from the edited timestamp")
		b.set(func() { b.pending = nil })
		b.end(0, key, nil)
		look()
		require.Contains(t, b.log(), "up to date")
		require.Equal(t, 3, b.begins())
		b.finish(t)
	})
}
