package store_test

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/inbound"
	"github.com/sluicehq/sluice/store"
)

// A worker is live from its first heartbeat until WorkerLive after its last one, or until it is removed.
func TestLiveWorkers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	none, err := b.LiveWorkers(b.ctx)
	require.NoError(t, err)
	require.Empty(t, none)
	require.Equal(t, store.Offers{}, none.Offers())

	stock := store.LiveWorker{ID: "a", Process: "1@x", Version: "v1", Offers: store.Offers{
		Importers:       []store.OfferedImporter{{Name: "noop", Label: "No-op"}},
		Destinations:    []store.OfferedDestination{{Name: "crm", Label: "CRM", Actions: []string{"upsert"}}},
		ConnectionKinds: []string{"smtp"},
	}}
	extended := store.LiveWorker{ID: "b", Process: "2@y", Version: "v2", Offers: store.Offers{
		Importers: []store.OfferedImporter{{Name: "noop", Label: "None"}, {Name: "own", Label: strings.Repeat("ü", 300)}},
		Destinations: []store.OfferedDestination{
			{Name: "bi", Label: "BI", Actions: []string{"load"}}, {Name: "crm", Label: "CRM 2", Actions: []string{"audit", "upsert"}},
		},
		ConnectionKinds: []string{"crm", "smtp"},
	}}
	for range 2 {
		require.NoError(t, b.Heartbeat(b.ctx, stock))
		require.NoError(t, b.Heartbeat(b.ctx, extended))
	}
	live, err := b.LiveWorkers(b.ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"1@x", "2@y"}, live.Processes())
	require.Equal(t, "v2", live[1].Version)
	require.Equal(t, stock.Offers, live[0].Offers)
	require.WithinDuration(t, time.Now(), live[0].HeartbeatAt, time.Minute)
	require.Len(t, live.WithImporter("noop"), 2)
	require.Equal(t, []string{"2@y"}, live.WithImporter("own").Processes())
	require.Len(t, live.WithDestination("crm"), 2)
	require.Equal(t, []string{"2@y"}, live.WithAction("crm", "audit").Processes())
	require.Empty(t, live.WithAction("bi", "upsert"))
	require.Len(t, live.WithConnectionKind("crm"), 1)
	offers := live.Offers()
	require.Equal(t, "None", offers.Importers[0].Label)
	require.Equal(t, inbound.Cut(strings.Repeat("ü", 300), 200), offers.Importers[1].Label)
	require.Equal(t, []store.OfferedDestination{
		{Name: "bi", Label: "BI", Actions: []string{"load"}}, {Name: "crm", Label: "CRM 2", Actions: []string{"audit", "upsert"}},
	}, offers.Destinations)
	require.Equal(t, []string{"crm", "smtp"}, offers.ConnectionKinds)

	b.exec(t, "UPDATE workers SET heartbeat_at = now() - make_interval(secs => $1) WHERE id = 'b'", store.WorkerLive.Seconds())
	live, err = b.LiveWorkers(b.ctx)
	require.NoError(t, err)
	require.Equal(t, []string{"1@x"}, live.Processes())
	require.NoError(t, b.Heartbeat(b.ctx, stock), "it removes what is not live")
	var rows int
	require.NoError(t, b.sql.QueryRow(b.ctx, "SELECT count(*) FROM workers").Scan(&rows))
	require.Equal(t, 1, rows)
	for range 2 {
		require.NoError(t, b.RemoveWorker(b.ctx, "a"))
	}
	live, err = b.LiveWorkers(b.ctx)
	require.NoError(t, err)
	require.Empty(t, live)
}

// What a worker offers is bounded.
func TestTooManyOffers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	big := store.LiveWorker{ID: "a", Process: "1@x", Offers: store.Offers{ConnectionKinds: []string{strings.Repeat("x", 1<<20)}}}
	require.ErrorContains(t, b.Heartbeat(b.ctx, big), "record the heartbeat of worker 1@x")
}
