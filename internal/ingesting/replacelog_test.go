package ingesting_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/ingest/eventlog/embedded"
	"github.com/sluicehq/sluice/ingest/writer"
	"github.com/sluicehq/sluice/internal/ingesting"
	"github.com/sluicehq/sluice/internal/ingesting/rows"
	"github.com/sluicehq/sluice/store"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// serveLog starts a server with an empty folder, and returns the configuration of its clients.
func (b *bundle) serveLog(t *testing.T) eventlog.Config {
	t.Helper()
	s, err := embedded.Start(embedded.Config{Dir: t.TempDir(), Logger: quiet})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(b.ctx), time.Minute)
		defer cancel()
		require.NoError(t, s.Stop(ctx))
	})
	return eventlog.Config{
		Options: []nats.Option{s.Option()}, Partitions: partitions, MaxBytes: 256 << 20, Logger: quiet,
	}
}

// openLog opens the event log of the store.
func (b *bundle) openLog(t *testing.T, cfg eventlog.Config) *eventlog.Log {
	t.Helper()
	log, err := ingesting.OpenLog(b.ctx, b.Store, cfg)
	require.NoError(t, err)
	t.Cleanup(log.Close)
	return log
}

// After the loss of the log the store takes another one by command, and nothing that is written later is mistaken for
// what was written before: each event has a position of its own.
func TestReplaceLog(t *testing.T) {
	t.Parallel()
	b := setup(t)
	w, conn := b.warehouseOf(t)
	_, err := ingesting.ReplaceLog(b.ctx, b.Store, b.serveLog(t), false)
	require.ErrorIs(t, err, store.ErrNotFound)

	lost, sent := b.serveLog(t), 0
	write := func(log *eventlog.Log) {
		t.Helper()
		pipeline := pipelineOf(t, log)
		for _, r := range pageviews(t, sent, 200, 20) {
			_, err := pipeline.BuildAndBuffer(b.ctx, r)
			require.NoError(t, err)
		}
		sent += 200
		p := b.poolOf(t, writer.Config{
			Log: writer.FromLog(log), Checkpoints: b.checkpoints, Warehouse: rows.New(w), LogID: log.ID(),
			MaxAge: 50 * time.Millisecond, Logger: quiet,
		})
		ctx, stop := context.WithCancel(b.ctx)
		var running sync.WaitGroup
		running.Go(func() { p.Run(ctx) })
		b.awaitMarked(t, sent)
		stop()
		running.Wait()
	}
	first := b.openLog(t, lost)
	write(first)
	_, err = ingesting.ReplaceLog(b.ctx, b.Store, lost, false)
	require.ErrorIs(t, err, ingesting.ErrLogInUse)
	_, err = ingesting.ReplaceLog(b.ctx, b.Store, lost, true)
	require.ErrorIs(t, err, ingesting.ErrLogInUse, "a log that is whole is not discarded")

	// A writer of the lost log has a lease and an open range.
	share, err := b.AcquireLeases(b.ctx, "old", time.Minute)
	require.NoError(t, err)
	lease := share.Acquired[0]
	before, err := b.Positions(b.ctx)
	require.NoError(t, err)
	next := before[lease.Partition].Next
	open := ingeststore.Range{Partition: lease.Partition, First: next, Last: next + 2, FencingToken: lease.FencingToken}
	require.NoError(t, b.DecideRange(b.ctx, open))

	found := b.serveLog(t)
	_, err = ingesting.OpenLog(b.ctx, b.Store, found)
	require.True(t, ingesting.Refused(err))
	require.ErrorContains(t, err, "sluice ingest log replace")
	replaced, err := ingesting.ReplaceLog(b.ctx, b.Store, found, false)
	require.NoError(t, err)
	require.Equal(t, first.ID(), replaced.Lost)
	require.Equal(t, []int{int(lease.Partition)}, replaced.Unsettled)
	require.ErrorIs(t, b.MarkRange(b.ctx, open, ingeststore.Summary{}), store.ErrFenced)

	second := b.openLog(t, found)
	require.Equal(t, replaced.ID, second.ID())
	for _, at := range before {
		stats, err := second.Stats(b.ctx, int(at.Partition))
		require.NoError(t, err)
		want := at.Next
		if at.Partition == lease.Partition {
			want = open.Last + 1
		}
		require.EqualValues(t, want, stats.First, "partition %d", at.Partition)
	}
	b.exec(t, "DELETE FROM ingest_holders")
	write(second)
	var stored, ids uint64
	require.NoError(t, conn.QueryRow(b.ctx, "SELECT count(), uniqExact(pathname) FROM events").Scan(&stored, &ids))
	require.Equal(t, []uint64{400, 400}, []uint64{stored, ids})
}

// A copy of the log from before what was written is refused: new events would get positions that writers are past.
func TestRewoundLogIsRefused(t *testing.T) {
	t.Parallel()
	b := setup(t)
	cfg := b.serveLog(t)
	log := b.openLog(t, cfg)
	b.exec(t, "UPDATE ingest_checkpoints SET next_sequence = 8, ranges = 1 WHERE partition = 2")
	_, err := ingesting.OpenLog(b.ctx, b.Store, cfg)
	require.ErrorIs(t, err, eventlog.ErrRewound)
	require.True(t, ingesting.Refused(err))
	require.ErrorContains(t, err, "partition 2 of log "+log.ID()+" ends at 0, the store is past 7")

	_, err = ingesting.ReplaceLog(b.ctx, b.Store, cfg, false)
	require.ErrorIs(t, err, ingesting.ErrLogInUse)
	replaced, err := ingesting.ReplaceLog(b.ctx, b.Store, cfg, true)
	require.NoError(t, err)
	require.NotEqual(t, log.ID(), replaced.ID)
	stats, err := b.openLog(t, cfg).Stats(b.ctx, 2)
	require.NoError(t, err)
	require.Equal(t, []uint64{8, 7}, []uint64{stats.First, stats.Last})
}

// A command that was killed after it had created the log can be repeated. A log with events is not taken.
func TestReplaceLogAgain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	first := b.openLog(t, b.serveLog(t))
	found := b.serveLog(t)
	created, err := eventlog.Open(b.ctx, found)
	require.NoError(t, err)
	t.Cleanup(created.Close)
	replaced, err := ingesting.ReplaceLog(b.ctx, b.Store, found, false)
	require.NoError(t, err)
	require.Equal(t, []string{first.ID(), created.ID()}, []string{replaced.Lost, replaced.ID})

	other := b.serveLog(t)
	foreign, err := eventlog.Open(b.ctx, other)
	require.NoError(t, err)
	t.Cleanup(foreign.Close)
	_, err = foreign.Append(b.ctx, 1, []byte("an event of others"))
	require.NoError(t, err)
	_, err = ingesting.ReplaceLog(b.ctx, b.Store, other, false)
	require.ErrorIs(t, err, ingesting.ErrLogInUse)
	require.ErrorContains(t, err, "partition 1 has the messages 1 to 1: want an empty one that begins with 1 or later")
	known, err := b.Log(b.ctx)
	require.NoError(t, err)
	require.Equal(t, replaced.ID, known.ID)
	replaced, err = ingesting.ReplaceLog(b.ctx, b.Store, other, true)
	require.NoError(t, err)
	require.NotEqual(t, foreign.ID(), replaced.ID)
}
