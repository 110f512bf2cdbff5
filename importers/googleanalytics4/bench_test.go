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

// A month of a small site costs hardly more requests than it has parts. How long it takes is
// measured by BenchmarkRead.
func TestTenThousandRows(t *testing.T) {
	t.Parallel()
	b := setup(t, tenThousand, 0)
	b.imp.Chunk.Rows = 131_072
	parts := len(b.plan(t).Parts)
	require.GreaterOrEqual(t, parts, 9)
	before := b.fake.Requests("runReport") + b.fake.Requests("batchRunReports")
	require.Greater(t, readAll(t, b), int64(10_000))
	asked := b.fake.Requests("runReport") + b.fake.Requests("batchRunReports") - before
	require.LessOrEqual(t, asked, parts+9, "one for each part, and a few more")
}

// napped is for how long the importer that this one is measured against does nothing at all
// during such a month: a second before it inserts, for each report.
const napped = 9 * time.Second

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
	b.ReportMetric(b.Elapsed().Seconds()/float64(b.N)/napped.Seconds(), "of-9s")
}
