package warehouse_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/warehouse"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// bundle is a migrated warehouse, and a plain connection to its database.
type bundle struct {
	*warehouse.Warehouse
	ctx context.Context
	dsn string
	sql driver.Conn
}

func setup(tb testing.TB) *bundle {
	tb.Helper()
	return setupAt(tb, enginetest.WarehouseDSN(tb))
}

// eachProtocol runs a test over HTTP and over the native protocol.
func eachProtocol(t *testing.T, test func(t *testing.T, b *bundle)) {
	t.Helper()
	t.Parallel()
	for name, dsn := range map[string]func(testing.TB) string{
		"http": enginetest.WarehouseDSN, "native": enginetest.WarehouseNativeDSN,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, setupAt(t, dsn(t)))
		})
	}
}

// setupAt is setup in the database of a DSN.
func setupAt(tb testing.TB, dsn string) *bundle {
	tb.Helper()
	b := &bundle{ctx: enginetest.Context(tb), dsn: dsn}
	b.Warehouse = open(tb, warehouse.Config{DSN: b.dsn})
	require.NoError(tb, b.Migrate(b.ctx))
	b.sql = connect(tb, b.dsn)
	return b
}

func open(tb testing.TB, cfg warehouse.Config) *warehouse.Warehouse {
	tb.Helper()
	w, err := warehouse.Open(cfg)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, w.Close()) })
	return w
}

func connect(tb testing.TB, dsn string) driver.Conn {
	tb.Helper()
	options, err := clickhouse.ParseDSN(dsn)
	require.NoError(tb, err)
	conn, err := clickhouse.Open(options)
	require.NoError(tb, err)
	tb.Cleanup(func() { require.NoError(tb, conn.Close()) })
	return conn
}

// number runs a query for a single number.
func (b *bundle) number(tb testing.TB, query string, args ...any) uint64 {
	tb.Helper()
	var n uint64
	require.NoError(tb, b.sql.QueryRow(b.ctx, query, args...).Scan(&n))
	return n
}

// lines returns the rows of a query, their values joined by bars.
func (b *bundle) lines(tb testing.TB, query string, args ...any) []string {
	tb.Helper()
	rows, err := b.sql.Query(b.ctx, "SELECT concatWithSeparator('|', *) FROM ("+query+")", args...)
	require.NoError(tb, err)
	lines := []string{}
	for rows.Next() {
		var line string
		require.NoError(tb, rows.Scan(&line))
		lines = append(lines, line)
	}
	require.NoError(tb, rows.Err())
	require.NoError(tb, rows.Close())
	return lines
}

// key names a chunk of part 3 of import 2 of site 1.
func key(chunk uint32) warehouse.ChunkKey {
	return warehouse.ChunkKey{PartKey: warehouse.PartKey{SiteID: 1, ImportID: 2, Part: 3}, Chunk: chunk}
}

// visitors returns rows of imported_visitors with different numbers of visitors,
// from first on.
func visitors(first, rows int) *schema.Batch {
	b := schema.NewBatch(schema.Visitors)
	for i := range rows {
		b.SetDate(0, 18628)
		b.SetUint64(1, uint64(first+i))
		b.EndRow()
	}
	return b
}

// printed returns the rows of a batch as lines does those of a query.
func printed(b *schema.Batch) []string {
	lines := make([][]string, b.Rows())
	add := func(i int, v any) { lines[i] = append(lines[i], fmt.Sprint(v)) }
	for c, column := range b.Table().Columns {
		switch column.Kind {
		case schema.KindDate:
			for i, v := range b.Dates(c) {
				add(i, calendarDay(v))
			}
		case schema.KindUint64:
			for i, v := range b.Uint64s(c) {
				add(i, v)
			}
		case schema.KindUint32:
			for i, v := range b.Uint32s(c) {
				add(i, v)
			}
		case schema.KindString:
			for i, v := range b.Strings(c, nil) {
				add(i, v)
			}
		}
	}
	joined := make([]string, len(lines))
	for i, l := range lines {
		joined[i] = strings.Join(l, "|")
	}
	return joined
}
