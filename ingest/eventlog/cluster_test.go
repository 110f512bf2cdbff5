package eventlog_test

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/ingest/eventlog/embedded"
)

// Three servers store each message; the log survives the loss of one of them, by the same code.
func TestCluster(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	addresses := freeAddresses(t, 6)
	routes := addresses[3:]
	servers := make([]*embedded.Server, 3)
	urls := ""
	for i := range servers {
		urls += fmt.Sprintf(",nats://%s@%s", childToken, addresses[i])
		cfg := embedded.Config{
			Dir: t.TempDir(), Listen: addresses[i], Token: childToken, Logger: quiet,
			Cluster: &embedded.Cluster{Name: "test", Server: fmt.Sprint("n", i), Listen: routes[i], Routes: routes},
		}
		s, err := embedded.Start(cfg)
		require.NoError(t, err)
		servers[i] = s
		t.Cleanup(func() { stop(t, s) })
	}
	cfg := eventlog.Config{
		URL: urls[1:], Partitions: 2, Replicas: 3, MaxBytes: 64 << 20, Logger: quiet, AttemptTimeout: time.Second,
	}
	// The cluster elects its leaders first.
	var l *eventlog.Log
	require.Eventually(t, func() bool {
		var err error
		l, err = eventlog.Open(ctx, cfg)
		return err == nil
	}, time.Minute, 50*time.Millisecond)
	defer l.Close()
	var want []string
	for i := range 60 {
		if i == 20 {
			stop(t, servers[2])
		}
		_, err := l.Append(ctx, i%2, text(i))
		require.NoError(t, err)
		if i%2 == 1 {
			want = append(want, string(text(i)))
		}
	}
	require.Equal(t, want, readAll(ctx, t, l, 1, 1))
}

// freeAddresses returns addresses of loopback that were free a moment ago.
func freeAddresses(t *testing.T, n int) []string {
	t.Helper()
	var addresses []string
	var listeners []net.Listener
	for range n {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		listeners = append(listeners, listener)
		addresses = append(addresses, listener.Addr().String())
	}
	for _, listener := range listeners {
		end(listener)
	}
	return addresses
}
