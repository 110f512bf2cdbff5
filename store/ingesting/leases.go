package ingesting

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// ErrOtherLog means that the store belongs to another event log.
var ErrOtherLog = errors.New("the store belongs to another event log")

// maxPartitions is the most partitions of an event log.
const maxPartitions = 256

// Log identifies the event log.
type Log struct {
	// ID is the id that the log was created with.
	ID string
	// Partitions is how many it has, from 1 to 256. The number never changes.
	Partitions int32
}

// RegisterLog records the event log, with a lease and a checkpoint for each of its partitions.
// It is idempotent. The error is ErrOtherLog if the store has a log with another id or another number
// of partitions: its checkpoints do not hold for the new one.
func (s *Store) RegisterLog(ctx context.Context, l Log) error {
	if l.ID == "" || l.Partitions < 1 || l.Partitions > maxPartitions {
		return fmt.Errorf("register event log %q with %d partitions: want an id, and 1 to %d partitions",
			l.ID, l.Partitions, maxPartitions)
	}
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		added, err := q.AddIngestLog(ctx, l.ID, l.Partitions)
		if err != nil {
			return err
		}
		if added == 1 {
			return q.AddIngestPartitions(ctx, l.Partitions)
		}
		known, err := q.GetIngestLog(ctx)
		if err != nil {
			return err
		}
		if known.LogID != l.ID || known.Partitions != l.Partitions {
			return fmt.Errorf("%w: %s with %d partitions", ErrOtherLog, known.LogID, known.Partitions)
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("register event log %s with %d partitions: %w", l.ID, l.Partitions, err)
	}
	return nil
}

// Start is where a partition of an event log begins.
type Start struct {
	Partition int32
	// First is its first sequence.
	First int64
	// Snapshot are the open sessions there.
	Snapshot []byte
}

// ReplaceLog registers another event log instead of the known one, with as many partitions. All leases are freed,
// writers of the known log are refused, and each partition continues where the new log begins. The errors are
// ErrOtherLog if the store knows another one, and store.ErrConflict if a partition begins before what was written.
func (s *Store) ReplaceLog(ctx context.Context, known, id string, starts []Start) error {
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		n, err := q.ReplaceIngestLog(ctx, id, known)
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("%w than %s", ErrOtherLog, known)
		}
		if err := q.RevokeIngestLeases(ctx); err != nil {
			return err
		}
		for _, start := range starts {
			n, err := q.RestartIngestCheckpoint(ctx, db.RestartIngestCheckpointParams{
				Partition: start.Partition, First: start.First, Snapshot: start.Snapshot,
			})
			if err := changed(n, err, fmt.Sprintf("partition %d begins with message %d: want it behind what was written",
				start.Partition, start.First)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("replace event log %s by %s: %w", known, id, err)
	}
	return nil
}

// Log returns the registered event log, or store.ErrNotFound.
func (s *Store) Log(ctx context.Context) (Log, error) {
	row, err := s.sql.Queries.GetIngestLog(ctx)
	if err != nil {
		return Log{}, store.Found(err, "event log")
	}
	return Log{ID: row.LogID, Partitions: row.Partitions}, nil
}

// Lease is the right to write a partition of the event log.
type Lease struct {
	Partition int32
	// FencingToken increases with each holder of the partition.
	FencingToken int64
}

// Share is the answer to a request for leases.
type Share struct {
	// Acquired are the leases that the request has added, in order of their partitions.
	Acquired []Lease
	// Surplus is how many leases the holder has beyond its fair share: it is to release that many.
	Surplus int
}

// AcquireLeases gives a holder its fair share of the free leases, for ttl. A lease is free if it
// has been released, or has expired by the database's clock. The fair share is the number of partitions
// divided by that of the live holders; those that joined first have one of the remainder each. A holder
// is live for ttl after a call. Its name identifies one run of a process: see NewID.
//
// The holder counts ttl from before the call and stops writing in time. After an error,
// RenewLeases returns leases of which it was not told. The error is store.ErrNotFound if no event log
// is registered.
func (s *Store) AcquireLeases(ctx context.Context, holder string, ttl time.Duration) (Share, error) {
	var share Share
	err := s.sql.InTx(ctx, func(q *db.Queries) error {
		partitions, err := q.LockIngestLog(ctx)
		if err != nil {
			return store.Found(err, "event log")
		}
		free, err := room(ctx, q, holder, ttl, int(partitions))
		if err != nil {
			return err
		}
		if share.Surplus = max(-free, 0); free <= 0 {
			return nil
		}
		taken, err := q.TakeIngestLeases(ctx, db.TakeIngestLeasesParams{
			Holder: holder, Seconds: ttl.Seconds(), Most: int64(free),
		})
		for _, row := range taken {
			share.Acquired = append(share.Acquired, Lease(row))
		}
		return err
	})
	if err != nil {
		return Share{}, fmt.Errorf("acquire leases of partitions for %s: %w", holder, err)
	}
	sortLeases(share.Acquired)
	return share, nil
}

// room makes a holder live, and returns how many leases its fair share has beyond those that it
// has; it is negative if it has more.
func room(ctx context.Context, q *db.Queries, holder string, ttl time.Duration, partitions int) (int, error) {
	if err := q.JoinIngestHolders(ctx, holder, ttl.Seconds()); err != nil {
		return 0, fmt.Errorf("join the holders: %w", err)
	}
	if err := q.RemoveExpiredIngestHolders(ctx); err != nil {
		return 0, fmt.Errorf("remove expired holders: %w", err)
	}
	holders, err := q.ListIngestHolders(ctx)
	if err != nil {
		return 0, fmt.Errorf("list holders: %w", err)
	}
	rank := slices.Index(holders, holder)
	if rank < 0 {
		return 0, fmt.Errorf("%s has expired while it waited: want a longer time than %s", holder, ttl)
	}
	fair := partitions / len(holders)
	if rank < partitions%len(holders) {
		fair++
	}
	held, err := q.CountIngestLeases(ctx, holder)
	if err != nil {
		return 0, fmt.Errorf("count leases: %w", err)
	}
	return fair - int(held), nil
}

// RenewLeases extends the leases of a holder to ttl from now, and returns them in order of their
// partitions. A lease that it does not return has expired, or was released: the holder must not write
// its partition under that fencing token again.
func (s *Store) RenewLeases(ctx context.Context, holder string, ttl time.Duration) ([]Lease, error) {
	rows, err := s.sql.Queries.RenewIngestLeases(ctx, ttl.Seconds(), holder)
	if err != nil {
		return nil, fmt.Errorf("renew leases of partitions of %s: %w", holder, err)
	}
	leases := make([]Lease, len(rows))
	for i, row := range rows {
		leases[i] = Lease(row)
	}
	sortLeases(leases)
	return leases, nil
}

func sortLeases(leases []Lease) {
	slices.SortFunc(leases, func(a, b Lease) int { return int(a.Partition - b.Partition) })
}

// ReleaseLease frees a lease. Statements under its fencing token are refused from now on. The
// error is store.ErrFenced if the lease has been taken over, or is free.
func (s *Store) ReleaseLease(ctx context.Context, l Lease) error {
	n, err := s.sql.Queries.ReleaseIngestLease(ctx, l.Partition, l.FencingToken)
	if err == nil && n == 0 {
		err = store.ErrFenced
	}
	if err != nil {
		return fmt.Errorf("release partition %d with fencing token %d: %w", l.Partition, l.FencingToken, err)
	}
	return nil
}

// LeaveHolders removes a holder from those that share the partitions. It keeps its leases until
// it releases them, or they expire.
func (s *Store) LeaveHolders(ctx context.Context, holder string) error {
	if err := s.sql.Queries.LeaveIngestHolders(ctx, holder); err != nil {
		return fmt.Errorf("leave the holders of partitions as %s: %w", holder, err)
	}
	return nil
}
