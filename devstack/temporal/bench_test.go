package temporal

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/sync/errgroup"
)

// Measured on two cores that the workflows' worker shares, for the choice of
// this package's settings (p50 of BenchmarkLatency, BenchmarkThroughput):
//
//	as configured                                    41 ms   55 workflows/s
//	1 or 8 history shards instead of 4               40 ms   56
//	synchronous=full                                 47 ms   39
//	shardIOConcurrency=1, the server's default       39 ms   39
//	4 partitions a task queue, the server's default  39 ms   10
//	SQLite's own journal, 1 shard, server's defaults 300 ms  21
//
// With more than one connection to a file transactions fail; see maxConns.

const benchQueue = "bench"

// chain runs n trivial activities one after the other.
func chain(ctx workflow.Context, n int) error {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: time.Minute})
	for range n {
		if err := workflow.ExecuteActivity(ctx, nothing).Get(ctx, nil); err != nil {
			return err
		}
	}
	return nil
}

func nothing(context.Context) error { return nil }

// benchServer returns a client of a server on a fresh file with a worker.
func benchServer(b *testing.B) client.Client {
	b.Helper()
	cfg := Config{Headless: true, DBFilename: filepath.Join(b.TempDir(), "temporal.db")}
	c := dial(b, start(b, cfg).address)
	w := worker.New(c, benchQueue, worker.Options{})
	w.RegisterWorkflow(chain)
	w.RegisterActivity(nothing)
	require.NoError(b, w.Start())
	b.Cleanup(w.Stop)
	runChain(b, c, 1) // the first one pays for caches and connections
	return c
}

func runChain(tb testing.TB, c client.Client, activities int) time.Duration {
	tb.Helper()
	begun := time.Now()
	require.NoError(tb, executeChain(c, activities))
	return time.Since(begun)
}

func executeChain(c client.Client, activities int) error {
	run, err := c.ExecuteWorkflow(context.Background(), client.StartWorkflowOptions{TaskQueue: benchQueue}, chain, activities)
	if err != nil {
		return fmt.Errorf("start workflow: %w", err)
	}
	return run.Get(context.Background(), nil)
}

// BenchmarkLatency is one workflow of five activities at a time: how long a
// user waits for a small import, most of which is the server's commits.
func BenchmarkLatency(b *testing.B) {
	c := benchServer(b)
	b.ResetTimer()
	took := make([]time.Duration, 0, b.N)
	for range b.N {
		took = append(took, runChain(b, c, 5))
	}
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds())/1000, "p50-ms")
	b.ReportMetric(float64(took[len(took)*95/100].Microseconds())/1000, "p95-ms")
}

// BenchmarkThroughput keeps 50 workflows of three activities each under way.
func BenchmarkThroughput(b *testing.B) {
	c := benchServer(b)
	b.ResetTimer()
	var group errgroup.Group
	group.SetLimit(50)
	for range b.N {
		group.Go(func() error { return executeChain(c, 3) })
	}
	require.NoError(b, group.Wait())
	b.StopTimer()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "workflows/s")
}
