package enginetest

import (
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// RowCounts returns the number of rows of each table of a store and of a warehouse, by names such
// as store.imports and warehouse.imported_pages.
func RowCounts(tb testing.TB, storeDSN, warehouseDSN string) map[string]uint64 {
	tb.Helper()
	counts := map[string]uint64{}
	countPostgres(tb, storeDSN, counts)
	countClickHouse(tb, warehouseDSN, counts)
	return counts
}

func countPostgres(tb testing.TB, dsn string, counts map[string]uint64) {
	tb.Helper()
	ctx := Context(tb)
	conn, err := pgx.Connect(ctx, dsn)
	require.NoError(tb, err)
	defer func() { require.NoError(tb, conn.Close(ctx)) }()
	rows, err := conn.Query(ctx, "SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
	require.NoError(tb, err)
	tables, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(tb, err)
	for _, table := range tables {
		var n uint64
		require.NoError(tb, conn.QueryRow(ctx, "SELECT count(*) FROM "+pgx.Identifier{table}.Sanitize()).Scan(&n))
		counts["store."+table] = n
	}
}

func countClickHouse(tb testing.TB, dsn string, counts map[string]uint64) {
	tb.Helper()
	ctx := Context(tb)
	options, err := clickhouse.ParseDSN(dsn)
	require.NoError(tb, err)
	conn, err := clickhouse.Open(options)
	require.NoError(tb, err)
	defer func() { require.NoError(tb, conn.Close()) }()
	var tables []struct {
		Name string `ch:"name"`
	}
	require.NoError(tb, conn.Select(ctx, &tables,
		"SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree'"))
	for _, table := range tables {
		var n uint64
		require.NoError(tb, conn.QueryRow(ctx, "SELECT count() FROM "+table.Name).Scan(&n))
		counts["warehouse."+table.Name] = n
	}
}
