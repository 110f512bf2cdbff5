package warehouse_test

import (
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/warehouse"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// Each of the ten views shows the rows of imports that were shown, flipped all at
// once, and of no others.
func TestVisibleViews(t *testing.T) { eachProtocol(t, testVisibleViews) }

func testVisibleViews(t *testing.T, b *bundle) {
	t.Helper()
	shown, hidden, never, elsewhere := key(0), key(0), key(0), key(0)
	hidden.ImportID, never.ImportID, elsewhere.SiteID, elsewhere.Generation = 12, 13, 7, 1
	for _, table := range schema.Imported() {
		rows := schema.NewBatch(table)
		rows.SetUint64(table.Index("visitors"), 5)
		rows.EndRow()
		for _, k := range []warehouse.ChunkKey{shown, hidden, never, elsewhere} {
			require.NoError(t, b.InsertRows(b.ctx, k, rows))
		}
		require.EqualValues(t, 4, b.number(t, "SELECT count() FROM "+table.Name))
	}
	seen := func() (imports []string) {
		for _, table := range schema.Imported() {
			lines := b.lines(t, "SELECT toString(site_id), toString(import_id) FROM visible_"+table.Name+" ORDER BY ALL")
			if imports == nil {
				imports = lines
			}
			require.Equal(t, imports, lines, table.Name)
		}
		return imports
	}
	require.Empty(t, seen())
	require.NoError(t, b.Show(b.ctx, 1, 2, 0))
	require.Equal(t, []string{"1|2"}, seen())
	require.NoError(t, b.Show(b.ctx, 1, 12, 0))
	require.Equal(t, []string{"1|12", "1|2"}, sorted(seen()))
	require.NoError(t, b.Hide(b.ctx, 1, 12, 0))
	require.Equal(t, []string{"1|2"}, seen())

	for _, table := range schema.Imported() {
		sum, err := b.VisibleSum(b.ctx, table, 1, 2, "visitors")
		require.NoError(t, err)
		require.Equal(t, warehouse.Sum{Rows: 1, Sum: 5}, sum)
		sum, err = b.VisibleSum(b.ctx, table, 1, 12, "visitors")
		require.NoError(t, err)
		require.Equal(t, warehouse.Sum{}, sum)
		columns := b.lines(t, "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'visible_"+table.Name+
			"' ORDER BY position")
		require.Equal(t, append([]string{"site_id", "import_id"}, table.ColumnNames()...), columns, "the loader's own are left out")
	}
	_, err := b.VisibleSum(b.ctx, schema.Visitors, 1, 2, "visitors) FROM secrets --")
	require.ErrorContains(t, err, "unknown column")
}

func sorted(lines []string) []string { slices.Sort(lines); return lines }

// An attempt that was given up may show an import after it was hidden: that must
// not bring back what is being purged. Running the import again does.
func TestLateShow(t *testing.T) { eachProtocol(t, testLateShow) }

func testLateShow(t *testing.T, b *bundle) {
	t.Helper()
	require.NoError(t, b.InsertRows(b.ctx, key(0), visitors(0, 3)))
	visible := func() uint64 {
		sum, err := b.VisibleSum(b.ctx, schema.Visitors, 1, 2, "visitors")
		require.NoError(t, err)
		return sum.Rows
	}
	for _, step := range []struct {
		show       bool
		generation uint32
		want       uint64
	}{
		{true, 0, 3},
		{true, 0, 3},
		{false, 0, 0},
		{true, 0, 0},
		{false, 0, 0},
		{true, 1, 3},
		{false, 0, 3},
		{true, 0, 3},
		{false, 1, 0},
		{true, 1, 0},
		{true, 0, 0},
		{true, 2, 3},
	} {
		if step.show {
			require.NoError(t, b.Show(b.ctx, 1, 2, step.generation))
		} else {
			require.NoError(t, b.Hide(b.ctx, 1, 2, step.generation))
		}
		require.Equal(t, step.want, visible(), "%+v", step)
	}
}
