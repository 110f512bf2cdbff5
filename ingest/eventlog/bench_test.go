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
	"github.com/sluicehq/sluice/ingest/eventlog/record"
)

// BenchmarkAppend measures calls of 32 callers to a log on the disk of the folder for temporary files, with the
// server in the same process: of events, and of a flood of dropped events of one site.
func BenchmarkAppend(b *testing.B) {
	server, err := embedded.Start(embedded.Config{Dir: b.TempDir(), Logger: quiet})
	require.NoError(b, err)
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(b.Context()), time.Minute)
		defer cancel()
		require.NoError(b, server.Stop(ctx))
	})
	var commits, size atomic.Int64
	log, err := eventlog.Open(b.Context(), eventlog.Config{
		Options: []nats.Option{server.Option()}, Logger: quiet, Committed: func(c eventlog.Commit) {
			commits.Add(1)
			size.Add(int64(c.Bytes))
		},
	})
	require.NoError(b, err)
	b.Cleanup(log.Close)
	event := eventlog.Batch{Records: [][]byte{bytes.Repeat([]byte("x"), 300)}}
	drop := eventlog.Batch{Counters: []record.Counter{
		{Bucket: 1_700_000_040, Domain: "example.com", SiteID: 7, Metric: "dropped_bot", Value: 1, TrackerVersion: 30},
	}}
	var number atomic.Uint64
	for name, call := range map[string]func() (int, eventlog.Batch){
		// Neighbours go to partitions far from each other, as those of users do.
		"events": func() (int, eventlog.Batch) { return log.Partition(number.Add(1) * 0x9e3779b97f4a7c15 >> 32), event },
		"drops":  func() (int, eventlog.Batch) { return log.Partition(7), drop },
	} {
		b.Run(name, func(b *testing.B) {
			commits.Store(0)
			size.Store(0)
			b.SetParallelism(16)
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					partition, batch := call()
					if _, err := log.AppendBatch(b.Context(), partition, batch); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/float64(commits.Load()), "calls/commit")
			b.ReportMetric(float64(size.Load())/float64(b.N), "stored-B/call")
		})
	}
}
