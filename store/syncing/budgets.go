package syncing

import (
	"context"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// Slot is a connection of an account that a holder may open.
type Slot struct {
	Account string
	Slot    int32
	// Token increases with each holder.
	Token int64
}

// AccountKey returns the key of the hashes that name the accounts of budgets, 32 bytes.
func (s *Store) AccountKey(ctx context.Context) ([]byte, error) {
	key, err := s.sql.Queries.GetSyncAccountKey(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the key that names accounts: %w", err)
	}
	return key, nil
}

// AddSlots makes sure that an account has so many slots. It is idempotent.
func (s *Store) AddSlots(ctx context.Context, account string, slots int) error {
	if err := s.sql.Queries.AddSyncSlots(ctx, account, int32(slots)); err != nil {
		return fmt.Errorf("add the connection slots of %s: %w", account, err)
	}
	return nil
}

// TakeSlot takes a free slot of the first slots of an account for ttl; ok is false if there is none. The
// holder renews it, or counts ttl from before the call. A slot whose holder has died is free after ttl.
func (s *Store) TakeSlot(
	ctx context.Context, account, holder string, slots int, ttl time.Duration,
) (slot Slot, ok bool, err error) {
	row, err := s.sql.Queries.TakeSyncSlot(ctx, db.TakeSyncSlotParams{
		Account: account, Holder: holder, Slots: int32(slots), Seconds: ttl.Seconds(),
	})
	if store.NoRows(err) {
		return Slot{}, false, nil
	}
	if err != nil {
		return Slot{}, false, fmt.Errorf("take a connection slot of %s: %w", account, err)
	}
	return Slot{Account: account, Slot: row.Slot, Token: row.Token}, true, nil
}

// RenewSlots extends all slots of a holder to ttl from now, except those that have expired.
func (s *Store) RenewSlots(ctx context.Context, holder string, ttl time.Duration) error {
	if err := s.sql.Queries.RenewSyncSlots(ctx, ttl.Seconds(), holder); err != nil {
		return fmt.Errorf("renew connection slots: %w", err)
	}
	return nil
}

// ReleaseSlot frees a slot, unless it has expired and was taken by another holder.
func (s *Store) ReleaseSlot(ctx context.Context, slot Slot) error {
	err := s.sql.Queries.ReleaseSyncSlot(ctx, db.ReleaseSyncSlotParams{
		Account: slot.Account, Slot: slot.Slot, Token: slot.Token,
	})
	if err != nil {
		return fmt.Errorf("release a connection slot of %s: %w", slot.Account, err)
	}
	return nil
}

// ReserveRequests reserves the times of n requests of an account, one each spacing, and returns the time
// until the first, as of the answer. It is so much too late at most as the database took. Reserved times that are not
// used are lost.
func (s *Store) ReserveRequests(
	ctx context.Context, account string, n int, spacing time.Duration,
) (first, took time.Duration, err error) {
	// The wait for a connection is not part of what the database takes.
	conn, err := s.sql.Pool.Acquire(ctx)
	if err != nil {
		return 0, 0, fmt.Errorf("reserve requests of %s: %w", account, err)
	}
	defer conn.Release()
	asked := time.Now()
	seconds, err := db.New(conn).ReserveSyncRequests(ctx, db.ReserveSyncRequestsParams{
		Account: account, Requests: float64(n), Spacing: spacing.Seconds(),
	})
	if err != nil {
		return 0, 0, fmt.Errorf("reserve requests of %s: %w", account, err)
	}
	return time.Duration(seconds * float64(time.Second)), time.Since(asked), nil
}

// DelayRequests delays the next request of an account, over all workers, by at least d.
func (s *Store) DelayRequests(ctx context.Context, account string, d time.Duration) error {
	err := s.sql.Queries.DelaySyncRequests(ctx, account, d.Seconds())
	if err != nil {
		return fmt.Errorf("delay requests of %s: %w", account, err)
	}
	return nil
}
