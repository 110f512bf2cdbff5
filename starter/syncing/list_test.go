package syncing_test

import (
	"context"
	"encoding/json"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	syncacts "github.com/sluicehq/sluice/activities/syncing"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
	syncclient "github.com/sluicehq/sluice/starter/syncing"
	"github.com/sluicehq/sluice/store"
	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/sync"
)

// stored are the syncs of a store, with a plain connection to its database. They have no Temporal: reads need none.
type stored struct {
	*syncclient.Syncs
	ctx context.Context
	sql *pgx.Conn
}

// until is the end of the windows of the tests' runs.
var until = time.Date(2026, time.January, 2, 12, 0, 0, 0, time.UTC)

// setupStored returns the syncs of a store with news and weekly.
func setupStored(t *testing.T) *stored {
	t.Helper()
	opened, sql := enginetest.OpenStore(t)
	b := &stored{Syncs: &syncclient.Syncs{Store: syncstore.New(opened)}, ctx: enginetest.Context(t), sql: sql}
	for _, name := range []string{"news", "weekly"} {
		_, err := b.Store.Create(b.ctx, syncstore.NewSync{
			Name: name, FromKind: "mailchimp", FromConnection: "mc", ListID: "1a2d7ebf82", ToKind: "ometria", ToConnection: "om",
			Every: 2 * time.Hour, Settings: json.RawMessage(`{"worker_count": 2}`), CreatedBy: "ann",
		})
		require.NoError(t, err)
	}
	return b
}

// exec runs a statement on the database behind the store's back.
func (b *stored) exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	_, err := b.sql.Exec(b.ctx, statement, args...)
	require.NoError(t, err)
}

// begin begins a full load of news.
func (b *stored) begin(t *testing.T) syncstore.Run {
	t.Helper()
	row, err := b.Store.Sync(b.ctx, "news")
	require.NoError(t, err)
	run, _, err := b.Store.Begin(b.ctx, syncstore.NewRun{
		Sync: "news", Version: row.Version, Kind: syncstore.KindFull, Until: until, RequestedBy: "ann",
	})
	require.NoError(t, err)
	run, err = b.Store.Claim(b.ctx, run.ID)
	require.NoError(t, err)
	return run
}

// load is a full load of news with two delivered, two rejected and one held record.
func (b *stored) load(t *testing.T) syncstore.Run {
	t.Helper()
	run := b.begin(t)
	_, err := b.Store.Advance(b.ctx, run, []syncstore.Page{{
		Cursor: json.RawMessage(`{}`), Done: true, Read: 4, Delivered: 2, Rejected: 2, Skipped: 1, Announced: 5, Keys: []string{"a", "b"},
		IDs: []byte("ids"), StopAfter: 10, Consents: syncstore.Consents{Held: []string{"b"}},
		Rejects: []syncstore.NewReject{{Key: "c", Stage: "write", Reason: "too large"}, {Key: "d", Stage: "map", Reason: "no id"}},
	}})
	require.NoError(t, err)
	count := int64(5)
	run, err = b.Store.End(b.ctx, run.ID, syncstore.Ending{Status: syncstore.StatusSucceeded, SourceCount: &count})
	require.NoError(t, err)
	return run
}

// find adds what is found about news beside its runs: a scan, a comparison, and late errors about its run.
func (b *stored) find(t *testing.T, run syncstore.Run) {
	t.Helper()
	b.exec(t, `INSERT INTO sync_known (sync, scan, scanned_at, found, missing_count, deleted, exceeded)
		VALUES ('news', 1, $1, 9, 2, 1, true)`, until)
	require.NoError(t, b.Store.SaveCounts(b.ctx, syncstore.Compared{
		Sync: "news", RunID: run.ID, Read: json.RawMessage(`{"subscribed": 4}`), Before: json.RawMessage(`{"subscribed": 6}`),
		After: json.RawMessage(`{"subscribed": 7}`), Changed: 1, Rejected: 2, Difference: 3, Exceeded: true,
	}))
	b.exec(t, `WITH late AS (INSERT INTO sync_late_errors (account, since, until, errors, exact, reasons)
			VALUES ('om', $1, now(), 3, true, '[{"message": "bad date", "path": "dob", "count": 3}]') RETURNING id)
		INSERT INTO sync_late_error_pages (error_id, run_id, first_page, last_page) SELECT id, $2, 1, 2 FROM late`, until, run.ID)
}

// What a sync is, does and has found is the same in its own view, in lists and in the JSON of programs.
func TestViews(t *testing.T) {
	t.Parallel()
	b := setupStored(t)
	run := b.load(t)
	b.find(t, run)
	late := run.StartedAt
	b.exec(t, "UPDATE syncs SET current_to = now(), latest_timestamp = $1, woken_at = $1, alarmed_at = $1, note = 'x' WHERE name = 'news'", until)

	shown, err := b.Show(b.ctx, "news")
	require.NoError(t, err)
	all, err := b.List(b.ctx, syncclient.Filter{}, "", 10)
	require.NoError(t, err)
	views, err := b.Views(b.ctx, all)
	require.NoError(t, err)
	require.Len(t, views, 2)
	require.Equal(t, shown, views[0])
	news := views[0].Sync()
	require.Equal(t, []any{
		"news", "mailchimp:mc", "1a2d7ebf82", "ometria:om", int64(7200),
		map[string]any{"worker_count": 2.0},
		"ann", int64(2), int64(1),
		syncclient.StateLate, "x", until, until, until,
	}, []any{
		news.Name, news.From, news.List, news.To, news.EverySeconds, news.Settings, news.CreatedBy, news.Rejects, news.Held,
		news.State, news.Note, *news.Latest, *news.WokenAt, *news.AlarmedAt,
	})
	require.NotNil(t, news.SucceededAt)
	require.NotNil(t, news.CurrentTo)
	require.Equal(t, &syncclient.Scan{ScannedAt: until, Found: 9, Missing: 2, Deleted: 1, Exceeded: true}, news.Scan)
	counts := *news.Counts
	counts.ComparedAt = time.Time{}
	require.Equal(t, syncclient.Counts{
		RunID: run.ID, Read: map[string]int64{"subscribed": 4}, Before: map[string]int64{"subscribed": 6},
		After: map[string]int64{"subscribed": 7}, Changed: 1, Rejected: 2, Difference: 3, Exceeded: true,
	}, counts)
	require.Len(t, news.Late, 1)
	require.Equal(t, []any{int64(3), true, run.ID, int64(1), int64(2), int64(1)},
		[]any{news.Late[0].Errors, news.Late[0].Exact, news.Late[0].RunID, news.Late[0].FirstPage, news.Late[0].LastPage, news.Late[0].Runs})
	require.Equal(t, []sync.ErrorCount{{LateError: sync.LateError{Message: "bad date", Path: "dob"}, Count: 3}}, news.Late[0].Reasons)
	require.Equal(t, []int64{run.ID, 1, 4, 2, 2, 1, 5}, []int64{
		news.Run.ID, news.Run.Pages, news.Run.Read, news.Run.Delivered, news.Run.Rejected, news.Run.Skipped, *news.Run.SourceCount,
	})
	require.WithinDuration(t, late, news.Run.StartedAt, 0)

	// One that has not run has none of it.
	weekly := views[1].Sync()
	require.Equal(t, syncclient.StateWaiting, weekly.State)
	require.Nil(t, weekly.CurrentTo)
	require.Nil(t, weekly.Run)
	require.Nil(t, weekly.Scan)
	require.Nil(t, weekly.Counts)
	require.Equal(t, []syncclient.LateErrors{}, weekly.Late)
	page, err := b.List(b.ctx, syncclient.Filter{}, "news", 1)
	require.NoError(t, err)
	require.Equal(t, "weekly", page[0].Name)
	for name, f := range map[string]syncclient.Filter{
		"news": {State: syncclient.StateLate, Text: "MAILCHIMP:mc"}, "weekly": {Text: "EEK"}, "": {State: syncclient.StatePaused},
	} {
		found, err := b.List(b.ctx, f, "", 10)
		require.NoError(t, err)
		require.Equal(t, name != "", len(found) == 1, "%+v", f)
		if name != "" {
			require.Equal(t, name, found[0].Name)
		}
	}
	lateErrors, err := b.LateErrors(b.ctx, "news")
	require.NoError(t, err)
	require.Equal(t, news.Late, lateErrors)
	_, err = b.Show(b.ctx, "none")
	require.ErrorIs(t, err, store.ErrNotFound)
}

// The runs, the rejected and the held records of a sync are read in pages.
func TestPages(t *testing.T) {
	t.Parallel()
	b := setupStored(t)
	first := b.load(t)
	b.find(t, first)
	second := b.load(t)
	find, _, err := b.Store.Begin(b.ctx, syncstore.NewRun{
		Sync: "news", Version: 1, Kind: syncstore.KindFind, Until: until, FindRun: &first.ID, FindPage: ptr(int64(1)),
	})
	require.NoError(t, err)
	runs, err := b.History(b.ctx, "news", syncstore.RunFilter{}, 0, 2)
	require.NoError(t, err)
	require.Equal(t, []int64{find.ID, second.ID}, []int64{runs[0].ID, runs[1].ID})
	require.Equal(t, syncacts.PageRef{RunID: first.ID, Page: 1}.String(), runs[0].Find)
	require.Equal(t, []string{"full", syncstore.StatusSucceeded, "ann"}, []string{runs[1].Kind, runs[1].Status, runs[1].RequestedBy})
	runs, err = b.History(b.ctx, "news", syncstore.RunFilter{}, second.ID, 2)
	require.NoError(t, err)
	require.Len(t, runs, 1)
	require.EqualValues(t, 3, runs[0].LateErrors)

	rejects, err := b.Rejects(b.ctx, "news", syncclient.RejectFilter{}, 0, 1)
	require.NoError(t, err)
	require.Len(t, rejects, 1)
	require.Equal(t, []any{"c", "write", "too large", second.ID, int64(2)},
		[]any{rejects[0].Key, rejects[0].Stage, rejects[0].Reason, *rejects[0].RunID, rejects[0].Times})
	rejects, err = b.Rejects(b.ctx, "news", syncclient.RejectFilter{}, rejects[0].ID, 10)
	require.NoError(t, err)
	require.Len(t, rejects, 1)
	require.Equal(t, "d", rejects[0].Key)
	held, err := b.Held(b.ctx, "news", syncstore.HeldFilter{}, 0, 10)
	require.NoError(t, err)
	require.Len(t, held, 1)
	require.Equal(t, "b", held[0].Key)
	held, err = b.Held(b.ctx, "news", syncstore.HeldFilter{}, held[0].ID, 10)
	require.NoError(t, err)
	require.Empty(t, held)
	for name, read := range map[string]func(name string) error{
		"history": func(name string) error { _, err := b.History(b.ctx, name, syncstore.RunFilter{}, 0, 1); return err },
		"rejects": func(name string) error { _, err := b.Rejects(b.ctx, name, syncclient.RejectFilter{}, 0, 1); return err },
		"held":    func(name string) error { _, err := b.Held(b.ctx, name, syncstore.HeldFilter{}, 0, 1); return err },
	} {
		require.ErrorIs(t, read("none"), store.ErrNotFound, name)
	}
}

func ptr[T any](v T) *T { return &v }

// A page is searched only while its delivered records are known, and no one has paused or stopped the sync.
func TestFindRejectedRefuses(t *testing.T) {
	t.Parallel()
	b := setupStored(t)
	first := b.load(t)
	for name, tc := range map[string]struct {
		sync string
		page syncacts.PageRef
		is   error
		want string
	}{
		"unknown sync":   {"none", syncacts.PageRef{RunID: first.ID, Page: 1}, store.ErrNotFound, "sync none"},
		"other sync":     {"weekly", syncacts.PageRef{RunID: first.ID, Page: 1}, starter.ErrInvalid, "page 1/1 of sync weekly has no delivered records, or is older than 168h0m0s"},
		"unknown run":    {"news", syncacts.PageRef{RunID: 99, Page: 1}, starter.ErrInvalid, "page 99/1 of sync news has no delivered records"},
		"unknown page":   {"news", syncacts.PageRef{RunID: first.ID, Page: 7}, starter.ErrInvalid, "page 1/7 of sync news has no delivered records"},
		"no page at all": {"news", syncacts.PageRef{}, starter.ErrInvalid, "page 0/0 of sync news has no delivered records"},
	} {
		err := b.FindRejected(b.ctx, tc.sync, tc.page, ann)
		require.ErrorIs(t, err, tc.is, name)
		require.ErrorContains(t, err, tc.want, name)
	}
	b.exec(t, "UPDATE syncs SET paused = true WHERE name = 'news'")
	err := b.FindRejected(b.ctx, "news", syncacts.PageRef{RunID: first.ID, Page: 1}, ann)
	require.ErrorIs(t, err, store.ErrConflict)
	require.ErrorContains(t, err, "sync news is paused: resume it first")
	b.exec(t, "UPDATE syncs SET paused = false WHERE name = 'news'")
	run := b.begin(t)
	b.exec(t, "UPDATE sync_runs SET stopped_at = now() WHERE id = $1", run.ID)
	err = b.FindRejected(b.ctx, "news", syncacts.PageRef{RunID: first.ID, Page: 1}, ann)
	require.ErrorIs(t, err, store.ErrConflict)
	require.ErrorContains(t, err, "sync news is stopped: resume it first")
}

// A sync that is an entry of a state file takes the commands and settings of its file alone.
func TestEntriesOfAStateFile(t *testing.T) {
	t.Parallel()
	b := setupStored(t)
	_, err := b.Store.PutEntry(b.ctx, syncstore.Entry{
		Sync: "state-1", Watch: "state.json", ListID: "1a2d7ebf82", FromKind: "mailchimp", FromConnection: "mc", ToKind: "ometria",
		ToConnection: "om", Every: time.Minute, Settings: json.RawMessage(`{}`),
	}, false)
	require.NoError(t, err)
	const want = "sync state-1 is list 1a2d7ebf82 of the state file state.json: edit its entry, which `sluice sync watch` applies"
	for name, call := range map[string]func() error{
		"run":    func() error { return b.Run(b.ctx, "state-1", ann) },
		"pause":  func() error { return b.Pause(b.ctx, "state-1", ann) },
		"resume": func() error { return b.Resume(b.ctx, "state-1", ann) },
		"find":   func() error { return b.FindRejected(b.ctx, "state-1", syncacts.PageRef{RunID: 1, Page: 1}, ann) },
		"set": func() error {
			_, err := b.Set(b.ctx, "state-1", []syncclient.Change{{Name: "worker_count", Value: "3"}})
			return err
		},
	} {
		err := call()
		require.ErrorIs(t, err, store.ErrConflict, name)
		require.ErrorContains(t, err, want, name)
	}
	row, err := b.Set(b.ctx, "state-1", []syncclient.Change{{Name: "alarm_after", Value: "4"}})
	require.NoError(t, err, "the file does not decide about it, and there is no schedule")
	require.JSONEq(t, `{"alarm_after": 4}`, string(row.Settings))
	view, err := b.Show(b.ctx, "state-1")
	require.NoError(t, err)
	require.Equal(t, "state.json", view.Sync().Watch)

	// A retry of rejected records waits for the next look of the watch: no command is sent.
	b.exec(t, `INSERT INTO sync_rejects (sync, key, unidentified, stage, reason) VALUES ('state-1', 'a', false, 'write', 'x')`)
	n, err := b.RetryRejects(b.ctx, "state-1", nil, ann)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	rejects, err := b.Rejects(b.ctx, "state-1", syncclient.RejectFilter{}, 0, 1)
	require.NoError(t, err)
	require.NotNil(t, rejects[0].RetryAt)
}

// A change is refused by a check of its caller, with the sync as it was.
func TestSetChecks(t *testing.T) {
	t.Parallel()
	b := setupStored(t)
	_, err := b.Set(b.ctx, "news", []syncclient.Change{{Name: "alarm_after", Value: "4"}}, func(now syncstore.Sync) error {
		require.JSONEq(t, `{"worker_count": 2}`, string(now.Settings))
		return store.ErrConflict
	})
	require.ErrorIs(t, err, store.ErrConflict)
	row, err := b.Store.Sync(b.ctx, "news")
	require.NoError(t, err)
	require.EqualValues(t, 1, row.Version)
	// What cannot be read is an error, and not an empty value.
	b.exec(t, `UPDATE syncs SET settings = '{"worker_count": "two"}' WHERE name = 'news'`)
	_, err = b.Set(b.ctx, "news", nil)
	require.ErrorIs(t, err, starter.ErrInvalid)
}
