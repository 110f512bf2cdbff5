package cli

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/importview"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	"github.com/sluicehq/sluice/store"
)

// ownWorker is a worker of a program with components of its own.
func ownWorker() store.LiveWorker {
	return store.LiveWorker{ID: "own", Process: "4711@crm.example", Version: "v1", Offers: store.Offers{
		Importers:       []store.OfferedImporter{{Name: "noop", Label: "No operation"}, {Name: "own", Label: "Own data"}},
		Destinations:    []store.OfferedDestination{{Name: "crm", Label: "CRM", Actions: []string{"delete", "upsert"}}},
		ConnectionKinds: []string{"crm", "smtp"},
	}}
}

// Lists show what live workers of other programs have, and how many workers have what this program has.
func TestListsOfLiveWorkers(t *testing.T) {
	t.Parallel()
	b := newShop(t)
	require.NoError(t, b.Store.Heartbeat(enginetest.Context(t), ownWorker()))
	var sources, kinds []offeredJSON
	b.json(t, &sources, "source", "list")
	require.Equal(t, []offeredJSON{
		{Name: "csv", Label: sources[0].Label, Registered: true},
		{Name: "google_analytics_4", Label: sources[1].Label, Registered: true},
		{Name: "noop", Label: "No operation", Workers: 1, Registered: true},
		{Name: "own", Label: "Own data", Workers: 1},
	}, sources)
	require.Regexp(t, `own +Own data +1 +no\n`, b.ok(t, "source", "list"))
	b.json(t, &kinds, "connection", "kinds")
	require.Equal(t, offeredJSON{Name: "crm", Workers: 1}, kinds[1])
	require.Regexp(t, `smtp .* 1 +yes\n`, b.ok(t, "connection", "kinds"))

	list := b.ok(t, "destination", "list")
	require.Regexp(t, `crm +CRM +\S.* +1 .*delete, upsert\n`, list)
	require.Regexp(t, `webhook +\S+ +no worker +0 +1 `, list)
	shown := b.ok(t, "destination", "show", "crm")
	require.Contains(t, shown, "crm, CRM")
	require.Contains(t, shown, "1; this program does not have the destination")
	require.Regexp(t, `upsert +\S.* +1 +- +- `, shown)
	require.Contains(t, b.ok(t, "destination", "show", "webhook"), "0; no live worker offers destination webhook: jobs wait for one")
	unknown := b.run(t, "destination", "show", "nope")
	require.Equal(t, exitUsage, unknown.code)
	require.Contains(t, unknown.err, `unknown destination "nope" (want clickhouse, crm, log, postgres, smtp, webhook)`)
}

// What waits because no live worker has it says so.
func TestNoLiveWorker(t *testing.T) {
	t.Parallel()
	b := newShop(t)
	b.AddSite(t, "example.com")
	b.ok(t, "import", "start", "noop", "--site", "example.com", "--check-timeout", "0s")
	const missing = `no live worker offers importer "noop"`
	require.Contains(t, b.ok(t, "import", "list"), missing)
	require.Contains(t, b.ok(t, "import", "show", "1"), "queued: "+missing)
	require.Contains(t, b.ok(t, "job", "list"), "no live worker offers destination webhook/post")
	require.Contains(t, b.ok(t, "job", "show", b.hook), "no live worker offers destination webhook/post")

	require.NoError(t, b.Store.Heartbeat(enginetest.Context(t), ownWorker()))
	require.NotContains(t, b.ok(t, "import", "show", "1"), missing)
	var imports []importview.Listed
	b.json(t, &imports, "import", "list")
	require.False(t, imports[0].NoWorker)
	own := b.run(t, "import", "start", "own", "--site", "example.com")
	require.Equal(t, exitUsage, own.code)
	require.Contains(t, own.err, `this program does not have the importer "own": `+
		"start the import by the program of a worker that has it (4711@crm.example)")
	require.Contains(t, b.run(t, "import", "start", "nope", "--site", "example.com").err,
		`unknown importer "nope" (want csv, google_analytics_4, noop, own)`)
}

// Flows and events go to destinations of other programs as unprepared jobs, as long as the names are
// those of a live worker. Jobs stay after its end.
func TestFlowToAnotherProgram(t *testing.T) {
	t.Parallel()
	b := newShop(t)
	ctx := enginetest.Context(t)
	b.stdin = "flows: [{name: a, from: {source: till}, to: [{destination: crm, action: upsert, data: {id: data.no}}]}]"
	refused := b.run(t, "apply", "-f", "-")
	require.Equal(t, exitUsage, refused.code)
	require.Contains(t, refused.err, `unknown destination "crm" (want clickhouse, log, postgres, smtp, webhook)`)
	require.NoError(t, b.Store.Heartbeat(ctx, ownWorker()))
	b.ok(t, "apply", "-f", "-")
	require.NotContains(t, b.ok(t, "flow", "list"), stateNoWorker)
	require.Contains(t, b.ok(t, "flow", "test", "-f", "-", "--event", `{"source": "till", "data": {"no": 7}}`), `{"id":7}`)
	b.ok(t, "event", "send", "--source", "desk", "--to", "crm/delete")
	require.Contains(t, b.run(t, "event", "send", "--source", "desk", "--to", "crm/nope").err,
		`--to crm/nope: crm: unknown action "nope" (want delete, upsert)`)

	require.NoError(t, b.Store.RemoveWorker(ctx, ownWorker().ID))
	require.Contains(t, b.ok(t, "flow", "list"), stateNoWorker)
	require.Contains(t, b.ok(t, "flow", "show", "a"), "no live worker offers crm/upsert; jobs wait for one")
	var sent sentJSON
	require.NoError(t, json.Unmarshal([]byte(b.ok(t, "event", "send", "--source", "till", "--data", `{"no": 8}`, "-o", "json")), &sent))
	require.Len(t, sent.Jobs, 1)
	require.Empty(t, sent.Kept)
	var job deliveryclient.JobDetails
	b.json(t, &job, "job", "show", sent.Jobs[0])
	require.True(t, job.Unprepared)
	require.True(t, job.NoWorker)
	require.JSONEq(t, `{"id": 8}`, string(job.Data))
	require.Contains(t, b.ok(t, "job", "show", sent.Jobs[0]), "unprepared: a worker that has the destination")
	require.Regexp(t, `crm +- +no worker +0 +2 .*delete, upsert\n`, b.ok(t, "destination", "list"))
	require.Contains(t, b.ok(t, "destination", "show", "crm"), "no live worker offers destination crm")
}
