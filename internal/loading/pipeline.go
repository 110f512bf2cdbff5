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
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/warehouse"
)

// buffers is how many chunks of a part are in memory: one is read while the others
// are inserted, side by side, because the warehouse sorts and compresses each
// chunk on one core. They are recorded in their order, so that the checkpoint is a
// single number; what an attempt that dies has inserted beyond it, the next one
// finds by counting.
const buffers = 3

// numbered is a chunk on its way from the reader to the warehouse.
type numbered struct {
	*importers.Chunk
	no    int32
	start importers.Cursor
	// inserted receives how the insert went.
	inserted chan insertion
}

// insertion is how the insert of a chunk went.
type insertion struct {
	// repair is the number in the chunk's token.
	repair uint32
	err    error
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
				// There are as many places as buffers: this never waits.
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

// about names the part that an importer's error is about, unless it does so itself.
func (a *attempt) about(operation string, err error) error {
	return About(a.Part.Label, operation, err)
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

// read fills free chunks until the part ends and passes each on.
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

// takeData takes what a reader returns about its part, beside rows.
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

// check refuses a chunk that breaks the contract of package importers.
func check(c *importers.Chunk, window calendar.Set) error {
	good, rejected := int64(c.Rows.Rows()), int64(len(c.Rejects))
	if c.RowsRead != good+rejected+c.OutOfRange+c.LeftOut {
		return fmt.Errorf("the importer lost count: %d rows read, but %d good, %d rejected, %d out of range and %d left out",
			c.RowsRead, good, rejected, c.OutOfRange, c.LeftOut)
	}
	// The days of the rows are what the import claims: one more would be loaded twice.
	for i, date := range c.Rows.Dates(0) {
		if i > 0 && date == c.Rows.Dates(0)[i-1] {
			continue
		}
		if day := calendar.Day(date); !window.Contains(day) {
			return fmt.Errorf("the importer gave a row of %s to load, which is not among the days to import, %s", day, window)
		}
	}
	if len(c.Next) > importers.MaxCursor {
		return fmt.Errorf("the cursor has %d bytes, at most %d are allowed", len(c.Next), importers.MaxCursor)
	}
	return nil
}

// insertOnce brings one chunk in, or what earlier attempts have left out of it.
func (a *attempt) insertOnce(ctx context.Context, c numbered) insertion {
	key := a.chunkKey(c.no, 0)
	want := warehouse.ChunkCount{Rows: uint64(c.Rows.Rows()), Rejects: uint64(len(c.Rejects))}
	have := a.present[uint32(c.no)]
	odd := have.Rows != 0 && have.Rows != want.Rows || have.Rejects != 0 && have.Rejects != want.Rejects
	if odd {
		// Rows are inserted all or none, so that this is a doubled chunk. Its token may be
		// remembered, so it goes in under a new one: fencing tokens are never used twice.
		if err := a.Warehouse.PurgeChunk(ctx, a.table, key); err != nil {
			return insertion{err: err}
		}
		key.Repair, have = uint32(a.Part.FencingToken), warehouse.ChunkCount{}
	}
	// What is missing goes in under the usual token: an attempt that was given up may
	// still be about to insert the very same, and only one of the two must count.
	var err error
	if have.Rows == 0 {
		err = a.Warehouse.InsertRows(ctx, key, c.Rows)
	}
	if err == nil && have.Rejects == 0 {
		err = a.Warehouse.InsertRejects(ctx, key, c.Rejects)
	}
	return insertion{repair: key.Repair, err: err}
}

// record stores the checkpoint behind a chunk.
func (a *attempt) record(ctx context.Context, c numbered, repair uint32) error {
	loaded, rejected := int64(c.Rows.Rows()), int64(len(c.Rejects))
	days := daysOf(c.Chunk)
	err := a.Store.RecordChunk(ctx, store.Checkpoint{
		Chunk: store.Chunk{
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

// daysOf returns from which to which day a chunk has rows to load; nil if it has none.
func daysOf(c *importers.Chunk) *calendar.Range {
	dates := c.Rows.Dates(0)
	if len(dates) == 0 {
		return nil
	}
	return &calendar.Range{First: calendar.Day(slices.Min(dates)), Last: calendar.Day(slices.Max(dates))}
}

// span returns the smallest range that holds both; nil is no day.
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
