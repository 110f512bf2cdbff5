package e2e

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// Rows that are bad are rejected one by one, each with its line and reason; the others
// are imported.
func TestBadRows(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.StartWorker(t)
	const long = 10 << 20
	bad := []struct{ name, row, column, reason string }{
		{"negative", "2021-01-02,-1,2,3,4,5", "visitors", "negative number: want 0 or more"},
		{"overflow", "2021-01-02,18446744073709551616,2,3,4,5", "visitors", "number too large: want at most 18446744073709551615"},
		{"decimal", "2021-01-02,1.0,2,3,4,5", "visitors", "decimal number: want a whole number without a point, such as 12"},
		{"word", "2021-01-02,one,2,3,4,5", "visitors", "not a whole number: want digits only, or nothing for 0"},
		{"day", "2021-02-30,1,2,3,4,5", "date", ""},
		{"month", "2021-13-01,1,2,3,4,5", "date", ""},
		{"form", "02.01.2021,1,2,3,4,5", "date", ""},
		{"UTF-8", "2021-01-02,\xff,2,3,4,5", "visitors", "not a whole number: want digits only, or nothing for 0"},
		{"fields", "2021-01-02,1,2,3", "", "row with 4 values: want 6, the number of columns in the header"},
		{"quote", `2021-01-02,1"2,2,3,4,5`, "visitors", "quote inside an unquoted value: put the value in quotes and double the quotes within"},
		{"long", "2021-01-02," + strings.Repeat("1", long) + ",2,3,4,5", "", "row is longer than the limit of 1048576 bytes"},
	}
	last, _ := s.importFiles("bad rows", func(f folder) {
		rows := []string{goodRow}
		for _, b := range bad {
			rows = append(rows, b.row+"\n")
		}
		// More than half of a part's rows must be good.
		rows = append(rows, "2020-12-31,9,9,9,9,9\n")
		f.visitors(append(rows, slices.Repeat([]string{goodRow}, len(bad))...)...)
	}, "", importstore.StatusCompleted)
	require.EqualValues(t, 2*len(bad)+2, last.RowsRead)
	require.EqualValues(t, len(bad)+1, last.RowsLoaded)
	require.EqualValues(t, len(bad), last.RowsRejected)
	require.EqualValues(t, 1, last.RowsOutOfRange)

	rejects, err := s.Warehouse.Rejects(enginetest.Context(t), uint64(last.Import.SiteID), uint64(last.Import.ID), warehouse.RejectFilter{}, 0, 100)
	require.NoError(t, err)
	require.Len(t, rejects, len(bad))
	for i, b := range bad {
		r := rejects[i]
		require.Equal(t, visitorsFile, r.File)
		require.EqualValues(t, i+3, r.Line, b.name)
		require.Equal(t, b.column, r.Column, b.name)
		require.NotEmpty(t, r.Reason)
		require.LessOrEqual(t, len(r.Sample), 200)
		if b.reason != "" {
			require.Equal(t, b.reason, r.Reason)
		}
	}
}

// The same of text.
func TestBadText(t *testing.T) {
	t.Parallel()
	s := setup(t)
	s.StartWorker(t)
	last, _ := s.importFiles("bad text", func(f folder) {
		f.write("imported_pages_20210101_20210131.csv", "date,hostname,page,visitors\n"+
			"2021-01-01,example.com,/good,1\n2021-01-01,example.com,/\xff\xfe,1\n2021-01-01,example.com,/\x00,1\n"+
			"2021-01-01,example.com,\"/日本\n\"\"x\"\"\",1\n")
	}, "", importstore.StatusCompleted)
	require.EqualValues(t, 2, last.RowsLoaded)
	rejects, err := s.Warehouse.Rejects(enginetest.Context(t), uint64(last.Import.SiteID), uint64(last.Import.ID), warehouse.RejectFilter{}, 0, 100)
	require.NoError(t, err)
	require.Equal(t, []schema.Reject{
		{File: "imported_pages_20210101_20210131.csv", Line: 3, Column: "page", Reason: "not UTF-8: save the file in the UTF-8 encoding", Sample: "/\uFFFD"},
		{File: "imported_pages_20210101_20210131.csv", Line: 4, Column: "page", Reason: "text with a NUL byte: remove the byte", Sample: "/\x00"},
	}, rejects)
}
