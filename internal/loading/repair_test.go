package loading_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/internal/loading"
	"github.com/sluicehq/sluice/warehouse"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// under is another token for the same chunk.
func under(key warehouse.ChunkKey, generation uint32) warehouse.ChunkKey {
	key.Generation = 1000 + generation
	return key
}

// What earlier attempts and the engine's holes can leave behind, at the beginning,
// in the middle and at the end of a part. Whatever it is, a first
// and a later attempt end with every row once.
func TestRepair(t *testing.T) {
	t.Parallel()
	b := setup(t)
	leftovers := map[string]func(t *testing.T, f *fixture, key warehouse.ChunkKey){
		"inserted, not recorded": func(t *testing.T, f *fixture, key warehouse.ChunkKey) {
			t.Helper()
			f.insert(t, key, true, true)
		},
		"rows without rejects": func(t *testing.T, f *fixture, key warehouse.ChunkKey) {
			t.Helper()
			f.insert(t, key, true, false)
		},
		"rejects without rows": func(t *testing.T, f *fixture, key warehouse.ChunkKey) {
			t.Helper()
			f.insert(t, key, false, true)
		},
		"half of the rows": func(t *testing.T, f *fixture, key warehouse.ChunkKey) {
			t.Helper()
			half := schema.NewBatch(schema.Visitors)
			half.SetUint64(1, 1<<40)
			half.EndRow()
			require.NoError(t, f.Warehouse.InsertRows(f.ctx, key, half))
		},
		"doubled": func(t *testing.T, f *fixture, key warehouse.ChunkKey) {
			t.Helper()
			f.insert(t, under(key, 1), true, true)
			f.insert(t, under(key, 2), true, true)
		},
		"under another token": func(t *testing.T, f *fixture, key warehouse.ChunkKey) {
			t.Helper()
			f.insert(t, under(key, 1), true, true)
		},
		"a token without rows": func(t *testing.T, f *fixture, key warehouse.ChunkKey) {
			t.Helper()
			f.insert(t, key, true, true)
			require.NoError(t, f.Warehouse.PurgeChunk(f.ctx, schema.Visitors, key))
		},
		"tokens of repairs without rows": func(t *testing.T, f *fixture, key warehouse.ChunkKey) {
			t.Helper()
			for repair := range uint32(3) {
				key.Repair = repair
				f.insert(t, key, true, true)
				require.NoError(t, f.Warehouse.PurgeChunk(f.ctx, schema.Visitors, key))
			}
		},
		"a stray chunk": func(t *testing.T, f *fixture, key warehouse.ChunkKey) {
			t.Helper()
			stray := key
			stray.Chunk += 100
			rows := f.source.chunk(int(key.Chunk))
			require.NoError(t, f.Warehouse.InsertRows(f.ctx, stray, rows.Rows))
			require.NoError(t, f.Warehouse.InsertRejects(f.ctx, stray, rows.Rejects))
		},
	}
	for name, leave := range leftovers {
		for _, attempt := range []int{1, 2} {
			t.Run(fmt.Sprintf("%s, attempt %d", name, attempt), func(t *testing.T) {
				t.Parallel()
				f := b.part(t, newSource())
				for _, chunk := range []uint32{0, 5, 11} {
					leave(t, f, f.key(chunk))
				}
				if attempt == 2 {
					f.claim(t)
				}
				_, err := f.loadPart(b.ctx, t)
				require.NoError(t, err)
				f.requireLoaded(t)
			})
		}
	}
}

// What happens to chunks behind the back of an attempt that has recorded them
// already is found when the part ends, and by Verify after that.
func TestRepairRecorded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	damages := map[string]func(t *testing.T, f *fixture, key warehouse.ChunkKey){
		"lost": func(t *testing.T, f *fixture, key warehouse.ChunkKey) {
			t.Helper()
			require.NoError(t, f.Warehouse.PurgeChunk(f.ctx, schema.Visitors, key))
		},
		"doubled": func(t *testing.T, f *fixture, key warehouse.ChunkKey) {
			t.Helper()
			f.insert(t, under(key, 1), true, true)
		},
		"rejects doubled": func(t *testing.T, f *fixture, key warehouse.ChunkKey) {
			t.Helper()
			f.insert(t, under(key, 1), false, true)
		},
	}
	for name, damage := range damages {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := b.part(t, newSource())
			f.advanced = func(p loading.Progress) {
				if p.Chunks == 8 {
					damage(t, f, f.key(2))
					damage(t, f, f.key(7))
				}
			}
			_, err := f.loadPart(b.ctx, t)
			require.NoError(t, err)
			f.requireLoaded(t)

			part, err := f.Store.PartByNo(f.ctx, f.imp.ID, 0)
			require.NoError(t, err)
			damage(t, f, f.key(0))
			require.NoError(t, f.Verify(b.ctx, f.job(part)))
			f.requireLoaded(t)
			opened := f.source.opened
			require.NoError(t, f.Verify(b.ctx, f.job(part)))
			require.Equal(t, opened, f.source.opened, "what is whole is not read again")
		})
	}
}

// A source that gives other rows than before cannot be repaired from.
func TestChangedSource(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, change := range map[string]func(s *source){
		"shorter":           func(s *source) { s.rows = 215 },
		"ends earlier":      func(s *source) { s.rows = 100 },
		"other rejects":     func(s *source) { s.filled = func(c *importers.Chunk) { c.Rejects = c.Rejects[1:]; c.OutOfRange++ } },
		"other good rows":   func(s *source) { s.filled = func(c *importers.Chunk) { c.Rows.EndRow(); c.RowsRead++ } },
		"more out of range": func(s *source) { s.filled = func(c *importers.Chunk) { c.OutOfRange++; c.RowsRead++ } },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := b.part(t, newSource())
			f.advanced = func(p loading.Progress) {
				if int(p.Chunks) == f.source.chunks() {
					require.NoError(t, f.Warehouse.PurgeChunk(f.ctx, schema.Visitors, f.key(11)))
					f.source.mu.Lock()
					defer f.source.mu.Unlock()
					change(f.source)
				}
			}
			_, err := f.loadPart(b.ctx, t)
			class, permanent := importers.ClassOf(err)
			require.True(t, permanent, "%v", err)
			require.Equal(t, importers.ClassInput, class)
			require.EqualError(t, err, "repair chunk 11 of the part: the part returned different rows than in an earlier attempt: "+
				"the source may have changed; start a new import")
			require.Equal(t, f.source.opened, f.source.closed)
		})
	}
}
