package importertest

import (
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers"
)

// checkTwice: a part reads the same twice, also after storage.
func checkTwice(tb testing.TB, cfg Config) {
	tb.Helper()
	b := setup(tb, cfg)
	rows := int64(0)
	for _, part := range b.plan.Parts {
		first := b.read(tb, part, "")
		sameChunks(tb, first, b.read(tb, stored(tb, part), ""), "part %d reads differently the second time", part.No)
		for _, c := range first {
			rows += c.RowsRead
		}
	}
	require.Positive(tb, rows, "a source for the suite has at least one row")
}

// checkCursors: from the cursor of any chunk, the following chunks are read.
func checkCursors(tb testing.TB, cfg Config) {
	tb.Helper()
	b := setup(tb, cfg)
	for _, part := range b.plan.Parts {
		all := b.read(tb, part, "")
		seen := map[importers.Cursor]bool{"": true}
		for i, c := range all {
			require.False(tb, seen[c.Next], "cursor %q of part %d stands for two positions", c.Next, part.No)
			require.LessOrEqual(tb, len(c.Next), importers.MaxCursor)
			require.True(tb, utf8.ValidString(string(c.Next)), "a cursor is not UTF-8")
			seen[c.Next] = true
			sameChunks(tb, all[i+1:], b.read(tb, part, c.Next), "part %d from cursor %q", part.No, c.Next)
		}
		_, err := ReadPart(tb.Context(), b.Importer, b.imp, part, "importertest: no such cursor")
		require.Error(tb, err, "part %d opens at an invalid cursor", part.No)
	}
}

// checkRowLimit: a chunk ends with the row that reaches the limit; only the last may be smaller.
func checkRowLimit(tb testing.TB, cfg Config) {
	tb.Helper()
	b := setup(tb, cfg)
	for _, limit := range []int{1, b.imp.Chunk.Rows, 1 << 30} {
		b.imp.Chunk.Rows = limit
		for _, part := range b.plan.Parts {
			checkFull(tb, b.read(tb, part, ""), int64(limit))
		}
	}
}

// checkByteLimit: with a limit that any row reaches, every chunk has one row.
func checkByteLimit(tb testing.TB, cfg Config) {
	tb.Helper()
	b := setup(tb, cfg)
	b.imp.Chunk = importers.ChunkLimit{Rows: 1 << 30, Bytes: 1}
	for _, part := range b.plan.Parts {
		checkFull(tb, b.read(tb, part, ""), 1)
	}
}

func checkFull(tb testing.TB, copies []Copy, limit int64) {
	tb.Helper()
	for i, c := range copies {
		require.Positive(tb, c.RowsRead, "chunk %d is empty", i)
		require.LessOrEqual(tb, c.RowsRead, limit, "rows of chunk %d", i)
		require.LessOrEqual(tb, len(c.Rejects), importers.MaxRejects, "rejects of chunk %d", i)
		if i < len(copies)-1 && len(c.Rejects) < importers.MaxRejects {
			require.Equal(tb, limit, c.RowsRead, "chunk %d ends early", i)
		}
	}
}

// checkAccounting: no row is lost or counted twice, and progress increases.
func checkAccounting(tb testing.TB, cfg Config) {
	tb.Helper()
	b := setup(tb, cfg)
	days := b.plan.Range
	b.imp.Window = firstHalf(days)
	for _, part := range b.plan.Parts {
		bytes := int64(0)
		for i, c := range b.read(tb, part, "") {
			require.Equal(tb, c.RowsRead, int64(len(c.Rows)+len(c.Rejects))+c.OutOfRange+c.LeftOut,
				"chunk %d of part %d: rows read are not rows + rejects + out of range + left out", i, part.No)
			require.GreaterOrEqual(tb, c.Bytes, bytes, "progress of part %d decreases", part.No)
			if bytes = c.Bytes; part.Bytes > 0 {
				require.LessOrEqual(tb, bytes, part.Bytes, "progress of part %d exceeds the whole", part.No)
			}
		}
	}
}

// checkRejects: rejects stay within their limits and have a reason.
func checkRejects(tb testing.TB, cfg Config) {
	tb.Helper()
	b := setup(tb, cfg)
	for _, part := range b.plan.Parts {
		for _, c := range b.read(tb, part, "") {
			for _, r := range c.Rejects {
				require.NotEmpty(tb, r.Reason, "a reject has no reason")
				require.NotEmpty(tb, r.File, "a reject names no file or report")
				require.LessOrEqual(tb, len(r.Reason), importers.MaxReason)
				require.LessOrEqual(tb, len(r.Sample), importers.MaxSample)
				require.True(tb, utf8.ValidString(r.Sample+r.Reason+r.File+r.Column), "a reject is not UTF-8")
				require.GreaterOrEqual(tb, r.Line, int64(0))
			}
		}
	}
}
