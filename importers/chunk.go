package importers

import (
	"context"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// Cursor is a position in a part, between two chunks. Its format is private to the importer.
// It has at most MaxCursor bytes and contains no secret. The empty cursor is the beginning.
type Cursor string

// MaxCursor is the length limit of a cursor, in bytes.
const MaxCursor = 1 << 10

// Reader reads one part as a sequence of chunks. It is used by one goroutine at
// a time.
type Reader interface {
	// Next resets the chunk and fills it with the next rows, or returns io.EOF at the end of
	// the part, for a part without rows at the first call. The same source, window and
	// limits produce the same chunks, from the beginning and from any chunk's cursor;
	// exactly-once loading depends on it. The reader is not used after an error.
	Next(ctx context.Context, chunk *Chunk) error
	// Close releases the reader's resources.
	Close() error
}

// Chunk is the unit of loading and of exactly-once.
// RowsRead = Rows.Rows() + len(Rejects) + OutOfRange + LeftOut, always.
type Chunk struct {
	// Rows are the rows to load.
	Rows *schema.Batch
	// Rejects are the rows that cannot be loaded.
	Rejects []Reject
	// RowsRead is the number of rows read for the chunk.
	RowsRead int64
	// OutOfRange counts the rows dated outside Part.Days, and OutOfRangeDay is the day of the
	// first of them.
	OutOfRange    int64
	OutOfRangeDay calendar.Day
	// LeftOut counts the rows dated within Part.Days but outside Import.Window: their days are
	// taken or late.
	LeftOut int64
	// Bytes is the position in the part at the end of the chunk, in the unit of Part.Bytes.
	Bytes int64
	// Next is the cursor after the chunk.
	Next Cursor
}

// NewChunk returns an empty chunk for rows of the table.
func NewChunk(t *schema.Table) *Chunk { return &Chunk{Rows: schema.NewBatch(t)} }

// LeaveOut counts a row that is not loaded because its day is outside Import.Window: as out of
// range if the day is outside the part, otherwise as left out. The caller drops the row from
// Rows and counts it in RowsRead.
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

// ChunkLimit bounds a chunk: a reader ends it with the row that reaches either limit, and
// also after MaxRejects rejected rows.
type ChunkLimit struct {
	// Rows is the limit of rows read.
	Rows int `json:"rows"`
	// Bytes is the limit of source bytes read.
	Bytes int `json:"bytes"`
}

// Full reports whether a chunk with that many source bytes is full: it has reached one of the
// limits or holds MaxRejects rejects. A limit of 0 or less is no limit. Readers call it after
// every row.
func (l ChunkLimit) Full(c *Chunk, sourceBytes int64) bool {
	return l.Rows > 0 && c.RowsRead >= int64(l.Rows) ||
		l.Bytes > 0 && sourceBytes >= int64(l.Bytes) ||
		len(c.Rejects) >= MaxRejects
}

// MaxRejects is the maximum number of rejected rows in a chunk. It bounds the memory for a
// source of invalid rows.
const MaxRejects = 5000

// Reject is a row that cannot be loaded.
type Reject = schema.Reject

// Limits of a reject, in bytes.
const (
	MaxReason = 300
	MaxSample = 200
)
