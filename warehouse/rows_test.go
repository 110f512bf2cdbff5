package warehouse_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/warehouse"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// Pages of a chunk have each of its rows once, in an order that does not depend on how
// they were inserted, and nothing of other chunks.
func TestChunkRows(t *testing.T) { eachProtocol(t, testChunkRows) }

func testChunkRows(t *testing.T, b *bundle) {
	t.Helper()
	const rows = 25
	for chunk := range uint32(3) {
		require.NoError(t, b.InsertRows(b.ctx, key(chunk), visitors(int(chunk)*100, rows)))
	}
	other := key(1)
	other.Part = 4
	require.NoError(t, b.InsertRows(b.ctx, other, visitors(500, rows)))
	for range 2 {
		var seen []uint64
		for skip := 0; ; skip += 10 {
			page, err := b.ChunkRows(b.ctx, schema.Visitors, key(1).PartKey, 1, skip, 10)
			require.NoError(t, err)
			for _, row := range page {
				require.Equal(t, "2021-01-01", row["date"])
				n, ok := row["visitors"].(uint64)
				require.True(t, ok)
				seen = append(seen, n)
			}
			if len(page) < 10 {
				break
			}
		}
		want := make([]uint64, rows)
		for i := range want {
			want[i] = uint64(100 + i)
		}
		require.Equal(t, want, seen)
		// ClickHouse merges parts whenever it likes.
		require.NoError(t, b.sql.Exec(b.ctx, "OPTIMIZE TABLE imported_visitors FINAL"))
	}
}

// Every kind of column, of every table, comes back as it went in.
func TestChunkRowsOfAllTables(t *testing.T) { eachProtocol(t, testChunkRowsOfAllTables) }

func testChunkRowsOfAllTables(t *testing.T, b *bundle) {
	t.Helper()
	for _, table := range schema.Imported() {
		batch, want := schema.NewBatch(table), warehouse.Row{}
		for i, c := range table.Columns {
			switch c.Kind {
			case schema.KindDate:
				batch.SetDate(i, 18628)
				want[c.Name] = "2021-01-01"
			case schema.KindString:
				text := fmt.Sprintf(`"ü" %s`, c.Name)
				batch.SetString(i, []byte(text))
				want[c.Name] = text
			case schema.KindUint64:
				batch.SetUint64(i, 1<<63+uint64(i))
				want[c.Name] = 1<<63 + uint64(i)
			case schema.KindUint32:
				batch.SetUint32(i, 1<<31+uint32(i))
				want[c.Name] = 1<<31 + uint32(i)
			}
		}
		batch.EndRow()
		require.NoError(t, b.InsertRows(b.ctx, key(0), batch))
		rows, err := b.ChunkRows(b.ctx, table, key(0).PartKey, 0, 0, 10)
		require.NoError(t, err)
		require.Equal(t, []warehouse.Row{want}, rows, table.Name)
	}
}
