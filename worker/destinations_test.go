package worker_test

import (
	"context"
	"errors"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/destinations"
	dlog "github.com/sluicehq/sluice/destinations/log"
	"github.com/sluicehq/sluice/internal/listentest"
	"github.com/sluicehq/sluice/worker"
)

// hooked is a destination that has something to do when a worker starts and stops.
type hooked struct {
	destinations.Destination
	fault       error
	begun, done atomic.Int32
}

func (h *hooked) Init(context.Context, *destinations.Toolkit) error {
	h.begun.Add(1)
	return h.fault
}

func (h *hooked) Shutdown(context.Context, *destinations.Toolkit) error {
	h.done.Add(1)
	return errors.New("it does not want to")
}

var _ destinations.WithHooks = (*hooked)(nil)

// hookedConfig is that of a worker on databases of its own that knows the destination.
func hookedConfig(t *testing.T, h *hooked) worker.Config {
	t.Helper()
	cfg := emptyConfig(t)
	cfg.Settings.Worker.StartTimeout = 30 * time.Second
	cfg.Migrate, cfg.Destinations = true, destinations.NewRegistry(h)
	return cfg
}

// A destination that cannot get ready stops the worker, which says so.
func TestInitFails(t *testing.T) {
	t.Parallel()
	h := &hooked{Destination: dlog.New(), fault: errors.New("the key is missing")}
	cfg := hookedConfig(t, h)
	err := run(t, cfg).end(t)
	require.EqualError(t, err, "destinations: init log: the key is missing")
	require.EqualValues(t, 1, h.begun.Load())
	require.Zero(t, h.done.Load())
}

// Destinations are shut down with the worker; one that does not want to is logged.
func TestShutdown(t *testing.T) {
	t.Parallel()
	h := &hooked{Destination: dlog.New()}
	cfg, address := hookedConfig(t, h), listentest.FreeAddress(t)
	cfg.Settings.Worker.Listen = address
	r := run(t, cfg)
	requireReady(t, address, http.StatusOK)
	require.Zero(t, h.done.Load())
	r.cancel()
	require.NoError(t, r.end(t))
	require.EqualValues(t, 1, h.done.Load())
	require.Contains(t, r.log.String(), "a destination could not be shut down")
}
