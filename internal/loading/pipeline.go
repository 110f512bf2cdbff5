package loading

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"

	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse"
)

// buffers is the number of chunks of a part in memory: one is read while the others are inserted
// concurrently, because the warehouse sorts and compresses each chunk on one core. Chunks are
// recorded in order, so that the checkpoint is a single number. The next attempt finds chunks
// inserted beyond it by counting their rows.
const buffers = 3

// numbered is a chunk on its way from the reader to the warehouse.
type numbered struct {
	*importers.Chunk
	no    int32
	start importers.Cursor
	// inserted receives the outcome of the insert.
	inserted chan insertion
}

// insertion is the outcome of an insert.
type insertion struct {
	// repair is the number in the chunk's token.
	repair uint32
	err    error
}

// loadRest reads and loads the chunks after the last checkpoint.
func (a *attempt) loadRest(ctx context.Context) error {
	reader, err := a.open(ctx, importers.Cursor(a.Part.Cursor))
	if err != nil {
		return err
	}
	free := make(chan *importers.Chunk, buffers)
	for range buffers {
		free <- importers.NewChunk(a.table)
	}
	filled := make(chan numbered, buffers)
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		defer close(filled)
		return errors.Join(recovered(func() error {
			return a.read(ctx, reader, free, func(chunk numbered) {
				group.Go(func() error {
					chunk.inserted <- a.insertOnce(ctx, chunk)
					return nil
				})
				// The channel has a place for each buffer: this never blocks.
				filled <- chunk
			})
		}), recovered(reader.Close))
	})
	group.Go(func() error {
		for chunk := range filled {
			insertion := <-chunk.inserted
			if insertion.err != nil {
				return insertion.err
			}
			if err := a.record(ctx, chunk, insertion.repair); err != nil {
				return err
			}
			a.seen.add(chunk.Chunk)
			if err := a.Rejects.check(a.Part.Label, a.now, a.seen); err != nil {
				return err
			}
			free <- chunk.Chunk
		}
		return nil
	})
	return group.Wait()
}

// about adds the part's label to an importer's error, unless the error has it.
func (a *attempt) about(operation string, err error) error {
	return About(a.Part.Label, operation, err)
}

// recovered converts a panic of an importer to an error. Outside an activity's goroutine a panic
// would end the worker.
func recovered(fn func() error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("the importer panicked: %v", p)
		}
	}()
	return fn()
}

// read fills free chunks until the part ends and passes each of them on.
func (a *attempt) read(
	ctx context.Context, reader importers.Reader, free <-chan *importers.Chunk, pass func(numbered),
) error {
	start := importers.Cursor(a.Part.Cursor)
	pace := newPace(a.RowsPerSecond, a.Import.Chunk.Rows)
	for no := a.Part.NextChunk; ; no++ {
		var chunk *importers.Chunk
		select {
		case chunk = <-free:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		err := reader.Next(ctx, chunk)
		if errors.Is(err, io.EOF) {
			if confirmer, ok := reader.(importers.Confirmer); ok {
				a.confirmed = confirmer.Confirmed()
			}
			return a.takeData(reader)
		}
		if err != nil {
			return a.about("read", err)
		}
		if err := check(chunk, a.Import.Window); err != nil {
			return importers.Permanent(importers.ClassInternal, fmt.Errorf("read %s: %w", a.Part.Label, err))
		}
		if err := pace.wait(ctx, chunk.RowsRead); err != nil {
			return err
		}
		pass(numbered{Chunk: chunk, no: no, start: start, inserted: make(chan insertion, 1)})
		start = chunk.Next
	}
}

// takeData reads and checks the data that a reader returns about its part.
func (a *attempt) takeData(reader importers.Reader) error {
	r, ok := reader.(importers.DataReader)
	if !ok {
		return nil
	}
	data, err := r.Data()
	switch {
	case err != nil:
		return a.about("read the data of", err)
	case len(data) > importers.MaxData:
		return importers.Permanent(importers.ClassInternal, fmt.Errorf(
			"import_data returned data of %d bytes about %s: want at most %d", len(data), a.Part.Label, importers.MaxData))
	case data != nil && !json.Valid(data):
		return importers.Permanent(importers.ClassInternal, fmt.Errorf(
			"import_data returned data that is not JSON about %s", a.Part.Label))
	}
	a.data = data
	return nil
}

// check rejects a chunk that violates the contract of package importers.
func check(c *importers.Chunk, window calendar.Set) error {
	good, rejected := int64(c.Rows.Rows()), int64(len(c.Rejects))
	if c.RowsRead != good+rejected+c.OutOfRange+c.LeftOut {
		return fmt.Errorf(
			"the importer counted wrongly: %d rows read, but %d valid, %d rejected, %d out of range and %d left out",
			c.RowsRead, good, rejected, c.OutOfRange, c.LeftOut)
	}
	// The import claims the days of its rows: a row of another day would be loaded twice.
	for i, date := range c.Rows.Dates(0) {
		if i > 0 && date == c.Rows.Dates(0)[i-1] {
			continue
		}
		if day := calendar.Day(date); !window.Contains(day) {
			return fmt.Errorf("the importer returned a row of %s: want only rows of its window, %s", day, window)
		}
	}
	if len(c.Next) > importers.MaxCursor {
		return fmt.Errorf("the cursor has %d bytes: want at most %d", len(c.Next), importers.MaxCursor)
	}
	return nil
}

// insertOnce inserts a chunk, or the part of it that earlier attempts have not inserted.
func (a *attempt) insertOnce(ctx context.Context, c numbered) insertion {
	key := a.chunkKey(c.no, 0)
	want := warehouse.ChunkCount{Rows: uint64(c.Rows.Rows()), Rejects: uint64(len(c.Rejects))}
	have := a.present[uint32(c.no)]
	odd := have.Rows != 0 && have.Rows != want.Rows || have.Rejects != 0 && have.Rejects != want.Rejects
	if odd {
		// Inserts are atomic, so these are duplicates. ClickHouse may still keep the chunk's token:
		// the reload needs a new one, and fencing tokens are never reused.
		if err := a.Warehouse.PurgeChunk(ctx, a.table, key); err != nil {
			return insertion{err: err}
		}
		key.Repair, have = uint32(a.Part.FencingToken), warehouse.ChunkCount{}
	}
	// Missing rows use the usual token: an abandoned attempt may still insert the same rows, and
	// only one of both inserts may take effect.
	var err error
	if have.Rows == 0 {
		err = a.Warehouse.InsertRows(ctx, key, c.Rows)
	}
	if err == nil && have.Rejects == 0 {
		err = a.Warehouse.InsertRejects(ctx, key, c.Rejects)
	}
	return insertion{repair: key.Repair, err: err}
}

// record stores the checkpoint after a chunk.
func (a *attempt) record(ctx context.Context, c numbered, repair uint32) error {
	loaded, rejected := int64(c.Rows.Rows()), int64(len(c.Rejects))
	days := daysOf(c.Chunk)
	err := a.Store.RecordChunk(ctx, importstore.Checkpoint{
		Chunk: importstore.Chunk{
			ImportID: a.Part.ImportID, PartNo: a.Part.No, No: c.no, Cursor: string(c.start), Repair: int32(repair),
			RowsRead: c.RowsRead, RowsLoaded: loaded, RowsRejected: rejected, RowsOutOfRange: c.OutOfRange,
			RowsLeftOut: c.LeftOut,
		},
		FencingToken: a.Part.FencingToken, LockToken: a.LockToken, Next: string(c.Next), BytesRead: c.Bytes, Days: days,
	})
	if err != nil {
		return err
	}
	a.now = Progress{
		Chunks: c.no + 1, BytesRead: c.Bytes,
		RowsRead: a.now.RowsRead + c.RowsRead, RowsLoaded: a.now.RowsLoaded + loaded,
		RowsRejected: a.now.RowsRejected + rejected, RowsOutOfRange: a.now.RowsOutOfRange + c.OutOfRange,
		RowsLeftOut: a.now.RowsLeftOut + c.LeftOut, Days: span(a.now.Days, days),
	}
	if a.Advanced != nil {
		a.Advanced(a.now)
	}
	return nil
}

// daysOf returns the range of days with rows to load in a chunk; nil without rows.
func daysOf(c *importers.Chunk) *calendar.Range {
	dates := c.Rows.Dates(0)
	if len(dates) == 0 {
		return nil
	}
	return &calendar.Range{First: calendar.Day(slices.Min(dates)), Last: calendar.Day(slices.Max(dates))}
}

// span returns the smallest range that contains both; nil is no day.
func span(a, b *calendar.Range) *calendar.Range {
	switch {
	case a == nil:
		return b
	case b == nil:
		return a
	default:
		return &calendar.Range{First: min(a.First, b.First), Last: max(a.Last, b.Last)}
	}
}
