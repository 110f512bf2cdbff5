package ingesting_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/ingesting"
)

// ttl is longer than a test: leases expire when the test says so.
const ttl = time.Hour

// setupLog is a store with an event log of so many partitions.
func setupLog(t *testing.T, partitions int32) *bundle {
	t.Helper()
	b := setup(t)
	require.NoError(t, b.RegisterLog(b.ctx, ingesting.Log{ID: "log", Partitions: partitions}))
	return b
}

// takeLeases returns the leases that a request of a holder adds.
func (b *bundle) takeLeases(t *testing.T, holder string) []ingesting.Lease {
	t.Helper()
	share, err := b.AcquireLeases(b.ctx, holder, ttl)
	require.NoError(t, err)
	return share.Acquired
}

// expire lets everything that a holder has expire.
func (b *bundle) expire(t *testing.T, holder string) {
	t.Helper()
	b.exec(t, "UPDATE ingest_leases SET expires_at = now() WHERE holder = $1", holder)
	b.exec(t, "UPDATE ingest_holders SET expires_at = now() WHERE holder = $1", holder)
}

// holders returns how many live leases each holder has.
func (b *bundle) holders(t *testing.T) map[string]int {
	t.Helper()
	rows, err := b.sql.Query(b.ctx, "SELECT holder, count(*) FROM ingest_leases WHERE expires_at > now() GROUP BY 1")
	require.NoError(t, err)
	all := map[string]int{}
	for rows.Next() {
		var holder string
		var n int
		require.NoError(t, rows.Scan(&holder, &n))
		all[holder] = n
	}
	require.NoError(t, rows.Err())
	return all
}

// awaitLock waits until a session of the database waits for a lock. pg_stat_activity is read once a
// transaction, unless its snapshot is cleared.
func awaitLock(ctx context.Context, t *testing.T, tx pgx.Tx) {
	t.Helper()
	const waiting = "SELECT count(*) FROM pg_stat_activity " +
		"WHERE datname = current_database() AND wait_event_type = 'Lock'"
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		_, err := tx.Exec(ctx, "SELECT pg_stat_clear_snapshot()")
		require.NoError(c, err)
		var n int
		require.NoError(c, tx.QueryRow(ctx, waiting).Scan(&n))
		require.Positive(c, n)
	}, time.Minute, 5*time.Millisecond)
}

// The store takes one log and refuses every other, also when several processes register theirs at once.
func TestIngestLog(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.Log(b.ctx)
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = b.AcquireLeases(b.ctx, "a", ttl)
	require.ErrorIs(t, err, store.ErrNotFound)
	for _, bad := range []ingesting.Log{{ID: "", Partitions: 1}, {ID: "x"}, {ID: "x", Partitions: 257}} {
		require.ErrorContains(t, b.RegisterLog(b.ctx, bad), "want an id, and 1 to 256 partitions")
	}
	errs := enginetest.AtOnce(6, func(i int) error {
		return b.RegisterLog(b.ctx, ingesting.Log{ID: fmt.Sprint("log ", i%2), Partitions: 256})
	})
	known, err := b.Log(b.ctx)
	require.NoError(t, err)
	require.EqualValues(t, 256, known.Partitions)
	for i, err := range errs {
		if fmt.Sprint("log ", i%2) == known.ID {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, ingesting.ErrOtherLog)
		}
	}
	err = b.RegisterLog(b.ctx, ingesting.Log{ID: known.ID, Partitions: 16})
	require.EqualError(t, err, "register event log "+known.ID+" with 16 partitions: "+
		"the store belongs to another event log: "+known.ID+" with 256 partitions")
	var leases, checkpoints int
	require.NoError(t, b.sql.QueryRow(b.ctx, "SELECT count(*) FROM ingest_leases").Scan(&leases))
	require.NoError(t, b.sql.QueryRow(b.ctx, "SELECT count(*) FROM ingest_checkpoints").Scan(&checkpoints))
	require.Equal(t, []int{256, 256}, []int{leases, checkpoints})
}

// Two holders race for one lease: one gets it, and the other after it expires or is released.
func TestIngestLeaseRace(t *testing.T) {
	t.Parallel()
	b := setupLog(t, 1)
	shares := make([]ingesting.Share, 2)
	for _, err := range enginetest.AtOnce(2, func(i int) (err error) {
		shares[i], err = b.AcquireLeases(b.ctx, fmt.Sprint("holder ", i), ttl)
		return err
	}) {
		require.NoError(t, err)
	}
	require.Len(t, append(shares[0].Acquired, shares[1].Acquired...), 1)
	first, second := "holder 0", "holder 1"
	if len(shares[1].Acquired) == 1 {
		first, second = second, first
	}
	lease := ingesting.Lease{Partition: 0, FencingToken: 1}
	require.Empty(t, b.takeLeases(t, second))
	leases, err := b.RenewLeases(b.ctx, second, ttl)
	require.NoError(t, err)
	require.Empty(t, leases)
	leases, err = b.RenewLeases(b.ctx, first, ttl)
	require.NoError(t, err)
	require.Equal(t, []ingesting.Lease{lease}, leases)

	// An expired lease is not renewed, also if it is still free.
	b.expire(t, first)
	leases, err = b.RenewLeases(b.ctx, first, ttl)
	require.NoError(t, err)
	require.Empty(t, leases)
	next := b.takeLeases(t, second)
	require.Equal(t, []ingesting.Lease{{Partition: 0, FencingToken: 2}}, next)
	require.ErrorIs(t, b.ReleaseLease(b.ctx, lease), store.ErrFenced)
	require.Empty(t, b.takeLeases(t, first))

	require.NoError(t, b.LeaveHolders(b.ctx, second))
	require.NoError(t, b.ReleaseLease(b.ctx, next[0]))
	require.ErrorIs(t, b.ReleaseLease(b.ctx, next[0]), store.ErrFenced)
	require.Equal(t, []ingesting.Lease{{Partition: 0, FencingToken: 3}}, b.takeLeases(t, first))
}

// A renewal extends a lease by the database's clock and never shortens it.
func TestIngestLeaseRenewal(t *testing.T) {
	t.Parallel()
	b := setupLog(t, 1)
	b.takeLeases(t, "a")
	left := func() time.Duration {
		var seconds float64
		const query = "SELECT extract(epoch FROM expires_at - now())::float8 FROM ingest_leases"
		require.NoError(t, b.sql.QueryRow(b.ctx, query).Scan(&seconds))
		return time.Duration(seconds * float64(time.Second))
	}
	for _, c := range []struct{ ttl, want time.Duration }{{2 * ttl, 2 * ttl}, {time.Second, 2 * ttl}} {
		_, err := b.RenewLeases(b.ctx, "a", c.ttl)
		require.NoError(t, err)
		require.InDelta(t, c.want.Seconds(), left().Seconds(), 60)
	}
	// A lease of no length has expired when the call returns.
	b.expire(t, "a")
	_, err := b.AcquireLeases(b.ctx, "a", 0)
	require.ErrorContains(t, err, "a has expired while it waited: want a longer time than 0s")
}

// Three holders that ask at once share 16 partitions evenly; each partition has one of them. When one
// more joins, the others learn what they have too many; when one expires, the others take over.
func TestIngestLeasesBalanced(t *testing.T) {
	t.Parallel()
	b := setupLog(t, 16)
	names := []string{"a", "b", "c", "d"}
	balance := func(names ...string) {
		// Twice: what one has too many is free for the next after it was released.
		for range 2 {
			for _, err := range enginetest.AtOnce(len(names), func(i int) error {
				share, err := b.AcquireLeases(b.ctx, names[i], ttl)
				if err != nil {
					return err
				}
				held, err := b.RenewLeases(b.ctx, names[i], ttl)
				for _, lease := range held[:min(share.Surplus, len(held))] {
					if err == nil {
						err = b.ReleaseLease(b.ctx, lease)
					}
				}
				return err
			}) {
				require.NoError(t, err)
			}
		}
	}
	require.Len(t, b.takeLeases(t, "a"), 16)
	balance("a", "b", "c")
	balance("a", "b", "c")
	require.Equal(t, map[string]int{"a": 6, "b": 5, "c": 5}, b.sorted(t))
	balance(names...)
	balance(names...)
	require.Equal(t, map[string]int{"a": 4, "b": 4, "c": 4, "d": 4}, b.holders(t))
	b.expire(t, "b")
	balance("a", "c", "d")
	require.Equal(t, map[string]int{"a": 6, "b": 5, "c": 5}, b.sorted(t))
	require.NotContains(t, b.holders(t), "b")
}

// sorted returns the numbers of leases, most first, under the names a, b, c and so on.
func (b *bundle) sorted(t *testing.T) map[string]int {
	t.Helper()
	const query = "SELECT count(*) FROM ingest_leases WHERE expires_at > now() GROUP BY holder ORDER BY 1 DESC"
	rows, err := b.sql.Query(b.ctx, query)
	require.NoError(t, err)
	all := map[string]int{}
	for name := 'a'; rows.Next(); name++ {
		var n int
		require.NoError(t, rows.Scan(&n))
		all[string(name)] = n
	}
	require.NoError(t, rows.Err())
	return all
}

// Three new holders that ask for 16 partitions at once get one holder for each partition.
func TestIngestLeasesConcurrently(t *testing.T) {
	t.Parallel()
	b := setupLog(t, 16)
	shares := make([]ingesting.Share, 9)
	acquire := func(i int) (err error) {
		shares[i], err = b.AcquireLeases(b.ctx, fmt.Sprint("holder ", i%3), ttl)
		return err
	}
	// All join before the first takes anything.
	for i := range 3 {
		b.exec(t, "INSERT INTO ingest_holders (holder, expires_at) VALUES ($1, now() + interval '1 hour')",
			fmt.Sprint("holder ", i))
	}
	for _, err := range enginetest.AtOnce(9, acquire) {
		require.NoError(t, err)
	}
	seen := map[int32]bool{}
	for _, share := range shares {
		require.Zero(t, share.Surplus)
		for _, lease := range share.Acquired {
			require.False(t, seen[lease.Partition], "partition %d was acquired twice", lease.Partition)
			require.EqualValues(t, 1, lease.FencingToken)
			seen[lease.Partition] = true
		}
	}
	require.Len(t, seen, 16)
	require.Equal(t, map[string]int{"holder 0": 6, "holder 1": 5, "holder 2": 5}, b.holders(t))
}

// A lease does not change hands during a transaction of its fencing token; renewals continue. A
// transaction that waits for a change of hands is refused after it.
func TestIngestLeaseChangesHands(t *testing.T) {
	t.Parallel()
	b := setupLog(t, 1)
	lease := b.takeLeases(t, "a")[0]
	tx, err := b.sql.Begin(b.ctx)
	require.NoError(t, err)
	_, err = tx.Exec(b.ctx, "SELECT FROM ingest_leases FOR KEY SHARE")
	require.NoError(t, err)
	leases, err := b.RenewLeases(b.ctx, "a", ttl)
	require.NoError(t, err)
	require.Equal(t, []ingesting.Lease{lease}, leases)
	require.NoError(t, tx.Rollback(b.ctx))

	b.expire(t, "a")
	tx, err = b.sql.Begin(b.ctx)
	require.NoError(t, err)
	_, err = tx.Exec(b.ctx, "SELECT FROM ingest_leases FOR KEY SHARE")
	require.NoError(t, err)
	require.Empty(t, b.takeLeases(t, "b"))
	require.NoError(t, tx.Rollback(b.ctx))

	tx, err = b.sql.Begin(b.ctx)
	require.NoError(t, err)
	_, err = tx.Exec(b.ctx, `UPDATE ingest_leases l SET fencing_token = l.fencing_token + 1
		FROM (SELECT f.partition FROM ingest_leases f FOR UPDATE SKIP LOCKED) free WHERE l.partition = free.partition`)
	require.NoError(t, err)
	decided := make(chan error, 1)
	r := ingesting.Range{Partition: 0, First: 1, Last: 2, FencingToken: lease.FencingToken}
	go func() { decided <- b.DecideRange(b.ctx, r) }()
	awaitLock(b.ctx, t, tx)
	require.NoError(t, tx.Commit(b.ctx))
	require.ErrorIs(t, <-decided, store.ErrFenced)
}
