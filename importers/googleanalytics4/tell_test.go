package googleanalytics4

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/importertest"
	"github.com/sluicehq/sluice/internal/fakega4"
)

func newSet(first, last calendar.Day) calendar.Set {
	return calendar.NewSet(calendar.Range{First: first, Last: last})
}

func readChunks(tb testing.TB, b *bench, part importers.Part) []importertest.Copy {
	tb.Helper()
	copies, err := importertest.ReadPart(tb.Context(), b.Importer, b.imp, part, "")
	require.NoError(tb, err)
	return copies
}

// Each of Google's reservations is reported once per part, however many pages and chunks it has.
func TestReservations(t *testing.T) {
	t.Parallel()
	b := setup(t, fakega4.Config{
		Days: 10, RowsPerDay: 5, Metadata: fakega4.Metadata{
			DataLossFromOtherRow: true, SubjectToThresholding: true,
			SamplingMetadatas:     []fakega4.SamplingMetadata{{SamplesReadCount: 10, SamplingSpaceSize: 500}},
			DataTruncationReasons: []fakega4.DataTruncation{{DataTruncationMessage: "The retention ended."}},
		},
	}, 3)
	b.imp.Chunk.Rows = 4
	part := b.part(t, "imported_visitors")
	require.Len(t, readChunks(t, b, part), 3)
	for _, text := range []string{
		"imported_visitors 2024-02: the figures are estimated by Google from a sample, for instance of 10 of 500 events",
		"withheld rows about small groups", "incomplete: The retention ended.", `into "(other)", which is kept as a name`,
	} {
		require.Len(t, b.warned(text), 1, text)
	}
}

// Sums are checked against Google's totals, also of a part that is read in two goes.
func TestTotals(t *testing.T) {
	t.Parallel()
	for name, off := range map[string]int64{"agree": 0, "are off": 1000} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, fakega4.Config{Days: 10, RowsPerDay: 5, TotalsOff: off}, 4)
			b.imp.Chunk.Rows = 3
			part := b.part(t, "imported_visitors")
			copies := readChunks(t, b, part)
			told := len(b.warned("of all rows is"))
			b.read(t, part, copies[1].Next)
			if off == 0 {
				require.Empty(t, b.warned("of all rows is"))
				return
			}
			require.Equal(t, 2, told, "pageviews and sessions")
			require.Len(t, b.warned("imported_visitors 2024-02: the sum of sessions of all rows is 45, Google's total is 1045"), 2)
			require.Len(t, b.warned("of all rows is"), 4)
		})
	}
}

func TestTimeZones(t *testing.T) {
	t.Parallel()
	b := setup(t, fakega4.Config{TimeZone: "America/New_York"}, 0)
	require.NoError(t, importertest.BeforeStart(t.Context(), b, b.imp))
	require.Len(t, b.warned("properties/428685906 has the time zone America/New_York, the site has UTC"), 1)

	b = setup(t, fakega4.Config{}, 0)
	require.NoError(t, importertest.BeforeStart(t.Context(), b, b.imp))
	require.Empty(t, b.lines.Lines())
	require.NoError(t, b.Finalize(t.Context(), b.imp, importers.Result{RowsRead: 5, RowsLoaded: 2, RowsRejected: 2, RowsOutOfRange: 1}))
	require.Equal(t, []string{
		"info: Google Analytics reports read: 5 rows, of which 2 loaded, 2 rejected, 1 out of range and 0 left out",
	}, b.lines.Lines())
}
