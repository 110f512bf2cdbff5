package delivery_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	dispatchacts "github.com/sluicehq/sluice/activities/dispatch"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	"github.com/sluicehq/sluice/store"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// A flow that is faulty stops nothing: its events are kept, and have their jobs once it is
// fixed; those of other flows, and jobs that the sender wants, are made at once.
func TestFaultyFlow(t *testing.T) {
	t.Parallel()
	h, _ := setupPosting(t)
	put := func(name, spec string) {
		t.Helper()
		_, err := h.store.Deliveries.ApplyFlows(h.ctx, deliverystore.FlowSet{Flows: []deliverystore.FlowSpec{{Name: name, Spec: json.RawMessage(spec)}}})
		require.NoError(t, err)
	}
	const good = `{"name": "good", "to": [{"destination": "webhook", "action": "post"}]}`
	put("good", good)
	for name, spec := range map[string]string{
		"gone":    `{"name": "gone", "to": [{"destination": "webhook", "action": "write"}]}`,
		"broken":  `{"name": "broken", "when": "nope +", "to": [{"destination": "webhook", "action": "post"}]}`,
		"newer":   `{"name": "newer", "window": "5m", "to": [{"destination": "webhook", "action": "post"}]}`,
		"fails":   `{"name": "fails", "when": "data.missing > 1", "to": [{"destination": "webhook", "action": "post"}]}`,
		"partly":  `{"name": "partly", "to": [{"destination": "webhook", "action": "post"}, {"destination": "webhook", "action": "post", "data": {"x": "1"}}]}`,
		"another": `{"name": "another", "source": "crm", "to": [{"destination": "crm", "action": "write"}]}`,
	} {
		put(name, spec)
	}
	added, err := h.AddEvent(h.ctx, order("", "x"))
	require.NoError(t, err)
	require.Len(t, added.Jobs, 2, "the sender's and that of the flow that is good")
	var kept []string
	for _, f := range added.Faults {
		kept = append(kept, f.Flow)
	}
	require.ElementsMatch(t, []string{"gone", "broken", "newer", "fails", "partly"}, kept)
	counts, err := h.store.Deliveries.FlowFaults(h.ctx)
	require.NoError(t, err)
	require.Len(t, counts, 5)
	require.EqualValues(t, 1, counts["gone"].Events)
	require.Contains(t, counts["gone"].Reason, `webhook: unknown action "write"`)
	require.Contains(t, counts["newer"].Reason, `unknown field "window"`)

	_, err = h.ReplayFlow(h.ctx, "gone")
	require.ErrorContains(t, err, "flow gone is still faulty, its events are kept")
	failed, err := h.ReplayFlow(h.ctx, "fails")
	require.NoError(t, err)
	require.Equal(t, 1, failed.Failed)
	_, err = h.ReplayFlow(h.ctx, "none")
	require.ErrorIs(t, err, store.ErrNotFound)

	for _, name := range []string{"gone", "broken", "newer", "fails", "partly"} {
		put(name, fmt.Sprintf(`{"name": %q, "to": [{"destination": "webhook", "action": "post"}]}`, name))
		replayed, err := h.ReplayFlow(h.ctx, name)
		require.NoError(t, err)
		require.Equal(t, deliveryclient.Replayed{Events: 1, Jobs: 1}, replayed, name)
		again, err := h.ReplayFlow(h.ctx, name)
		require.NoError(t, err)
		require.Zero(t, again, "an event is replayed once")
	}
	jobs, err := h.store.Deliveries.CountJobs(h.ctx, deliverystore.JobFilter{})
	require.NoError(t, err)
	require.EqualValues(t, 7, jobs)
}

// What an import has to say is kept for a faulty flow, too, and other flows have it.
func TestFaultyFlowOfImports(t *testing.T) {
	t.Parallel()
	h, _ := setupPosting(t)
	for name, spec := range map[string]string{
		"good": `{"name": "good", "import": "*", "to": [{"destination": "webhook", "action": "post", "data": {"connection": "\"ops\"", "type": "name", "data": {}}}]}`,
		"gone": `{"name": "gone", "import": "*", "to": [{"destination": "webhook", "action": "write"}]}`,
		"else": `{"name": "else", "source": "shop", "to": [{"destination": "crm", "action": "write"}]}`,
	} {
		_, err := h.store.Deliveries.ApplyFlows(h.ctx, deliverystore.FlowSet{Flows: []deliverystore.FlowSpec{{Name: name, Spec: json.RawMessage(spec)}}})
		require.NoError(t, err)
	}
	event := dispatchacts.ImportEvent{Key: "import/1/0/end"}
	event.Event.Source, event.Event.Name = "import", "import.completed"
	event.Event.Context, event.Event.Data = json.RawMessage(`{"importer": "csv"}`), json.RawMessage(`{}`)
	answers, err := h.AddImportEvents(h.ctx, []dispatchacts.ImportEvent{event})
	require.NoError(t, err)
	require.Equal(t, []dispatchacts.AddedImportEvent{{Jobs: 1}}, answers)
	counts, err := h.store.Deliveries.FlowFaults(h.ctx)
	require.NoError(t, err)
	require.Len(t, counts, 1)
	require.EqualValues(t, 1, counts["gone"].Events)
}

// An event that an action refuses costs itself alone: the others of the call are stored.
func TestOneBadEvent(t *testing.T) {
	t.Parallel()
	h, _ := setupPosting(t)
	bad := order("", "x")
	bad.Data = json.RawMessage(`{"connection": 7}`)
	unkept := order("", "x")
	unkept.Context = json.RawMessage(`{"a": "\u0000"}`)
	results, err := h.AddEvents(h.ctx, []deliveryclient.EventRequest{order("", "a"), bad, unkept, order("", "b")})
	require.NoError(t, err)
	require.NoError(t, results[0].Err)
	require.ErrorContains(t, results[1].Err, "marshal for webhook/post")
	require.ErrorIs(t, results[2].Err, deliverystore.ErrPayload)
	require.NoError(t, results[3].Err)
	jobs, err := h.store.Deliveries.CountJobs(h.ctx, deliverystore.JobFilter{})
	require.NoError(t, err)
	require.EqualValues(t, 2, jobs)
}
