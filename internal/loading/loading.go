// Package loading brings one part of an import into the warehouse, exactly once.
//
// A part is read in chunks that are the same in every attempt. Each chunk is one
// insert under a token made of its number; after ClickHouse has acknowledged it, it
// is recorded in the store, which is where the next attempt goes on. The token alone
// would not do, because ClickHouse writes it down before it commits the rows and never
// syncs it to disk: rows therefore carry their chunk's number, chunks are counted
// after every unknown outcome and once at the end of a part, and one that is short
// or doubled is purged and loaded anew under a new token.
package loading

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/warehouse"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// Loader loads parts. It is safe for concurrent use.
type Loader struct {
	Store     *store.Store
	Warehouse *warehouse.Warehouse
}

// Job is a part to load.
type Job struct {
	// Importer reads the part.
	Importer importers.Importer
	// Import is the import that the part belongs to, its window that of the part.
	Import importers.Import
	// Rejects is how many bad rows are put up with.
	Rejects RejectLimit
	// Generation counts the runs of the import after it had failed.
	Generation uint32
	// Part is the part as claimed: its fencing token is this attempt's.
	Part store.Part
	// LockToken is the fencing token of the import's locks.
	LockToken int64
	// RowsPerSecond bounds how fast rows are read; 0 is as fast as it goes.
	RowsPerSecond int64
	// Advanced, if set, is called with the part's figures after every chunk. It
	// must return quickly.
	Advanced func(Progress)
	// Warn, if set, takes what people should know of the part, before it counts as done.
	Warn func(ctx context.Context, message string) error
}

// Progress is how far a part has come.
type Progress struct {
	Chunks int32
	// RowsRead is the sum of the other counts of rows.
	RowsRead, RowsLoaded, RowsRejected, RowsOutOfRange, RowsLeftOut int64
	BytesRead                                                       int64
	// Days are from the first to the last day of the rows that were loaded; nil if none
	// was.
	Days *calendar.Range
	// Claims are the days that the part has brought in, once it is done.
	Claims calendar.Set
}

// attempt is one attempt at one part.
type attempt struct {
	Loader
	Job
	table *schema.Table
	key   warehouse.PartKey
	// present is what earlier attempts left behind their last checkpoint.
	present map[uint32]warehouse.ChunkCount
	now     Progress
	// seen are rows that this attempt could not load, as examples.
	seen examples
	// confirmed are the days that the source has answered for.
	confirmed calendar.Set
	// data is what the reader has returned about the part.
	data json.RawMessage
}

// Load reads the rest of the part, loads it, verifies the whole part and marks it
// as done. It may be called again at any time, also while an earlier call goes
// on: the later one wins, the earlier fails with store.ErrFenced.
func (l Loader) Load(ctx context.Context, job Job) (Progress, error) {
	a, err := l.begin(job)
	if err != nil {
		return Progress{}, err
	}
	// The first attempt at a part follows nobody, so that there is nothing to find.
	if job.Part.FencingToken > 1 {
		a.present, err = l.Warehouse.ChunkCounts(ctx, a.table, a.key, uint32(job.Part.NextChunk))
		if err != nil {
			return a.now, err
		}
	}
	if err := a.loadRest(ctx); err != nil {
		return a.now, err
	}
	// The attempt that recorded the last chunk may have died before it was checked.
	if err := a.Rejects.check(a.Part.Label, a.now, a.seen); err != nil {
		return a.now, err
	}
	if err := a.Rejects.checkEnd(a.Part.Label, a.Part.Days, a.now, a.seen); err != nil {
		return a.now, err
	}
	if err := a.verify(ctx); err != nil {
		return a.now, err
	}
	a.now.Claims = claimed(a.confirmed, a.now.Days, a.Part.FreeDays)
	for _, message := range warnings(a.Part.Label, a.Part.Days, a.now, a.seen) {
		if a.Warn == nil {
			break
		}
		if err := a.Warn(ctx, message); err != nil {
			return a.now, err
		}
	}
	if a.data != nil {
		if err := l.Store.SavePartData(ctx, job.Part, a.data); err != nil {
			return a.now, err
		}
	}
	return a.now, l.Store.FinishPart(ctx, store.DonePart{
		ImportID: job.Part.ImportID, No: job.Part.No, FencingToken: job.Part.FencingToken,
		LockToken: job.LockToken, Claims: a.now.Claims,
	})
}

// claimed returns the days that a part has brought in: those that its source has answered
// for, and those between the first and the last row that was loaded.
func claimed(confirmed calendar.Set, loaded *calendar.Range, free calendar.Set) calendar.Set {
	if loaded != nil {
		confirmed = confirmed.Union(calendar.NewSet(*loaded))
	}
	return confirmed.Both(free)
}

// Verify counts the chunks of a part that was loaded before and repairs those that
// are short or doubled. The part must have been claimed.
func (l Loader) Verify(ctx context.Context, job Job) error {
	a, err := l.begin(job)
	if err != nil {
		return err
	}
	return a.verify(ctx)
}

func (l Loader) begin(job Job) (*attempt, error) {
	table, err := schema.Lookup(job.Part.TableName)
	if err != nil {
		return nil, importers.Permanent(importers.ClassInternal, err)
	}
	p := job.Part
	return &attempt{
		Loader: l, Job: job, table: table,
		key: warehouse.PartKey{SiteID: uint64(job.Import.Site.ID), ImportID: uint64(p.ImportID), Part: uint32(p.No)},
		now: Progress{
			Chunks: p.NextChunk, BytesRead: p.BytesRead,
			RowsRead: p.RowsRead, RowsLoaded: p.RowsLoaded, RowsRejected: p.RowsRejected, RowsOutOfRange: p.RowsOutOfRange,
			RowsLeftOut: p.RowsLeftOut, Days: daysLoaded(p),
		},
	}, nil
}

// daysLoaded returns from which to which day a part has rows, as far as it is recorded.
func daysLoaded(p store.Part) *calendar.Range {
	if p.FirstDay == nil || p.LastDay == nil {
		return nil
	}
	return &calendar.Range{First: *p.FirstDay, Last: *p.LastDay}
}

// open opens the part behind a cursor.
func (a *attempt) open(ctx context.Context, from importers.Cursor) (importers.Reader, error) {
	reader, err := a.Importer.ImportData(ctx, a.Import, PartOf(a.Part, a.table), from)
	if err != nil {
		return nil, a.about("open", err)
	}
	return reader, nil
}

// PartOf is the importer's view of a stored part.
func PartOf(p store.Part, table *schema.Table) importers.Part {
	return importers.Part{
		No: int(p.No), Table: table, Label: p.Label, Args: p.Args, Bytes: p.BytesTotal, Days: p.Days,
	}
}

// chunkKey names a chunk of this part.
func (a *attempt) chunkKey(no int32, repair uint32) warehouse.ChunkKey {
	return warehouse.ChunkKey{PartKey: a.key, Chunk: uint32(no), Generation: a.Generation, Repair: repair}
}

// insert loads a chunk's rows and rejects under its key.
func (a *attempt) insert(ctx context.Context, key warehouse.ChunkKey, chunk *importers.Chunk) error {
	if err := a.Warehouse.InsertRows(ctx, key, chunk.Rows); err != nil {
		return err
	}
	return a.Warehouse.InsertRejects(ctx, key, chunk.Rejects)
}

// errUnstable tells that a source gave other rows than before.
var errUnstable = errors.New("gave other rows than when it was first read: was it changed? start a new import")
