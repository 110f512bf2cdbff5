package clickhouse

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	ch "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"
)

const (
	benchRows  = 1_000_000
	benchBlock = 131_072

	benchTable = `(site_id UInt64, import_id UInt64, part UInt32, chunk UInt32, date Date, hostname String, page String,
		visitors UInt64, visits UInt64, pageviews UInt64, bounces UInt64, duration UInt64, exits UInt64, total UInt64)
		ENGINE = MergeTree ORDER BY (site_id, import_id, date, hostname, page)`
)

var benchDay = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)

// benchRow makes the texts and the day of row i.
func benchRow(i int) (day time.Time, hostname, page string) {
	return benchDay.AddDate(0, 0, i%1500), "www.example.com", fmt.Sprintf("/blog/%d/an-article-with-a-title-of-usual-length", i%50_000)
}

// BenchmarkInsertClient inserts rows through either interface in blocks, one
// after the other, as an importer does. Making the blocks is not measured.
func BenchmarkInsertClient(b *testing.B) {
	lz4 := &ch.Compression{Method: ch.CompressionLZ4}
	for name, options := range map[string]*ch.Options{
		"http none":   {Addr: []string{address}, Protocol: ch.HTTP},
		"http LZ4":    {Addr: []string{address}, Protocol: ch.HTTP, Compression: lz4},
		"native none": {Addr: []string{nativeAddress}},
		"native LZ4":  {Addr: []string{nativeAddress}, Compression: lz4},
	} {
		b.Run(name, func(b *testing.B) {
			ctx := b.Context()
			conn, err := ch.Open(options)
			require.NoError(b, err)
			for b.Loop() {
				b.StopTimer()
				require.NoError(b, conn.Exec(ctx, "CREATE OR REPLACE TABLE bench_client "+benchTable))
				b.StartTimer()
				for from := 0; from < benchRows; from += benchBlock {
					b.StopTimer()
					send := prepareBlock(ctx, b, conn, from)
					b.StartTimer()
					require.NoError(b, send())
				}
			}
			b.ReportMetric(float64(benchRows*b.N)/b.Elapsed().Seconds(), "rows/s")
			require.NoError(b, conn.Close())
		})
	}
}

// prepareBlock fills a block with the rows from the given one on.
func prepareBlock(ctx context.Context, b *testing.B, conn ch.Conn, from int) func() error {
	b.Helper()
	batch, err := conn.PrepareBatch(ctx, "INSERT INTO bench_client")
	require.NoError(b, err)
	var (
		ids, numbers    []uint64
		parts           []uint32
		days            []time.Time
		hostnames, page []string
	)
	for i := from; i < min(from+benchBlock, benchRows); i++ {
		day, hostname, path := benchRow(i)
		ids, parts, numbers = append(ids, 1), append(parts, 0), append(numbers, uint64(i%1000))
		days, hostnames, page = append(days, day), append(hostnames, hostname), append(page, path)
	}
	for i, column := range []any{ids, ids, parts, parts, days, hostnames, page, numbers, numbers, numbers, numbers, numbers, numbers, numbers} {
		require.NoError(b, batch.Column(i).Append(column))
	}
	return batch.Send
}

// BenchmarkInsertFile is what the engine takes for the same rows alone, out
// of a CSV file.
func BenchmarkInsertFile(b *testing.B) {
	path := filepath.Join(b.TempDir(), "rows.csv")
	file, err := os.Create(path)
	require.NoError(b, err)
	w := bufio.NewWriterSize(file, 1<<20)
	_, err = w.WriteString("date,hostname,page,visitors,visits,pageviews,bounces,duration,exits,total\n")
	require.NoError(b, err)
	for i := range benchRows {
		day, hostname, page := benchRow(i)
		n := i % 1000
		_, err := fmt.Fprintf(w, "%s,%s,%s,%d,%d,%d,%d,%d,%d,%d\n", day.Format(time.DateOnly), hostname, page, n, n, n, n, n, n, n)
		require.NoError(b, err)
	}
	require.NoError(b, w.Flush())
	require.NoError(b, file.Close())

	ctx := b.Context()
	conn, err := ch.Open(&ch.Options{Addr: []string{address}, Protocol: ch.HTTP})
	require.NoError(b, err)
	for b.Loop() {
		b.StopTimer()
		require.NoError(b, conn.Exec(ctx, "CREATE OR REPLACE TABLE bench_file "+benchTable))
		b.StartTimer()
		require.NoError(b, conn.Exec(ctx, "INSERT INTO bench_file SELECT 1, 1, 0, 0, * FROM file("+quote(path)+`, 'CSVWithNames',
			'date Date, hostname String, page String, visitors UInt64, visits UInt64, pageviews UInt64, bounces UInt64, duration UInt64, exits UInt64, total UInt64')`))
	}
	b.ReportMetric(float64(benchRows*b.N)/b.Elapsed().Seconds(), "rows/s")
	require.NoError(b, conn.Close())
}
