// Package loading loads one part of an import into the warehouse, exactly once.
//
// A part is read in chunks that are the same in every attempt. Each chunk is one insert with a
// token made of its number. After ClickHouse has acknowledged the insert, the chunk is recorded in
// the store as the checkpoint of the next attempt. The token alone is not sufficient: ClickHouse
// writes it before it commits the rows, and never syncs it to disk. Rows therefore carry the number
// of their chunk, and the rows of a chunk are counted after every unknown outcome and at the end of
// the part. A chunk with missing or duplicate rows is purged and loaded again with a new token.
package loading

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// Loader loads parts. It is safe for concurrent use.
type Loader struct {
	Store     *importstore.Store
	Warehouse *warehouse.Warehouse
}

// Job is a part to load.
type Job struct {
	// Importer reads the part.
	Importer importers.Importer
	// Import is the import of the part; its window is that of the part.
	Import importers.Import
	// Rejects limits the rejected rows.
	Rejects RejectLimit
	// Generation counts the reruns of the import after failures.
	Generation uint32
	// Part is the claimed part. Its fencing token belongs to this attempt.
	Part importstore.Part
	// LockToken is the fencing token of the import's locks.
	LockToken int64
	// RowsPerSecond limits the rows read per second. Defaults to 0, no limit.
	RowsPerSecond int64
	// Advanced, if set, is called with the part's progress after every chunk. It must return
	// quickly.
	Advanced func(Progress)
	// Warn, if set, receives the warnings about the part before the part is marked as done.
	Warn func(ctx context.Context, message string) error
}

// Progress is the progress of a part.
type Progress struct {
	Chunks int32
	// RowsRead is the sum of the other counts of rows.
	RowsRead, RowsLoaded, RowsRejected, RowsOutOfRange, RowsLeftOut int64
	BytesRead                                                       int64
	// Days is the range from the first to the last day of the loaded rows; nil without rows.
	Days *calendar.Range
	// Claims are the days that the part has imported, once it is done.
	Claims calendar.Set
}

// attempt is one attempt at one part.
type attempt struct {
	Loader
	Job
	table *schema.Table
	key   warehouse.PartKey
	// present counts the rows beyond the last checkpoint that earlier attempts have inserted.
	present map[uint32]warehouse.ChunkCount
	now     Progress
	// seen are examples of rows that this attempt could not load.
	seen examples
	// confirmed are the days that the source's response covers completely.
	confirmed calendar.Set
	// data is the result of the reader's Data.
	data json.RawMessage
}

// Load loads the rest of the part, verifies the whole part and marks it as done. It may be called
// again at any time, also during an earlier call: the later call wins, the earlier one fails with
// store.ErrFenced.
func (l Loader) Load(ctx context.Context, job Job) (Progress, error) {
	a, err := l.begin(job)
	if err != nil {
		return Progress{}, err
	}
	// The first attempt has no predecessor whose rows could exist.
	if job.Part.FencingToken > 1 {
		a.present, err = l.Warehouse.ChunkCounts(ctx, a.table, a.key, uint32(job.Part.NextChunk))
		if err != nil {
			return a.now, err
		}
	}
	if err := a.loadRest(ctx); err != nil {
		return a.now, err
	}
	// The attempt that recorded the last chunk may have died before this check.
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
	return a.now, l.Store.FinishPart(ctx, importstore.DonePart{
		ImportID: job.Part.ImportID, No: job.Part.No, FencingToken: job.Part.FencingToken,
		LockToken: job.LockToken, Claims: a.now.Claims,
	})
}

// claimed returns the days that a part has imported: those confirmed by its source, and those
// between the first and the last loaded row.
func claimed(confirmed calendar.Set, loaded *calendar.Range, free calendar.Set) calendar.Set {
	if loaded != nil {
		confirmed = confirmed.Union(calendar.NewSet(*loaded))
	}
	return confirmed.Both(free)
}

// Verify counts the chunks of a loaded part and repairs those with missing or duplicate rows. The
// part must have been claimed.
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

// daysLoaded returns the recorded range of days with rows of a part.
func daysLoaded(p importstore.Part) *calendar.Range {
	if p.FirstDay == nil || p.LastDay == nil {
		return nil
	}
	return &calendar.Range{First: *p.FirstDay, Last: *p.LastDay}
}

// open opens the part at a cursor.
func (a *attempt) open(ctx context.Context, from importers.Cursor) (importers.Reader, error) {
	reader, err := a.Importer.ImportData(ctx, a.Import, PartOf(a.Part, a.table), from)
	if err != nil {
		return nil, a.about("open", err)
	}
	return reader, nil
}

// PartOf is the importer's view of a stored part.
func PartOf(p importstore.Part, table *schema.Table) importers.Part {
	return importers.Part{
		No: int(p.No), Table: table, Label: p.Label, Args: p.Args, Bytes: p.BytesTotal, Days: p.Days,
	}
}

// chunkKey returns the key of a chunk of this part.
func (a *attempt) chunkKey(no int32, repair uint32) warehouse.ChunkKey {
	return warehouse.ChunkKey{PartKey: a.key, Chunk: uint32(no), Generation: a.Generation, Repair: repair}
}

// insert inserts a chunk's rows and rejects under its key.
func (a *attempt) insert(ctx context.Context, key warehouse.ChunkKey, chunk *importers.Chunk) error {
	if err := a.Warehouse.InsertRows(ctx, key, chunk.Rows); err != nil {
		return err
	}
	return a.Warehouse.InsertRejects(ctx, key, chunk.Rejects)
}

// errUnstable means that a source returned different rows than before.
var errUnstable = errors.New(
	"returned different rows than in an earlier attempt: the source may have changed; start a new import")
