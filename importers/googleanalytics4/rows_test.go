package googleanalytics4

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/internal/fakega4"
	"github.com/sluicehq/sluice/warehouse/schema"
)

func sum(tb testing.TB, rows []string, table *schema.Table, name string) int {
	tb.Helper()
	total := 0
	for _, v := range column(rows, table.Index(name)) {
		n, err := strconv.Atoi(v)
		require.NoError(tb, err)
		total += n
	}
	return total
}

// The reports are made of the same visits: what they count by visit must agree.
func TestReportsAgree(t *testing.T) {
	t.Parallel()
	b := setup(t, fakega4.Config{Days: 40, RowsPerDay: 12}, 25)
	rows := map[string][]string{}
	for _, part := range b.plan(t).Parts {
		got, rejects := b.read(t, part, "")
		require.Empty(t, rejects)
		rows[part.Table.Name] = append(rows[part.Table.Name], got...)
	}
	require.Len(t, rows, 9)
	require.Len(t, rows["imported_visitors"], 40)
	require.Len(t, rows["imported_pages"], 40*12)
	pageviews := sum(t, rows["imported_visitors"], schema.Visitors, "pageviews")
	for table, visits := range map[*schema.Table]string{
		schema.Visitors: "visits", schema.Sources: "visits", schema.EntryPages: "entrances", schema.Locations: "visits",
		schema.Devices: "visits", schema.Browsers: "visits", schema.OperatingSystems: "visits",
	} {
		require.Equal(t, 40*12, sum(t, rows[table.Name], table, visits), table.Name)
		require.Equal(t, pageviews, sum(t, rows[table.Name], table, "pageviews"), table.Name)
		require.Equal(t, sum(t, rows["imported_visitors"], schema.Visitors, "bounces"),
			sum(t, rows[table.Name], table, "bounces"), table.Name)
	}
	require.Equal(t, pageviews, sum(t, rows["imported_pages"], schema.Pages, "pageviews"))
	require.Empty(t, b.warned("of all rows is"))
	require.Empty(t, b.warned("announced"))

	names := column(rows["imported_custom_events"], schema.CustomEvents.Index("name"))
	require.Contains(t, names, "File Download")
	require.Contains(t, names, "Outbound Link: Click")
	require.NotContains(t, names, "page_view")
	require.Contains(t, column(rows["imported_custom_events"], schema.CustomEvents.Index("link_url")), "https://example.org/1")
	require.Subset(t, column(rows["imported_locations"], schema.Locations.Index("region")),
		[]string{"DE-BY", "US-CA", "FR-IDF", "ES-MD", "PL-14", "BR-SP", ""})
	require.Subset(t, column(rows["imported_sources"], schema.Sources.Index("source")),
		[]string{"Google", "Hacker News", "example.net", "Facebook", "newsletter", ""})
	mediums := column(rows["imported_sources"], schema.Sources.Index("utm_medium"))
	require.Subset(t, mediums, []string{"cpc", "email", ""})
	require.NotContains(t, mediums, "organic")
	require.Subset(t, column(rows["imported_sources"], schema.Sources.Index("utm_source")), []string{"newsletter", ""})
	require.Subset(t, column(rows["imported_sources"], schema.Sources.Index("utm_term")), []string{"shoes", ""})
	require.Subset(t, column(rows["imported_devices"], schema.Devices.Index("device")), []string{"Desktop", "Smart tv"})
	require.NotContains(t, column(rows["imported_pages"], schema.Pages.Index("hostname")), "www.example.com")
}

// Rows that Google folds or cannot date are reported, and not lost.
func TestFoldedAndUndated(t *testing.T) {
	t.Parallel()
	b := setup(t, fakega4.Config{Days: 3, RowsPerDay: 5, Undated: 2, Folded: 4}, 2)
	rows, rejects := b.read(t, b.part(t, "imported_pages"), "")
	require.Contains(t, column(rows, schema.Pages.Index("page")), "(other)")
	require.NotEmpty(t, rejects)
	for i, r := range rejects {
		require.Equal(t, importers.Reject{
			File: "imported_pages 2024-02", Line: int64(i + 1), Column: "date", Sample: "(other)", Reason: r.Reason,
		}, r)
		require.Contains(t, r.Reason, "YYYYMMDD")
	}
	kept := 0
	for _, page := range column(rows, schema.Pages.Index("page")) {
		if page == "(other)" {
			kept++
		}
	}
	require.Equal(t, []string{fmt.Sprintf("warn: imported_pages 2024-02: Google has folded surplus values into "+
		"\"(other)\", which is kept as a name: %d rows", kept)}, b.warned("folded surplus values"), "rejected rows are not kept")
	require.Equal(t, []string{fmt.Sprintf("warn: imported_pages 2024-02: Google has folded surplus days into "+
		"\"(other)\", and their rows are rejected: %d rows", len(rejects))}, b.warned("folded surplus days"))
	rows, _ = b.read(t, b.part(t, "imported_locations"), "")
	require.True(t, slices.Contains(column(rows, schema.Locations.Index("country")), ""), "no code for what is folded")
}

func TestUnmappedRegions(t *testing.T) {
	t.Parallel()
	b := setup(t, fakega4.Config{Days: 5, RowsPerDay: 30}, 0)
	rows, _ := b.read(t, b.part(t, "imported_locations"), "")
	require.Contains(t, column(rows, schema.Locations.Index("country")), "EE")
	warnings := b.warned("without an ISO 3166-2 code")
	require.Len(t, warnings, 1)
	require.Contains(t, warnings[0], "Region of Nowhere in EE")
}

// Days between others that are not to be imported are read, counted and left out; days at
// the ends are not requested.
func TestWindow(t *testing.T) {
	t.Parallel()
	b := setup(t, fakega4.Config{Days: 20, RowsPerDay: 2}, 0)
	part := b.part(t, "imported_visitors")
	first := b.imp.Window[0].First
	for i := range b.imp.Window {
		b.imp.Window[i].First += 3
	}
	b.imp.Window = b.imp.Window.Minus(newSet(first+5, first+6))
	copies := readChunks(t, b, part)
	require.Len(t, copies, 1)
	require.Equal(t, int64(2), copies[0].LeftOut)
	require.Zero(t, copies[0].OutOfRange)
	require.Len(t, copies[0].Rows, 16-2)
	require.Equal(t, int64(16), copies[0].RowsRead)

	before := b.fake.Requests("runReport")
	b.imp.Window = newSet(first-10, first-1)
	require.Empty(t, readChunks(t, b, part))
	require.Equal(t, before, b.fake.Requests("runReport"), "an empty window sends no request")
}
