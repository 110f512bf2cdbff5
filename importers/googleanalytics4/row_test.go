package googleanalytics4

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// rowOf makes a row of values separated by blanks; "|" stands before the metrics.
func rowOf(text string) row {
	var r row
	dimensions, metrics, _ := strings.Cut(text, "|")
	for _, v := range strings.Fields(dimensions) {
		r.DimensionValues = append(r.DimensionValues, value{v})
	}
	for _, v := range strings.Fields(metrics) {
		r.MetricValues = append(r.MetricValues, value{v})
	}
	return r
}

func TestRows(t *testing.T) {
	t.Parallel()
	const good = "20240201 mobile | 5 4 3 2 60"
	for name, tc := range map[string]struct{ row, column, reason, sample string }{
		"good":                 {row: good},
		"floats":               {row: "20240201 mobile | 5.0 4 3 2 60.4"},
		"bounces below zero":   {row: "20240201 mobile | 5 4 3 -1 60"},
		"no date":              {"(other) mobile | 5 4 3 2 60", "date", "want a day written as YYYYMMDD", "(other)"},
		"not a day":            {"20240230 mobile | 5 4 3 2 60", "date", "want a day", "20240230"},
		"negative":             {"20240201 mobile | -5 4 3 2 60", "pageviews", "want a number of 0 or more", "-5"},
		"not a number":         {"20240201 mobile | 5 NaN 3 2 60", "visitors", "want a number of 0 or more", "NaN"},
		"bounces not a number": {"20240201 mobile | 5 4 3 -x 60", "bounces", "want a number of 0 or more", "-x"},
		"too large":            {"20240201 mobile | 5 4 3 4294967296 60", "bounces", "want at most 4294967295", "4294967296"},
		"a metric missing":     {"20240201 mobile | 5 4 3 2", "", "2 dimensions and 4 metrics: want 2 and 5", "20240201\tmobile\t5\t4\t3\t2"},
		"a dimension missing":  {"20240201 | 5 4 3 2 1", "", "1 dimensions and 5 metrics", "20240201\t5\t4\t3\t2\t1"},
		"nothing":              {"", "", "0 dimensions and 0 metrics", ""},
		"NUL byte":             {"20240201 mo\x00bile | 5 4 3 2 60", "deviceCategory", "NUL byte", "mo\x00bile"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := &reader{
				part: importers.Part{Label: "imported_devices 2024-02"}, report: New(Config{}).report("imported_devices"),
				window: calendar.NewSet(calendar.Range{First: calendar.MinDay, Last: calendar.MaxDay}),
			}
			r.notes.pos = &r.pos
			chunk := importers.NewChunk(schema.Devices)
			r.add(chunk, rowOf(tc.row))
			r.add(chunk, rowOf(good))
			require.Equal(t, int64(2), chunk.RowsRead)
			if tc.reason == "" {
				require.Equal(t, 2, chunk.Rows.Rows())
				require.Empty(t, chunk.Rejects)
				require.Equal(t, []uint64{5, 5}, chunk.Rows.Uint64s(schema.Devices.Index("pageviews")))
				return
			}
			require.Equal(t, 1, chunk.Rows.Rows())
			require.Len(t, chunk.Rejects, 1)
			got := chunk.Rejects[0]
			require.Contains(t, got.Reason, tc.reason)
			got.Reason = ""
			require.Equal(t, importers.Reject{File: "imported_devices 2024-02", Line: 1, Column: tc.column, Sample: tc.sample}, got)
		})
	}
}
