package delivery_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/flow"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// The store and the destinations each have constants of their own: they agree.
func TestVocabulariesAgree(t *testing.T) {
	t.Parallel()
	for _, state := range destinations.States() {
		require.Contains(t, deliverystore.JobStates(), string(state))
	}
	var ends []string
	for _, status := range importstore.Statuses() {
		if importstore.Ended(status) {
			ends = append(ends, flow.EndEvent(status))
		}
	}
	require.Equal(t, ends, flow.EndEvents())
	require.Equal(t, dispatchstore.SourceSluice, flow.SourceSluice)
}

func TestEventOf(t *testing.T) {
	t.Parallel()
	parent, sent := "parent", time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
	stored := deliverystore.Event{
		ID: "e", Source: "shop", Name: "order.paid", Version: "v1", Context: []byte(`{"c": 1}`), Data: []byte(`{"d": 1}`),
		ParentEventID: &parent, SentAt: &sent, ReceivedAt: sent.Add(time.Second),
	}
	event := destinations.Event{
		ID: "e", Source: "shop", Name: "order.paid", Version: "v1", Context: stored.Context, Data: stored.Data,
		ParentID: parent, SentAt: sent, ReceivedAt: stored.ReceivedAt,
	}
	require.Equal(t, event, delivery.EventOf(stored))
	stored.ParentEventID, stored.SentAt = nil, nil
	event.ParentID, event.SentAt = "", time.Time{}
	require.Equal(t, event, delivery.EventOf(stored))
}

func TestSettingsOf(t *testing.T) {
	t.Parallel()
	on, daily, zone, three, rate := true, "@daily", "Asia/Kolkata", int32(3), 0.5
	require.Equal(t, map[string]destinations.Settings{"post": {
		Paused: true, Realtime: &on, Interval: &daily, TimeZone: &zone, MaxRetries: &three, Concurrency: &three,
		BatchSize: &three, Rate: &rate,
	}}, delivery.SettingsOf(map[string]deliverystore.Settings{"post": {
		Destination: "webhook", Action: "post", Paused: true, Realtime: &on, Interval: &daily, TimeZone: &zone,
		MaxRetries: &three, Concurrency: &three, BatchSize: &three, Rate: &rate, Version: 7, UpdatedBy: "ann",
	}}))
}
