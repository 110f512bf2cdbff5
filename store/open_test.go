package store_test

import (
	"context"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store"
)

const secret = "s3cr3t"

// A DSN that cannot be parsed is not repeated: it may hold the password anywhere.
func TestOpenBadDSN(t *testing.T) {
	t.Parallel()
	for name, dsn := range map[string]string{
		"port":            "postgres://sluice:s3cr3t@localhost:port/sluice",
		"host":            "postgres://sluice:s3cr3t@local host/sluice",
		"escape":          "postgres://sluice:s3cr3t%zz@localhost/sluice",
		"percent":         "postgres://sluice:%s3cr3t@localhost/sluice",
		"no scheme":       "sluice:s3cr3t@localhost/sluice",
		"key and value":   "host=localhost port=abc password=s3cr3t",
		"quote":           "host=localhost password='s3cr3t",
		"wrong sslmode":   "postgres://sluice:s3cr3t@localhost/sluice?sslmode=s3cr3t",
		"missing CA file": "postgres://sluice:s3cr3t@localhost/sluice?sslmode=verify-ca&sslrootcert=/nowhere/ca.pem",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := store.Open(t.Context(), store.Config{DSN: dsn})
			require.ErrorContains(t, err, "the store's DSN is not a PostgreSQL connection string: want postgres://")
			require.NotContains(t, err.Error(), secret)
		})
	}
	_, err := store.Open(t.Context(), store.Config{
		DSN: "postgres://sluice:s3cr3t@localhost/sluice?sslmode=verify-ca&sslrootcert=/nowhere/ca.pem",
	})
	require.ErrorContains(t, err, "open /nowhere/ca.pem", "what can be said without the DSN is said")
}

func TestPing(t *testing.T) {
	t.Parallel()
	ctx := enginetest.Context(t)
	s, err := store.Open(ctx, store.Config{DSN: enginetest.StoreDSN(t), MaxConns: 1})
	require.NoError(t, err)
	defer s.Close()
	require.NoError(t, s.Ping(ctx))
	gone, cancel := context.WithCancel(ctx)
	cancel()
	require.ErrorIs(t, s.Ping(gone), context.Canceled)
}

// An unreachable server is reported at once, one that hangs after the connect timeout, and neither
// with the password.
func TestPingUnreachable(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, listener.Close()) })
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	for name, tc := range map[string]struct{ address, want string }{
		"dead port": {closed.Addr().String(), "connection refused"},
		"hanging":   {listener.Addr().String(), "timeout"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, err := store.Open(t.Context(), store.Config{
				DSN: "postgres://sluice:" + secret + "@" + tc.address + "/sluice?sslmode=disable", ConnectTimeout: 300 * time.Millisecond,
			})
			require.NoError(t, err)
			defer s.Close()
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			err = s.Ping(ctx)
			require.NoError(t, ctx.Err(), "it gave up by itself")
			require.ErrorContains(t, err, "reach the store: ")
			require.Contains(t, strings.ToLower(err.Error()), tc.want)
			require.Contains(t, err.Error(), tc.address)
			require.NotContains(t, err.Error(), secret)
		})
	}
}
