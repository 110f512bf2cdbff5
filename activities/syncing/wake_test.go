package syncing_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	syncacts "github.com/sluicehq/sluice/activities/syncing"
	"github.com/sluicehq/sluice/store"
	syncstore "github.com/sluicehq/sluice/store/syncing"
)

// A schedule wakes its sync, and is deleted if the sync does not exist; both are repeated after a failure.
func TestWakeSync(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var woken, forgotten []string
	fault := error(nil)
	w := &syncacts.Wakes{
		Store: b.rows,
		Wake: func(_ context.Context, row syncstore.Sync) error {
			woken = append(woken, row.Name+" of "+row.FromConnection)
			return fault
		},
		Forget: func(_ context.Context, name string) error { forgotten = append(forgotten, name); return fault },
	}
	require.NoError(t, w.WakeSync(t.Context(), syncacts.WakeRequest{Sync: "news"}))
	require.NoError(t, w.WakeSync(t.Context(), syncacts.WakeRequest{Sync: "gone"}))
	require.Equal(t, [][]string{{"news of mc"}, {"gone"}}, [][]string{woken, forgotten})
	fault = errors.New("the server is away")
	for _, name := range []string{"news", "gone"} {
		var app *temporal.ApplicationError
		require.ErrorAs(t, w.WakeSync(t.Context(), syncacts.WakeRequest{Sync: name}), &app)
		require.False(t, app.NonRetryable())
		require.Equal(t, "the server is away", app.Message())
	}
	fault = nil
	o := b.through(t)
	w.Store = b.Store
	o.Meet(t, func() error { return w.WakeSync(t.Context(), syncacts.WakeRequest{Sync: "news"}) }, retried(t))
}

// free returns the number of free slots of an account.
func (b *bundle) free(t *testing.T, account string) (n int) {
	t.Helper()
	require.NoError(t, b.sql.QueryRow(t.Context(),
		"SELECT count(*) FROM sync_slots WHERE account = $1 AND expires_at <= now()", account).Scan(&n))
	return n
}

// A worker that stops gives back the slots that it keeps for its next requests, and keeps none that is released later.
func TestRenewEnds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	budgets := syncacts.NewBudgets(b.rows, "a", slog.New(slog.DiscardHandler))
	release, err := budgets.Slot(t.Context(), "mc", 2)
	require.NoError(t, err)
	held, err := budgets.Slot(t.Context(), "mc", 2)
	require.NoError(t, err)
	require.Zero(t, b.free(t, "mc"))
	release()
	ctx, stop := context.WithCancel(t.Context())
	stop()
	budgets.Renew(ctx)
	require.Equal(t, 1, b.free(t, "mc"))
	held()
	require.Equal(t, 2, b.free(t, "mc"))
}

// A list that waits for a connection, or for its turn among the lists of its worker, ends with its activity. Another
// worker's slots count.
func TestSlotCancelled(t *testing.T) {
	t.Parallel()
	b := setup(t)
	log := slog.New(slog.DiscardHandler)
	_, err := syncacts.NewBudgets(b.rows, "other", log).Slot(t.Context(), "mc", 1)
	require.NoError(t, err)
	budgets := syncacts.NewBudgets(b.rows, "a", log)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := budgets.Slot(ctx, "mc", 1)
			ended <- err
		}()
	}
	require.Never(t, func() bool { return len(ended) > 0 }, 100*time.Millisecond, 10*time.Millisecond)
	cancel()
	require.ErrorIs(t, <-ended, context.Canceled)
	require.ErrorIs(t, <-ended, context.Canceled)
	require.ErrorIs(t, budgets.Request(ctx, "mc", 10), context.Canceled)
	require.EqualError(t, budgets.Request(t.Context(), "mc", 0), "reserve requests of mc: 0 a second: want more than 0")
}

// Budgets that cannot be read fail their callers, who try again.
func TestBudgetOutages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	o := b.through(t)
	met := func(call func(*syncacts.Budgets) error) {
		t.Helper()
		o.Meet(t, func() error { return call(syncacts.NewBudgets(b.Store, "a", slog.New(slog.DiscardHandler))) },
			func(n int, err error) { require.Errorf(t, err, "outage at request %d", n) })
	}
	met(func(budgets *syncacts.Budgets) error { return budgets.Load(t.Context()) })
	met(func(budgets *syncacts.Budgets) error { return budgets.Request(t.Context(), "om", 1000) })
	met(func(budgets *syncacts.Budgets) error {
		_, err := budgets.Slot(t.Context(), "mc", 100)
		return err
	})
	b.Systems.Budgets = syncacts.NewBudgets(b.Store, "a", slog.New(slog.DiscardHandler))
	o.Begin(0)
	begun, err := b.Begin(t.Context(), syncacts.BeginRequest{Sync: "news"})
	require.Error(t, err)
	require.Zero(t, begun)
	o.End()
	require.NoError(t, b.Systems.Budgets.Load(t.Context()))
}

// What a person has to correct ends a run at once, with what is wrong and what would be right.
func TestRefusedSystems(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.tables(t)
	b.exec(t, "CREATE TABLE people (id bigint PRIMARY KEY)")
	table := `"key_column":"id","target_table":"people","target_key":["id"]`
	swapped := opener{"pg": b.opener["mc"]}
	for name, test := range map[string]struct {
		sync     syncstore.NewSync
		settings string
		opener   opener
		want     string
	}{
		"an unknown setting": {syncstore.NewSync{}, `{"bogus":1}`, nil, `unknown setting "bogus"`},
		"a wrong setting":    {syncstore.NewSync{}, `{"worker_count":-1}`, nil, "worker_count"},
		"a reader":           {syncstore.NewSync{}, `{"target_table":"people","target_key":["id"]}`, nil, `connection pg: setting "key_column"`},
		"a writer": {
			syncstore.NewSync{}, `{"key_column":"id"}`, nil, `connection pg: settings "target_table" and "target_key": want the name of a table`,
		},
		"a mapping":      {syncstore.NewSync{}, `{` + table + `,"mapping":{"id":"nope"}}`, nil, "mapping: id: unknown name nope"},
		"another kind":   {syncstore.NewSync{}, `{` + table + `}`, swapped, "connection pg has the kind mailchimp: want postgres"},
		"an unread kind": {syncstore.NewSync{FromKind: "ometria", FromConnection: "om"}, `{` + table + `}`, nil, "connections of kind ometria cannot be read by a sync"},
		"an unwritten kind": {
			syncstore.NewSync{ToKind: "mailchimp", ToConnection: "mc"}, `{` + table + `}`, nil, "connections of kind mailchimp cannot be written by a sync",
		},
	} {
		n := test.sync
		if n.FromKind == "" {
			n.FromKind, n.FromConnection = "postgres", "pg"
		}
		if n.ToKind == "" {
			n.ToKind, n.ToConnection = "postgres", "pg"
		}
		n.ListID, n.Settings = "people", json.RawMessage(test.settings)
		b.replace(t, n)
		b.Systems.Connections = b.opener
		if test.opener != nil {
			b.Systems.Connections = test.opener
		}
		begun, err := b.Begin(t.Context(), syncacts.BeginRequest{Sync: "news"})
		require.NoError(t, err, name)
		_, err = b.Pages(t.Context(), syncacts.RunRef{Sync: "news", RunID: begun.RunID})
		var app *temporal.ApplicationError
		require.ErrorAs(t, err, &app, name)
		require.Contains(t, app.Message(), test.want, name)
		require.True(t, app.NonRetryable(), name)
		require.Equal(t, "permanent", app.Type(), name)
	}
	for _, name := range []string{"nowhere", ""} {
		_, err := b.Begin(t.Context(), syncacts.BeginRequest{Sync: name})
		var app *temporal.ApplicationError
		require.ErrorAs(t, err, &app)
		require.Equal(t, syncacts.TypeGone, app.Type())
		require.Contains(t, app.Message(), store.ErrNotFound.Error())
	}
	_, err := b.Begin(canceled(t), syncacts.BeginRequest{Sync: "news"})
	require.ErrorIs(t, err, context.Canceled)
}

func canceled(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx
}

// A search and the retries of rejected records work after an outage at any of their statements.
func TestOutagesOfSearches(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.set(t, lateMapping)
	b.fill(0, 20, now.Add(-time.Hour))
	b.putLast(now.Add(-time.Hour), map[int]any{3: 7})
	b.cycle(t)
	o := b.through(t)
	ref := b.findPage(t, 1, 1)
	require.Equal(t, "1/1", (&syncacts.PageRef{RunID: 1, Page: 1}).String())
	var progress syncacts.Progress
	o.Meet(t, func() (err error) { progress, err = b.Find(t.Context(), ref); return err }, retried(t))
	require.Equal(t, []any{true, int64(1)}, []any{progress.Done, progress.Rejected})
	_, err := b.End(t.Context(), syncacts.EndRequest{RunID: ref.RunID})
	require.NoError(t, err)
	_, err = b.rows.RequestRetries(t.Context(), "news", nil)
	require.NoError(t, err)
	b.putLast(now, map[int]any{3: "Smith"})
	var again syncacts.Retried
	o.Meet(t, func() (err error) {
		again, err = b.Retry(t.Context(), syncacts.RunRef{Sync: "news", RunID: 1})
		return err
	}, retried(t))
	require.Equal(t, syncacts.Retried{Delivered: 1}, again)
	rejects, err := b.rows.CountRejects(t.Context(), "news")
	require.NoError(t, err)
	require.Zero(t, rejects)
}
