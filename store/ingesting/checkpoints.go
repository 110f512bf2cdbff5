package ingesting

import (
	"context"
	"fmt"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// MaxSnapshot bounds a snapshot of open sessions, in bytes.
const MaxSnapshot = 128 << 20

// Checkpoint is the progress of a partition of the event log. Its range is open if OpenFrom is
// not nil.
type Checkpoint = db.IngestCheckpoint

// Range is a range of a partition of the event log that is written as one.
type Range struct {
	Partition int32
	// First and Last are the sequences of its first and last message.
	First, Last int64
	// FencingToken is that of the caller's lease.
	FencingToken int64
}

// String returns the range as partition/first-last.
func (r Range) String() string { return fmt.Sprintf("%d/%d-%d", r.Partition, r.First, r.Last) }

// Summary is what became of a range.
type Summary struct {
	// Events, Sessions and Counters are the rows that were written.
	Events, Sessions, Counters int64
	// Poisoned is how many records could not be written, Poison are some of them.
	Poisoned int64
	Poison   []Poison
}

// fenced runs fn in a transaction if a lease has a fencing token. The lease keeps it until the
// transaction ends. Otherwise the error is store.ErrFenced.
func (s *Store) fenced(ctx context.Context, partition int32, token int64, fn func(q *db.Queries) error) error {
	return s.sql.InTx(ctx, func(q *db.Queries) error {
		switch _, err := q.LockIngestLease(ctx, partition, token); {
		case store.NoRows(err):
			return fmt.Errorf("partition %d with fencing token %d: %w", partition, token, store.ErrFenced)
		case err != nil:
			return fmt.Errorf("check the lease of partition %d: %w", partition, err)
		}
		return fn(q)
	})
}

// changed returns store.ErrConflict unless one row was changed.
func changed(n int64, err error, want string) error {
	if err == nil && n != 1 {
		return fmt.Errorf("%s: %w", want, store.ErrConflict)
	}
	return err
}

// LoadCheckpoint returns the progress of a partition. The error is store.ErrFenced unless the fencing
// token is that of the partition's lease.
func (s *Store) LoadCheckpoint(ctx context.Context, partition int32, token int64) (Checkpoint, error) {
	var c Checkpoint
	err := s.fenced(ctx, partition, token, func(q *db.Queries) (err error) {
		c, err = q.GetIngestCheckpoint(ctx, partition)
		return err
	})
	if err != nil {
		return Checkpoint{}, fmt.Errorf("load the checkpoint of partition %d: %w", partition, err)
	}
	return c, nil
}

// DecideRange opens a range. It never changes until it is marked. The errors are store.ErrFenced, and
// store.ErrConflict if a range is open or the range does not begin at the partition's next sequence.
func (s *Store) DecideRange(ctx context.Context, r Range) error {
	err := s.fenced(ctx, r.Partition, r.FencingToken, func(q *db.Queries) error {
		n, err := q.OpenIngestRange(ctx, db.OpenIngestRangeParams{
			Partition: r.Partition, First: r.First, Last: r.Last, FencingToken: r.FencingToken,
		})
		return changed(n, err, "want no open range, and the next sequence as the first")
	})
	if err != nil {
		return fmt.Errorf("decide range %s: %w", r, err)
	}
	return nil
}

// RecordRepair records that a repair of the open range is about to begin. The errors are
// store.ErrFenced, and store.ErrConflict unless the range is open and the number of the repair is higher than the
// last.
func (s *Store) RecordRepair(ctx context.Context, r Range, repair uint32) error {
	err := s.fenced(ctx, r.Partition, r.FencingToken, func(q *db.Queries) error {
		n, err := q.RepairIngestRange(ctx, db.RepairIngestRangeParams{
			Partition: r.Partition, First: r.First, Last: r.Last, Repair: int64(repair),
		})
		return changed(n, err, "want the open range, and a higher number than the last repair")
	})
	if err != nil {
		return fmt.Errorf("record repair %d of range %s: %w", repair, r, err)
	}
	return nil
}

// MarkRange records that the open range is written, with its results: both or neither. The errors
// are store.ErrFenced, and store.ErrConflict unless the range is open.
func (s *Store) MarkRange(ctx context.Context, r Range, sum Summary) error {
	err := s.fenced(ctx, r.Partition, r.FencingToken, func(q *db.Queries) error {
		n, err := q.CloseIngestRange(ctx, db.CloseIngestRangeParams{
			Partition: r.Partition, First: r.First, Last: r.Last, Events: sum.Events, Sessions: sum.Sessions,
			Counters: sum.Counters, Poisoned: sum.Poisoned,
		})
		if err := changed(n, err, "want the open range"); err != nil {
			return err
		}
		return addPoison(ctx, q, r.Partition, sum.Poison)
	})
	if err != nil {
		return fmt.Errorf("mark range %s: %w", r, err)
	}
	return nil
}

// SaveSnapshot replaces the snapshot of a partition's open sessions. next is the sequence of the
// first message that the snapshot does not contain. The errors are store.ErrFenced, store.ErrConflict unless next is
// the partition's next sequence, and store.ErrLimit if the snapshot has more than MaxSnapshot bytes.
func (s *Store) SaveSnapshot(ctx context.Context, partition int32, token, next int64, snapshot []byte) error {
	var err error
	switch size := len(snapshot); {
	case size == 0:
		err = fmt.Errorf("it is empty: want 1 to %d bytes", MaxSnapshot)
	case size > MaxSnapshot:
		err = fmt.Errorf("it has %d bytes: want at most %d, by a lower bound of open sessions: %w",
			size, MaxSnapshot, store.ErrLimit)
	default:
		err = s.fenced(ctx, partition, token, func(q *db.Queries) error {
			n, err := q.SaveIngestSnapshot(ctx, db.SaveIngestSnapshotParams{
				Partition: partition, NextSequence: next, Snapshot: snapshot,
			})
			return changed(n, err, "want the snapshot before the partition's next sequence")
		})
	}
	if err != nil {
		return fmt.Errorf("save the snapshot before message %d of partition %d: %w", next, partition, err)
	}
	return nil
}

// Needed returns the lowest sequence from which a writer of one of the partitions would read the event log again: that
// of its snapshot, or 0 if one of them has none.
func (s *Store) Needed(ctx context.Context, partitions []int32) (int64, error) {
	needed, err := s.sql.Queries.GetIngestNeeded(ctx, partitions)
	if err != nil {
		return 0, fmt.Errorf("read what the partitions %v need of the event log: %w", partitions, err)
	}
	return needed, nil
}

// Position is where the writer of a partition is.
type Position struct {
	Partition int32
	// Next is the sequence after the last range that is written, Behind that after the range which is being
	// written, if there is one: no writer has decided on it yet.
	Next, Behind int64
}

// Positions returns where the writers are, in order of the partitions. It is empty if no event log is
// registered.
func (s *Store) Positions(ctx context.Context) ([]Position, error) {
	rows, err := s.sql.Queries.ListIngestPositions(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the positions of writers: %w", err)
	}
	all := make([]Position, len(rows))
	for i, row := range rows {
		all[i] = Position{Partition: row.Partition, Next: row.NextSequence, Behind: row.Behind}
	}
	return all, nil
}
