package worker_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/listentest"
	"github.com/sluicehq/sluice/starter"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/worker"
)

// A worker is ready as long as it polls and reaches everything, says what it does not
// reach, and continues when it returns.
func TestReadiness(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	address := listentest.FreeAddress(t)
	storeProxy, storeDSN := enginetest.NewProxy(t, s.Settings.Store.DSN)
	warehouseProxy, warehouseDSN := enginetest.NewProxy(t, s.Settings.Warehouse.DSN)
	var temporalProxy *enginetest.Proxy
	s.Tune = func(cfg *worker.Config) {
		cfg.Settings.Store.DSN, cfg.Settings.Warehouse.DSN = storeDSN, warehouseDSN
		cfg.Settings.Worker.Listen = address
		cfg.ReconcileInterval = 50 * time.Millisecond
		var through string
		temporalProxy, through = enginetest.NewProxy(t, "tcp://"+cfg.Temporal.HostPort)
		cfg.Temporal.HostPort = strings.TrimPrefix(through, "tcp://")
	}
	// Everything is away at first: it lives, and waits.
	storeProxy.Cut()
	stop := s.StartWorker(t)
	requireReady(t, address, http.StatusServiceUnavailable, "the worker is starting or stopping")
	status, text := get(t, address, "/healthz")
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, "ok\n", text)
	storeProxy.Restore()
	requireReady(t, address, http.StatusOK, "ok")

	storeProxy.Cut()
	requireReady(t, address, http.StatusServiceUnavailable, "reach the store")
	warehouseProxy.Cut()
	requireReady(t, address, http.StatusServiceUnavailable, "reach the store", "reach the warehouse")
	storeProxy.Restore()
	warehouseProxy.Restore()
	requireReady(t, address, http.StatusOK, "ok")
	temporalProxy.Cut()
	requireReady(t, address, http.StatusServiceUnavailable, "reach temporal")
	status, _ = get(t, address, "/healthz")
	require.Equal(t, http.StatusOK, status, "it need not be restarted")
	temporalProxy.Restore()
	requireReady(t, address, http.StatusOK, "ok")

	imp := s.Start(t, starter.Request{Site: "example.com", Source: "noop", Args: json.RawMessage(`{"rows": 10}`)})
	require.Equal(t, importstore.StatusCompleted, s.Wait(t, imp.ID).Import.Status)
	for _, path := range []string{"/", "/metrics/", "/debug/pprof/"} {
		status, _ = get(t, address, path)
		require.Equal(t, http.StatusNotFound, status, path)
	}
	stop()
	status, _ = get(t, address, "/healthz")
	require.Zero(t, status, "the listener is closed")
}
