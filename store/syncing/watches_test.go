package syncing_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/store/syncing"
)

const watch = "/srv/state/state.json"

// entry is the first entry of a list.
func entry(latest *time.Time) syncing.Entry {
	return syncing.Entry{
		Sync: "watch-a", Watch: watch, ListID: "a", FromKind: "mailchimp", FromConnection: "MAILCHIMP_APIKEY",
		ToKind: "ometria", ToConnection: "OMETRIA_APIKEY", Every: 2 * time.Hour, Settings: json.RawMessage(`{}`),
		LatestTimestamp: latest,
	}
}

// beginEntry begins a run of the entry.
func (b *bundle) beginEntry(t *testing.T, e syncing.Entry) syncing.Run {
	t.Helper()
	row, err := b.PutEntry(b.ctx, e, true)
	require.NoError(t, err)
	run, _, err := b.Begin(b.ctx, syncing.NewRun{
		Sync: e.Sync, Version: row.Version, Kind: syncing.KindUpdate, Since: e.LatestTimestamp, Until: until,
	})
	require.NoError(t, err)
	return run
}

// The row of an entry is what the file says, but for the timestamp from which a run began.
func TestPutEntry(t *testing.T) {
	t.Parallel()
	b := setup(t)
	row, err := b.PutEntry(b.ctx, entry(nil), false)
	require.NoError(t, err)
	require.Equal(t, watch, row.Watch)
	require.Nil(t, row.LatestTimestamp)
	before := until.Add(-3 * time.Hour)
	run := b.beginEntry(t, entry(&before))
	require.Equal(t, before, run.Base.UTC())

	// The timestamp is edited during the run, and a setting.
	edited := entry(nil)
	edited.Settings = json.RawMessage(`{"worker_count": 2}`)
	row, err = b.PutEntry(b.ctx, edited, false)
	require.NoError(t, err)
	require.JSONEq(t, `{"worker_count": 2}`, string(row.Settings))
	require.Equal(t, before, row.LatestTimestamp.UTC())
	_, err = b.Change(b.ctx, "watch-a", func(row *syncing.Sync) error {
		row.Settings = json.RawMessage(`{"worker_count": 2, "max_missing": 50}`)
		return nil
	})
	require.NoError(t, err)
	row, err = b.PutEntry(b.ctx, entry(nil), false)
	require.NoError(t, err)
	require.JSONEq(t, `{"max_missing": 50}`, string(row.Settings), "what the file does not have stays")

	// A later process continues the run only if the timestamp is the one from which it began.
	again := b.beginEntry(t, entry(&before))
	require.Equal(t, run.ID, again.ID)
	fresh := b.beginEntry(t, entry(nil))
	require.NotEqual(t, run.ID, fresh.ID)
	require.Nil(t, fresh.Base)
	run, err = b.Run(b.ctx, run.ID)
	require.NoError(t, err)
	require.Equal(t, syncing.StatusCancelled, run.Status)

	for _, other := range []func(*syncing.Entry){
		func(e *syncing.Entry) { e.Sync = "news" }, func(e *syncing.Entry) { e.Watch = "/other.json" },
		func(e *syncing.Entry) { e.ListID = "b" }, func(e *syncing.Entry) { e.Place = 1 },
	} {
		e := entry(nil)
		other(&e)
		_, err = b.PutEntry(b.ctx, e, false)
		require.ErrorIs(t, err, syncing.ErrExists)
	}
}

// The result of an entry's run waits until it is in the file; that of another sync does not.
func TestUnrecorded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	run := b.begin(t)
	require.NoError(t, b.advance(run, page("1", true, "x")))
	_, err := b.End(b.ctx, run.ID, syncing.Ending{Status: syncing.StatusSucceeded})
	require.NoError(t, err)
	failed := b.beginEntry(t, entry(nil))
	_, err = b.End(b.ctx, failed.ID, syncing.Ending{Status: syncing.StatusFailed, Error: "lost"})
	require.NoError(t, err)
	run, err = b.Claim(b.ctx, b.beginEntry(t, entry(nil)).ID)
	require.NoError(t, err)
	require.NoError(t, b.advance(run, page("1", true, "x", "y")))
	_, err = b.End(b.ctx, run.ID, syncing.Ending{Status: syncing.StatusSucceeded})
	require.NoError(t, err)

	results, err := b.Unrecorded(b.ctx, watch)
	require.NoError(t, err)
	require.Len(t, results, 1)
	require.Equal(t, "a", results[0].ListID)
	require.Equal(t, run.ID, results[0].Run.ID)
	require.EqualValues(t, 2, results[0].Run.Delivered)
	for _, other := range []string{"", "/other.json"} {
		none, err := b.Unrecorded(b.ctx, other)
		require.NoError(t, err)
		require.Empty(t, none)
	}
	require.NoError(t, b.NoteRecorded(b.ctx, run.ID))
	results, err = b.Unrecorded(b.ctx, watch)
	require.NoError(t, err)
	require.Empty(t, results)
}

// Rows whose entries have gone raise no alarm and are kept; workers make no schedules of any row of a watch.
func TestLeaveEntries(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.PutEntry(b.ctx, entry(nil), false)
	require.NoError(t, err)
	n, err := b.LeaveEntries(b.ctx, watch, []string{"watch-a"})
	require.NoError(t, err)
	require.Zero(t, n)
	n, err = b.LeaveEntries(b.ctx, watch, nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	row, err := b.Sync(b.ctx, "watch-a")
	require.NoError(t, err)
	require.True(t, row.Paused)
	require.Contains(t, row.Note, "no such entry")
	require.False(t, b.news(t).Paused)
	row, err = b.PutEntry(b.ctx, entry(nil), false)
	require.NoError(t, err)
	require.False(t, row.Paused)
	require.Empty(t, row.Note)

	compared, err := b.Uncompared(b.ctx, time.Minute, 10)
	require.NoError(t, err)
	require.Len(t, compared, 1)
	require.Equal(t, "news", compared[0].Name)
}

// One session has the lock, until it ends in any way.
func TestLockWatch(t *testing.T) {
	t.Parallel()
	b := setup(t)
	lock, err := b.LockWatch(b.ctx, watch)
	require.NoError(t, err)
	require.NoError(t, lock.Check(b.ctx))
	_, err = b.LockWatch(b.ctx, watch)
	require.ErrorIs(t, err, syncing.ErrWatched)
	other, err := b.LockWatch(b.ctx, "/other.json")
	require.NoError(t, err)
	ended, cancel := context.WithCancel(b.ctx)
	cancel()
	other.Release(ended)

	// The server ends the session.
	b.exec(t, `SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND granted
		AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`)
	require.Eventually(t, func() bool { return lock.Check(b.ctx) != nil }, time.Minute, 10*time.Millisecond)
	lock.Release(b.ctx)
	again, err := b.LockWatch(b.ctx, watch)
	require.NoError(t, err)
	again.Release(b.ctx)
	again, err = b.LockWatch(b.ctx, watch)
	require.NoError(t, err, "a released lock is free")
	again.Release(b.ctx)
}

// An entry has work left while its run has not ended, and while retries are requested.
func TestPending(t *testing.T) {
	t.Parallel()
	b := setup(t)
	pending := func() []syncing.EntryPlace {
		all, err := b.Pending(b.ctx, watch)
		require.NoError(t, err)
		return all
	}
	here := []syncing.EntryPlace{{ListID: "a"}}
	run := b.beginEntry(t, entry(nil))
	require.Equal(t, here, pending())
	b.exec(t, "UPDATE sync_runs SET stopped_at = now() WHERE id = $1", run.ID)
	require.Equal(t, here, pending())
	none, err := b.Pending(b.ctx, "")
	require.NoError(t, err)
	require.Empty(t, none)
	b.exec(t, "UPDATE sync_runs SET done = true WHERE id = $1", run.ID)
	_, err = b.End(b.ctx, run.ID, syncing.Ending{Status: syncing.StatusSucceeded})
	require.NoError(t, err)
	require.Empty(t, pending())
	b.exec(t, "INSERT INTO sync_rejects (sync, key, unidentified, stage, reason) VALUES ('watch-a', 'k', false, 'write', 'r')")
	require.Empty(t, pending())
	n, err := b.RequestRetries(b.ctx, "watch-a", nil)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	require.Equal(t, here, pending())
}
