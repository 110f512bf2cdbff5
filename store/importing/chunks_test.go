package importing_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/store/importing"
)

// Chunks that have rows are listed in order, page by page, and those of parts that are not
// done are left out.
func TestLoadedChunks(t *testing.T) {
	t.Parallel()
	b := setup(t)
	imp := b.create(t)
	b.plan(t, imp.ID, 4)
	for no := range int32(3) {
		part, open, err := b.ClaimPart(b.ctx, imp.ID, no, 0)
		require.NoError(t, err)
		require.True(t, open)
		for c := range int32(3) {
			checkpoint := chunk(part, c)
			if c == 1 {
				checkpoint.RowsLoaded, checkpoint.RowsRejected = 0, 9
			}
			require.NoError(t, b.RecordChunk(b.ctx, checkpoint))
		}
		if no != 1 {
			b.finishPart(t, part, 0)
		}
	}
	list := func(part, from, limit int32) []importing.LoadedChunk {
		chunks, err := b.LoadedChunks(b.ctx, imp.ID, part, from, limit)
		require.NoError(t, err)
		return chunks
	}
	all := []importing.LoadedChunk{}
	for _, at := range [][2]int32{{0, 0}, {0, 2}, {2, 0}, {2, 2}} {
		all = append(all, importing.LoadedChunk{PartNo: at[0], No: at[1], RowsLoaded: 7, TableName: "imported_visitors"})
	}
	require.Equal(t, all, list(0, 0, 100))
	require.Equal(t, all[:3], list(0, 0, 3))
	require.Equal(t, all[1:], list(0, 1, 100))
	require.Equal(t, all[2:], list(1, 0, 100))
	require.Empty(t, list(2, 3, 100))
	_, err := b.SkipPart(b.ctx, imp.ID, 1)
	require.NoError(t, err)
	require.Equal(t, all, list(0, 0, 100))
}
