package warehouse_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/warehouse"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// BenchmarkInsertRows loads chunks of imported_pages of the default size, by both
// ways of inserting.
func BenchmarkInsertRows(b *testing.B) {
	const rows = 100_000
	chunk := schema.NewBatch(schema.Pages)
	for i := range rows {
		chunk.SetDate(0, uint16(18628+i/1000))
		chunk.SetString(1, []byte("example.com"))
		chunk.SetString(2, []byte("/blog/article-"+string(rune('a'+i%26))))
		chunk.SetUint64(3, uint64(i))
		chunk.EndRow()
	}
	w := setup(b)
	for name, insert := range map[string]func(k warehouse.ChunkKey) error{
		"stream": func(k warehouse.ChunkKey) error { return w.InsertRows(w.ctx, k, chunk) },
		"driver": func(k warehouse.ChunkKey) error { return w.InsertByDriver(w.ctx, k, chunk) },
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.SetBytes(int64(chunk.Bytes()))
			for i := 0; b.Loop(); i++ {
				k := key(uint32(i))
				k.Generation = uint32(name[0]) // no token comes twice
				require.NoError(b, insert(k))
			}
			b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
		})
	}
}
