package ingesting_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/ingest/writer"
	"github.com/sluicehq/sluice/ingest/writer/pool"
	"github.com/sluicehq/sluice/internal/ingesting"
	"github.com/sluicehq/sluice/internal/ingesting/rows"
)

const (
	events   = 5000
	visitors = 500
)

// process runs the writers of all leases that a holder gets, until ctx ends. It releases none, as a
// process that is killed.
func (b *bundle) process(ctx context.Context, holder string, cfg writer.Config) error {
	w, err := writer.New(cfg)
	if err != nil {
		return err
	}
	share, err := b.AcquireLeases(ctx, holder, ttl)
	if err != nil {
		return err
	}
	var all errgroup.Group
	for _, lease := range share.Acquired {
		all.Go(func() error {
			if err := w.Run(ctx, int(lease.Partition), lease.FencingToken); ctx.Err() == nil {
				return err
			}
			return nil
		})
	}
	return all.Wait()
}

// poolOf returns the pool of a process.
func (b *bundle) poolOf(t *testing.T, cfg writer.Config) *pool.Pool {
	t.Helper()
	w, err := writer.New(cfg)
	require.NoError(t, err)
	leases, err := ingesting.NewLeases(b.Store)
	require.NoError(t, err)
	p, err := pool.New(pool.Config{Leases: leases, Writer: w, TTL: 10 * time.Second, Logger: quiet})
	require.NoError(t, err)
	return p
}

// awaitMarked waits until the ranges that are written have so many events.
func (b *bundle) awaitMarked(t *testing.T, want int) {
	t.Helper()
	require.EventuallyWithT(t, func(c *assert.CollectT) {
		var marked, open int
		const query = "SELECT sum(events), count(open_from) FROM ingest_checkpoints"
		require.NoError(c, b.sql.QueryRow(b.ctx, query).Scan(&marked, &open))
		require.Equal(c, []int{want, 0}, []int{marked, open})
	}, 4*time.Minute, 50*time.Millisecond)
}

// Events go through the pipeline, the event log and the writers into ClickHouse, each once and in one
// session a visitor, although a process ends in the middle without releasing its leases and two others
// take over its partitions.
func TestEventsReachTheWarehouseOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	log := b.logOf(t)
	w, conn := b.warehouseOf(t)
	pipeline := pipelineOf(t, log)
	cfg := writer.Config{
		Log: writer.FromLog(log), Checkpoints: b.checkpoints, Warehouse: rows.New(w), LogID: log.ID(),
		MaxRows: 300, MaxAge: 100 * time.Millisecond, SnapshotRanges: 2, Logger: quiet,
	}
	send := func(first, n int) {
		const batch = events / 40
		for at := first; at < first+n; at += batch {
			results, err := pipeline.BuildAndBufferAll(b.ctx, pageviews(t, at, batch, visitors))
			require.NoError(t, err)
			for _, r := range results {
				require.Len(t, r.Buffered, 1)
			}
		}
	}

	// It ends after some ranges, in the middle of others.
	ctx, kill := context.WithCancel(b.ctx)
	defer kill()
	first := cfg
	written := make(chan struct{}, events)
	first.Written = func(writer.Written) { written <- struct{}{} }
	killed := make(chan error, 1)
	go func() { killed <- b.process(ctx, "first", first) }()
	send(0, events/2)
	for range 5 {
		<-written
	}
	send(events/2, events/4)
	kill()
	require.NoError(t, <-killed)
	b.expire(t, "first")

	// Its successors share the partitions, and release them at their end.
	ctx, stop := context.WithCancel(b.ctx)
	defer stop()
	var successors sync.WaitGroup
	for range 2 {
		p := b.poolOf(t, cfg)
		successors.Go(func() { p.Run(ctx) })
	}
	send(events*3/4, events/4)
	b.awaitMarked(t, events)
	stop()
	successors.Wait()
	var released int
	const query = "SELECT count(*) FROM ingest_leases WHERE holder IS NULL AND fencing_token > 1"
	require.NoError(t, b.sql.QueryRow(b.ctx, query).Scan(&released))
	require.Equal(t, partitions, released)

	count := func(query string) (n uint64) {
		require.NoError(t, conn.QueryRow(b.ctx, query).Scan(&n))
		return n
	}
	require.EqualValues(t, events, count("SELECT count() FROM events"))
	require.EqualValues(t, events, count("SELECT uniqExact(pathname) FROM events"))
	require.EqualValues(t, events, count("SELECT uniqExact(log_partition, log_sequence, log_index) FROM events"))
	require.EqualValues(t, partitions, count("SELECT uniqExact(log_partition) FROM events"))
	require.EqualValues(t, events, count("SELECT sum(value) FROM ingest_counters WHERE metric = 'buffered'"))
	require.EqualValues(t, visitors, count("SELECT count() FROM visible_sessions"))
	require.EqualValues(t, events, count("SELECT toUInt64(sum(events)) FROM visible_sessions"))
	require.EqualValues(t, visitors, count("SELECT uniqExact(session_id) FROM events"))
}

// The writer's checkpoints are those of the store, each step and its errors.
func TestCheckpoints(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.logOf(t)
	_, err := b.AcquireLeases(b.ctx, "a", ttl)
	require.NoError(t, err)
	load := func() writer.Progress {
		t.Helper()
		p, err := b.checkpoints.Load(b.ctx, 3, 1)
		require.NoError(t, err)
		return p
	}
	r := writer.Range{Partition: 3, From: 1, To: 9}
	require.Equal(t, writer.Progress{}, load())
	require.NoError(t, b.checkpoints.Decide(b.ctx, 1, r))
	require.Equal(t, writer.Progress{Open: &writer.Open{Range: r}}, load())
	require.NoError(t, b.checkpoints.RecordRepair(b.ctx, 1, r, 2))
	require.Equal(t, writer.Progress{Open: &writer.Open{Range: r, Repair: 2}}, load())
	require.NoError(t, b.checkpoints.Mark(b.ctx, 1, r, writer.Summary{
		Counts: writer.Counts{Events: 4, Sessions: 3, Counters: 2}, Poisoned: 1,
		Poison: []writer.Poison{{Sequence: 8, Index: writer.WholeMessage, Reason: "torn", Sample: []byte("SLP\x01")}},
	}))
	require.Equal(t, writer.Progress{Next: 10}, load())
	require.NoError(t, b.checkpoints.SaveSnapshot(b.ctx, 1, 3, 10, []byte("sessions")))
	require.Equal(t, writer.Progress{Next: 10, Snapshot: []byte("sessions"), SnapshotNext: 10}, load())

	needed, err := b.checkpoints.Needed(b.ctx, []int{3})
	require.NoError(t, err)
	require.EqualValues(t, 10, needed)
	needed, err = b.checkpoints.Needed(b.ctx, []int{2, 3})
	require.NoError(t, err)
	require.Zero(t, needed, "partition 2 has no snapshot")

	at, err := b.LoadCheckpoint(b.ctx, 3, 1)
	require.NoError(t, err)
	require.Equal(t, []int64{1, 4, 3, 2, 1}, []int64{at.Ranges, at.Events, at.Sessions, at.Counters, at.Poisoned})
	poison, err := b.ListPoison(b.ctx, 10)
	require.NoError(t, err)
	require.Len(t, poison, 1)
	require.EqualValues(t, 8, poison[0].Sequence)
	require.EqualValues(t, -1, poison[0].RecordIndex)
	require.Equal(t, "torn", poison[0].Reason)
	require.Equal(t, "xxx\x01", string(poison[0].Sample))

	// What is not the next step is refused by another error than a lost lease.
	for _, wrong := range []writer.Range{{Partition: 3, From: 9, To: 10}, {Partition: 3, From: 10, To: 1 << 63}} {
		err := b.checkpoints.Decide(b.ctx, 1, wrong)
		require.Error(t, err)
		require.NotErrorIs(t, err, writer.ErrFenced)
	}
	require.Equal(t, 256, eventlog.MaxPartitions, "as in the migration")

	// Another holder takes over.
	b.expire(t, "a")
	_, err = b.AcquireLeases(b.ctx, "b", ttl)
	require.NoError(t, err)
	next := writer.Range{Partition: 3, From: 10, To: 12}
	_, err = b.checkpoints.Load(b.ctx, 3, 1)
	require.ErrorIs(t, err, writer.ErrFenced)
	require.ErrorIs(t, b.checkpoints.Decide(b.ctx, 1, next), writer.ErrFenced)
	require.ErrorIs(t, b.checkpoints.RecordRepair(b.ctx, 1, next, 1), writer.ErrFenced)
	require.ErrorIs(t, b.checkpoints.Mark(b.ctx, 1, next, writer.Summary{}), writer.ErrFenced)
	require.ErrorIs(t, b.checkpoints.SaveSnapshot(b.ctx, 1, 3, 10, []byte("x")), writer.ErrFenced)
	require.NoError(t, b.checkpoints.Decide(b.ctx, 2, next))
}

// The leases of a process are those of the store, under a name of its own.
func TestLeases(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.logOf(t)
	var all [2]*ingesting.Leases
	for i := range all {
		var err error
		all[i], err = ingesting.NewLeases(b.Store)
		require.NoError(t, err)
	}
	a, z := all[0], all[1]
	require.NotEqual(t, a.Holder(), z.Holder())
	want := make([]pool.Lease, partitions)
	for i := range want {
		want[i] = pool.Lease{Partition: i, FencingToken: 1}
	}
	acquired, surplus, err := a.Acquire(b.ctx, ttl)
	require.NoError(t, err)
	require.Zero(t, surplus)
	require.Equal(t, want, acquired)
	acquired, surplus, err = z.Acquire(b.ctx, ttl)
	require.NoError(t, err)
	require.Zero(t, surplus)
	require.Empty(t, acquired)
	_, surplus, err = a.Acquire(b.ctx, ttl)
	require.NoError(t, err)
	require.Equal(t, 2, surplus)
	held, err := a.Renew(b.ctx, ttl)
	require.NoError(t, err)
	require.Equal(t, want, held)
	require.NoError(t, a.Release(b.ctx, want[3]))
	require.ErrorIs(t, a.Release(b.ctx, want[3]), writer.ErrFenced)
	require.NoError(t, a.Leave(b.ctx))
	acquired, _, err = z.Acquire(b.ctx, ttl)
	require.NoError(t, err)
	require.Equal(t, []pool.Lease{{Partition: 3, FencingToken: 2}}, acquired)
}
