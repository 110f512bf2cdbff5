package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/server/api"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
)

// Destinations and their actions are shown and controlled through their workflows.
func TestDestinations(t *testing.T) {
	t.Parallel()
	b := withWorker(t)
	var list struct{ Items []deliveryclient.Destination }
	polltest.Until(t, func(c *polltest.Check) {
		b.ok(t, "viewer-all", http.MethodGet, "/destinations", nil, &list)
		for _, d := range list.Items {
			require.Equal(c, 1, d.Workers, d.Name)
			require.Equal(c, deliveryclient.WorkflowRunning, d.WorkflowState(), d.Name)
		}
	}, time.Minute, 50*time.Millisecond)
	require.Len(t, list.Items, 5)
	var d deliveryclient.Destination
	b.ok(t, "operator-all", http.MethodPost, "/destinations/log/pause", map[string]any{"reason": "maintenance"}, &d)
	require.True(t, d.Paused)
	b.ok(t, "operator-all", http.MethodPost, "/destinations/log/resume", nil, &d)
	require.False(t, d.Paused)
	stream := b.subscribe(t, b.url, "viewer-all", "/destinations/log/stream", "")
	require.Contains(t, stream.next(t, "state").data, `"paused":false`)
	b.ok(t, "operator-all", http.MethodPost, "/destinations/log/pause", nil, &d)
	require.Contains(t, stream.next(t, "state").data, `"paused":true`)
	b.ok(t, "operator-all", http.MethodPost, "/destinations/log/resume", nil, &d)
	b.do(t, "viewer-all", http.MethodGet, "/destinations/none/stream", nil).problem(t, "not-found")

	const path = "/destinations/log/actions/write"
	var action deliveryclient.Action
	paused := b.ok(t, "operator-all", http.MethodPost, path+"/pause", nil, &action)
	require.True(t, action.Paused)
	b.ok(t, "operator-all", http.MethodPost, path+"/resume", nil, &action)
	require.False(t, action.Paused)
	b.ok(t, "operator-all", http.MethodPost, path+"/trigger", nil, nil)
	change := map[string]any{"interval": "@every 10m", "realtime": false, "rate_per_second": 2.5, "concurrency": 3}
	b.do(t, "admin-all", http.MethodPatch, path, change).problem(t, "precondition-required")
	shown := b.ok(t, "viewer-all", http.MethodGet, path, nil, &action)
	require.Equal(t, paused.header.Get("Etag"), shown.header.Get("Etag"))
	require.False(t, action.Paused)
	b.do(t, "viewer-all", http.MethodGet, "/destinations/log/actions/none", nil).problem(t, "not-found")
	set := b.do(t, "admin-all", http.MethodPatch, path, change, "If-Match", paused.header.Get("Etag"))
	set.decode(t, &action)
	require.Equal(t, "@every 10m", action.Interval)
	require.False(t, action.Realtime)
	require.InDelta(t, 2.5, action.RatePerSecond, 0)
	require.Equal(t, 3, action.Concurrency)
	b.do(t, "admin-all", http.MethodPatch, path, change, "If-Match", paused.header.Get("Etag")).problem(t, "precondition-failed")
	b.do(t, "admin-all", http.MethodPatch, path, map[string]any{"interval": "often"}, "If-Match", "*").problem(t, "conflict")

	for _, unknown := range []string{"/destinations/none", "/destinations/log/actions/none"} {
		b.do(t, "operator-all", http.MethodPost, unknown+"/pause", nil).problem(t, "not-found")
		b.do(t, "operator-all", http.MethodPost, unknown+"/resume", nil).problem(t, "not-found")
	}
	b.do(t, "viewer-all", http.MethodGet, "/destinations/none", nil).problem(t, "not-found")
	b.do(t, "operator-all", http.MethodPost, "/destinations/log/actions/none/trigger", nil).problem(t, "not-found")
}

const flowOfShop = `
flows:
  - name: paid
    from: {source: shop, event: order.paid}
    to:
      - destination: log
        action: write
        data: {text: '"paid"'}
`

func TestFlows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	text := map[string]any{"flows": flowOfShop}
	var valid struct{ Flows []string }
	b.ok(t, "viewer-all", http.MethodPost, "/flows/validate", text, &valid)
	require.Equal(t, []string{"paid"}, valid.Flows)
	for _, path := range []string{"/flows/validate", "/flows/diff", "/flows/apply"} {
		p := b.do(t, "admin-all", http.MethodPost, path, map[string]any{"flows": "flows:\n  - name: Bad\n"}).problem(t, "invalid")
		require.Contains(t, p.Errors[0].Detail, "flows:2:")
	}
	var changes struct{ Items []deliveryclient.FlowChange }
	b.ok(t, "viewer-all", http.MethodPost, "/flows/diff", text, &changes)
	require.Equal(t, "added", changes.Items[0].Change)
	var flows struct{ Items []deliveryclient.Flow }
	b.ok(t, "viewer-all", http.MethodGet, "/flows", nil, &flows)
	require.Empty(t, flows.Items, "diff applies nothing")
	b.ok(t, "admin-all", http.MethodPost, "/flows/apply", text, &changes)
	require.EqualValues(t, 1, changes.Items[0].Version)
	b.ok(t, "viewer-all", http.MethodPost, "/flows/diff", text, &changes)
	require.Equal(t, "unchanged", changes.Items[0].Change)
	var flow deliveryclient.Flow
	b.ok(t, "viewer-all", http.MethodGet, "/flows/paid", nil, &flow)
	require.Equal(t, "admin-all", flow.UpdatedBy)
	require.Len(t, flow.Versions, 1)
	b.do(t, "viewer-all", http.MethodGet, "/flows/none", nil).problem(t, "not-found")

	var decided struct{ Items []deliveryclient.FlowDecision }
	b.ok(t, "viewer-all", http.MethodPost, "/flows/test", map[string]any{
		"flows": flowOfShop, "event": map[string]any{"source": "shop", "name": "order.paid"},
	}, &decided)
	require.Len(t, decided.Items, 1)
	require.JSONEq(t, `{"text": "paid"}`, string(decided.Items[0].Data))
	sample := func(of map[string]any) map[string]any {
		of["flows"] = "flows: [{name: ends, from: {import: csv, event: import.failed}, " +
			"to: [{destination: log, action: write, data: {text: data.reason}}]}]"
		return of
	}
	b.ok(t, "viewer-all", http.MethodPost, "/flows/test", sample(map[string]any{
		"import": map[string]any{"importer": "csv", "end": "failed"},
	}), &decided)
	require.JSONEq(t, `{"text": "the header is wrong"}`, string(decided.Items[0].Data))
	b.ok(t, "viewer-all", http.MethodPost, "/flows/test", sample(map[string]any{
		"import": map[string]any{"importer": "csv", "table": "imported_pages"},
	}), &decided)
	require.Equal(t, "not for this event", decided.Items[0].Decided)
	for _, wrong := range []map[string]any{
		{},
		{"event": map[string]any{}, "import": map[string]any{"importer": "csv"}},
		{"import": map[string]any{"importer": "csv", "table": "x"}},
		{"import": map[string]any{"importer": "csv", "table": "imported_pages", "end": "failed"}},
	} {
		b.do(t, "viewer-all", http.MethodPost, "/flows/test", sample(wrong)).problem(t, "invalid")
	}
	var added api.AddedEvent
	b.ok(t, "operator-all", http.MethodPost, "/events", map[string]any{"source": "shop", "name": "order.paid"}, &added)
	require.Len(t, added.Jobs, 1, "the flow makes a job")
	var replayed api.FlowReplay
	b.ok(t, "operator-all", http.MethodPost, "/flows/paid/replay", nil, &replayed)
	require.Equal(t, api.FlowReplay{}, replayed)
	b.do(t, "operator-all", http.MethodPost, "/flows/none/replay", nil).problem(t, "not-found")
	b.ok(t, "admin-all", http.MethodPost, "/flows/apply", map[string]any{"flows": "flows: []", "prune": true}, &changes)
	require.Equal(t, "removed", changes.Items[0].Change)
}
