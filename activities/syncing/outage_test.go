package syncing_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	syncacts "github.com/sluicehq/sluice/activities/syncing"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store"
	syncstore "github.com/sluicehq/sluice/store/syncing"
)

// through lets the activities of the bundle reach the store through outages, none of which has begun.
func (b *bundle) through(t *testing.T) *enginetest.StoreOutage {
	t.Helper()
	o := enginetest.NewStoreOutage(t, b.sql.Config().ConnString())
	s, err := store.Open(t.Context(), store.Config{DSN: o.DSN})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	b.Store = syncstore.New(s)
	return o
}

// retried fails unless Temporal retries the error.
func retried(t *testing.T) func(n int, err error) {
	t.Helper()
	return func(n int, err error) {
		t.Helper()
		var app *temporal.ApplicationError
		require.ErrorAsf(t, err, &app, "outage at request %d", n)
		require.Falsef(t, app.NonRetryable(), "outage at request %d: %s", n, app)
	}
}

// A full load, a scan that finds a deletion, and an update deliver each record, whichever statement meets an outage
// of PostgreSQL.
func TestOutages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	o := b.through(t)
	b.fill(0, 60, now.Add(-time.Hour))
	b.put(100, "unsubscribed", now.Add(-time.Hour))
	meet := func(call func() error) { t.Helper(); o.Meet(t, call, retried(t)) }
	run := func() {
		t.Helper()
		var begun syncacts.Begun
		meet(func() (err error) { begun, err = b.Begin(t.Context(), syncacts.BeginRequest{Sync: "news"}); return err })
		ref := syncacts.RunRef{Sync: "news", RunID: begun.RunID}
		var progress syncacts.Progress
		for !progress.Done {
			meet(func() (err error) { progress, err = b.Pages(t.Context(), ref); return err })
		}
		var counted syncacts.Counted
		meet(func() (err error) { counted, err = b.Count(t.Context(), ref); return err })
		meet(func() (err error) { _, err = b.Retry(t.Context(), ref); return err })
		meet(func() (err error) { _, err = b.Scan(t.Context(), ref); return err })
		end := syncacts.EndRequest{RunID: begun.RunID, SourceCount: counted.SourceCount}
		meet(func() (err error) { _, err = b.End(t.Context(), end); return err })
		meet(func() (err error) { _, err = b.Audit(t.Context(), ref); return err })
	}
	run()
	require.Len(t, b.ometria.Records(), 61)
	b.mailchimp.Delete(email(0))
	b.fill(60, 62, now.Add(time.Minute))
	for day := 1; day <= 2; day++ {
		b.clock = time.Now().Add(time.Duration(day) * 25 * time.Hour)
		run()
	}
	require.Len(t, b.ometria.Records(), 63)
	known, _, err := b.rows.LastScan(t.Context(), "news")
	require.NoError(t, err)
	require.EqualValues(t, 1, known.Deleted)
	meet(func() error {
		return b.SetPaused(t.Context(), syncacts.PauseRequest{Sync: "news", Paused: true, Note: "ann"})
	})
	require.True(t, b.news(t).Paused)
}
