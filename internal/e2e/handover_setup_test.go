package e2e

import (
	"encoding/json"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/flow"
	"github.com/sluicehq/sluice/destinations/postgres"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/outbound"
	"github.com/sluicehq/sluice/internal/wiring"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/worker"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/dispatch"
)

// handing is all of Sluice with flows, a sink, and a database that postgres delivers to.
type handing struct {
	*system
	*deliveryclient.Client
	sink *sink
	// dwh is the database that jobs are delivered to, own the store's.
	dwh, own *pgx.Conn
	stop     func()
}

// setupHanding has the destinations postgres, with the connection dwh, and crm, a sink.
func setupHanding(t *testing.T, flows string) *handing {
	t.Helper()
	h := &handing{system: setupNoop(t), sink: newSink("crm", &sinkAction{name: "post", schedule: realtime()})}
	keys, err := connections.NewKeyset()
	require.NoError(t, err)
	text, err := keys.JSON()
	require.NoError(t, err)
	h.Settings.Connections = config.Connections{Keyset: string(text)}
	kinds := connections.NewRegistry(postgres.Kind{Guard: outbound.Loopback()})
	known := &connections.Connections{
		Store: h.Store.Deliveries, Vault: connections.NewVault(wiring.Vault(h.Settings.Connections)), Registry: kinds,
	}
	ctx := enginetest.Context(t)
	dsn := enginetest.StoreDSN(t)
	_, err = known.Add(ctx, postgresConnection(t, dsn).New())
	require.NoError(t, err)
	h.dwh, h.own = enginetest.ConnectStore(t, dsn), enginetest.ConnectStore(t, h.Settings.Store.DSN)
	_, err = h.dwh.Exec(ctx, `CREATE TABLE rows (import_id bigint, date date, visitors bigint, PRIMARY KEY (import_id, visitors));
		CREATE TABLE ends (import_id bigint, generation int, status text, rows_loaded bigint, reason text, PRIMARY KEY (import_id, generation))`)
	require.NoError(t, err)
	registry := destinations.NewRegistry(postgres.New(outbound.Loopback()), h.sink)
	h.Tune = func(cfg *worker.Config) { cfg.Destinations, cfg.Connections = registry, kinds }
	h.Client, err = deliveryclient.New(deliveryclient.Config{
		Temporal: h.Temporal, Store: h.Store, Registry: registry, AnswerTimeout: 30 * time.Second,
	})
	require.NoError(t, err)
	yes := true
	_, err = h.Store.Deliveries.SaveSettings(ctx, deliverystore.ChangedSettings{Destination: "postgres", Realtime: &yes})
	require.NoError(t, err)
	h.apply(flows)
	h.stop = h.StartWorker(t)
	return h
}

// postgresConnection is the connection dwh, to the database of a DSN.
func postgresConnection(t *testing.T, dsn string) connections.Connection {
	t.Helper()
	parsed, err := url.Parse(dsn)
	require.NoError(t, err)
	port, err := strconv.Atoi(parsed.Port())
	require.NoError(t, err)
	settings, err := json.Marshal(map[string]any{
		"host": parsed.Hostname(), "port": port, "database": parsed.Path[1:], "user": parsed.User.Username(), "tls": postgres.TLSNone,
	})
	require.NoError(t, err)
	c := connections.Connection{Name: "dwh", Kind: postgres.KindName, Settings: settings}
	if password, set := parsed.User.Password(); set {
		c.Secrets = map[string]string{"password": password}
	}
	return c
}

// apply makes the flows those of a text in YAML.
func (h *handing) apply(text string) {
	h.t.Helper()
	flows, err := flow.Parse("flows.yaml", []byte(text))
	require.NoError(h.t, err)
	set := deliverystore.FlowSet{Prune: true}
	for _, f := range flows {
		spec, err := json.Marshal(f)
		require.NoError(h.t, err)
		set.Flows = append(set.Flows, deliverystore.FlowSpec{Name: f.Name, Spec: spec})
	}
	_, err = h.Store.Deliveries.ApplyFlows(enginetest.Context(h.t), set)
	require.NoError(h.t, err)
}

// number runs a query for a single number in the database that jobs are delivered to.
func (h *handing) number(query string, args ...any) (n int64) {
	h.t.Helper()
	require.NoError(h.t, h.dwh.QueryRow(enginetest.Context(h.t), query, args...).Scan(&n))
	return n
}

// waitNumber waits until a query gives a number.
func (h *handing) waitNumber(want int64, query string, args ...any) {
	h.t.Helper()
	ctx := enginetest.Context(h.t)
	require.EventuallyWithT(h.t, func(collect *assert.CollectT) {
		var n int64
		require.NoError(collect, h.dwh.QueryRow(ctx, query, args...).Scan(&n))
		require.Equal(collect, want, n)
	}, time.Minute, 50*time.Millisecond)
}

// jobs counts the jobs of a destination.
func (h *handing) jobs(destination string) (n int) {
	h.t.Helper()
	require.NoError(h.t, h.own.QueryRow(enginetest.Context(h.t), "SELECT count(*) FROM jobs WHERE destination = $1", destination).Scan(&n))
	return n
}

// dispatched waits for the dispatch of an import's end, and returns what was dispatched.
func (h *handing) dispatched(imp importstore.Import, generation int32) (result dispatch.Result) {
	h.t.Helper()
	id := workflows.DispatchID(site, imp.ID, generation)
	require.NoError(h.t, h.Temporal.GetWorkflow(enginetest.Context(h.t), id, "").Get(enginetest.Context(h.t), &result))
	return result
}

// again hands the same over once more, as an operator would who resets the workflow.
func (h *handing) again(imp importstore.Import, generation int32) (result dispatch.Result) {
	h.t.Helper()
	ctx, id := enginetest.Context(h.t), workflows.DispatchID(site, imp.ID, generation)
	begin := h.History(h.t, id, "").GetEvents()[0].GetWorkflowExecutionStartedEventAttributes()
	var in dispatch.Input
	require.NoError(h.t, converter.GetDefaultDataConverter().FromPayloads(begin.GetInput(), &in))
	run, err := h.Temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: id, TaskQueue: workflows.QueueMain, WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
	}, workflows.TypeDispatch, in)
	require.NoError(h.t, err)
	require.NoError(h.t, run.Get(ctx, &result))
	return result
}
