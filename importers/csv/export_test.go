package csv

import (
	"context"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/importertest"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// loaded is what an import of a whole export gives: rows by table, and sums of
// the visitors table by column.
type loaded struct {
	days string
	rows map[string]int
	sums map[string]uint64
}

// readExport plans and reads all that the paths hold, and requires that nothing is
// rejected.
func readExport(t *testing.T, paths ...string) loaded {
	t.Helper()
	c := New()
	imp, _ := run(t, 5, paths...)
	require.NoError(t, importertest.BeforeStart(t.Context(), c, imp))
	plan, err := c.Plan(t.Context(), imp)
	require.NoError(t, err)
	got := loaded{days: plan.Range.String(), rows: map[string]int{}, sums: map[string]uint64{}}
	for _, part := range plan.Parts {
		reader, err := c.ImportData(context.Background(), imp, part, "")
		require.NoError(t, err)
		chunk := importers.NewChunk(part.Table)
		got.rows[part.Table.Name] = 0
		for err = reader.Next(t.Context(), chunk); err == nil; err = reader.Next(t.Context(), chunk) {
			require.Empty(t, chunk.Rejects)
			got.rows[part.Table.Name] += chunk.Rows.Rows()
			for i, col := range part.Table.Columns {
				if part.Table == schema.Visitors && col.Kind == schema.KindUint64 {
					for _, v := range chunk.Rows.Uint64s(i) {
						got.sums[col.Name] += v
					}
				}
			}
		}
		require.EqualError(t, err, "EOF")
		require.NoError(t, reader.Close())
	}
	return got
}

// export is an export of all ten tables in our own hand: the i-th table by name
// has i+1 rows.
func export() files {
	f := files{}
	for i, table := range schema.Imported() {
		names := slices.Clone(table.ColumnNames())
		slices.Reverse(names)
		text := strings.Join(names, ",") + "\n"
		for row := range i + 1 {
			for j, name := range names {
				col := table.Columns[table.Index(name)]
				value := map[schema.Kind]string{
					schema.KindDate: "2022-03-01", schema.KindString: fmt.Sprintf(`"%s, %d"`, name, row),
					schema.KindUint64: fmt.Sprint(row + j), schema.KindUint32: "1",
				}[col.Kind]
				text += value + map[bool]string{true: "\n", false: ","}[j == len(names)-1]
			}
		}
		f[table.Name+"_20220301_2022030"+fmt.Sprint(min(i+1, 9))+".csv"] = text
	}
	return f
}

func TestOwnExport(t *testing.T) {
	t.Parallel()
	want := map[string]int{}
	for i, table := range schema.Imported() {
		want[table.Name] = i + 1
	}
	all := export()
	members := make([]member, 0, len(all))
	for _, name := range slices.Sorted(maps.Keys(all)) {
		members = append(members, member{name: "site_20220309/" + name, text: all[name]})
	}
	for _, path := range []string{
		all.write(t),
		filepath.Join(files{"export.zip": zipped(t, members...)}.write(t), "export.zip"),
	} {
		got := readExport(t, path)
		require.Equal(t, want, got.rows)
		require.Equal(t, "2022-03-01..2022-03-09", got.days)
		// Visitors come last, with ten rows: columns are in reverse order here.
		require.Equal(t, map[string]uint64{
			"visit_duration": 45, "visits": 55, "bounces": 65, "pageviews": 75, "visitors": 85,
		}, got.sums)
	}
}

// sharedExport is where an export from outside lies, if there is one.
func sharedExport() string {
	if dir := os.Getenv("SLUICE_SHARED_DATA"); dir != "" {
		return filepath.Join(dir, "csv-export")
	}
	return filepath.Join("..", "..", "..", "shared", "data", "csv-export")
}

// TestOutsideExport reads the ten files of a real export where they are at hand,
// and otherwise an export of our own with as many rows.
func TestOutsideExport(t *testing.T) {
	t.Parallel()
	rows := map[string]int{
		"imported_browsers": 19, "imported_devices": 12, "imported_entry_pages": 27, "imported_exit_pages": 19,
		"imported_custom_events": 7, "imported_locations": 31, "imported_operating_systems": 14, "imported_pages": 16,
		"imported_sources": 24, "imported_visitors": 6,
	}
	dir, err := filepath.Abs(sharedExport())
	require.NoError(t, err)
	if _, err := os.Stat(dir); err != nil {
		require.ErrorIs(t, err, os.ErrNotExist)
		own := files{}
		for table, n := range rows {
			own[table+"_20111225_20220106.csv"] = "date\n" + strings.Repeat("2021-12-30\n", n)
		}
		got := readExport(t, own.write(t))
		require.Equal(t, loaded{days: "2011-12-25..2022-01-06", rows: rows, sums: map[string]uint64{
			"visitors": 0, "pageviews": 0, "visits": 0, "bounces": 0, "visit_duration": 0,
		}}, got)
		return
	}
	require.Equal(t, loaded{days: "2011-12-25..2022-01-06", rows: rows, sums: map[string]uint64{
		"visitors": 22, "pageviews": 99, "visits": 29, "bounces": 16, "visit_duration": 13396,
	}}, readExport(t, dir))
}
