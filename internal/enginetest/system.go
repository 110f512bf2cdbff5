package enginetest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/internal/wiring"
	"github.com/sluicehq/sluice/starter"
	"github.com/sluicehq/sluice/store"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse"
	"github.com/sluicehq/sluice/worker"
	"github.com/sluicehq/sluice/workflows"
)

// System is a complete Sluice with databases and a namespace of the test's own.
type System struct {
	Settings  config.Config
	Store     *dispatchstore.Store
	Warehouse *warehouse.Warehouse
	Temporal  client.Client
	Registry  *importers.Registry
	Starter   *starter.Starter
	// Tune, if set, changes the configuration of workers started later.
	Tune func(*worker.Config)

	options client.Options
}

// NewSystem returns a system without a worker. Change its Settings before the first
// StartWorker.
func NewSystem(tb testing.TB, registry *importers.Registry) *System {
	tb.Helper()
	return NewSystemAt(tb, registry, WarehouseDSN(tb))
}

// NewSystemAt is NewSystem with the warehouse at a given DSN.
func NewSystemAt(tb testing.TB, registry *importers.Registry, warehouseDSN string) *System {
	tb.Helper()
	s := &System{Settings: config.Default(), Registry: registry}
	var await func()
	s.options, await = newNamespace(tb)
	s.Settings.Store.DSN, s.Settings.Warehouse.DSN = MigratedStoreDSN(tb), warehouseDSN
	s.Settings.Worker.Listen = "off"
	ctx := Context(tb)
	var err error
	s.Temporal, err = client.DialContext(ctx, s.options)
	require.NoError(tb, err)
	tb.Cleanup(s.Temporal.Close)
	s.Store, err = dispatchstore.Open(ctx, store.Config{DSN: s.Settings.Store.DSN}, nil)
	require.NoError(tb, err)
	tb.Cleanup(s.Store.Close)
	s.Warehouse, err = warehouse.Open(wiring.Warehouse(s.Settings.Warehouse))
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, s.Warehouse.Close()) })
	require.NoError(tb, s.Warehouse.Migrate(ctx))
	await()
	s.Starter = &starter.Starter{
		Temporal: s.Temporal, Namespace: s.options.Namespace, Store: s.Store, Registry: registry,
		Defaults: s.Settings.Import, Review: s.Settings.Review, Limits: s.Settings.Limits,
	}
	return s
}

// StartWorker runs a worker in this process until stop is called or the test ends. stop returns
// when the worker has ended.
func (s *System) StartWorker(tb testing.TB) (stop func()) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	cfg := worker.Config{
		Settings: s.Settings, Registry: s.Registry, Temporal: s.options, Logger: slog.New(slog.DiscardHandler),
	}
	if s.Tune != nil {
		s.Tune(&cfg)
	}
	go func() { done <- worker.Run(ctx, cfg) }()
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			require.NoError(tb, <-done)
		}
	}
	tb.Cleanup(stop)
	return stop
}

// LoseTemporal replaces Temporal by an empty namespace, as after the loss of its database. Stop the
// workers first.
func (s *System) LoseTemporal(tb testing.TB) {
	tb.Helper()
	s.options = Namespace(tb)
	c, err := client.DialContext(Context(tb), s.options)
	require.NoError(tb, err)
	tb.Cleanup(c.Close)
	s.Temporal, s.Starter.Temporal, s.Starter.Namespace = c, c, s.options.Namespace
}

// Namespace returns the name of the system's namespace.
func (s *System) Namespace() string { return s.options.Namespace }

// Environ returns the environment with which Sluice's programs use this system.
func (s *System) Environ() []string {
	return []string{
		"SLUICE_STORE_DSN=" + s.Settings.Store.DSN,
		"SLUICE_WAREHOUSE_DSN=" + s.Settings.Warehouse.DSN,
		"SLUICE_WORKER_LISTEN=" + s.Settings.Worker.Listen,
		"TEMPORAL_ADDRESS=" + s.options.HostPort,
		"TEMPORAL_NAMESPACE=" + s.options.Namespace,
	}
}

// AddSite adds a site in UTC.
func (s *System) AddSite(tb testing.TB, domain string) importstore.Site {
	tb.Helper()
	site, err := s.Store.Imports.AddSite(Context(tb), importstore.NewSite{Domain: domain, TimeZone: "UTC"})
	require.NoError(tb, err)
	return site
}

// Namespace returns the options of a client of a new namespace with Sluice's search attributes.
func Namespace(tb testing.TB) client.Options {
	tb.Helper()
	options, await := newNamespace(tb)
	await()
	return options
}

// newNamespace is Namespace for callers that have something else to do until all services of the server know the
// namespace and its search attributes, which await waits for.
func newNamespace(tb testing.TB) (options client.Options, await func()) {
	tb.Helper()
	ctx := Context(tb)
	options = client.Options{
		HostPort: variable(tb, "TEMPORAL_ADDRESS"), Namespace: "test-" + unique(tb),
		Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	}
	c, err := client.NewLazyClient(options)
	require.NoError(tb, err)
	tb.Cleanup(c.Close)
	_, err = c.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
		Namespace: options.Namespace, WorkflowExecutionRetentionPeriod: durationpb.New(24 * time.Hour),
	})
	require.NoError(tb, err)
	types := map[string]enums.IndexedValueType{}
	for name, kind := range workflows.SearchAttributes() {
		types[name], err = enums.IndexedValueTypeFromString(kind)
		require.NoError(tb, err)
	}
	const patience, tick = 30 * time.Second, 20 * time.Millisecond
	polltest.Until(tb, func(check *polltest.Check) {
		_, err := c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
			Namespace: options.Namespace, SearchAttributes: types,
		})
		require.NoError(check, err)
	}, patience, tick)
	return options, func() {
		tb.Helper()
		polltest.Until(tb, func(check *polltest.Check) {
			_, err := c.WorkflowService().ListWorkflowExecutions(ctx, &workflowservice.ListWorkflowExecutionsRequest{
				Namespace: options.Namespace, Query: "SluiceSite = 'none'",
			})
			require.NoError(check, err)
		}, patience, tick)
	}
}
