package eventlog_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/ingest/eventlog/embedded"
	"github.com/sluicehq/sluice/ingest/eventlog/pack"
)

// quiet drops what servers and clients log.
var quiet = slog.New(slog.DiscardHandler)

// bounded returns a context that ends with the test, or after a minute.
func bounded(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// start starts a server without a network.
func start(t *testing.T, dir string) *embedded.Server {
	t.Helper()
	s, err := embedded.Start(embedded.Config{Dir: dir, Logger: quiet})
	require.NoError(t, err)
	t.Cleanup(func() { stop(t, s) })
	return s
}

func stop(t *testing.T, s *embedded.Server) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
	defer cancel()
	require.NoError(t, s.Stop(ctx))
}

// config is that of a small log.
func config(s *embedded.Server) eventlog.Config {
	return eventlog.Config{
		Options: []nats.Option{s.Option()}, Partitions: 2, MaxBytes: 64 << 20, Logger: quiet,
	}
}

func open(ctx context.Context, t *testing.T, cfg eventlog.Config) *eventlog.Log {
	t.Helper()
	l, err := eventlog.Open(ctx, cfg)
	require.NoError(t, err)
	t.Cleanup(l.Close)
	return l
}

// readAll returns the records of a partition from a sequence to the last message.
func readAll(ctx context.Context, t *testing.T, l *eventlog.Log, partition int, from uint64) []string {
	t.Helper()
	stats, err := l.Stats(ctx, partition)
	require.NoError(t, err)
	r := l.Read(partition, from)
	defer r.Close()
	var all []string
	for next := from; next <= stats.Last; next++ {
		m, err := r.Next(ctx)
		require.NoError(t, err)
		require.Equal(t, next, m.Sequence)
		records, err := pack.Split(m.Data, partition)
		require.NoError(t, err)
		for _, record := range records {
			all = append(all, string(record.Data))
		}
	}
	return all
}

func text(i int) []byte { return fmt.Appendf(nil, "event %06d", i) }
