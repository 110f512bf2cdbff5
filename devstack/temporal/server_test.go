package temporal

import (
	"context"
	"net"
	"strconv"
	"testing"

	"github.com/sluicehq/sluice/devstack/ports"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
)

// start runs a server in this process until the test ends and returns the
// address of its frontend.
func start(tb testing.TB, cfg Config) string {
	tb.Helper()
	address, _ := startStoppable(tb, cfg)
	return address
}

// startStoppable is start with a function that stops the server early.
func startStoppable(tb testing.TB, cfg Config) (address string, stop func()) {
	tb.Helper()
	free, err := ports.Free(DefaultIP, 2)
	require.NoError(tb, err)
	cfg.Port, cfg.UIPort = free[0], free[1]
	ready := make(chan struct{})
	cfg.Ready = func() { close(ready) }

	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, cfg) }()
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			cancel()
			require.NoError(tb, <-ended)
		}
	}
	tb.Cleanup(stop)
	select {
	case <-ready:
	case err := <-ended:
		stopped = true
		cancel()
		require.NoError(tb, err, "server ended before it was ready")
		require.Fail(tb, "server ended before it was ready")
	}
	return net.JoinHostPort(DefaultIP, strconv.Itoa(cfg.Port)), stop
}

func dial(tb testing.TB, address string) client.Client {
	tb.Helper()
	c, err := client.Dial(client.Options{HostPort: address, Logger: quiet{}})
	require.NoError(tb, err)
	tb.Cleanup(c.Close)
	return c
}

// quiet drops the SDK's log.
type quiet struct{}

var _ sdklog.Logger = quiet{}

func (quiet) Debug(string, ...any) {}
func (quiet) Info(string, ...any)  {}
func (quiet) Warn(string, ...any)  {}
func (quiet) Error(string, ...any) {}
