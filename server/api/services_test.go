package api_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/components"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/wiring"
	"github.com/sluicehq/sluice/server/api"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	"github.com/sluicehq/sluice/worker"
)

// addServices adds the operations of deliveries, connections and syncs to the configuration of an API, with the stock
// components, which reach the loopback interface.
func (b *bundle) addServices(tb testing.TB, cfg *api.Config) {
	tb.Helper()
	keys, err := connections.NewKeyset()
	require.NoError(tb, err)
	text, err := keys.JSON()
	require.NoError(tb, err)
	if b.Settings.Connections.Keyset == "" {
		b.Settings.Connections.Keyset = string(text)
		b.Settings.Connections.Addresses = "mailchimp=loopback, ometria=loopback, webhook=loopback"
	}
	stock := components.Stock(b.Settings)
	b.Tune = func(c *worker.Config) { c.Connections, c.Destinations = stock.Kinds, stock.Destinations }
	cfg.Deliveries, err = deliveryclient.New(deliveryclient.Config{
		Temporal: b.Temporal, Store: b.Store, Registry: stock.Destinations, AnswerTimeout: 20 * time.Second,
	})
	require.NoError(tb, err)
	cfg.Connections = &connections.Connections{
		Store: b.Store.Deliveries, Vault: connections.NewVault(wiring.Vault(b.Settings.Connections)), Registry: stock.Kinds,
	}
}

// addEvent adds an event with jobs, which no worker delivers.
func (b *bundle) addEvent(t *testing.T, n deliverystore.NewEvent) deliverystore.AddedEvent {
	t.Helper()
	added, err := b.Store.Deliveries.AddEvent(enginetest.Context(t), n)
	require.NoError(t, err)
	return added
}

// paid is an event of a shop with two jobs.
func paid() deliverystore.NewEvent {
	return deliverystore.NewEvent{
		Source: "shop", Name: "order.paid", Data: json.RawMessage(`{"total": 12}`),
		Jobs: []deliverystore.NewJob{
			{Destination: "log", Action: "write", Data: json.RawMessage(`{"text": "paid"}`)},
			{Destination: "webhook", Action: "post"},
		},
	}
}
