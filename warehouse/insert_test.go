package warehouse_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/warehouse"
	"github.com/sluicehq/sluice/warehouse/schema"
)

func calendarDay(day uint16) calendar.Day { return calendar.Day(day) }

// texts are values that got lost or broken somewhere, some time.
var texts = []string{
	"", "plain", "Grüße, 世界 🌍", "tab\tquote\"'backslash\\", "\n\n", "\x00\x01\x7f", "0\r\n",
	strings.Repeat("ü", 32<<10), strings.Repeat("x", 127), strings.Repeat("x", 128), "NULL", "\\N",
}

// extremes returns rows with the limits of every kind in every column.
func extremes(table *schema.Table) *schema.Batch {
	b := schema.NewBatch(table)
	for row := range 2 * len(texts) {
		for i, column := range table.Columns {
			odd := (row+i)%2 == 1
			switch column.Kind {
			case schema.KindDate:
				// 1970-01-01 and 2149-06-06.
				b.SetDate(i, map[bool]uint16{true: math.MaxUint16}[odd])
			case schema.KindUint64:
				b.SetUint64(i, map[bool]uint64{true: math.MaxUint64, false: uint64(row)}[odd])
			case schema.KindUint32:
				b.SetUint32(i, map[bool]uint32{true: math.MaxUint32, false: uint32(row)}[odd])
			case schema.KindString:
				b.SetString(i, []byte(texts[(row+i)%len(texts)]))
			}
		}
		b.EndRow()
	}
	return b
}

// Every value of every table comes back as it went in, by either way of inserting,
// under the chunk's key.
func TestInsertRows(t *testing.T) { eachProtocol(t, testInsertRows) }

func testInsertRows(t *testing.T, b *bundle) {
	t.Helper()
	for _, table := range schema.Imported() {
		t.Run(table.Name, func(t *testing.T) {
			t.Parallel()
			rows := extremes(table)
			columns := strings.Join(table.ColumnNames(), ", ")
			for way, insert := range map[uint32]func() error{
				8: func() error { return b.InsertRows(b.ctx, key(8), rows) },
				9: func() error { return b.InsertByDriver(b.ctx, key(9), rows) },
			} {
				require.NoError(t, insert())
				got := b.lines(t, fmt.Sprintf("SELECT %s FROM %s WHERE site_id = 1 AND import_id = 2 AND part = 3 AND chunk = %d",
					columns, table.Name, way))
				require.ElementsMatch(t, printed(rows), got)
			}
		})
	}
}

func TestInsertNothing(t *testing.T) { eachProtocol(t, testInsertNothing) }

func testInsertNothing(t *testing.T, b *bundle) {
	t.Helper()
	require.NoError(t, b.InsertRows(b.ctx, key(0), schema.NewBatch(schema.Pages)))
	require.NoError(t, b.InsertRejects(b.ctx, key(0), nil))
	require.Zero(t, b.number(t, "SELECT count() FROM imported_pages")+b.number(t, "SELECT count() FROM import_rejects"))
}

// An insert that becomes one part is there as a whole or not at all.
func TestOneInsertIsOnePart(t *testing.T) { eachProtocol(t, testOneInsertIsOnePart) }

func testOneInsertIsOnePart(t *testing.T, b *bundle) {
	t.Helper()
	require.NoError(t, b.InsertRows(b.ctx, key(0), visitors(0, 200_000)))
	rejects := make([]schema.Reject, 5000)
	require.NoError(t, b.InsertRejects(b.ctx, key(0), rejects))
	for table, rows := range map[string]int{"imported_visitors": 200_000, "import_rejects": 5000} {
		require.Equal(t, []string{fmt.Sprintf("1|%d", rows)}, b.lines(t, `SELECT toString(count()), toString(sum(rows))
			FROM system.parts WHERE active AND database = currentDatabase() AND table = '`+table+`'`))
	}
}

// A repeated insert has no effect, also while the first one is running, and whichever way
// it takes. What is loaded after a purge is new.
func TestTokens(t *testing.T) { eachProtocol(t, testTokens) }

func testTokens(t *testing.T, b *bundle) {
	t.Helper()
	rejects := []schema.Reject{{Line: 1}, {Line: 2}}
	insert := func(k warehouse.ChunkKey) error {
		if err := b.InsertRows(b.ctx, k, visitors(0, 10)); err != nil {
			return err
		}
		if err := b.InsertByDriver(b.ctx, k, visitors(0, 10)); err != nil {
			return err
		}
		return b.InsertRejects(b.ctx, k, rejects)
	}
	for _, err := range enginetest.AtOnce(8, func(int) error { return insert(key(0)) }) {
		require.NoError(t, err)
	}
	counts := func() warehouse.ChunkCount {
		all, err := b.ChunkCounts(b.ctx, schema.Visitors, key(0).PartKey, 0)
		require.NoError(t, err)
		return all[0]
	}
	require.Equal(t, warehouse.ChunkCount{Rows: 10, Rejects: 2}, counts())

	// Rows under a token that is remembered are ignored even where none are left:
	// that is why a repair takes a new one.
	require.NoError(t, b.PurgeChunk(b.ctx, schema.Visitors, key(0)))
	require.NoError(t, insert(key(0)))
	require.Equal(t, warehouse.ChunkCount{}, counts())
	repaired, rerun := key(0), key(0)
	repaired.Repair, rerun.Generation = 1, 1
	require.NoError(t, insert(repaired))
	require.Equal(t, warehouse.ChunkCount{Rows: 10, Rejects: 2}, counts())
	require.NoError(t, insert(rerun))
	require.Equal(t, warehouse.ChunkCount{Rows: 20, Rejects: 4}, counts())

	require.Equal(t, "2/3/0#0.0", key(0).Token())
	require.Equal(t, "2/3/0#0.1", repaired.Token())
	require.Equal(t, "2/3/0#1.0", rerun.Token())
}

// The same rows in two chunks are two loads: only the token tells a repetition.
func TestSameRowsInTwoChunks(t *testing.T) { eachProtocol(t, testSameRowsInTwoChunks) }

func testSameRowsInTwoChunks(t *testing.T, b *bundle) {
	t.Helper()
	require.NoError(t, b.InsertRows(b.ctx, key(0), visitors(0, 10)))
	require.NoError(t, b.InsertRows(b.ctx, key(1), visitors(0, 10)))
	rows, err := b.ImportRows(b.ctx, schema.Visitors, 1, 2)
	require.NoError(t, err)
	require.EqualValues(t, 20, rows)
}

// A refusal by the server is an Exception: nothing was stored.
func TestInsertRefused(t *testing.T) { eachProtocol(t, testInsertRefused) }

func testInsertRefused(t *testing.T, b *bundle) {
	t.Helper()
	unknown := schema.NewBatch(&schema.Table{Name: "imported_nothing", Columns: schema.Visitors.Columns})
	unknown.EndRow()
	for _, insert := range []func() error{
		func() error { return b.InsertRows(b.ctx, key(0), unknown) },
		func() error { return b.InsertByDriver(b.ctx, key(0), unknown) },
	} {
		err := insert()
		code, message, ok := warehouse.Exception(err)
		require.True(t, ok, "%v", err)
		require.EqualValues(t, 60, code, "UNKNOWN_TABLE")
		require.Contains(t, message, "imported_nothing")
		require.NotContains(t, message, "\n")
		require.False(t, warehouse.Unreachable(err))
	}
}
