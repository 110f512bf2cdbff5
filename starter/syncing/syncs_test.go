package syncing_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	syncacts "github.com/sluicehq/sluice/activities/syncing"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/internal/components"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/fakemailchimp"
	"github.com/sluicehq/sluice/internal/fakeometria"
	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/internal/wiring"
	"github.com/sluicehq/sluice/starter"
	syncclient "github.com/sluicehq/sluice/starter/syncing"
	"github.com/sluicehq/sluice/store"
	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/sync"
	"github.com/sluicehq/sluice/worker"
	"github.com/sluicehq/sluice/workflows"
)

var ann = starter.By{Who: "ann", Why: "a test"}

// setupSyncs returns a system without a worker, with the connections mc and om to fakes.
func setupSyncs(t *testing.T) (*enginetest.System, *syncclient.Syncs, *fakemailchimp.Server) {
	t.Helper()
	mailchimp := fakemailchimp.New(fakemailchimp.Config{})
	from, to := httptest.NewServer(mailchimp), httptest.NewServer(fakeometria.New(fakeometria.Config{}))
	t.Cleanup(from.Close)
	t.Cleanup(to.Close)
	s := enginetest.NewSystem(t, importers.NewRegistry(noop.New()))
	keys, err := connections.NewKeyset()
	require.NoError(t, err)
	text, err := keys.JSON()
	require.NoError(t, err)
	s.Settings.Connections.Keyset = string(text)
	s.Settings.Connections.Addresses = "mailchimp=loopback, ometria=loopback"
	kinds := components.Stock(s.Settings).Kinds
	s.Tune = func(cfg *worker.Config) { cfg.Connections = kinds }
	service := &connections.Connections{
		Store: s.Store.Deliveries, Vault: connections.NewVault(wiring.Vault(s.Settings.Connections)), Registry: kinds,
	}
	for _, n := range []connections.New{
		{Name: "mc", Kind: "mailchimp", Settings: endpoint(from.URL + "/3.0"), Secrets: map[string]string{"api_key": fakemailchimp.Key}},
		{Name: "om", Kind: "ometria", Settings: endpoint(to.URL + "/v2"), Secrets: map[string]string{"api_key": fakeometria.Key}},
	} {
		_, err := service.Add(enginetest.Context(t), n)
		require.NoError(t, err)
	}
	return s, &syncclient.Syncs{
		Temporal: s.Temporal, Store: syncstore.New(s.Store.Store), Kinds: kinds, AnswerTimeout: 20 * time.Second,
	}, mailchimp
}

func endpoint(url string) json.RawMessage {
	return json.RawMessage(fmt.Sprintf(`{"endpoint": %q}`, url))
}

func newSync(name string) syncclient.NewSync {
	return syncclient.NewSync{
		Name: name, FromKind: "mailchimp", FromConnection: "mc", List: "1a2d7ebf82", ToKind: "ometria", ToConnection: "om",
		Every: 2 * time.Hour, By: "ann",
	}
}

func TestCreateSyncRefuses(t *testing.T) {
	t.Parallel()
	_, s, _ := setupSyncs(t)
	ctx := enginetest.Context(t)
	for want, change := range map[string]func(*syncclient.NewSync){
		`name "News": want a lower-case letter`:                    func(n *syncclient.NewSync) { n.Name = "News" },
		`list "a b": want letters, digits`:                         func(n *syncclient.NewSync) { n.List = "a b" },
		"interval 1s: want whole seconds":                          func(n *syncclient.NewSync) { n.Every = time.Second },
		"no connection mx: add one with `sluice connection add mx": func(n *syncclient.NewSync) { n.FromConnection = "mx" },
		"connection mc has the kind mailchimp: want ometria":       func(n *syncclient.NewSync) { n.ToConnection = "mc" },
		"worker_count": func(n *syncclient.NewSync) { n.Settings.WorkerCount = -1 },
		"ometria":      func(n *syncclient.NewSync) { n.FromKind = "ometria" },
	} {
		n := newSync("news")
		change(&n)
		_, err := s.Create(ctx, n)
		require.ErrorIs(t, err, starter.ErrInvalid, want)
		require.ErrorContains(t, err, want)
	}
	_, err := s.Create(ctx, newSync("news"))
	require.NoError(t, err)
	_, err = s.Create(ctx, newSync("news"))
	require.ErrorIs(t, err, syncstore.ErrExists)
	for _, text := range []string{"mc", ":mc", "mailchimp:"} {
		_, _, err := syncclient.ParseEndpoint(text)
		require.ErrorIs(t, err, starter.ErrInvalid)
		require.ErrorContains(t, err, "want KIND:CONNECTION, such as mailchimp:mc")
	}
}

// Each setting is read from text, null restores its default, and what is wrong is named.
func TestSetSync(t *testing.T) {
	t.Parallel()
	system, s, _ := setupSyncs(t)
	ctx := enginetest.Context(t)
	_, err := s.Create(ctx, newSync("news"))
	require.NoError(t, err)
	given := []syncclient.Change{
		{Name: "latest_timestamp", Value: "2019-10-18T22:20:23"},
		{Name: "every", Value: "30m"},
		{Name: "start_offset", Value: "7"},
		{Name: "items_per_request", Value: "50"},
		{Name: "worker_count", Value: "2"},
		{Name: "deletions", Value: "ignore"},
		{Name: "scan_every", Value: "24h"},
		{Name: "max_missing", Value: "9"},
		{Name: "force_optin", Value: "true"},
		{Name: "alarm_after", Value: "4"},
		{Name: "elapsed_seconds", Value: "1.5"},
		{Name: "total_updates", Value: "12"},
	}
	row, err := s.Set(ctx, "news", given)
	require.NoError(t, err)
	// The next run is due when Temporal's schedule fires, which is described without Temporal.
	view, err := s.Show(ctx, "news")
	require.NoError(t, err)
	described, err := s.Temporal.ScheduleClient().GetHandle(ctx, workflows.SyncScheduleID("news")).Describe(ctx)
	require.NoError(t, err)
	require.Contains(t, described.Info.NextActionTimes, *view.NextRun)
	require.Equal(t, time.Date(2019, time.October, 18, 22, 20, 23, 0, time.UTC), row.LatestTimestamp.UTC())
	require.EqualValues(t, 1800, row.EverySeconds)
	require.InDelta(t, 1.5, *row.ElapsedSeconds, 0)
	require.EqualValues(t, 12, *row.TotalUpdates)
	var settings sync.Settings
	require.NoError(t, json.Unmarshal(row.Settings, &settings))
	require.Equal(t, sync.Settings{
		StartOffset: 7, ItemsPerRequest: 50, WorkerCount: 2, Deletions: sync.DeletionsIgnore, ScanEvery: 86400, MaxMissing: 9, ForceOptIn: true,
		AlarmAfter: 4,
	}, settings)
	var nulls []syncclient.Change
	for _, c := range given {
		if c.Name != "every" {
			nulls = append(nulls, syncclient.Change{Name: c.Name, Value: "null"})
		}
	}
	row, err = s.Set(ctx, "news", append(nulls, syncclient.Change{Name: "mapping", Value: "null"}))
	require.NoError(t, err)
	require.Nil(t, row.LatestTimestamp)
	require.Nil(t, row.ElapsedSeconds)
	require.JSONEq(t, `{}`, string(row.Settings))

	for want, change := range map[string]syncclient.Change{
		`latest_timestamp: "soon": want a UTC time`:                       {Name: "latest_timestamp", Value: "soon"},
		`every: "x": want a duration such as 2h or 30m`:                   {Name: "every", Value: "x"},
		"every: interval 1s: want whole seconds":                          {Name: "every", Value: "1s"},
		`start_offset: "x": want a whole number, or null for the default`: {Name: "start_offset", Value: "x"},
		`scan_every: "1ms": want a duration in whole seconds`:             {Name: "scan_every", Value: "1ms"},
		`force_optin: "yes": want true or false`:                          {Name: "force_optin", Value: "yes"},
		"mapping: want a JSON object of expressions":                      {Name: "mapping", Value: "[1]"},
		`elapsed_seconds: "x": want a number, or null`:                    {Name: "elapsed_seconds", Value: "x"},
		"speed: no such setting: want one of latest_timestamp, every":     {Name: "speed", Value: "1"},
		"worker_count": {Name: "worker_count", Value: "-1"},
	} {
		_, err := s.Set(ctx, "news", []syncclient.Change{change})
		require.ErrorIs(t, err, starter.ErrInvalid, want)
		require.ErrorContains(t, err, want)
	}
	_, err = s.Set(ctx, "none", given)
	require.ErrorIs(t, err, store.ErrNotFound)

	// The kinds allow that deletions are opted out, and the schedule has the new interval.
	row, err = s.Set(ctx, "news", []syncclient.Change{
		{Name: "deletions", Value: "optout"}, {Name: "max_rejected_pages", Value: "3"}, {Name: "every", Value: "3h"},
	})
	require.NoError(t, err)
	require.JSONEq(t, `{"deletions": "optout", "max_rejected_pages": 3}`, string(row.Settings))
	scheduled, err := system.Temporal.ScheduleClient().GetHandle(ctx, workflows.SyncScheduleID("news")).Describe(ctx)
	require.NoError(t, err)
	require.Equal(t, 3*time.Hour, scheduled.Schedule.Spec.Intervals[0].Every)
	for range 2 {
		require.NoError(t, s.DeleteSchedule(ctx, "news"), "also if it is gone")
	}

	fresh, err := syncclient.ParseSettings([]syncclient.Change{{Name: "worker_count", Value: "2"}})
	require.NoError(t, err)
	require.Equal(t, 2, fresh.WorkerCount)
	fresh, err = syncclient.ParseSettings([]syncclient.Change{
		{Name: "key_column", Value: "id"},
		{Name: "cursor_column", Value: "updated_at"},
		{Name: "query", Value: "SELECT 1"},
		{Name: "target_table", Value: "people"},
		{Name: "target_key", Value: "tenant,id"},
		{Name: "mapping", Value: `{"id": "nil"}`},
	})
	require.NoError(t, err)
	require.Equal(t, sync.Settings{
		KeyColumn: "id", CursorColumn: "updated_at", Query: "SELECT 1", TargetTable: "people", TargetKey: []string{"tenant", "id"},
		Mapping: map[string]any{"id": "nil"},
	}, fresh)
	_, err = syncclient.ParseSettings([]syncclient.Change{{Name: "every", Value: "2h"}})
	require.ErrorIs(t, err, starter.ErrInvalid)
	require.ErrorContains(t, err, "every: no setting of a new sync: change it with `sluice sync set`")
	_, err = syncclient.ParseSettings([]syncclient.Change{{Name: "worker_count", Value: "x"}})
	require.ErrorIs(t, err, starter.ErrInvalid)
}

// A sync is run, paused, resumed and deleted through its workflow, also where that was lost.
func TestSyncCommands(t *testing.T) {
	t.Parallel()
	system, s, mailchimp := setupSyncs(t)
	ctx := enginetest.Context(t)
	at := time.Now().Add(-time.Hour)
	mailchimp.Put(fakemailchimp.Member{Email: "a@example.com", LastChanged: at, OptedIn: at})
	system.StartWorker(t)
	_, err := s.Create(ctx, newSync("news"))
	require.NoError(t, err)
	view := awaitSync(t, s, "news", func(v syncclient.View) bool { return v.State == syncclient.StateCurrent })
	require.EqualValues(t, 1, view.Run.Read)
	require.NotNil(t, syncclient.SyncedTo(view.Row.CurrentTo, view.Row.SucceededAt))
	state, err := s.State(ctx, "news")
	require.NoError(t, err)
	require.Equal(t, "news", state.Sync)

	// The page of the run is searched for records that the target has rejected later.
	require.NoError(t, s.FindRejected(ctx, "news", syncacts.PageRef{RunID: view.Run.ID, Page: 1}, ann))
	polltest.Until(t, func(c *polltest.Check) {
		runs, err := s.History(ctx, "news", syncstore.RunFilter{}, 0, 1)
		require.NoError(c, err)
		require.Equal(c, []string{syncstore.KindFind, syncstore.StatusSucceeded, fmt.Sprintf("%d/1", view.Run.ID)},
			[]string{runs[0].Kind, runs[0].Status, runs[0].Find})
	}, time.Minute, 50*time.Millisecond)

	require.NoError(t, s.Pause(ctx, "news", ann))
	paused := awaitSync(t, s, "news", func(v syncclient.View) bool { return v.State == syncclient.StatePaused })
	require.True(t, paused.Row.Paused)
	err = s.Run(ctx, "news", ann)
	require.ErrorIs(t, err, store.ErrConflict)
	require.ErrorContains(t, err, "sync news is paused: resume it, which runs it")
	require.NoError(t, s.Resume(ctx, "news", ann))
	awaitSync(t, s, "news", func(v syncclient.View) bool { return v.State == syncclient.StateCurrent && v.Run.ID > view.Run.ID })
	require.NoError(t, system.Temporal.TerminateWorkflow(ctx, "sync/news", "", "lost"))
	require.NoError(t, s.Run(ctx, "news", ann), "the command starts the workflow again")
	_, err = s.RetryRejects(ctx, "news", nil, ann)
	require.ErrorIs(t, err, store.ErrConflict)
	require.ErrorContains(t, err, "no rejected record of sync news can be retried")

	require.NoError(t, s.Delete(ctx, "news"))
	for name, err := range map[string]error{
		"delete": s.Delete(ctx, "news"), "run": s.Run(ctx, "news", ann), "pause": s.Pause(ctx, "news", ann),
	} {
		require.ErrorIs(t, err, store.ErrNotFound, name)
	}
	_, err = s.RetryRejects(ctx, "news", nil, ann)
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = s.State(ctx, "none")
	require.ErrorContains(t, err, "state of sync none: ")
}

// awaitSync waits until a sync is as a condition wants it.
func awaitSync(t *testing.T, s *syncclient.Syncs, name string, is func(syncclient.View) bool) (now syncclient.View) {
	t.Helper()
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		var err error
		now, err = s.Show(context.Background(), name)
		require.NoError(c, err)
		require.True(c, is(now), "%+v", now)
	}, time.Minute, 50*time.Millisecond)
	return now
}

// Without a worker a command says so.
func TestSyncCommandWithoutWorker(t *testing.T) {
	t.Parallel()
	_, s, _ := setupSyncs(t)
	ctx := enginetest.Context(t)
	_, err := s.Create(ctx, newSync("news"))
	require.NoError(t, err)
	s.AnswerTimeout = 200 * time.Millisecond
	err = s.Pause(ctx, "news", ann)
	require.ErrorIs(t, err, starter.ErrNoWorker)
	require.ErrorContains(t, err, "pause of sync news: no worker answers within 200ms")
	_, err = s.State(ctx, "news")
	require.Error(t, err)
}

// The state of a sync in lists and in its own view is the same.
func TestSyncStates(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, time.January, 31, 12, 0, 0, 0, time.UTC)
	recent := now.Add(-time.Minute)
	listed := func(change func(*syncstore.Listed)) syncstore.Listed {
		l := syncstore.Listed{Sync: syncstore.Sync{EverySeconds: 3600, CurrentTo: recent, SucceededAt: &recent}}
		change(&l)
		return l
	}
	for want, l := range map[string]syncstore.Listed{
		syncclient.StateCurrent: listed(func(*syncstore.Listed) {}),
		syncclient.StatePaused:  listed(func(l *syncstore.Listed) { l.Paused, l.AlarmedAt = true, &recent }),
		syncclient.StateLate:    listed(func(l *syncstore.Listed) { l.CurrentTo = now.Add(-2 * time.Hour) }),
		syncclient.StateRunning: listed(func(l *syncstore.Listed) { l.LastStatus = syncstore.StatusRunning }),
		syncclient.StateWaiting: listed(func(l *syncstore.Listed) { l.SucceededAt = nil }),
	} {
		require.Equal(t, want, syncclient.StateOf(l, now))
	}
	require.Nil(t, syncclient.SyncedTo(now, nil))
}
