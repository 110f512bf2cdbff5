package importertest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// Copy is a copy of a chunk that can be kept and compared.
type Copy struct {
	// Rows are the rows to load, their values printed and separated by tabs.
	Rows    []string
	Rejects []importers.Reject

	RowsRead, OutOfRange, LeftOut, Bytes int64

	Next importers.Cursor
}

// maxChunks stops a reader that never ends.
const maxChunks = 1_000_000

// ReadPart reads a part from the cursor to its end, and returns copies of its chunks. The importer
// receives a chunk that is not empty, which it must reset, and a window within the part's days.
func ReadPart(
	ctx context.Context, imp importers.Importer, run importers.Import, part importers.Part, from importers.Cursor,
) (copies []Copy, err error) {
	run.Window = windowOf(run.Window, part)
	reader, err := imp.ImportData(ctx, run, part, from)
	if err != nil {
		return nil, fmt.Errorf("open part %d: %w", part.No, err)
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	chunk := importers.NewChunk(part.Table)
	for len(copies) < maxChunks {
		dirty(chunk)
		switch err := reader.Next(ctx, chunk); {
		case errors.Is(err, io.EOF):
			return copies, nil
		case err != nil:
			return nil, fmt.Errorf("read part %d: %w", part.No, err)
		}
		copies = append(copies, Copy{
			Rows: printRows(chunk.Rows), Rejects: slices.Clone(chunk.Rejects),
			RowsRead: chunk.RowsRead, OutOfRange: chunk.OutOfRange, LeftOut: chunk.LeftOut, Bytes: chunk.Bytes, Next: chunk.Next,
		})
	}
	return nil, fmt.Errorf("part %d has not ended after %d chunks", part.No, maxChunks)
}

// windowOf returns the days of a window that are in the part.
func windowOf(window calendar.Set, part importers.Part) calendar.Set {
	if len(part.Days) == 0 {
		return window
	}
	return window.Both(part.Days)
}

// dirty leaves data in a chunk, as an earlier call of Next does.
func dirty(c *importers.Chunk) {
	c.Rows.EndRow()
	c.Rejects = append(c.Rejects, importers.Reject{Reason: "left over"})
	c.RowsRead, c.OutOfRange, c.LeftOut, c.Bytes, c.Next = 1, 1, 1, 1, "left over"
}

func printRows(b *schema.Batch) []string {
	rows := make([]string, b.Rows())
	for i, col := range b.Table().Columns {
		var text []string
		if col.Kind == schema.KindString {
			text = b.Strings(i, nil)
		}
		for r := range rows {
			switch col.Kind {
			case schema.KindDate:
				rows[r] += fmt.Sprintf("%d\t", b.Dates(i)[r])
			case schema.KindUint64:
				rows[r] += fmt.Sprintf("%d\t", b.Uint64s(i)[r])
			case schema.KindUint32:
				rows[r] += fmt.Sprintf("%d\t", b.Uint32s(i)[r])
			case schema.KindString:
				rows[r] += fmt.Sprintf("%q\t", text[r])
			}
		}
	}
	return rows
}

// read reads a part of the bench's plan and fails the test if that fails.
func (b *bench) read(tb testing.TB, part importers.Part, from importers.Cursor) []Copy {
	tb.Helper()
	copies, err := ReadPart(tb.Context(), b.Importer, b.imp, part, from)
	require.NoError(tb, err)
	return copies
}

// sameChunks compares chunks except for their bytes: the position in a compressed source depends on
// the start of reading.
func sameChunks(tb testing.TB, want, got []Copy, message string, args ...any) {
	tb.Helper()
	require.Equal(tb, withoutBytes(want), withoutBytes(got), append([]any{message}, args...)...)
}

func withoutBytes(copies []Copy) []Copy {
	bare := make([]Copy, len(copies))
	for i, c := range copies {
		c.Bytes = 0
		if len(c.Rejects) == 0 {
			c.Rejects = nil
		}
		bare[i] = c
	}
	return bare
}
