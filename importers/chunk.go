package importers

import (
	"context"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// Cursor is a position in a part, between two chunks. Only the importer that
// made it understands it. It holds at most MaxCursor bytes and no secret; the
// empty cursor is the beginning.
type Cursor string

// MaxCursor is the length limit of a cursor, in bytes.
const MaxCursor = 1 << 10

// Reader reads one part as a sequence of chunks. It is used by one goroutine at
// a time.
type Reader interface {
	// Next fills the chunk with the rows that come next, after emptying it, or
	// returns io.EOF when the part has ended; a part without rows is at its end
	// at once. The same source, window and limits give the same chunks, whether
	// read from the beginning or from any chunk's cursor: that is what makes
	// loading exactly once possible. After an error the reader is used no more.
	Next(ctx context.Context, chunk *Chunk) error
	// Close frees what the reader holds.
	Close() error
}

// Chunk is the unit of loading and of exactly-once.
// RowsRead = Rows.Rows() + len(Rejects) + OutOfRange + LeftOut, always.
type Chunk struct {
	// Rows are the rows to load.
	Rows *schema.Batch
	// Rejects are the rows that cannot be loaded.
	Rejects []Reject
	// RowsRead is how many rows the chunk was cut from.
	RowsRead int64
	// OutOfRange is how many of those are dated outside Part.Days, and OutOfRangeDay is
	// the day of the first of them.
	OutOfRange    int64
	OutOfRangeDay calendar.Day
	// LeftOut is how many of those are dated within Part.Days, but not within
	// Import.Window: their days are taken, or too late.
	LeftOut int64
	// Bytes is how far into the part this chunk ends, in the unit of Part.Bytes.
	Bytes int64
	// Next is the cursor behind this chunk.
	Next Cursor
}

// NewChunk returns an empty chunk for rows of the table.
func NewChunk(t *schema.Table) *Chunk { return &Chunk{Rows: schema.NewBatch(t)} }

// LeaveOut counts a row that is not loaded because its day is not within Import.Window: as
// out of range if the part does not have that day, else as left out. The caller drops the
// row from Rows and counts it in RowsRead.
func (c *Chunk) LeaveOut(part Part, day calendar.Day) {
	if part.Days.Contains(day) {
		c.LeftOut++
		return
	}
	if c.OutOfRange == 0 {
		c.OutOfRangeDay = day
	}
	c.OutOfRange++
}

// Reset empties the chunk and keeps its memory.
func (c *Chunk) Reset() {
	c.Rows.Reset()
	*c = Chunk{Rows: c.Rows, Rejects: c.Rejects[:0]}
}

// ChunkLimit bounds a chunk: a reader ends it with the row that reaches either
// figure, and also after MaxRejects rejected rows.
type ChunkLimit struct {
	// Rows is the limit of rows read.
	Rows int `json:"rows"`
	// Bytes is the limit of source bytes read.
	Bytes int `json:"bytes"`
}

// Full says whether a chunk of that many source bytes ends here: it has reached
// one of the limits, or holds MaxRejects rejects. A limit that is not positive
// does not count. Readers ask it behind every row.
func (l ChunkLimit) Full(c *Chunk, sourceBytes int64) bool {
	return l.Rows > 0 && c.RowsRead >= int64(l.Rows) ||
		l.Bytes > 0 && sourceBytes >= int64(l.Bytes) ||
		len(c.Rejects) >= MaxRejects
}

// MaxRejects is how many rejected rows a chunk holds at most, so that a source
// of nothing but bad rows is read in bounded memory too.
const MaxRejects = 5000

// Reject is a row that cannot be loaded.
type Reject = schema.Reject

// Limits of a reject, in bytes.
const (
	MaxReason = 300
	MaxSample = 200
)
