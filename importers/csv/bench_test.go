package csv

import (
	"bytes"
	"context"
	stdcsv "encoding/csv"
	"fmt"
	"io"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// pagesCSV returns an export of imported_pages with that many rows, sorted by
// date as exports are.
func pagesCSV(rows int) []byte {
	var b bytes.Buffer
	b.WriteString("date,hostname,page,visits,visitors,pageviews,total_scroll_depth,total_scroll_depth_visits,total_time_on_page,total_time_on_page_visits\n")
	day := time.Date(2021, time.January, 1, 0, 0, 0, 0, time.UTC)
	for i := range rows {
		if i%2000 == 1999 {
			day = day.AddDate(0, 0, 1)
		}
		fmt.Fprintf(&b, "%q,%q,\"/blog/post-%d\",%d,%d,%d,%d,%d,%d,%d\n", day.Format(time.DateOnly), "example.com",
			i%5000, i%97, i%89, i%113, i%7, i%400, i%5, i%4000)
	}
	return b.Bytes()
}

// allDays is a window that leaves nothing out.
var allDays = calendar.NewSet(calendar.Range{First: calendar.MinDay, Last: calendar.MaxDay})

// readAll reads the file at the path through the chunk, so many rows at a time,
// and returns their number.
func readAll(tb testing.TB, path string, chunk *importers.Chunk, chunkRows int) int {
	tb.Helper()
	c := New()
	imp, _ := run(tb, chunkRows, path)
	imp.Window, imp.Chunk.Bytes = allDays, 16<<20
	found, err := c.discover(context.Background(), []string{path}, &faults{})
	require.NoError(tb, err)
	r, err := c.ImportData(context.Background(), imp, planPart(tb, found.sources[0]), "")
	require.NoError(tb, err)
	rows := 0
	for err = r.Next(context.Background(), chunk); err == nil; err = r.Next(context.Background(), chunk) {
		rows += chunk.Rows.Rows()
	}
	require.ErrorIs(tb, err, io.EOF)
	require.NoError(tb, r.Close())
	return rows
}

// BenchmarkReader reads an export of imported_pages into chunks of a usual size,
// from a plain and from a compressed file, beside the standard library's reader,
// which only splits records, on the same bytes. MB/s are of text.
func BenchmarkReader(b *testing.B) {
	const rows = 500_000
	text := pagesCSV(rows)
	name := "imported_pages_20210101_20211231.csv"
	dir := files{name: string(text), "gz/" + name + ".gz": gzipped(b, string(text))}.write(b)

	chunk := importers.NewChunk(schema.Pages)
	measure := func(b *testing.B, read func() int) {
		b.Helper()
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			require.Equal(b, rows, read())
		}
		b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
	}
	b.Run("plain", func(b *testing.B) {
		measure(b, func() int { return readAll(b, filepath.Join(dir, name), chunk, 100_000) })
	})
	b.Run("gzip", func(b *testing.B) {
		measure(b, func() int { return readAll(b, filepath.Join(dir, "gz", name+".gz"), chunk, 100_000) })
	})
	b.Run("encoding-csv", func(b *testing.B) {
		measure(b, func() int {
			r := stdcsv.NewReader(bytes.NewReader(text))
			r.ReuseRecord = true
			for read := -1; ; read++ {
				if _, err := r.Read(); err != nil {
					require.ErrorIs(b, err, io.EOF)
					return read
				}
			}
		})
	})
}

// A file ten times as long takes no more memory.
//
//nolint:paralleltest // it measures what the whole process allocates
func TestMemoryIsFlat(t *testing.T) {
	allocated := func(rows int) uint64 {
		name := "imported_pages_20210101_20211231.csv.gz"
		path := filepath.Join(files{name: gzipped(t, string(pagesCSV(rows)))}.write(t), name)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		require.Equal(t, rows, readAll(t, path, importers.NewChunk(schema.Pages), 10_000))
		runtime.ReadMemStats(&after)
		return after.TotalAlloc - before.TotalAlloc
	}
	// A chunk full of rows, so that its buffers have grown to their full size.
	small := allocated(10_000)
	require.Less(t, allocated(100_000), small+small/4+1<<20)
}
