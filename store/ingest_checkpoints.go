package store

import (
	"context"
	"fmt"

	"github.com/sluicehq/sluice/store/db"
)

// MaxIngestSnapshot bounds a snapshot of open sessions, in bytes.
const MaxIngestSnapshot = 128 << 20

// IngestCheckpoint is the progress of a partition of the event log. Its range is open if OpenFrom is
// not nil.
type IngestCheckpoint = db.IngestCheckpoint

// IngestRange is a stretch of a partition of the event log that is written as one.
type IngestRange struct {
	Partition int32
	// First and Last are the sequences of its first and last message.
	First, Last int64
	// FencingToken is that of the caller's lease.
	FencingToken int64
}

// String returns the range as partition/first-last.
func (r IngestRange) String() string { return fmt.Sprintf("%d/%d-%d", r.Partition, r.First, r.Last) }

// IngestSummary is what became of a range.
type IngestSummary struct {
	// Events, Sessions and Counters are the rows that were written.
	Events, Sessions, Counters int64
	// Poisoned is how many records could not be written, Poison are some of them.
	Poisoned int64
	Poison   []IngestPoison
}

// fenced runs fn in a transaction if a lease has a fencing token. The lease keeps it until the
// transaction ends. Otherwise the error is ErrFenced.
func (s *Store) fenced(ctx context.Context, partition int32, token int64, fn func(q *db.Queries) error) error {
	return s.inTx(ctx, func(q *db.Queries) error {
		switch _, err := q.FenceIngestPartition(ctx, partition, token); {
		case noRows(err):
			return fmt.Errorf("partition %d with fencing token %d: %w", partition, token, ErrFenced)
		case err != nil:
			return fmt.Errorf("check the lease of partition %d: %w", partition, err)
		}
		return fn(q)
	})
}

// changed returns ErrConflict unless one row was changed.
func changed(n int64, err error, want string) error {
	if err == nil && n != 1 {
		return fmt.Errorf("%s: %w", want, ErrConflict)
	}
	return err
}

// LoadIngestCheckpoint returns the progress of a partition. The error is ErrFenced unless the fencing
// token is that of the partition's lease.
func (s *Store) LoadIngestCheckpoint(ctx context.Context, partition int32, token int64) (IngestCheckpoint, error) {
	var c IngestCheckpoint
	err := s.fenced(ctx, partition, token, func(q *db.Queries) (err error) {
		c, err = q.GetIngestCheckpoint(ctx, partition)
		return err
	})
	if err != nil {
		return IngestCheckpoint{}, fmt.Errorf("load the checkpoint of partition %d: %w", partition, err)
	}
	return c, nil
}

// DecideIngestRange opens a range. It never changes until it is marked. The errors are ErrFenced, and
// ErrConflict if a range is open or the range does not begin at the partition's next sequence.
func (s *Store) DecideIngestRange(ctx context.Context, r IngestRange) error {
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

// RecordIngestRepair records that a repair of the open range is about to begin. The errors are
// ErrFenced, and ErrConflict unless the range is open and the number of the repair is higher than the
// last.
func (s *Store) RecordIngestRepair(ctx context.Context, r IngestRange, repair uint32) error {
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

// MarkIngestRange records that the open range is written, with its results: both or neither. The errors
// are ErrFenced, and ErrConflict unless the range is open.
func (s *Store) MarkIngestRange(ctx context.Context, r IngestRange, sum IngestSummary) error {
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

// SaveIngestSnapshot replaces the snapshot of a partition's open sessions. next is the sequence of the
// first message that the snapshot does not contain. The errors are ErrFenced, ErrConflict unless next is
// the partition's next sequence, and ErrLimit if the snapshot has more than MaxIngestSnapshot bytes.
func (s *Store) SaveIngestSnapshot(ctx context.Context, partition int32, token, next int64, snapshot []byte) error {
	var err error
	switch size := len(snapshot); {
	case size == 0:
		err = fmt.Errorf("it is empty: want 1 to %d bytes", MaxIngestSnapshot)
	case size > MaxIngestSnapshot:
		err = fmt.Errorf("it has %d bytes: want at most %d, by a lower bound of open sessions: %w",
			size, MaxIngestSnapshot, ErrLimit)
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
