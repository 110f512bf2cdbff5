// Package enginetest gives tests their own databases and namespaces in the PostgreSQL, ClickHouse
// and Temporal that `sluice-dev exec` runs around `go test`. Tests fail if the engines are missing;
// they never skip.
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
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/warehouse"
)

// WarehouseDSN returns the DSN of a new, empty database, which is dropped at the end
// of the test.
func WarehouseDSN(tb testing.TB) string {
	tb.Helper()
	return warehouseDSN(tb, "SLUICE_WAREHOUSE_DSN")
}

// WarehouseNativeDSN is WarehouseDSN with a DSN of the native protocol instead of HTTP.
func WarehouseNativeDSN(tb testing.TB) string {
	tb.Helper()
	return warehouseDSN(tb, "SLUICE_WAREHOUSE_NATIVE_DSN")
}

func warehouseDSN(tb testing.TB, named string) string {
	tb.Helper()
	admin := variable(tb, named)
	name := "test_" + unique(tb)
	ExecClickHouse(tb, admin, "CREATE DATABASE "+name)
	tb.Cleanup(func() { ExecClickHouse(tb, admin, "DROP DATABASE IF EXISTS "+name) })
	return withPath(tb, admin, name)
}

// Warehouse returns a migrated warehouse for the test.
func Warehouse(tb testing.TB) *warehouse.Warehouse {
	tb.Helper()
	w, err := warehouse.Open(warehouse.Config{DSN: WarehouseDSN(tb)})
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, w.Close()) })
	require.NoError(tb, w.Migrate(Context(tb)))
	return w
}

// maxTest bounds a test that uses the engines, on a busy machine too.
const maxTest = 10 * time.Minute

// Context returns a context that ends after maxTest, and a little before the test's deadline, so
// that the test that hangs reports the failure.
func Context(tb testing.TB) context.Context {
	tb.Helper()
	ctx, cancel := context.WithTimeout(tb.Context(), maxTest)
	tb.Cleanup(cancel)
	if d, ok := tb.(interface{ Deadline() (time.Time, bool) }); ok {
		if deadline, ok := d.Deadline(); ok {
			var cancel context.CancelFunc
			ctx, cancel = context.WithDeadline(ctx, deadline.Add(-5*time.Second))
			tb.Cleanup(cancel)
		}
	}
	return ctx
}

// ExecClickHouse executes a statement.
func ExecClickHouse(tb testing.TB, dsn, statement string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	options, err := clickhouse.ParseDSN(dsn)
	require.NoError(tb, err)
	conn, err := clickhouse.Open(options)
	require.NoError(tb, err)
	require.NoError(tb, conn.Exec(ctx, statement))
	require.NoError(tb, conn.Close())
}

// variable returns a variable set by `sluice-dev exec`.
func variable(tb testing.TB, name string) string {
	tb.Helper()
	value := os.Getenv(name)
	require.NotEmptyf(tb, value, "%s is not set: this test needs the engines; run it with `make test PKG=./the/package`, "+
		"or with `bin/sluice-dev exec -- go test ./the/package`", name)
	return value
}

// unique returns a unique name.
func unique(tb testing.TB) string {
	tb.Helper()
	random := make([]byte, 6)
	_, err := rand.Read(random)
	require.NoError(tb, err)
	return hex.EncodeToString(random)
}

func withPath(tb testing.TB, dsn, path string) string {
	tb.Helper()
	u, err := url.Parse(dsn)
	require.NoError(tb, err)
	u.Path = "/" + path
	return u.String()
}
