package googleanalytics4

import (
	"errors"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/fakega4"
)

// readAll reads all parts of the plan, one after the other, and returns the rows.
func readAll(tb testing.TB, b *bench) int64 {
	tb.Helper()
	rows := int64(0)
	for _, part := range b.plan(tb).Parts {
		reader, err := b.ImportData(tb.Context(), b.imp, part, "")
		require.NoError(tb, err)
		chunk := newChunk(part)
		for {
			err := reader.Next(tb.Context(), chunk)
			if errors.Is(err, io.EOF) {
				break
			}
			require.NoError(tb, err)
			rows += chunk.RowsRead
		}
		require.NoError(tb, reader.Close())
	}
	return rows
}

// tenThousand is a month of which the nine reports have about 10,000 rows.
var tenThousand = fakega4.Config{
	Days: 31, RowsPerDay: 140, Quotas: fakega4.Quotas{TokensPerHour: 1e12, TokensPerProjectPerHour: 1e12, TokensPerDay: 1e12},
}

// A month of a small site takes no time to speak of, beside the answers of Google.
func TestTenThousandRows(t *testing.T) {
	t.Parallel()
	b := setup(t, tenThousand, 0)
	b.imp.Chunk.Rows = 131_072
	begun := time.Now()
	rows := readAll(t, b)
	require.Greater(t, rows, int64(10_000))
	require.Less(t, time.Since(begun), 3*time.Second)
}

// BenchmarkRead reads about 10,000 rows in nine reports through HTTP, from planning to the
// last chunk. It includes what the fake takes to make them.
func BenchmarkRead(b *testing.B) {
	bench := setup(b, tenThousand, 0)
	bench.imp.Chunk.Rows = 131_072
	rows := int64(0)
	b.ReportAllocs()
	for b.Loop() {
		rows += readAll(b, bench)
	}
	b.ReportMetric(float64(rows)/float64(b.N), "rows/op")
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}
