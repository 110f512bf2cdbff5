package importertest

import (
	"io"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
)

// sums are the counts of a part's rows.
type sums struct{ read, loaded, outOfRange, leftOut int64 }

func sumsOf(copies []Copy) sums {
	var s sums
	for _, c := range copies {
		s.read += c.RowsRead
		s.loaded += int64(len(c.Rows))
		s.outOfRange += c.OutOfRange
		s.leftOut += c.LeftOut
	}
	return s
}

// checkDays: a row of a day of the part that is not in the window is left out; a row of a day that
// is not in the part is out of range, whatever the window.
func checkDays(tb testing.TB, cfg Config) {
	tb.Helper()
	b := setup(tb, cfg)
	for _, part := range b.plan.Parts {
		b.imp.Window = part.Days
		all := sumsOf(b.read(tb, part, ""))
		require.Zero(tb, all.leftOut, "part %d leaves rows out although the window has all of its days", part.No)
		b.imp.Window = nil
		none := sumsOf(b.read(tb, part, ""))
		require.Zero(tb, none.loaded, "part %d loads rows of days outside the window", part.No)
		if none.read == 0 {
			continue // days outside the window need not be read
		}
		require.Equal(tb, all.outOfRange, none.outOfRange,
			"part %d counts rows of its own days as out of range: count them by Chunk.LeaveOut", part.No)
		require.Equal(tb, all.loaded, none.leftOut, "rows of part %d that are left out", part.No)
	}
}

// checkConfirmed: the confirmed days of a reader are days of the part, and the same from every
// cursor.
func checkConfirmed(tb testing.TB, cfg Config) {
	tb.Helper()
	b := setup(tb, cfg)
	for _, part := range b.plan.Parts {
		first := b.confirmed(tb, part, "")
		require.Empty(tb, first.Minus(part.Days), "part %d confirms days of other parts", part.No)
		for _, c := range b.read(tb, part, "") {
			require.Equal(tb, first, b.confirmed(tb, part, c.Next),
				"part %d confirms other days from cursor %q", part.No, c.Next)
		}
	}
}

// confirmed reads a part from the cursor to its end, and returns the confirmed days.
func (b *bench) confirmed(tb testing.TB, part importers.Part, from importers.Cursor) calendar.Set {
	tb.Helper()
	run := b.imp
	run.Window = windowOf(run.Window, part)
	reader, err := b.ImportData(tb.Context(), run, part, from)
	require.NoError(tb, err)
	defer func() { require.NoError(tb, reader.Close()) }()
	chunk := importers.NewChunk(part.Table)
	for err == nil {
		err = reader.Next(tb.Context(), chunk)
	}
	require.ErrorIs(tb, err, io.EOF)
	if c, ok := reader.(importers.Confirmer); ok {
		return c.Confirmed()
	}
	return nil
}
