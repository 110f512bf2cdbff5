package schema

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestImported(t *testing.T) {
	t.Parallel()
	tables := Imported()
	require.Len(t, tables, 10)
	require.True(t, slices.IsSorted(Names()))
	require.Equal(t, "imported_browsers", tables[0].Name)
	for i, table := range tables {
		require.Equal(t, Names()[i], table.Name)
		require.Equal(t, Column{Name: "date", Kind: KindDate}, table.Columns[0], table.Name)
		seen := map[string]bool{}
		for j, col := range table.Columns {
			require.False(t, seen[col.Name], "%s.%s comes twice", table.Name, col.Name)
			seen[col.Name] = true
			require.Equal(t, j, table.Index(col.Name))
			require.Equal(t, table.ColumnNames()[j], col.Name)
			require.NotContains(t, col.Kind.String(), "Kind(")
		}
		require.True(t, seen["visitors"])
	}
	tables[0] = nil
	require.NotNil(t, Imported()[0], "the slice is the caller's")
}

// The columns that exports have, by the kinds in which they are stored.
func TestColumnsOfExports(t *testing.T) {
	t.Parallel()
	bySessions := []string{"visitors UInt64", "visits UInt64", "visit_duration UInt64", "bounces UInt32", "pageviews UInt64"}
	for name, want := range map[string][]string{
		"imported_visitors":          {"visitors UInt64", "pageviews UInt64", "bounces UInt64", "visits UInt64", "visit_duration UInt64"},
		"imported_sources":           append([]string{"source String", "referrer String", "utm_source String", "utm_medium String", "utm_campaign String", "utm_content String", "utm_term String", "channel String"}, bySessions...),
		"imported_pages":             {"hostname String", "page String", "visits UInt64", "visitors UInt64", "pageviews UInt64", "exits UInt64", "total_scroll_depth UInt64", "total_scroll_depth_visits UInt64", "total_time_on_page UInt64", "total_time_on_page_visits UInt64"},
		"imported_entry_pages":       {"entry_page String", "visitors UInt64", "entrances UInt64", "visit_duration UInt64", "bounces UInt32", "pageviews UInt64"},
		"imported_exit_pages":        {"exit_page String", "visitors UInt64", "visit_duration UInt64", "exits UInt64", "bounces UInt32", "pageviews UInt64"},
		"imported_custom_events":     {"name String", "link_url String", "path String", "visitors UInt64", "events UInt64"},
		"imported_locations":         append([]string{"country String", "region String", "city UInt64"}, bySessions...),
		"imported_devices":           append([]string{"device String"}, bySessions...),
		"imported_browsers":          append([]string{"browser String", "browser_version String"}, bySessions...),
		"imported_operating_systems": append([]string{"operating_system String", "operating_system_version String"}, bySessions...),
	} {
		table, err := Lookup(name)
		require.NoError(t, err)
		var got []string
		for _, col := range table.Columns[1:] {
			got = append(got, col.Name+" "+col.Kind.String())
		}
		require.ElementsMatch(t, want, got, name)
	}
}

func TestLookup(t *testing.T) {
	t.Parallel()
	got, err := Lookup("imported_pages")
	require.NoError(t, err)
	require.Same(t, Pages, got)
	_, err = Lookup("pages")
	require.ErrorContains(t, err, `unknown imported table "pages" (want imported_browsers,`)
	require.Equal(t, -1, Pages.Index("nothing"))
	require.Equal(t, "Date", KindDate.String())
	require.Equal(t, "Kind(9)", Kind(9).String())
}
