package ingesting

import (
	"context"
	"time"

	"github.com/sluicehq/sluice/ingest/writer/pool"
	"github.com/sluicehq/sluice/internal/convert"
	"github.com/sluicehq/sluice/store"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// Leases are the leases of one process, in the store. They are safe for concurrent use.
type Leases struct {
	store  *ingeststore.Store
	holder string
}

var _ pool.Leases = (*Leases)(nil)

// NewLeases returns the leases of a process that begins to run. Each run of a process has a name of its
// own, so that it does not continue leases of the run before it.
func NewLeases(s *ingeststore.Store) (*Leases, error) {
	holder, err := store.NewID()
	if err != nil {
		return nil, err
	}
	return &Leases{store: s, holder: holder}, nil
}

// Holder returns the name under which the store knows the process.
func (l *Leases) Holder() string { return l.holder }

// Acquire adds free leases up to the fair share of the process.
func (l *Leases) Acquire(ctx context.Context, ttl time.Duration) (acquired []pool.Lease, surplus int, err error) {
	share, err := l.store.AcquireLeases(ctx, l.holder, ttl)
	if err != nil {
		return nil, 0, err
	}
	return poolLeases(share.Acquired), share.Surplus, nil
}

// Renew extends the leases of the process and returns all that it has.
func (l *Leases) Renew(ctx context.Context, ttl time.Duration) ([]pool.Lease, error) {
	leases, err := l.store.RenewLeases(ctx, l.holder, ttl)
	if err != nil {
		return nil, err
	}
	return poolLeases(leases), nil
}

// Release frees a lease.
func (l *Leases) Release(ctx context.Context, lease pool.Lease) error {
	return fenced(l.store.ReleaseLease(ctx, ingeststore.Lease{
		Partition: int32(lease.Partition), FencingToken: lease.FencingToken,
	}))
}

// Leave gives the share of the process to the others.
func (l *Leases) Leave(ctx context.Context) error { return l.store.LeaveHolders(ctx, l.holder) }

func poolLeases(leases []ingeststore.Lease) []pool.Lease {
	return convert.Slice(leases, func(l ingeststore.Lease) pool.Lease {
		return pool.Lease{Partition: int(l.Partition), FencingToken: l.FencingToken}
	})
}
