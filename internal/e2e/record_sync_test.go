package e2e

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/fakemailchimp"
	"github.com/sluicehq/sluice/internal/fakeometria"
	"github.com/sluicehq/sluice/internal/outbound"
	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/internal/wiring"
	"github.com/sluicehq/sluice/starter"
	syncclient "github.com/sluicehq/sluice/starter/syncing"
	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/sync"
	"github.com/sluicehq/sluice/sync/mailchimp"
	"github.com/sluicehq/sluice/sync/ometria"
	"github.com/sluicehq/sluice/worker"
	"github.com/sluicehq/sluice/workflows"
)

// syncing is all of Sluice with a sync of the fake of Mailchimp to that of Ometria.
type syncing struct {
	*enginetest.System
	t         *testing.T
	syncs     *syncclient.Syncs
	rows      *syncstore.Store
	mailchimp *fakemailchimp.Server
}

// setupSync has the sync news, with 250 members and its first run.
func setupSync(t *testing.T) *syncing {
	t.Helper()
	s := &syncing{
		System: enginetest.NewSystem(t, importers.NewRegistry()), t: t, mailchimp: fakemailchimp.New(fakemailchimp.Config{}),
	}
	keys, err := connections.NewKeyset()
	require.NoError(t, err)
	text, err := keys.JSON()
	require.NoError(t, err)
	s.Settings.Connections = config.Connections{Keyset: string(text)}
	kinds := connections.NewRegistry(mailchimp.Kind{Guard: outbound.Loopback()}, ometria.Kind{Guard: outbound.Loopback()})
	known := &connections.Connections{
		Store: s.Store.Deliveries, Vault: connections.NewVault(wiring.Vault(s.Settings.Connections)), Registry: kinds,
	}
	from := httptest.NewServer(s.mailchimp)
	to := httptest.NewServer(fakeometria.New(fakeometria.Config{Queue: -1}))
	t.Cleanup(from.Close)
	t.Cleanup(to.Close)
	ctx := enginetest.Context(t)
	for _, c := range []struct{ name, kind, key, endpoint string }{
		{"mc", "mailchimp", fakemailchimp.Key, from.URL + "/3.0"},
		{"om", "ometria", fakeometria.Key, to.URL + "/v2"},
	} {
		_, err := known.Add(ctx, connections.New{
			Name: c.name, Kind: c.kind, Secrets: map[string]string{"api_key": c.key},
			Settings: json.RawMessage(fmt.Sprintf(`{"endpoint": %q}`, c.endpoint)),
		})
		require.NoError(t, err)
	}
	s.rows = syncstore.New(s.Store.Store)
	s.syncs = &syncclient.Syncs{Temporal: s.Temporal, Store: s.rows, Kinds: kinds, AnswerTimeout: time.Minute}
	s.Tune = func(cfg *worker.Config) { cfg.Connections = kinds }
	s.change(0, 250, time.Hour)
	s.StartWorker(t)
	_, err = s.syncs.Create(ctx, syncclient.NewSync{
		Name: "news", FromKind: "mailchimp", FromConnection: "mc", List: fakemailchimp.List, ToKind: "ometria",
		ToConnection: "om", Every: 24 * time.Hour, Settings: sync.Settings{ScanEvery: 60},
	})
	require.NoError(t, err)
	s.await(1, 250)
	return s
}

// change changes members that long ago.
func (s *syncing) change(from, to int, ago time.Duration) {
	for i := from; i < to; i++ {
		s.mailchimp.Put(fakemailchimp.Member{
			Email: fmt.Sprintf("member-%d@example.com", i), LastChanged: time.Now().Add(-ago), OptedIn: time.Now().Add(-ago),
		})
	}
}

// await waits until so many runs have succeeded, the last with so many records.
func (s *syncing) await(runs int, delivered int64) {
	s.t.Helper()
	var history []syncstore.Run
	polltest.Eventually(s.t, func() bool {
		var err error
		history, err = s.rows.History(enginetest.Context(s.t), "news", syncstore.RunFilter{}, 0, runs+1)
		require.NoError(s.t, err)
		return len(history) == runs && history[0].Status != syncstore.StatusRunning
	}, time.Minute, 50*time.Millisecond)
	require.Equal(s.t, syncstore.StatusSucceeded, history[0].Status, history[0].Error)
	require.Equal(s.t, delivered, history[0].Delivered)
}

// synced returns the history of a sync with a full load, an update with a scan for deletions, a pause, and an update
// after it.
func (r recorder) synced() *historypb.History {
	r.t.Helper()
	s, ctx, by := setupSync(r.t), enginetest.Context(r.t), starter.By{Who: "ann", Why: "a look"}
	// What has changed shortly before the end of the last window is in the next one, too.
	s.change(0, 120, time.Minute)
	s.exec("UPDATE syncs SET created_at = now() - interval '2 days'")
	require.NoError(r.t, s.syncs.Run(ctx, "news", by))
	s.await(2, 120)
	require.NoError(r.t, s.syncs.Pause(ctx, "news", by))
	require.NoError(r.t, s.syncs.Resume(ctx, "news", by))
	s.await(3, 120)
	return s.History(r.t, workflows.SyncID("news"), "")
}

// exec runs a statement in the database of the store.
func (s *syncing) exec(statement string) {
	s.t.Helper()
	_, err := enginetest.ConnectStore(s.t, s.Settings.Store.DSN).Exec(enginetest.Context(s.t), statement)
	require.NoError(s.t, err)
}

// syncWoken returns the history of the workflow by which the schedule of a sync wakes it.
func (r recorder) syncWoken() *historypb.History {
	r.t.Helper()
	s, ctx := setupSync(r.t), enginetest.Context(r.t)
	handle := s.Temporal.ScheduleClient().GetHandle(ctx, workflows.SyncScheduleID("news"))
	require.NoError(r.t, handle.Trigger(ctx, client.ScheduleTriggerOptions{}))
	s.await(2, 0)
	var id string
	polltest.Eventually(r.t, func() bool {
		id = s.FindWorkflow(r.t, workflows.TypeSyncWake)
		return id != ""
	}, time.Minute, 50*time.Millisecond)
	require.NoError(r.t, s.Temporal.GetWorkflow(ctx, id, "").Get(ctx, nil))
	return s.History(r.t, id, "")
}
