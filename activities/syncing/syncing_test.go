package syncing_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http/httptest"
	"strings"
	stdsync "sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	syncacts "github.com/sluicehq/sluice/activities/syncing"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/fakefault"
	"github.com/sluicehq/sluice/internal/fakemailchimp"
	"github.com/sluicehq/sluice/internal/fakeometria"
	"github.com/sluicehq/sluice/internal/outbound"
	"github.com/sluicehq/sluice/internal/polltest"
	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/sync"
	"github.com/sluicehq/sluice/sync/mailchimp"
	"github.com/sluicehq/sluice/sync/ometria"
)

// A full load, an update and deletions, each with the state that it leaves.
func TestCycles(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill(0, 320, now.Add(-time.Hour))
	progress := b.cycle(t)
	require.EqualValues(t, 320, progress.Delivered)
	require.EqualValues(t, 320, *progress.SourceCount)
	row := b.news(t)
	require.Equal(t, now.Add(-10*time.Second), row.LatestTimestamp.UTC(), "the end of the window")
	require.Equal(t, `{"items_per_request": 50}`, string(row.Settings))

	b.clock = now.Add(time.Hour)
	b.fill(0, 7, now.Add(30*time.Minute))
	require.EqualValues(t, 7, b.cycle(t).Delivered)
	require.EqualValues(t, 7, *b.news(t).TotalUpdates)

	// Deletions are found by the second scan, a day later.
	for i := range 5 {
		b.mailchimp.Delete(email(i))
	}
	for day := 1; day <= 2; day++ {
		b.clock = time.Now().Add(time.Duration(day) * 25 * time.Hour)
		b.cycle(t)
	}
	known, ok, err := b.rows.LastScan(t.Context(), "news")
	require.NoError(t, err)
	require.True(t, ok)
	require.Equal(t, []int64{315, 5, 5}, []int64{known.Found, known.MissingCount, known.Deleted})
	out := 0
	for _, r := range b.ometria.Records() {
		if r["marketing_optin"] == "EXPLICITLY_OPTEDOUT" {
			out++
		}
	}
	require.Equal(t, 5, out)
}

// The first full load has read what a scan would find: the first scan comes when the next one is due.
func TestFirstLoadNeedsNoScan(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.sql.Exec(t.Context(), "UPDATE syncs SET created_at = $1", now)
	require.NoError(t, err)
	b.fill(0, 40, now.Add(-time.Hour))
	b.cycle(t)
	calls := b.mailchimp.Calls("members")
	require.Equal(t, 4, calls, "members and archived members, and how many of both have changed since")
	_, scanned, err := b.rows.LastScan(t.Context(), "news")
	require.NoError(t, err)
	require.False(t, scanned)
	b.clock = now.Add(25 * time.Hour)
	b.mailchimp.Delete(email(3))
	b.cycle(t)
	known, scanned, err := b.rows.LastScan(t.Context(), "news")
	require.NoError(t, err)
	require.True(t, scanned)
	require.Equal(t, []int64{39, 1, 0}, []int64{known.Found, known.MissingCount, known.Deleted})
}

// A member that was delivered by an attempt that died before its checkpoint, and deleted before it was read again, is
// opted out.
func TestDeletedBeforeTheCheckpoint(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := t.Context()
	b.fill(0, 40, now.Add(-time.Hour))
	begun, err := b.Begin(ctx, syncacts.BeginRequest{Sync: "news"})
	require.NoError(t, err)
	_, err = b.sql.Exec(ctx, `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'killed'; END $$;
		CREATE TRIGGER refuse BEFORE UPDATE OF pages ON sync_runs FOR EACH ROW EXECUTE FUNCTION refuse()`)
	require.NoError(t, err)
	_, err = b.Pages(ctx, syncacts.RunRef{Sync: "news", RunID: begun.RunID})
	require.Error(t, err, "an attempt without a checkpoint has made no progress")
	require.Equal(t, 40, len(b.ometria.Records())) //nolint:testifylint // Len prints all records
	_, err = b.sql.Exec(ctx, "DROP TRIGGER refuse ON sync_runs")
	require.NoError(t, err)
	b.mailchimp.Delete(email(3))
	require.EqualValues(t, 39, b.cycle(t).Delivered)
	b.clock = time.Now().Add(25 * time.Hour)
	b.cycle(t)
	out := 0
	for _, r := range b.ometria.Records() {
		if r["marketing_optin"] == "EXPLICITLY_OPTEDOUT" {
			out++
		}
	}
	require.Equal(t, 1, out)
}

func email(i int) string { return "member-" + string(rune('0'+i)) + "@example.com" }

// An activity that is repeated, also at the same time, delivers each record and records each page once.
func TestPagesTwice(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill(0, 300, now.Add(-time.Hour))
	begun, err := b.Begin(t.Context(), syncacts.BeginRequest{Sync: "news"})
	require.NoError(t, err)
	again, err := b.Begin(t.Context(), syncacts.BeginRequest{Sync: "news"})
	require.NoError(t, err)
	require.Equal(t, begun, again)
	ref := syncacts.RunRef{Sync: "news", RunID: begun.RunID}
	var both stdsync.WaitGroup
	for range 2 {
		both.Go(func() {
			// One of them is refused by its fencing token.
			_, _ = b.Pages(context.WithoutCancel(t.Context()), ref) //nolint:errcheck // the state is what counts
		})
	}
	both.Wait()
	progress, err := b.Pages(t.Context(), ref)
	require.NoError(t, err)
	require.True(t, progress.Done)
	require.EqualValues(t, 300, progress.Read)
	progress, err = b.Pages(t.Context(), ref)
	require.NoError(t, err, "a run that is complete stays complete")
	require.True(t, progress.Done)
}

// An attempt that has made progress returns it; one that has not fails, with the requested delay.
func TestPagesFail(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill(0, 1000, now.Add(-time.Hour))
	begun, err := b.Begin(t.Context(), syncacts.BeginRequest{Sync: "news"})
	require.NoError(t, err)
	ref := syncacts.RunRef{Sync: "news", RunID: begun.RunID}
	b.mailchimp.Inject(fakefault.Fault{Method: "members", Status: 429, RetryAfter: 120, Times: 1})
	_, err = b.Pages(t.Context(), ref)
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.Equal(t, "throttled", app.Type())
	require.Equal(t, 2*time.Minute, app.NextRetryDelay())
	b.mailchimp.Inject(fakefault.Fault{Method: "members", Status: 429, RetryAfter: 120, Times: 100, Skip: 1})
	progress, err := b.Pages(t.Context(), ref)
	require.NoError(t, err)
	b.mailchimp.Clear()
	require.False(t, progress.Done)
	require.Contains(t, progress.Interrupted, "429")
	require.Positive(t, progress.Delivered)
	// A key that is not accepted is permanent.
	broken := b.opener["mc"]
	broken.Secrets = map[string]string{"api_key": strings.Repeat("0", 32) + "-us21"}
	b.opener["mc"] = broken
	_, err = b.Pages(t.Context(), ref)
	require.ErrorAs(t, err, &app)
	require.True(t, app.NonRetryable())
	require.Equal(t, "permanent", app.Type())
	require.NotContains(t, err.Error(), broken.Secrets["api_key"])
	// A connection that was removed does not prevent the run that records it.
	delete(b.opener, "mc")
	_, err = b.Pages(t.Context(), ref)
	require.ErrorAs(t, err, &app)
	require.True(t, app.NonRetryable())
	_, err = b.End(t.Context(), syncacts.EndRequest{RunID: ref.RunID, Error: "no connection", Class: "permanent"})
	require.NoError(t, err)
	_, err = b.Begin(t.Context(), syncacts.BeginRequest{Sync: "news"})
	require.NoError(t, err)
}

// An address that connections.addresses does not allow fails the run at once, on either side, with the setting.
func TestRefusedAddress(t *testing.T) {
	t.Parallel()
	for _, side := range []string{"mailchimp", "ometria"} {
		b := setup(t)
		b.fill(0, 10, now.Add(-time.Hour))
		from, to := outbound.Loopback(), outbound.Loopback()
		none := outbound.NewGuard(side, outbound.Rule{}, outbound.Rule{})
		if side == "mailchimp" {
			from = none
		} else {
			to = none
		}
		b.Systems.Kinds = connections.NewRegistry(mailchimp.Kind{Guard: from}, ometria.Kind{Guard: to})
		begun, err := b.Begin(t.Context(), syncacts.BeginRequest{Sync: "news"})
		require.NoError(t, err)
		_, err = b.Pages(t.Context(), syncacts.RunRef{Sync: "news", RunID: begun.RunID})
		var app *temporal.ApplicationError
		require.ErrorAs(t, err, &app, side)
		require.True(t, app.NonRetryable(), side)
		require.Equal(t, string(sync.ClassPermanent), app.Type())
		require.Contains(t, app.Message(), "allow it with the setting connections.addresses, such as "+side+"=127.0.0.1")
	}
}

// No history, row or error has an address of a member.
func TestNoAddresses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.mailchimp.Put(
		fakemailchimp.Member{Email: "large@example.com", LastChanged: now.Add(-time.Hour), MergeFields: map[string]any{
			"FNAME": strings.Repeat("x", 61_000),
		}},
		fakemailchimp.Member{Email: "odd@example.com", LastChanged: now.Add(-time.Hour), Status: "odd@example.com"},
		fakemailchimp.Member{Email: "fine@example.com", LastChanged: now.Add(-time.Hour)},
	)
	b.ometria.Inject(fakefault.Fault{Method: "push", Status: 400, Times: 1, Type: "application/json", Body: `{"message":"fine@example.com is taken"}`})
	progress := b.cycle(t)
	require.EqualValues(t, 3, progress.Read)
	text, err := json.Marshal(progress)
	require.NoError(t, err)
	noAddress(t, string(text))
	var dump string
	require.NoError(t, b.sql.QueryRow(t.Context(), `SELECT concat(
		(SELECT json_agg(r) FROM sync_rejects r), (SELECT json_agg(r) FROM sync_runs r), (SELECT json_agg(r) FROM syncs r))`).Scan(&dump))
	require.Contains(t, dump, "want at most 60000")
	noAddress(t, dump)
}

// A sync that is paused or gone has no run.
func TestBeginRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, b.SetPaused(t.Context(), syncacts.PauseRequest{Sync: "news", Paused: true, Note: "paused by ann"}))
	begun, err := b.Begin(t.Context(), syncacts.BeginRequest{Sync: "news"})
	require.NoError(t, err)
	require.Equal(t, syncacts.Begun{Paused: true}, begun)
	_, err = b.Begin(t.Context(), syncacts.BeginRequest{Sync: "other"})
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.Equal(t, syncacts.TypeGone, app.Type())
	future := now.Add(24 * time.Hour)
	_, err = b.rows.Change(t.Context(), "news", func(s *syncstore.Sync) error {
		s.Paused, s.LatestTimestamp = false, &future
		return nil
	})
	require.NoError(t, err)
	_, err = b.Begin(t.Context(), syncacts.BeginRequest{Sync: "news"})
	require.ErrorContains(t, err, "is in the future")
}

// Requests of an account are spread over its time by all workers together, and a delay holds for all.
func TestBudgetRequests(t *testing.T) {
	t.Parallel()
	b := setup(t)
	log := slog.New(slog.DiscardHandler)
	workers := []*syncacts.Budgets{syncacts.NewBudgets(b.rows, "a", log), syncacts.NewBudgets(b.rows, "b", log)}
	var mu stdsync.Mutex
	var times []time.Time
	var all stdsync.WaitGroup
	begun := time.Now()
	for i := range 20 {
		all.Go(func() {
			if err := workers[i%2].Request(context.WithoutCancel(t.Context()), "account", 40); err == nil {
				mu.Lock()
				defer mu.Unlock()
				times = append(times, time.Now())
			}
		})
	}
	all.Wait()
	require.Len(t, times, 20)
	require.GreaterOrEqual(t, time.Since(begun), 19*27*time.Millisecond-50*time.Millisecond, "20 requests at 40 a second, with the margin")
	require.NoError(t, workers[0].Delay(t.Context(), "account", time.Hour))
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, workers[1].Request(short, "account", 40), context.DeadlineExceeded)
	require.Error(t, workers[1].Request(t.Context(), "account", 0))
}

// However many lists wait for requests, a worker reserves few of them in advance: what it has reserved when it dies
// is lost.
func TestBudgetAhead(t *testing.T) {
	t.Parallel()
	b := setup(t)
	budgets := syncacts.NewBudgets(b.rows, "a", slog.New(slog.DiscardHandler))
	ctx, cancel := context.WithCancel(t.Context())
	var all stdsync.WaitGroup
	var sent atomic.Int64
	for range 200 {
		all.Go(func() {
			if budgets.Request(ctx, "account", 8) == nil {
				sent.Add(1)
			}
		})
	}
	polltest.Eventually(t, func() bool { return sent.Load() >= 4 }, time.Minute, time.Millisecond)
	var ahead float64
	require.NoError(t, b.sql.QueryRow(t.Context(),
		"SELECT extract(epoch FROM next_at - clock_timestamp())::float8 FROM sync_rates WHERE account = 'account'").Scan(&ahead))
	cancel()
	all.Wait()
	require.Less(t, ahead, 2.0, "seconds")
}

// A list is delivered at the rate of the target, and never above it.
func TestRateIsKept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	limited := fakeometria.New(fakeometria.Config{Queue: -1})
	server := httptest.NewServer(limited)
	t.Cleanup(server.Close)
	om := b.opener["om"]
	om.Settings = json.RawMessage(`{"endpoint":"` + server.URL + `/v2"}`)
	b.opener["om"] = om
	b.fill(0, 2000, now.Add(-time.Hour))
	begun := time.Now()
	require.EqualValues(t, 2000, b.cycle(t).Delivered)
	// 40 pages of 50 records.
	require.GreaterOrEqual(t, time.Since(begun), 39*time.Second/8)
	require.Equal(t, 40, limited.Calls("push"))
	require.Zero(t, limited.Over())
	require.LessOrEqual(t, b.mailchimp.Peak(), 8)
}

// No more connections are open than the account has, over all workers.
func TestBudgetSlots(t *testing.T) {
	t.Parallel()
	b := setup(t)
	log := slog.New(slog.DiscardHandler)
	workers := []*syncacts.Budgets{syncacts.NewBudgets(b.rows, "a", log), syncacts.NewBudgets(b.rows, "b", log)}
	var mu stdsync.Mutex
	open, peak := 0, 0
	errs := make([]error, 24)
	var all stdsync.WaitGroup
	for i := range errs {
		all.Go(func() {
			release, err := workers[i%2].Slot(context.WithoutCancel(t.Context()), "account", 3)
			if errs[i] = err; err != nil {
				return
			}
			mu.Lock()
			open++
			peak = max(peak, open)
			mu.Unlock()
			mu.Lock()
			open--
			mu.Unlock()
			release()
		})
	}
	all.Wait()
	require.NoError(t, errors.Join(errs...))
	require.LessOrEqual(t, peak, 3)
}

// A stop ends the pages that were read, and the next attempt continues after them.
func TestPagesStop(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill(0, 320, now.Add(-time.Hour))
	stop := make(chan struct{})
	b.Stopping = stop
	begun, err := b.Begin(t.Context(), syncacts.BeginRequest{Sync: "news"})
	require.NoError(t, err)
	ref := syncacts.RunRef{Sync: "news", RunID: begun.RunID}
	close(stop)
	progress, err := b.Pages(t.Context(), ref)
	require.NoError(t, err)
	require.False(t, progress.Done)
	require.Zero(t, progress.Read, "no page is read any more")
	b.Stopping = nil
	progress, err = b.Pages(t.Context(), ref)
	require.NoError(t, err)
	require.True(t, progress.Done)
	require.EqualValues(t, 320, progress.Delivered)
}
