package googleanalytics4

import (
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/importertest"
	"github.com/sluicehq/sluice/internal/fakega4"
)

func newChunk(part importers.Part) *importers.Chunk { return importers.NewChunk(part.Table) }

// Pages of any size give the same chunks.
func TestPagesDoNotShow(t *testing.T) {
	t.Parallel()
	var want []importertest.Copy
	for _, size := range []int{0, 1, 7, 64, 100, 1000} {
		b := setup(t, fakega4.Config{Days: 30, RowsPerDay: 9}, size)
		b.imp.Chunk.Rows = 64
		got := readChunks(t, b, b.part(t, "imported_entry_pages"))
		if want == nil {
			want = got
			require.Greater(t, len(want), 3)
		}
		require.Equal(t, want, got, "pages of %d rows", size)
	}
}

// An answer that is cut off, or refused, in the middle of a part costs no row and doubles
// none: reading resumes at the last cursor.
func TestResumeAfterFaults(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]fakega4.Fault{
		"cut off": {Cut: true}, "refused": {Status: 503}, "token": {Status: 401}, "garbage": {Garbage: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, fakega4.Config{Days: 29, RowsPerDay: 10}, 16)
			b.imp.Chunk.Rows = 25
			part := b.part(t, "imported_pages")
			want, _ := b.read(t, part, "")
			require.Len(t, want, 280)
			fault.Method, fault.Skip, fault.Times = "runReport", 3, 2
			b.fake.Inject(fault, fault, fault)

			var got []string
			var cursor importers.Cursor
			for attempts := 0; ; attempts++ {
				require.Less(t, attempts, 10, "no end")
				more, next, err := readUntilFault(t, b, part, cursor)
				got, cursor = append(got, more...), next
				if err == nil {
					require.Positive(t, attempts, "nothing went wrong")
					break
				}
				_, permanent := importers.ClassOf(err)
				require.Equal(t, fault.Status == 401, permanent, err)
			}
			require.Equal(t, want, got)
			require.Empty(t, b.warned("of all rows is"))
		})
	}
}

// readUntilFault reads from a cursor as far as it goes.
func readUntilFault(
	tb testing.TB, b *bench, part importers.Part, from importers.Cursor,
) (rows []string, next importers.Cursor, fault error) {
	tb.Helper()
	reader, err := b.ImportData(tb.Context(), b.imp, part, from)
	require.NoError(tb, err)
	defer func() { require.NoError(tb, reader.Close()) }()
	chunk := newChunk(part)
	for {
		switch err := reader.Next(tb.Context(), chunk); {
		case errors.Is(err, io.EOF):
			return rows, from, nil
		case err != nil:
			return rows, from, err
		}
		for i := range chunk.Rows.Rows() {
			rows = append(rows, pageRow(chunk, i))
		}
		from = chunk.Next
	}
}

// A request that hangs ends with the reader, and with the caller's patience.
func TestHangingRequestEnds(t *testing.T) {
	t.Parallel()
	b := setup(t, fakega4.Config{Days: 29, RowsPerDay: 10}, 16)
	part := b.part(t, "imported_pages")
	b.fake.Inject(fakega4.Fault{Method: "runReport", Hang: true})
	reader, err := b.ImportData(t.Context(), b.imp, part, "")
	require.NoError(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, reader.Next(ctx, newChunk(part)), context.DeadlineExceeded)
	require.NoError(t, reader.Close())
	require.Empty(t, b.limiter.gates, "the request has ended")
}

// A server that never answers is given up on after RequestTimeout: transiently.
func TestRequestTimeout(t *testing.T) {
	t.Parallel()
	base := setup(t, fakega4.Config{}, 0)
	synctest.Test(t, func(t *testing.T) {
		b := *base
		b.Importer = New(Config{Transport: deaf{}})
		begun := time.Now()
		err := importertest.BeforeStart(t.Context(), b, b.imp)
		require.ErrorContains(t, err, "google did not respond within 1m20s")
		require.Equal(t, outcome{}, outcomeOf(err))
		require.Equal(t, RequestTimeout, time.Since(begun))
	})
}

// Announced rows that are missing are reported, and so is a report that changes.
func TestChangingReports(t *testing.T) {
	t.Parallel()
	b := setup(t, fakega4.Config{Days: 29, RowsPerDay: 1}, 10)
	part := b.part(t, "imported_visitors")
	all := readChunks(t, b, part)
	require.Len(t, all[0].Rows, 28)
	b.imp.Chunk.Rows = 4
	pos, err := parseCursor(readChunks(t, b, part)[0].Next)
	require.NoError(t, err)
	pos.rowCount = 50
	rows, _ := b.read(t, part, pos.cursor())
	require.Len(t, rows, 24)
	require.Len(t, b.warned("the report's number of rows changed during reading, to 28"), 1)
}

func TestCursors(t *testing.T) {
	t.Parallel()
	p := position{offset: 1 << 40, rowCount: 1 << 50, folded: 3, undated: 2, unmapped: 4, changed: 1, sums: [maxSums]uint64{1 << 63, 7}}
	back, err := parseCursor(p.cursor())
	require.NoError(t, err)
	require.Equal(t, p, back)
	for _, bad := range []importers.Cursor{
		"x", "2", "1:0:0:0:0:0:0:0:0", "2:0:0:0:0:0:0:0", "2:-1:0:0:0:0:0:0:0", "2:5:4:0:0:0:0:0:0",
		"2:+1:2:0:0:0:0:0:0", "2:01:2:0:0:0:0:0:0", "2:a:2:0:0:0:0:0:0", "2:1:2:0:0:0:0:0:0:0",
	} {
		_, err := parseCursor(bad)
		require.Equal(t, outcome{class: importers.ClassInternal}, outcomeOf(err), bad)
	}
}
