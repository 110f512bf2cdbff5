package loading

import (
	"context"
	"errors"
	"fmt"
	"io"

	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/warehouse"
)

// buffers is how many chunks of a part are in memory: one is read while the
// other is inserted. Inserts keep their order, so that the checkpoint is a single
// number.
const buffers = 2

// numbered is a chunk on its way from the reader to the warehouse.
type numbered struct {
	*importers.Chunk
	no    int32
	start importers.Cursor
}

// loadRest reads and loads everything behind the last checkpoint.
func (a *attempt) loadRest(ctx context.Context) error {
	reader, err := a.open(ctx, importers.Cursor(a.Part.Cursor))
	if err != nil {
		return err
	}
	free := make(chan *importers.Chunk, buffers)
	for range buffers {
		free <- importers.NewChunk(a.table)
	}
	filled := make(chan numbered)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(filled)
		return errors.Join(recovered(func() error { return a.read(ctx, reader, free, filled) }), reader.Close())
	})
	group.Go(func() error {
		for chunk := range filled {
			if err := a.load(ctx, chunk); err != nil {
				return err
			}
			free <- chunk.Chunk
		}
		return nil
	})
	return group.Wait()
}

// recovered turns a panic of an importer into an error: in a goroutine of ours it
// would otherwise take the whole worker down.
func recovered(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the importer panicked: %v", p)
		}
	}()
	return fn()
}

// read fills free chunks until the part ends.
func (a *attempt) read(
	ctx context.Context, reader importers.Reader, free <-chan *importers.Chunk, filled chan<- numbered,
) error {
	start := importers.Cursor(a.Part.Cursor)
	for no := a.Part.NextChunk; ; no++ {
		var chunk *importers.Chunk
		select {
		case chunk = <-free:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		err := reader.Next(ctx, chunk)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", a.Part.Label, err)
		}
		if len(chunk.Next) > importers.MaxCursor {
			return importers.Permanent(importers.ClassInternal, fmt.Errorf("read %s: the cursor has %d bytes, at most %d are allowed",
				a.Part.Label, len(chunk.Next), importers.MaxCursor))
		}
		select {
		case filled <- numbered{Chunk: chunk, no: no, start: start}:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		start = chunk.Next
	}
}

// load brings one chunk in and records it.
func (a *attempt) load(ctx context.Context, c numbered) error {
	key := a.chunkKey(c.no, 0)
	want := warehouse.ChunkCount{Rows: uint64(c.Rows.Rows()), Rejects: uint64(len(c.Rejects))}
	have, partly := a.present[uint32(c.no)]
	if partly && have != want {
		// An earlier attempt left something else than the whole chunk. Its token may be
		// remembered, so it goes in under a new one: fences are never used twice.
		if err := a.Warehouse.PurgeChunk(ctx, a.table, key); err != nil {
			return err
		}
		key.Repair = uint32(a.Part.Fence)
	}
	if have != want {
		if err := a.insert(ctx, key, c.Chunk); err != nil {
			return err
		}
	}
	if err := a.record(ctx, c, key.Repair); err != nil {
		return err
	}
	return a.Rejects.check(a.Part.Label, a.now, c.Rejects)
}

// record stores the checkpoint behind a chunk.
func (a *attempt) record(ctx context.Context, c numbered, repair uint32) error {
	loaded, rejected := int64(c.Rows.Rows()), int64(len(c.Rejects))
	if c.RowsRead != loaded+rejected+c.OutOfRange {
		return importers.Permanent(importers.ClassInternal, fmt.Errorf(
			"read %s: the importer lost count: %d rows read, but %d good, %d rejected and %d out of range",
			a.Part.Label, c.RowsRead, loaded, rejected, c.OutOfRange))
	}
	err := a.Store.RecordChunk(ctx, store.Checkpoint{
		Chunk: store.Chunk{
			ImportID: a.Part.ImportID, PartNo: a.Part.No, No: c.no, Cursor: string(c.start), Repair: int32(repair),
			RowsRead: c.RowsRead, RowsLoaded: loaded, RowsRejected: rejected, RowsOutOfRange: c.OutOfRange,
		},
		Fence: a.Part.Fence, Next: string(c.Next), BytesRead: c.Bytes,
	})
	if err != nil {
		return err
	}
	a.now = Progress{
		Chunks: c.no + 1, BytesRead: c.Bytes,
		RowsRead: a.now.RowsRead + c.RowsRead, RowsLoaded: a.now.RowsLoaded + loaded,
		RowsRejected: a.now.RowsRejected + rejected, RowsOutOfRange: a.now.RowsOutOfRange + c.OutOfRange,
	}
	if a.Advanced != nil {
		a.Advanced(a.now)
	}
	return nil
}
