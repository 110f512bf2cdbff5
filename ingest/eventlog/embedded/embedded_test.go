package embedded_test

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest/eventlog/embedded"
)

var quiet = slog.New(slog.DiscardHandler)

func start(t *testing.T, cfg embedded.Config) *embedded.Server {
	t.Helper()
	cfg.Logger = quiet
	s, err := embedded.Start(cfg)
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(t, s.Stop(ctx))
	})
	return s
}

// Without an address, only this process connects; with one, only those that have the token.
func TestAccess(t *testing.T) {
	t.Parallel()
	private := start(t, embedded.Config{Dir: t.TempDir()})
	require.Empty(t, private.URL())
	conn, err := nats.Connect("", private.Option())
	require.NoError(t, err)
	defer conn.Close()
	require.GreaterOrEqual(t, conn.MaxPayload(), int64(1<<20))

	shared := start(t, embedded.Config{Dir: t.TempDir(), Listen: "127.0.0.1:-1", Token: "t"})
	_, err = nats.Connect(shared.URL())
	require.ErrorIs(t, err, nats.ErrAuthorization)
	conn, err = nats.Connect(shared.URL(), nats.Token("t"))
	require.NoError(t, err)
	conn.Close()
}

// The folder is bounded: a stream that would not fit is refused.
func TestMaxBytes(t *testing.T) {
	t.Parallel()
	s := start(t, embedded.Config{Dir: t.TempDir(), MaxBytes: 8 << 20})
	conn, err := nats.Connect("", s.Option())
	require.NoError(t, err)
	defer conn.Close()
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "x", MaxBytes: 16 << 20})
	require.ErrorContains(t, err, "insufficient storage")
}

func TestStartFails(t *testing.T) {
	t.Parallel()
	_, err := embedded.Start(embedded.Config{Listen: "nowhere", MaxBytes: -1})
	require.EqualError(t, err, `embedded event log: no folder: want a path
embedded event log: listen address: address nowhere: missing port in address
embedded event log: no token to listen on nowhere: want a random text
embedded event log: -1 bytes, sync interval 0s: want 0 or more`)
	_, err = embedded.Start(embedded.Config{Dir: t.TempDir(), Listen: "127.0.0.1:x", Token: "t"})
	require.EqualError(t, err, `embedded event log: listen address: address 127.0.0.1:x: port "x": want 1 to 65535`)
	_, err = embedded.Start(embedded.Config{Dir: t.TempDir(), Cluster: &embedded.Cluster{Name: "c", Server: "n"}})
	require.EqualError(t, err, "embedded event log: cluster: missing port in address")

	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, taken.Close()) })
	_, err = embedded.Start(embedded.Config{Dir: t.TempDir(), Listen: taken.Addr().String(), Token: "t", Logger: quiet})
	require.ErrorContains(t, err, "start the event log in ")
	require.ErrorContains(t, err, "address already in use")
}
