package killtest_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// requireExact proves that an import has completed and loaded its input exactly once: as a multiset
// of rows, reject by reject, and in every reported number.
func (s *system) requireExact(t *testing.T, id int64, in *input) {
	t.Helper()
	ctx := bounded(t)
	summary, err := s.store.Imports.Summary(ctx, id)
	require.NoError(t, err)
	require.Equal(t, importstore.StatusCompleted, summary.Import.Status, "error: %s", summary.Import.Error)
	site := uint64(summary.Import.SiteID)

	assert.Equal(t, in.want, s.fingerprint(t, "imported_pages", site, id, in.columns), "rows in the table")
	assert.Equal(t, in.want, s.fingerprint(t, "visible_imported_pages", site, id, in.columns), "rows that queries see")
	for _, table := range schema.Imported() {
		if table != schema.Pages {
			rows, err := s.warehouse.ImportRows(ctx, table, site, uint64(id))
			require.NoError(t, err)
			assert.Zero(t, rows, "rows in %s", table.Name)
		}
	}

	rejects, err := s.warehouse.Rejects(ctx, site, uint64(id), warehouse.RejectFilter{}, 0, 2*len(in.rejected)+1)
	require.NoError(t, err)
	lines := make([]int64, len(rejects))
	for i, r := range rejects {
		lines[i] = r.Line
	}
	assert.Equal(t, in.rejected, lines, "lines of the rejects")

	assert.Equal(t, in.rowsRead, summary.RowsRead, "rows read")
	assert.EqualValues(t, in.want.Rows, summary.RowsLoaded, "rows loaded")
	assert.EqualValues(t, len(in.rejected), summary.RowsRejected, "rows rejected")
	assert.Equal(t, in.outOfRange, summary.RowsOutOfRange, "rows out of range")
	assert.Equal(t, summary.RowsRead, summary.RowsLoaded+summary.RowsRejected+summary.RowsOutOfRange+summary.RowsLeftOut)
	s.requireChunks(t, summary)
}

// requireChunks compares each chunk that was recorded with what ClickHouse holds of
// it, and the parts' figures with the sums of their chunks'.
func (s *system) requireChunks(t *testing.T, imp importstore.Summary) {
	t.Helper()
	parts, err := s.store.Imports.ListParts(t.Context(), imp.Import.ID)
	require.NoError(t, err)
	require.Len(t, parts, 1)
	p := parts[0]
	chunks, err := s.store.Imports.ListChunks(t.Context(), p.ImportID, p.No)
	require.NoError(t, err)
	require.Len(t, chunks, int(p.NextChunk))
	var read, loaded, rejected, outOfRange int64
	recorded := map[uint32]warehouse.ChunkCount{}
	for i, c := range chunks {
		require.EqualValues(t, i, c.No)
		read, loaded = read+c.RowsRead, loaded+c.RowsLoaded
		rejected, outOfRange = rejected+c.RowsRejected, outOfRange+c.RowsOutOfRange
		recorded[uint32(c.No)] = warehouse.ChunkCount{Rows: uint64(c.RowsLoaded), Rejects: uint64(c.RowsRejected)}
	}
	assert.Equal(t, []int64{p.RowsRead, p.RowsLoaded, p.RowsRejected, p.RowsOutOfRange},
		[]int64{read, loaded, rejected, outOfRange}, "the part's figures are the sums of its chunks'")
	key := warehouse.PartKey{SiteID: uint64(imp.Import.SiteID), ImportID: uint64(p.ImportID), Part: uint32(p.No)}
	held, err := s.warehouse.ChunkCounts(t.Context(), schema.Pages, key, 0)
	require.NoError(t, err)
	assert.Equal(t, recorded, held, "chunks in the warehouse")
}

// fingerprint has ClickHouse compute the fingerprint of an import's rows.
func (s *system) fingerprint(t *testing.T, table string, site uint64, id int64, columns []string) fingerprint {
	t.Helper()
	values := make([]string, len(columns))
	for i, c := range columns {
		values[i] = "toString(" + c + ")"
	}
	query := fmt.Sprintf(`SELECT count(), sum(h), groupBitXor(h), sum(exits) FROM (
		SELECT exits, halfMD5(concat(%s)) AS h FROM %s WHERE site_id = %d AND import_id = %d)`,
		strings.Join(values, ", ',', "), table, site, id)
	var f fingerprint
	var exits uint64
	require.NoError(t, s.clicks.QueryRow(bounded(t), query).Scan(&f.Rows, &f.Sum, &f.Xor, &exits))
	assert.Zero(t, exits, "a column that the export does not have")
	return f
}
