package warehouse_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/warehouse"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// spread loads two chunks into each of two parts of two imports of two sites, with
// one row and one reject a chunk.
func (b *bundle) spread(t *testing.T) []warehouse.ChunkKey {
	t.Helper()
	var keys []warehouse.ChunkKey
	for i := range 16 {
		part := warehouse.PartKey{SiteID: uint64(1 + i/8), ImportID: uint64(1 + i/4%2), Part: uint32(i / 2 % 2)}
		// Tokens have no site, because no two have an import of the same number. Here
		// they do, and the generation tells them apart.
		keys = append(keys, warehouse.ChunkKey{PartKey: part, Chunk: uint32(i % 2), Generation: uint32(i / 8)})
	}
	for _, k := range keys {
		require.NoError(t, b.InsertRows(b.ctx, k, visitors(0, 1)))
		require.NoError(t, b.InsertRejects(b.ctx, k, []schema.Reject{{Line: 1}}))
	}
	return keys
}

// left returns which of the chunks still have rows, and which have rejects.
func (b *bundle) left(t *testing.T, keys []warehouse.ChunkKey) (rows, rejects []int) {
	t.Helper()
	for i, k := range keys {
		counts, err := b.ChunkCounts(b.ctx, schema.Visitors, k.PartKey, 0)
		require.NoError(t, err)
		if counts[k.Chunk].Rows > 0 {
			rows = append(rows, i)
		}
		if counts[k.Chunk].Rejects > 0 {
			rejects = append(rejects, i)
		}
	}
	return rows, rejects
}

// Each purge takes what it names and nothing else, at once, and may be repeated.
func TestPurge(t *testing.T) { eachProtocol(t, testPurge) }

func testPurge(t *testing.T, b *bundle) {
	t.Helper()
	keys := b.spread(t)
	all := []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}
	without := func(gone ...int) []int {
		kept := append([]int(nil), all...)
		for _, g := range gone {
			kept[g] = -1
		}
		rest := []int{}
		for _, k := range kept {
			if k >= 0 {
				rest = append(rest, k)
			}
		}
		return rest
	}
	for _, step := range []struct {
		name          string
		purge         func() error
		rows, rejects []int
	}{
		{"nothing", func() error { return nil }, all, all},
		{"chunk", func() error { return b.PurgeChunk(b.ctx, schema.Visitors, keys[1]) }, without(1), without(1)},
		{"of another table", func() error { return b.PurgeRows(b.ctx, schema.Pages, 1, 1) }, without(1), without(1)},
		{"part", func() error { return b.PurgePart(b.ctx, schema.Visitors, keys[2].PartKey) }, without(1, 2, 3), without(1, 2, 3)},
		{"rows", func() error { return b.PurgeRows(b.ctx, schema.Visitors, 1, 2) }, without(1, 2, 3, 4, 5, 6, 7), without(1, 2, 3)},
		{"rejects", func() error { return b.PurgeRejects(b.ctx, 2, 1) }, without(1, 2, 3, 4, 5, 6, 7), without(1, 2, 3, 8, 9, 10, 11)},
	} {
		for range 2 {
			require.NoError(t, step.purge(), step.name)
		}
		rows, rejects := b.left(t, keys)
		require.Equal(t, step.rows, rows, step.name)
		require.Equal(t, step.rejects, rejects, step.name)
	}
}

func TestPurgeAtOnce(t *testing.T) { eachProtocol(t, testPurgeAtOnce) }

func testPurgeAtOnce(t *testing.T, b *bundle) {
	t.Helper()
	require.NoError(t, b.InsertRows(b.ctx, key(0), visitors(0, 1000)))
	for _, err := range enginetest.AtOnce(4, func(int) error { return b.PurgePart(b.ctx, schema.Visitors, key(0).PartKey) }) {
		require.NoError(t, err)
	}
	rows, err := b.ImportRows(b.ctx, schema.Visitors, 1, 2)
	require.NoError(t, err)
	require.Zero(t, rows)
}

func TestChunkCounts(t *testing.T) { eachProtocol(t, testChunkCounts) }

func testChunkCounts(t *testing.T, b *bundle) {
	t.Helper()
	for chunk := range uint32(5) {
		require.NoError(t, b.InsertRows(b.ctx, key(chunk), visitors(0, int(chunk))))
		require.NoError(t, b.InsertRejects(b.ctx, key(chunk), make([]schema.Reject, chunk%2)))
	}
	other := key(4)
	other.Part = 4
	require.NoError(t, b.InsertRows(b.ctx, other, visitors(0, 9)))
	counts, err := b.ChunkCounts(b.ctx, schema.Visitors, key(0).PartKey, 2)
	require.NoError(t, err)
	require.Equal(t, map[uint32]warehouse.ChunkCount{2: {Rows: 2}, 3: {Rows: 3, Rejects: 1}, 4: {Rows: 4}}, counts)
	counts, err = b.ChunkCounts(b.ctx, schema.Pages, key(0).PartKey, 0)
	require.NoError(t, err)
	require.Equal(t, map[uint32]warehouse.ChunkCount{1: {Rejects: 1}, 3: {Rejects: 1}}, counts, "rejects are the part's")
	counts, err = b.ChunkCounts(b.ctx, schema.Visitors, warehouse.PartKey{SiteID: 9}, 0)
	require.NoError(t, err)
	require.Empty(t, counts)
}
