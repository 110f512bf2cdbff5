package warehouse_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/warehouse"
	"github.com/sluicehq/sluice/warehouse/schema"
)

const secret = "s3cr3t"

// A DSN that cannot be parsed is not repeated: it may hold the password anywhere.
func TestOpenBadDSN(t *testing.T) {
	t.Parallel()
	for name, dsn := range map[string]string{
		"empty":     "",
		"port":      "clickhouse://u:s3cr3t@localhost:port/db",
		"no host":   "http:///db?password=s3cr3t",
		"escape":    "http://u:s3cr3t%zz@localhost:8123/db",
		"scheme":    "postgres://u:s3cr3t@localhost:8123/db",
		"no scheme": "u:s3cr3t@localhost:8123/db",
		"parameter": "http://u:s3cr3t@localhost:8123/db?dial_timeout=s3cr3t",
		"secure":    "http://u:s3cr3t@localhost:8123/db?secure=true",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w, err := warehouse.Open(warehouse.Config{DSN: dsn})
			require.ErrorContains(t, err, "the warehouse's DSN is not a ClickHouse URL: want clickhouse://", "%v", w)
			require.NotContains(t, err.Error(), secret)
		})
	}
}

// A cluster's name stands in statements: only what looks like one is taken.
func TestOpenBadCluster(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"a'b", "a b", "' DROP", "1a", "-", "ä", "a\n", "a;b", "{cluster}"} {
		_, err := warehouse.Open(warehouse.Config{DSN: "http://localhost:8123/db", Cluster: name})
		require.ErrorContains(t, err, "is not the name of a cluster: it must match", "%q", name)
	}
	for _, name := range []string{"main", "prod_eu-1.a", "_x"} {
		w, err := warehouse.Open(warehouse.Config{DSN: "http://localhost:8123/db", Cluster: name})
		require.NoError(t, err, "%q", name)
		require.NoError(t, w.Close())
	}
}

// hang accepts connections and never answers.
func hang(t *testing.T) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var accepted []net.Conn
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return // the test has ended
			}
			accepted = append(accepted, conn)
		}
	})
	t.Cleanup(func() {
		require.NoError(t, listener.Close())
		accepting.Wait()
		for _, conn := range accepted {
			require.NoError(t, conn.Close())
		}
	})
	return listener.Addr().String()
}

// deadPort returns an address without a listener.
func deadPort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}

// An unreachable server is reported at once, and without the password.
func TestUnreachable(t *testing.T) {
	t.Parallel()
	address := deadPort(t)
	for _, scheme := range []string{"http", "clickhouse", "https"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			w := open(t, warehouse.Config{DSN: scheme + "://u:" + secret + "@" + address + "/db?read_timeout=9s"})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			for operation, err := range map[string]error{
				"reach the warehouse: ":           w.Ping(ctx),
				"insert into imported_visitors: ": w.InsertRows(ctx, key(0), visitors(0, 3)),
				"insert into import_rejects: ":    w.InsertRejects(ctx, key(0), make([]schema.Reject, 3)),
				"read the schema version of the ": w.Migrate(ctx),
				"set visibility of import 2: ":    w.Show(ctx, 1, 2, 0),
				"find rows to purge in ":          w.PurgeRejects(ctx, 1, 2),
			} {
				require.NoError(t, ctx.Err(), "they give up by themselves")
				require.ErrorContains(t, err, operation)
				require.ErrorContains(t, err, "connection refused")
				require.ErrorContains(t, err, address)
				require.NotContains(t, err.Error(), secret)
				require.True(t, warehouse.Unreachable(err), "%v", err)
				_, _, refused := warehouse.Exception(err)
				require.False(t, refused, "the outcome is unknown")
			}
		})
	}
}

// An insert into a server that hangs ends with its timeout, by either protocol, and
// a ping with that of its context.
func TestHangingServer(t *testing.T) {
	t.Parallel()
	for _, scheme := range []string{"http", "clickhouse"} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			w := open(t, warehouse.Config{
				DSN:           scheme + "://u:" + secret + "@" + hang(t) + "/db?dial_timeout=300ms",
				InsertTimeout: 300 * time.Millisecond,
			})
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			for name, call := range map[string]func() error{
				"rows":    func() error { return w.InsertRows(ctx, key(0), visitors(0, 100_000)) },
				"rejects": func() error { return w.InsertRejects(ctx, key(0), make([]schema.Reject, 10)) },
				"show":    func() error { return w.Show(ctx, 1, 2, 0) },
				"ping": func() error {
					short, cancel := context.WithTimeout(ctx, 300*time.Millisecond)
					defer cancel()
					return w.Ping(short)
				},
			} {
				err := call()
				require.NoError(t, ctx.Err(), "%s took as long as it liked", name)
				require.Error(t, err, name)
				require.True(t, warehouse.Unreachable(err), "%s: %v", name, err)
				require.NotContains(t, err.Error(), secret)
			}
		})
	}
}
