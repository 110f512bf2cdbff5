package e2e

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	"github.com/sluicehq/sluice/worker"
)

// startSink starts a worker whose only destination is the sink.
func (m mixed) startSink(one *sink) (stop func()) {
	m.Tune = func(cfg *worker.Config) { cfg.Destinations = destinations.NewRegistry(one) }
	return m.StartWorker(m.t)
}

// Jobs for a destination that no live worker has wait, and are delivered once such a worker starts. The
// process that adds the events has neither destination.
func TestMixedDestinations(t *testing.T) {
	t.Parallel()
	const events = 20
	ctx := enginetest.Context(t)
	m := mixed{setup(t)}
	here := newSink("here", &sinkAction{name: "write", schedule: realtime()})
	there := newSink("there", &sinkAction{name: "write", schedule: realtime()})
	const flows = `{"name": "a", "source": "shop", "to": [
		{"destination": "here", "action": "write", "data": {}}, {"destination": "there", "action": "write", "data": {}}]}`
	_, err := m.Store.Deliveries.ApplyFlows(ctx, deliverystore.FlowSet{Flows: []deliverystore.FlowSpec{{Name: "a", Spec: json.RawMessage(flows)}}})
	require.NoError(t, err)
	gateway, err := deliveryclient.New(deliveryclient.Config{
		Temporal: m.Temporal, Store: m.Store, Registry: destinations.NewRegistry(),
	})
	require.NoError(t, err)

	stopHere := m.startSink(here)
	for range events {
		added, err := gateway.AddEvent(ctx, deliveryclient.EventRequest{Source: "shop", Name: "order"})
		require.NoError(t, err)
		require.Len(t, added.Jobs, 2)
		require.Empty(t, added.Faults)
	}
	m.awaitSink(here, events)
	workers, err := m.Store.LiveWorkers(ctx)
	require.NoError(t, err)
	require.Len(t, workers.WithAction("here", "write"), 1)
	require.Empty(t, workers.WithDestination("there"))
	waiting, err := m.Store.Deliveries.CountJobs(ctx, deliverystore.JobFilter{Destinations: []string{"there"}, States: []string{deliverystore.JobAcknowledged}})
	require.NoError(t, err)
	require.EqualValues(t, events, waiting)
	_, err = gateway.AddEvent(ctx, deliveryclient.EventRequest{
		Source: "desk", To: []deliveryacts.ActionRef{{Destination: "there", Action: "write"}},
	})
	require.EqualError(t, err, `unknown destination "there" (want here)`)

	stopThere := m.startSink(there)
	m.awaitSink(there, events)
	added, err := gateway.AddEvent(ctx, deliveryclient.EventRequest{
		Source: "desk", To: []deliveryacts.ActionRef{{Destination: "there", Action: "write"}},
	})
	require.NoError(t, err)
	require.Len(t, added.Jobs, 1)
	m.awaitSink(there, events+1)
	require.NoError(t, gateway.Pause(ctx, deliveryacts.ActionRef{Destination: "there", Action: "write"}, starter.By{Who: "ann"}))
	stopThere()
	stopHere()
	workers, err = m.Store.LiveWorkers(ctx)
	require.NoError(t, err)
	require.Empty(t, workers, "a worker that stops is not live")
}

// awaitSink waits until a sink has that many jobs, each once.
func (m mixed) awaitSink(one *sink, jobs int) {
	m.t.Helper()
	require.EventuallyWithT(m.t, func(collect *assert.CollectT) {
		n, err := m.Store.Deliveries.CountJobs(enginetest.Context(m.t), deliverystore.JobFilter{
			Destinations: []string{one.name}, States: []string{deliverystore.JobSucceeded},
		})
		require.NoError(collect, err)
		require.EqualValues(collect, jobs, n)
	}, time.Minute, 20*time.Millisecond)
	taken, twice := one.counts()
	require.Equal(m.t, jobs, taken)
	require.Zero(m.t, twice)
}
