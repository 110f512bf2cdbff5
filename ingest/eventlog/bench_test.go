package eventlog_test

import (
	"bytes"
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/ingest/eventlog/embedded"
)

// BenchmarkAppend measures calls of 32 callers to a log on the disk of the folder for temporary files, with the
// server in the same process.
func BenchmarkAppend(b *testing.B) {
	server, err := embedded.Start(embedded.Config{Dir: b.TempDir(), Logger: quiet})
	require.NoError(b, err)
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(b.Context()), time.Minute)
		defer cancel()
		require.NoError(b, server.Stop(ctx))
	})
	var commits atomic.Int64
	log, err := eventlog.Open(b.Context(), eventlog.Config{
		Options: []nats.Option{server.Option()}, Logger: quiet, Committed: func(eventlog.Commit) { commits.Add(1) },
	})
	require.NoError(b, err)
	b.Cleanup(log.Close)
	record := bytes.Repeat([]byte("x"), 300)
	var number atomic.Uint64
	b.SetParallelism(16)
	b.ReportAllocs()
	b.ResetTimer()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			// Neighbours go to partitions far from each other, as those of users do.
			partition := log.Partition(number.Add(1) * 0x9e3779b97f4a7c15 >> 32)
			if _, err := log.Append(b.Context(), partition, record); err != nil {
				b.Error(err)
				return
			}
		}
	})
	b.ReportMetric(float64(b.N)/float64(commits.Load()), "events/commit")
}
