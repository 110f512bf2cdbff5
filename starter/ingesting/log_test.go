package ingesting_test

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/ingest/eventlog/embedded"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/ingesting"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
	"github.com/sluicehq/sluice/store"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// serveLog starts a server of event logs with an empty folder, and returns the configuration of its clients.
func serveLog(t *testing.T) eventlog.Config {
	t.Helper()
	quiet := slog.New(slog.DiscardHandler)
	server, err := embedded.Start(embedded.Config{Dir: t.TempDir(), Logger: quiet})
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		require.NoError(t, server.Stop(ctx))
	})
	return eventlog.Config{Options: []nats.Option{server.Option()}, Partitions: 2, MaxBytes: 64 << 20, Logger: quiet}
}

// The log has the messages of its partitions, and what of them is written; a lost one is replaced, and the audit has it.
func TestEventLog(t *testing.T) {
	t.Parallel()
	s := ingeststore.New(enginetest.Store(t).Store)
	ctx := asAnn(t)
	cfg := serveLog(t)
	_, err := ingestclient.ShowLog(ctx, s, cfg)
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = ingestclient.ReplaceLog(ctx, s, cfg, false)
	require.ErrorIs(t, err, store.ErrNotFound)

	log, err := ingesting.OpenLog(ctx, s, cfg)
	require.NoError(t, err)
	t.Cleanup(log.Close)
	for range 3 {
		_, err = log.Append(ctx, 1, []byte("an event"))
		require.NoError(t, err)
	}
	_, err = s.AcquireLeases(ctx, "holder", time.Hour)
	require.NoError(t, err)
	written := ingeststore.Range{Partition: 1, First: 1, Last: 1, FencingToken: 1}
	require.NoError(t, s.DecideRange(ctx, written))
	require.NoError(t, s.MarkRange(ctx, written, ingeststore.Summary{Events: 1}))
	// The number of partitions is the log's.
	cfg.Partitions = 0
	shown, err := ingestclient.ShowLog(ctx, s, cfg)
	require.NoError(t, err)
	require.Equal(t, log.ID(), shown.ID)
	require.Len(t, shown.Partitions, 2)
	require.Equal(t, ingestclient.LogPartition{Partition: 0, MaxBytes: 32 << 20}, shown.Partitions[0])
	busy := shown.Partitions[1]
	require.Positive(t, busy.Bytes)
	busy.Bytes = 0
	require.Equal(t, ingestclient.LogPartition{
		Partition: 1, Oldest: 1, Newest: 3, Written: 1, Lag: 2, MaxBytes: 32 << 20,
	}, busy)
	_, err = ingestclient.ReplaceLog(ctx, s, cfg, true)
	require.ErrorIs(t, err, ingesting.ErrLogInUse)

	next := serveLog(t)
	_, err = ingestclient.ShowLog(ctx, s, next)
	require.ErrorIs(t, err, eventlog.ErrNoLog)
	replaced, err := ingestclient.ReplaceLog(ctx, s, next, false)
	require.NoError(t, err)
	require.Equal(t, log.ID(), replaced.Lost)
	shown, err = ingestclient.ShowLog(ctx, s, next)
	require.NoError(t, err)
	require.Equal(t, replaced.ID, shown.ID)
	require.Equal(t, []int64{0, 0}, []int64{shown.Partitions[1].Oldest, shown.Partitions[1].Lag}, "it is empty")
	require.Equal(t, [][]string{
		{
			"event_log.replace", "", "", "ann",
			"the event log is not lost: the server has log " + log.ID() + ", which is that of the store, and whole",
		},
		{"event_log.replace", replaced.ID, "", "ann", ""},
	}, audit(t, s))
}
