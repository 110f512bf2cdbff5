package syncing_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/syncing"
)

// A run is created once, however often it is begun.
func TestBegin(t *testing.T) {
	t.Parallel()
	b := setup(t)
	n := syncing.NewRun{Sync: "news", Version: 1, Kind: syncing.KindFull, Until: until}
	created := make([]bool, 4)
	runs := make([]syncing.Run, 4)
	for _, err := range enginetest.AtOnce(4, func(i int) (err error) {
		runs[i], created[i], err = b.Begin(b.ctx, n)
		return err
	}) {
		require.NoError(t, err)
	}
	made := 0
	for i := range created {
		require.Equal(t, runs[0].ID, runs[i].ID)
		if created[i] {
			made++
		}
	}
	require.Equal(t, 1, made)
	n.Sync = "other"
	_, _, err := b.Begin(b.ctx, n)
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = b.End(b.ctx, runs[0].ID, syncing.Ending{Status: syncing.StatusCancelled})
	require.NoError(t, err)
	n.Sync, n.Version = "news", 2
	_, _, err = b.Begin(b.ctx, n)
	require.ErrorIs(t, err, store.ErrConflict)
	_, ok, err := b.Running(b.ctx, "news")
	require.NoError(t, err)
	require.False(t, ok)
}

// Pages are recorded by the last attempt only, and a success sets the state of the sync.
func TestAdvance(t *testing.T) {
	t.Parallel()
	b := setup(t)
	run := b.begin(t)
	require.NoError(t, b.advance(run, page(`{"at":1}`, false, "a", "b")))
	again, err := b.Claim(b.ctx, run.ID)
	require.NoError(t, err)
	require.JSONEq(t, `{"at":1}`, string(again.Cursor))
	require.ErrorIs(t, b.advance(run, page(`{"at":2}`, true)), store.ErrFenced)
	_, err = b.End(b.ctx, run.ID, syncing.Ending{Status: syncing.StatusSucceeded})
	require.ErrorIs(t, err, store.ErrConflict, "the window is not complete")
	last := page(`{"at":2}`, true, "c")
	last.Read, last.Rejected, last.Skipped = 2, 1, 4
	last.Rejects = []syncing.NewReject{{Key: "d", Stage: "write", Reason: "too large"}}
	require.NoError(t, b.advance(again, last))
	require.ErrorIs(t, b.advance(again, page(`{"at":3}`, true)), store.ErrFenced, "it is done")
	ended, err := b.End(b.ctx, run.ID, syncing.Ending{Status: syncing.StatusSucceeded})
	require.NoError(t, err)
	same, err := b.End(b.ctx, run.ID, syncing.Ending{Status: syncing.StatusFailed, Error: "late"})
	require.NoError(t, err)
	require.Equal(t, ended, same)
	require.Equal(t, []int64{2, 4, 3, 1, 4}, []int64{ended.Pages, ended.Read, ended.Delivered, ended.Rejected, ended.Skipped})
	row := b.news(t)
	require.Equal(t, until, row.LatestTimestamp.UTC())
	require.EqualValues(t, 3, *row.TotalUpdates)
	require.NotNil(t, row.ElapsedSeconds)
	require.NotNil(t, row.SucceededAt)
	pages, err := b.Pages(b.ctx, run.ID, 0, 10)
	require.NoError(t, err)
	require.Len(t, pages, 2)
	history, err := b.History(b.ctx, "news", syncing.RunFilter{}, 0, 10)
	require.NoError(t, err)
	require.Equal(t, []syncing.Run{ended}, history)
	uneven := page(`{}`, true)
	uneven.Read = 7
	require.ErrorContains(t, b.advance(b.begin(t), uneven), "sync_runs_check", "reads = delivered + rejected")
}

// A running run has the reason of its last failed attempt until a page is recorded; one that has ended keeps its own.
func TestRecordAttemptError(t *testing.T) {
	t.Parallel()
	b := setup(t)
	run := b.begin(t)
	reason := func() string {
		now, err := b.Run(b.ctx, run.ID)
		require.NoError(t, err)
		return now.Error
	}
	require.NoError(t, b.RecordAttemptError(b.ctx, run.ID, "no answer \x00"))
	require.Contains(t, reason(), "no answer")
	require.NoError(t, b.advance(run, page(`{}`, false, "a")))
	require.Empty(t, reason())
	require.NoError(t, b.RecordAttemptError(b.ctx, run.ID, "throttled"))
	require.NoError(t, b.RecordAttemptError(b.ctx, run.ID, ""))
	require.Empty(t, reason())
	require.NoError(t, b.RecordAttemptError(b.ctx, run.ID, "throttled"))
	_, err := b.End(b.ctx, run.ID, syncing.Ending{Status: syncing.StatusFailed, Error: "denied", Class: "permanent"})
	require.NoError(t, err)
	require.NoError(t, b.RecordAttemptError(b.ctx, run.ID, "late"))
	require.Equal(t, "denied", reason())
}

// A change by a user while a run is under way stays.
func TestEndKeepsChange(t *testing.T) {
	t.Parallel()
	b := setup(t)
	run := b.begin(t)
	edited := until.Add(-24 * time.Hour)
	_, err := b.Change(b.ctx, "news", func(s *syncing.Sync) error { s.LatestTimestamp = &edited; return nil })
	require.NoError(t, err)
	require.NoError(t, b.advance(run, page(`{}`, true, "a")))
	_, err = b.End(b.ctx, run.ID, syncing.Ending{Status: syncing.StatusSucceeded})
	require.NoError(t, err)
	row := b.news(t)
	require.Equal(t, edited, row.LatestTimestamp.UTC())
	require.EqualValues(t, 1, *row.TotalUpdates)
	require.False(t, row.CurrentTo.Before(until), "freshness is that of the run")
}

// A record is listed while it is not delivered.
func TestRejects(t *testing.T) {
	t.Parallel()
	b := setup(t)
	run := b.begin(t)
	p := page(`{}`, false)
	p.Read, p.Rejected = 3, 3
	p.Rejects = []syncing.NewReject{
		{Key: "a", Stage: "write", Reason: "bad\x00 name"},
		{Key: "b", Stage: "map", Reason: "no id"},
		{Key: "c", Stage: "read", Reason: "no id", Unidentified: true},
	}
	require.NoError(t, b.advance(run, p))
	rows, err := b.Rejects(b.ctx, "news", syncing.RejectFilter{}, 0, 10)
	require.NoError(t, err)
	require.Len(t, rows, 3)
	require.Equal(t, "bad\uFFFD name", rows[0].Reason)
	n, err := b.RequestRetries(b.ctx, "news", nil)
	require.NoError(t, err)
	require.EqualValues(t, 2, n, "one cannot be read again")
	keys, err := b.WaitingRetries(b.ctx, "news", 10)
	require.NoError(t, err)
	require.Equal(t, []string{"a", "b"}, keys)
	require.NoError(t, b.SettleRetries(b.ctx, syncing.Settled{
		Sync: "news", RunID: run.ID, Done: []string{"a"}, Rejects: []syncing.NewReject{{Key: "b", Stage: "map", Reason: "no id"}},
	}))
	rows, err = b.Rejects(b.ctx, "news", syncing.RejectFilter{}, 0, 10)
	require.NoError(t, err)
	require.Len(t, rows, 2)
	require.Nil(t, rows[0].RetryAt)
	require.EqualValues(t, 2, rows[0].Times)
	n, err = b.RequestRetries(b.ctx, "news", []int64{rows[1].ID})
	require.NoError(t, err)
	require.Zero(t, n)
	require.NoError(t, b.advance(run, page(`{}`, true, "b", "c")))
	n, err = b.CountRejects(b.ctx, "news")
	require.NoError(t, err)
	require.Zero(t, n)
}

// Cursors are bounded in the database.
func TestCursorBound(t *testing.T) {
	t.Parallel()
	b := setup(t)
	run := b.begin(t)
	large, err := json.Marshal(make([]byte, 13_000))
	require.NoError(t, err)
	require.ErrorContains(t, b.advance(run, page(string(large), false)), "sync_runs_cursor_check")
}
