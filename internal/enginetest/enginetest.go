// Package enginetest gives tests real engines: databases and namespaces of their own
// in the PostgreSQL, ClickHouse and Temporal that `sluice-dev exec` runs around
// `go test`. Tests fail where the engines are missing; they never skip.
package enginetest

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/warehouse"
)

// StoreDSN returns the DSN of a new, empty database, which is dropped at the end of
// the test.
func StoreDSN(t testing.TB) string {
	t.Helper()
	admin := variable(t, "SLUICE_STORE_DSN")
	name := "test_" + unique(t)
	execPostgres(t, admin, "CREATE DATABASE "+name)
	t.Cleanup(func() { execPostgres(t, admin, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	return withPath(t, admin, name)
}

// WarehouseDSN returns the DSN of a new, empty database, which is dropped at the end
// of the test.
func WarehouseDSN(t testing.TB) string {
	t.Helper()
	return warehouseDSN(t, "SLUICE_WAREHOUSE_DSN")
}

// WarehouseNativeDSN is the same as WarehouseDSN, with a DSN of the native protocol
// instead of HTTP.
func WarehouseNativeDSN(t testing.TB) string {
	t.Helper()
	return warehouseDSN(t, "SLUICE_WAREHOUSE_NATIVE_DSN")
}

func warehouseDSN(t testing.TB, named string) string {
	t.Helper()
	admin := variable(t, named)
	name := "test_" + unique(t)
	ExecClickHouse(t, admin, "CREATE DATABASE "+name)
	t.Cleanup(func() { ExecClickHouse(t, admin, "DROP DATABASE IF EXISTS "+name) })
	return withPath(t, admin, name)
}

// Store returns a migrated store of the test's own.
func Store(t testing.TB) *store.Store {
	t.Helper()
	ctx := Context(t)
	s, err := store.Open(ctx, store.Config{DSN: StoreDSN(t)})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	require.NoError(t, s.Migrate(ctx))
	return s
}

// Warehouse returns a migrated warehouse of the test's own.
func Warehouse(t testing.TB) *warehouse.Warehouse {
	t.Helper()
	w, err := warehouse.Open(warehouse.Config{DSN: WarehouseDSN(t)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	require.NoError(t, w.Migrate(Context(t)))
	return w
}

// Context returns a context that ends a little before the test's deadline, so that
// what hangs is reported by what waits for it, and with the test.
func Context(t testing.TB) context.Context {
	t.Helper()
	ctx := t.Context()
	if d, ok := t.(interface{ Deadline() (time.Time, bool) }); ok {
		if deadline, ok := d.Deadline(); ok {
			var cancel context.CancelFunc
			ctx, cancel = context.WithDeadline(ctx, deadline.Add(-5*time.Second))
			t.Cleanup(cancel)
		}
	}
	return ctx
}

// ExecClickHouse runs a statement.
func ExecClickHouse(t testing.TB, dsn, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	options, err := clickhouse.ParseDSN(dsn)
	require.NoError(t, err)
	conn, err := clickhouse.Open(options)
	require.NoError(t, err)
	require.NoError(t, conn.Exec(ctx, statement))
	require.NoError(t, conn.Close())
}

func execPostgres(t testing.TB, dsn, statement string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	require.NoError(t, err)
	_, err = conn.Exec(ctx, statement)
	require.NoError(t, err)
	require.NoError(t, conn.Close(ctx))
}

// variable returns what `sluice-dev exec` has put into the environment.
func variable(t testing.TB, name string) string {
	t.Helper()
	value := os.Getenv(name)
	require.NotEmptyf(t, value, "%s is not set: this test needs the engines; run it by `make test PKG=./the/package`, "+
		"or by `bin/sluice-dev exec -- go test ./the/package`", name)
	return value
}

// unique returns a name that no other test has.
func unique(t testing.TB) string {
	t.Helper()
	random := make([]byte, 6)
	_, err := rand.Read(random)
	require.NoError(t, err)
	return hex.EncodeToString(random)
}

func withPath(t testing.TB, dsn, path string) string {
	t.Helper()
	u, err := url.Parse(dsn)
	require.NoError(t, err)
	u.Path = "/" + path
	return u.String()
}
