package worker_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/wiring"
	"github.com/sluicehq/sluice/store"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
	"github.com/sluicehq/sluice/warehouse"
	"github.com/sluicehq/sluice/worker"
)

// emptyConfig is that of a worker whose databases are empty, and which is not patient.
func emptyConfig(t *testing.T) worker.Config {
	t.Helper()
	settings := config.Default()
	settings.Store.DSN, settings.Warehouse.DSN = enginetest.StoreDSN(t), enginetest.WarehouseDSN(t)
	settings.Worker.Listen, settings.Worker.StartTimeout = "off", 2*time.Second
	return worker.Config{
		Settings: settings, Registry: importers.NewRegistry(noop.New()), Temporal: enginetest.Namespace(t),
	}
}

// silentServer accepts connections and says nothing.
func silentServer(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, listener.Close()) })
	return listener.Addr().String()
}

// migrate brings the databases up to date.
func migrate(t *testing.T, settings config.Config) {
	t.Helper()
	ctx := enginetest.Context(t)
	s, err := dispatchstore.Open(ctx, store.Config{DSN: settings.Store.DSN}, nil)
	require.NoError(t, err)
	defer s.Close()
	w, err := warehouse.Open(wiring.Warehouse(settings.Warehouse))
	require.NoError(t, err)
	require.NoError(t, errors.Join(s.Migrate(ctx), w.Migrate(ctx), w.Close()))
}

// What is missing at the start is waited for as long as the settings say, and then
// named.
func TestStartWithoutEngines(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*worker.Config)
		want   []string
	}{
		"no store": {func(c *worker.Config) {
			c.Settings.Store.DSN = "postgres://sluice:s3cr3t@" + freeAddress(t) + "/sluice"
		}, []string{"gave up waiting for the store after 2s: ", "connection refused"}},
		"a store that does not answer": {func(c *worker.Config) {
			c.Settings.Store.DSN = "postgres://sluice:s3cr3t@" + silentServer(t) + "/sluice?sslmode=disable"
		}, []string{"gave up waiting for the store after 2s: "}},
		"no warehouse": {func(c *worker.Config) {
			c.Settings.Warehouse.DSN = "http://default:s3cr3t@" + freeAddress(t) + "/sluice"
		}, []string{"gave up waiting for the warehouse after 2s: ", "connection refused"}},
		"no schema": {func(*worker.Config) {}, []string{
			"gave up waiting for the schema after 2s: the databases are not up to date: run `sluice migrate up`",
		}},
		"no temporal": {func(c *worker.Config) {
			migrate(t, c.Settings)
			c.Temporal = client.Options{HostPort: freeAddress(t), Logger: c.Temporal.Logger}
		}, []string{"gave up waiting for the Temporal server after 2s: reach temporal at 127.0.0.1:"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := emptyConfig(t)
			tc.change(&cfg)
			r := run(t, cfg)
			err := r.end(t)
			for _, want := range tc.want {
				require.ErrorContains(t, err, want)
			}
			require.NotContains(t, err.Error()+r.log.String(), "s3cr3t")
			require.Contains(t, r.log.String(), "msg=waiting", "it says what it waits for")
		})
	}
}

// A worker that may migrate makes its tables itself.
func TestStartMigrates(t *testing.T) {
	t.Parallel()
	cfg := emptyConfig(t)
	cfg.Migrate = true
	cfg.Settings.Worker.StartTimeout = time.Minute
	cfg.Settings.Worker.Listen = freeAddress(t)
	r := run(t, cfg)
	requireReady(t, cfg.Settings.Worker.Listen, http.StatusOK)
	r.cancel()
	require.NoError(t, r.end(t))
}

func TestStartRefuses(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, listener.Close()) })
	taken := listener.Addr().String()
	for name, tc := range map[string]struct {
		change func(*worker.Config)
		want   string
	}{
		"address taken": {
			func(c *worker.Config) { c.Settings.Worker.Listen = taken },
			"listen for health and metrics on " + taken + " (worker.listen; \"off\" does without): listen tcp " + taken +
				": bind: address already in use",
		},
		"settings": {
			func(c *worker.Config) { c.Settings.Worker.LoadSlots = 0 },
			"configuration: worker.load_slots is 0: want 1 to 64",
		},
		"store's DSN": {
			func(c *worker.Config) { c.Settings.Store.DSN = "s3cr3t://" },
			"the store's DSN is not a PostgreSQL connection string: want postgres://user:password@host:port/database",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg := worker.Config{Settings: config.Default(), Registry: importers.NewRegistry(noop.New())}
			cfg.Settings.Worker.Listen = "off"
			// An error that waiting cannot fix is returned at once.
			cfg.Settings.Worker.StartTimeout = time.Hour
			tc.change(&cfg)
			require.EqualError(t, run(t, cfg).end(t), tc.want)
		})
	}
}

// A worker that receives a signal while it waits stops at once, without an error.
func TestStopWhileStarting(t *testing.T) {
	t.Parallel()
	cfg := worker.Config{Settings: config.Default(), Registry: importers.NewRegistry(noop.New())}
	cfg.Settings.Store.DSN = "postgres://sluice@" + freeAddress(t) + "/sluice"
	cfg.Settings.Worker.Listen = freeAddress(t)
	cfg.Settings.Worker.StartTimeout = time.Hour
	r := run(t, cfg)
	requireReady(t, cfg.Settings.Worker.Listen, http.StatusServiceUnavailable)
	r.cancel()
	require.NoError(t, r.end(t))
}

// Workers that stop do so gracefully, and release their address.
func TestStop(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	address := freeAddress(t)
	s.Tune = func(cfg *worker.Config) { cfg.Settings.Worker.Listen = address }
	for range 2 {
		stop := s.StartWorker(t)
		requireReady(t, address, http.StatusOK)
		begun := time.Now()
		stop()
		require.Less(t, time.Since(begun), config.Default().Worker.StopTimeout, "the stop timeout is not waited out")
	}
	_, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", address)
	require.Error(t, err)
}
