package killtest_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/devstack/engines"
	"github.com/sluicehq/sluice/devstack/sluice"
	"github.com/sluicehq/sluice/devstack/stack"
	"github.com/sluicehq/sluice/importers/csv"
	"github.com/sluicehq/sluice/internal/components"
	"github.com/sluicehq/sluice/internal/wiring"
	"github.com/sluicehq/sluice/starter"
	"github.com/sluicehq/sluice/store"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse"
)

// system is a running stack and clients to look at it from outside. The clients
// live through the death of whatever they talk to.
type system struct {
	stack     *stack.Stack
	settings  config.Config
	store     *dispatchstore.Store
	warehouse *warehouse.Warehouse
	clicks    driver.Conn
	temporal  client.Client
	starter   *starter.Starter
}

// newSystem starts a stack on free ports with its data in dir, connects to it, and
// takes it down with the test. Then nothing of it may be left. change, if there is one,
// changes the stack before its start.
func newSystem(t *testing.T, dir string, withWorker bool, change ...func(*stack.Config)) *system {
	t.Helper()
	s := &system{settings: config.Default(), stack: startStack(t, dir, withWorker, change...)}
	env := s.stack.Env()
	s.settings.Store.DSN, s.settings.Warehouse.DSN = env[stack.EnvStoreDSN], env[stack.EnvWarehouseDSN]
	s.settings.CSV.Roots, s.settings.Connections.Addresses = env[stack.EnvCSVRoots], env[stack.EnvAddresses]
	s.settings.Worker.Listen = "off"

	var err error
	s.store, err = dispatchstore.Open(t.Context(), store.Config{DSN: s.settings.Store.DSN}, nil)
	require.NoError(t, err)
	t.Cleanup(s.store.Close)
	s.warehouse, err = warehouse.Open(wiring.Warehouse(s.settings.Warehouse))
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.warehouse.Close()) })
	options, err := clickhouse.ParseDSN(s.settings.Warehouse.DSN)
	require.NoError(t, err)
	s.clicks, err = clickhouse.Open(options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, s.clicks.Close()) })
	s.temporal, err = client.DialContext(t.Context(), s.temporalOptions())
	require.NoError(t, err)
	t.Cleanup(s.temporal.Close)
	s.starter = &starter.Starter{
		Temporal: s.temporal, Namespace: config.DefaultNamespace, Store: s.store, Registry: components.Stock(s.settings).Importers,
		Defaults: s.settings.Import, Review: s.settings.Review, Limits: s.settings.Limits,
	}
	return s
}

// startStack starts the stack itself. What it writes is shown if the test fails.
func startStack(t *testing.T, dir string, withWorker bool, change ...func(*stack.Config)) *stack.Stack {
	t.Helper()
	addresses, err := stack.FreeAddresses()
	require.NoError(t, err)
	out := &output{}
	cfg := stack.Config{DataDir: dir, Addresses: addresses, EngineEnv: engineEnv(t), Output: out}
	cfg.Logger = slog.New(slog.NewTextHandler(out, nil))
	if withWorker {
		cfg.Worker = &stack.Worker{Ready: sluice.Hooks().WorkerReady}
	}
	for _, c := range change {
		c(&cfg)
	}
	s, err := stack.New(cfg)
	require.NoError(t, err)
	require.NoError(t, s.Start(bounded(t)), "output:\n%s", out)
	t.Cleanup(func() {
		require.NoError(t, s.Stop(context.Background()))
		requireNothingLeft(t, s)
		if t.Failed() {
			t.Logf("output:\n%s", out)
		}
	})
	return s
}

func engineEnv(t *testing.T) map[string]string {
	t.Helper()
	lib, err := engines.LibCHDB("")
	require.NoError(t, err)
	bin, err := engines.PostgresBin("")
	require.NoError(t, err)
	return map[string]string{engines.EnvLibCHDB: lib, engines.EnvPostgresBin: bin}
}

func (s *system) temporalOptions() client.Options {
	return client.Options{
		HostPort: s.stack.Addresses().Temporal, Namespace: config.DefaultNamespace,
		Logger: log.NewStructuredLogger(slog.New(slog.DiscardHandler)),
	}
}

// migrate makes the tables, where no worker of the stack has done so.
func (s *system) migrate(t *testing.T) {
	t.Helper()
	require.NoError(t, s.store.Migrate(t.Context()))
	require.NoError(t, s.warehouse.Migrate(t.Context()))
}

// start starts an import of an export into a new site, in chunks of chunkRows.
func (s *system) start(t *testing.T, domain string, in *input, chunkRows int) importstore.Import {
	t.Helper()
	_, err := s.store.Imports.AddSite(t.Context(), importstore.NewSite{Domain: domain, TimeZone: "UTC"})
	require.NoError(t, err)
	args, err := json.Marshal(csv.Args{Paths: []string{in.dir}})
	require.NoError(t, err)
	settings := s.settings.Import
	settings.ChunkRows = chunkRows
	imp, err := s.starter.StartImport(t.Context(), starter.Request{
		Site: domain, Source: "csv", Args: args, Settings: &settings,
	})
	require.NoError(t, err)
	return imp
}

// folder returns a temporary folder that PostgreSQL's account may enter; those of
// the testing package are closed to others.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sluice-killtest-") //nolint:usetesting // see above
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	require.NoError(t, os.Chmod(dir, 0o711))
	return filepath.Join(dir, "data")
}

// bounded returns the context of a test, with a bound that is far more than any of it
// takes, because a machine may be busy, and far less than for ever.
func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 12*time.Minute)
	t.Cleanup(cancel)
	return ctx
}
