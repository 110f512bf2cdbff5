package writer

import (
	"context"
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/ingest/eventlog/record"
	"github.com/sluicehq/sluice/ingest/session"
)

// Log is the event log, as *eventlog.Log is by FromLog.
type Log interface {
	// Read returns a reader of a partition's stream from a sequence on.
	Read(partition int, from uint64) Reader
	// Sharing returns the partitions in the stream of a partition, with itself.
	Sharing(partition int) []int
	// Trim deletes messages of the stream up to and including a sequence, if they are old enough.
	Trim(ctx context.Context, partition int, upTo uint64) (bool, error)
}

// Reader reads the stream of a partition, as *eventlog.Reader does.
type Reader interface {
	Next(ctx context.Context) (eventlog.Message, error)
	Close()
}

// FromLog returns the writer's view of a log.
func FromLog(l *eventlog.Log) Log { return logView{l} }

type logView struct{ *eventlog.Log }

func (l logView) Read(partition int, from uint64) Reader { return l.Log.Read(partition, from) }

// Range is a range of a partition that is written as one. It never changes once it is decided.
type Range struct {
	Partition int
	// From and To are the sequences of its first and last message.
	From, To uint64
}

// String returns the range as partition/from-to.
func (r Range) String() string { return fmt.Sprintf("%d/%d-%d", r.Partition, r.From, r.To) }

// Progress is what the checkpoints hold of a partition. It is zero before the first range.
type Progress struct {
	// Next is the sequence after the last marked range.
	Next uint64
	// Open is the range that was decided and not marked, or nil.
	Open *Open
	// Snapshot holds the open sessions before message SnapshotNext; nil before the first.
	Snapshot     []byte
	SnapshotNext uint64
}

// Open is a range that was decided.
type Open struct {
	Range
	// Repair counts the repairs that were recorded.
	Repair uint32
}

// ErrFenced means that another writer has taken over the partition.
var ErrFenced = errors.New("partition was taken over by another writer")

// Checkpoints is the durable progress of partitions. Every call with a token that is not the
// latest of its partition fails with ErrFenced and changes nothing. Every call is one
// transaction.
type Checkpoints interface {
	// Load returns the progress of a partition.
	Load(ctx context.Context, partition int, token int64) (Progress, error)
	// Decide records the range that begins at Next. It fails if another one is open.
	Decide(ctx context.Context, token int64, r Range) error
	// RecordRepair records the number of a repair of the open range before it begins.
	RecordRepair(ctx context.Context, token int64, r Range, repair uint32) error
	// Mark records that the open range is written: Next is behind it, and none is open.
	Mark(ctx context.Context, token int64, r Range, s Summary) error
	// SaveSnapshot replaces the snapshot. Next must be that of the partition.
	SaveSnapshot(ctx context.Context, token int64, partition int, next uint64, snapshot []byte) error
	// Needed returns the lowest sequence that a writer of one of the partitions reads again after a crash:
	// SnapshotNext, or 0 if one of them has no snapshot. It needs no token.
	Needed(ctx context.Context, partitions []int) (uint64, error)
}

// Summary is the result of a range.
type Summary struct {
	Counts
	// Poison are the first events that could not be written, at most MaxPoison; Poisoned is
	// how many there were.
	Poison   []Poison
	Poisoned int
}

// MaxPoison bounds Summary.Poison.
const MaxPoison = 100

// Poison is a record, or a whole message, that could not be written.
type Poison struct {
	Sequence uint64
	// Index is the record's place in the message; WholeMessage if none can be read.
	Index  int
	Reason string
	// Sample is the beginning of its bytes.
	Sample []byte
}

// WholeMessage is the index of a message that cannot be split into records.
const WholeMessage = -1

// Key identifies one insert of a range.
type Key struct {
	LogID string
	Range
	Repair uint32
}

// Token is the deduplication token of the range's rows.
func (k Key) Token() string {
	return fmt.Sprintf("%s/%d/%d-%d#%d", k.LogID, k.Partition, k.From, k.To, k.Repair)
}

// Event is a row of the table events.
type Event struct {
	*record.Event
	SessionID uint64
	Sequence  uint64
	Index     uint32
}

// Counter is a row of the table ingest_counters.
type Counter struct {
	record.Counter
	// Sequence and Index are those of the first record that it counts.
	Sequence uint64
	Index    uint32
}

// Rows are the rows of a range. They are the same in every attempt.
type Rows struct {
	Events   []Event
	Sessions []session.Session
	Counters []Counter
}

// Counts are numbers of rows.
type Counts struct{ Events, Sessions, Counters uint64 }

// Warehouse holds the rows. Rows carry the partition, and the sequence of their record; those of
// sessions the sequence of the record that changed them last. A row of a session replaces those
// with a lower version; rows of a range count as long as no later range is written.
type Warehouse interface {
	// Insert inserts the rows, of each table in one block under the key's token. An insert
	// whose token is remembered is ignored. After an error, any of them may be present.
	Insert(ctx context.Context, key Key, rows Rows) error
	// Count counts the rows of a range. The rows tell where to look.
	Count(ctx context.Context, key Key, rows Rows) (Counts, error)
	// Purge deletes the rows of a range, and returns after the deletion.
	Purge(ctx context.Context, key Key, rows Rows) error
}
