package loading

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/sluicehq/sluice/importers"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse"
)

// maxRepairs is the maximum number of repairs of a part in one attempt. The next attempt continues.
const maxRepairs = 3

// verify counts the rows of every chunk and repairs chunks whose counts differ from the recorded
// ones.
func (a *attempt) verify(ctx context.Context) error {
	for round := 0; ; round++ {
		wrong, stray, err := a.compare(ctx)
		if err != nil {
			return err
		}
		if len(wrong)+len(stray) == 0 {
			return nil
		}
		if round == maxRepairs {
			return fmt.Errorf("verify %s: %d chunks are still wrong after %d repairs",
				a.Part.Label, len(wrong)+len(stray), round)
		}
		for _, chunk := range wrong {
			if err := a.repair(ctx, chunk); err != nil {
				return fmt.Errorf("repair chunk %d of %s: %w", chunk.No, a.Part.Label, err)
			}
		}
		for _, no := range stray {
			if err := a.Warehouse.PurgeChunk(ctx, a.table, a.chunkKey(int32(no), 0)); err != nil {
				return fmt.Errorf("purge stray chunk %d of %s: %w", no, a.Part.Label, err)
			}
		}
	}
}

// compare returns the chunks whose counts differ from the recorded ones, and the numbers of chunks
// that were never recorded.
func (a *attempt) compare(ctx context.Context) (wrong []importstore.Chunk, stray []uint32, err error) {
	recorded, err := a.Store.ListChunks(ctx, a.Part.ImportID, a.Part.No)
	if err != nil {
		return nil, nil, fmt.Errorf("list chunks: %w", err)
	}
	counts, err := a.Warehouse.ChunkCounts(ctx, a.table, a.key, 0)
	if err != nil {
		return nil, nil, err
	}
	for _, c := range recorded {
		no := uint32(c.No)
		if counts[no] != (warehouse.ChunkCount{Rows: uint64(c.RowsLoaded), Rejects: uint64(c.RowsRejected)}) {
			wrong = append(wrong, c)
		}
		delete(counts, no)
	}
	return wrong, slices.Collect(maps.Keys(counts)), nil
}

// repair reads a chunk again, purges its rows and loads it with a new token. The token is recorded
// first, so that the next attempt does not reuse it.
func (a *attempt) repair(ctx context.Context, c importstore.Chunk) (err error) {
	reader, err := a.open(ctx, importers.Cursor(c.Cursor))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reader.Close()) }()
	chunk := importers.NewChunk(a.table)
	if err := reader.Next(ctx, chunk); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	loaded, rejected := int64(chunk.Rows.Rows()), int64(len(chunk.Rejects))
	if chunk.RowsRead != c.RowsRead || loaded != c.RowsLoaded || rejected != c.RowsRejected ||
		chunk.OutOfRange != c.RowsOutOfRange || chunk.LeftOut != c.RowsLeftOut {
		return importers.Permanent(importers.ClassInput, fmt.Errorf("%s %w", a.Part.Label, errUnstable))
	}
	c.Repair++
	if err := a.Store.RecordRepair(ctx, c, a.Part.FencingToken); err != nil {
		return err
	}
	key := a.chunkKey(c.No, uint32(c.Repair))
	if err := a.Warehouse.PurgeChunk(ctx, a.table, key); err != nil {
		return err
	}
	return a.insert(ctx, key, chunk)
}
