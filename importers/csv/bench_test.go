package csv

import (
	"bytes"
	"context"
	stdcsv "encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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

// BenchmarkReader reads an export of imported_pages into chunks of the default
// size, beside the standard library's reader, which only splits records, on the
// same bytes.
func BenchmarkReader(b *testing.B) {
	const rows = 500_000
	text := pagesCSV(rows)
	path := filepath.Join(b.TempDir(), "imported_pages_20210101_20211231.csv")
	require.NoError(b, os.WriteFile(path, text, 0o600))

	b.Run("csv", func(b *testing.B) {
		c := New()
		imp := importers.Import{
			Window: calendar.NewSet(calendar.Range{First: calendar.MinDay, Last: calendar.MaxDay}),
			Chunk:  importers.ChunkLimit{Rows: 100_000, Bytes: 16 << 20},
		}
		found, err := c.discover(context.Background(), []string{path}, &faults{})
		require.NoError(b, err)
		part := planPart(b, found.sources[0])
		chunk := importers.NewChunk(schema.Pages)
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			r, err := c.ImportData(context.Background(), imp, part, "")
			require.NoError(b, err)
			read := 0
			for err = r.Next(context.Background(), chunk); err == nil; err = r.Next(context.Background(), chunk) {
				read += chunk.Rows.Rows()
			}
			require.ErrorIs(b, err, io.EOF)
			require.NoError(b, r.Close())
			require.Equal(b, rows, read)
		}
		b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
	})

	b.Run("encoding-csv", func(b *testing.B) {
		b.SetBytes(int64(len(text)))
		b.ReportAllocs()
		for b.Loop() {
			r := stdcsv.NewReader(bytes.NewReader(text))
			r.ReuseRecord = true
			read := -1
			for {
				_, err := r.Read()
				if errors.Is(err, io.EOF) {
					break
				}
				if err != nil {
					b.Fatal(err)
				}
				read++
			}
			require.Equal(b, rows, read)
		}
		b.ReportMetric(float64(rows*b.N)/b.Elapsed().Seconds(), "rows/s")
	})
}
