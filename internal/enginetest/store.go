package enginetest

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/store"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
)

// StoreDSN returns the DSN of a new, empty database, which is dropped at the end of the test.
func StoreDSN(tb testing.TB) string {
	tb.Helper()
	return newStore(tb, "")
}

// MigratedStoreDSN is StoreDSN with the schema of a store.
func MigratedStoreDSN(tb testing.TB) string {
	tb.Helper()
	return newStore(tb, " TEMPLATE "+template(tb))
}

func newStore(tb testing.TB, options string) (dsn string) {
	tb.Helper()
	admin := variable(tb, "SLUICE_STORE_DSN")
	name := "test_" + unique(tb)
	execPostgres(tb, admin, "CREATE DATABASE "+name+options)
	tb.Cleanup(func() { execPostgres(tb, admin, "DROP DATABASE IF EXISTS "+name+" WITH (FORCE)") })
	return withPath(tb, admin, name)
}

// migrated is the database that the stores of this process are copies of: copying costs less than migrating. It remains
// until `sluice-dev exec` removes its data.
var migrated struct {
	sync.Mutex
	name string
}

// template returns the name of a migrated database without connections.
func template(tb testing.TB) string {
	tb.Helper()
	migrated.Lock()
	defer migrated.Unlock()
	if migrated.name == "" {
		admin := variable(tb, "SLUICE_STORE_DSN")
		name := "template_" + unique(tb)
		execPostgres(tb, admin, "CREATE DATABASE "+name)
		s, err := store.Open(Context(tb), store.Config{DSN: withPath(tb, admin, name)})
		require.NoError(tb, err)
		err = s.Migrate(Context(tb))
		s.Close()
		require.NoError(tb, err)
		migrated.name = name
	}
	return migrated.name
}

// OpenStore returns a migrated store for the test, and a plain connection to its database.
func OpenStore(tb testing.TB) (*store.Store, *pgx.Conn) {
	tb.Helper()
	dsn := MigratedStoreDSN(tb)
	s, err := store.Open(Context(tb), store.Config{DSN: dsn})
	require.NoError(tb, err)
	tb.Cleanup(s.Close)
	return s, ConnectStore(tb, dsn)
}

// Store returns a migrated store for the test.
func Store(tb testing.TB) *dispatchstore.Store {
	tb.Helper()
	s, err := dispatchstore.Open(Context(tb), store.Config{DSN: MigratedStoreDSN(tb)}, nil)
	require.NoError(tb, err)
	tb.Cleanup(s.Close)
	return s
}

// ConnectStore returns a plain connection to a database of PostgreSQL, until the end of the test.
func ConnectStore(tb testing.TB, dsn string) *pgx.Conn {
	tb.Helper()
	conn, err := pgx.Connect(Context(tb), dsn)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, conn.Close(context.Background())) })
	return conn
}

func execPostgres(tb testing.TB, dsn, statement string) {
	tb.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	conn, err := pgx.Connect(ctx, dsn)
	require.NoError(tb, err)
	_, err = conn.Exec(ctx, statement)
	require.NoError(tb, err)
	require.NoError(tb, conn.Close(ctx))
}
