package temporal

import (
	"context"
	"net"
	"strconv"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"

	"github.com/sluicehq/sluice/devstack/ports"
)

// running is a server in this process.
type running struct {
	// address is the frontend's, ui the Web UI's.
	address, ui string
	// stop stops it early.
	stop func()
}

// start runs a server in this process, until the test ends at the latest.
func start(tb testing.TB, cfg Config) running {
	tb.Helper()
	free, err := ports.Free(DefaultIP, 2)
	require.NoError(tb, err)
	cfg.Port, cfg.UIPort = free[0], free[1]
	ready := make(chan struct{})
	cfg.Ready = func() { close(ready) }

	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- Run(ctx, cfg) }()
	select {
	case <-ready:
	case err := <-ended:
		cancel()
		require.NoError(tb, err, "server ended before it was ready")
		require.Fail(tb, "server ended before it was ready")
	}
	var once sync.Once
	stop := func() {
		once.Do(func() {
			cancel()
			require.NoError(tb, <-ended)
		})
	}
	tb.Cleanup(stop)
	at := func(port int) string { return net.JoinHostPort(DefaultIP, strconv.Itoa(port)) }
	return running{address: at(cfg.Port), ui: at(cfg.UIPort), stop: stop}
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
