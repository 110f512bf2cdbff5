package eventlog_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/ingest/eventlog/pack"
	"github.com/sluicehq/sluice/ingest/eventlog/record"
)

// Partitions that share a stream share its messages; the reader of a partition finds its records, each once and in the
// order in which they were appended.
func TestSharedStream(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	cfg := config(start(t, t.TempDir()))
	cfg.Partitions, cfg.Streams = 4, 1
	var mu sync.Mutex
	messages, calls := 0, 0
	cfg.Committed = func(c eventlog.Commit) {
		mu.Lock()
		defer mu.Unlock()
		messages, calls = messages+1, calls+c.Calls
	}
	l := open(ctx, t, cfg)
	require.Equal(t, []int{0, 1, 2, 3}, l.Sharing(2))
	const rounds = 100
	var wg sync.WaitGroup
	for p := range cfg.Partitions {
		wg.Go(func() {
			for i := range rounds {
				if _, err := l.Append(ctx, p, fmt.Appendf(nil, "%d/%d", p, i), fmt.Appendf(nil, "%d/%d too", p, i)); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	require.Equal(t, rounds*cfg.Partitions, calls)
	require.Less(t, messages, calls, "calls for different partitions share messages")
	for p := range cfg.Partitions {
		all := readAll(ctx, t, l, p, 1)
		require.Len(t, all, 2*rounds)
		for i := range rounds {
			require.Equal(t, []string{fmt.Sprintf("%d/%d", p, i), fmt.Sprintf("%d/%d too", p, i)}, all[2*i:2*i+2])
		}
	}
	// The number of streams is that of the log, whatever the configuration says.
	cfg.Streams = 4
	require.Equal(t, []int{0, 1, 2, 3}, open(ctx, t, cfg).Sharing(0))
}

// A log with a stream for each partition, as an earlier version has made it, keeps them, and its messages have the
// first version.
func TestStreamForEachPartition(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	cfg := config(start(t, t.TempDir()))
	_ = open(ctx, t, cfg)
	cfg.Streams = 1
	l := open(ctx, t, cfg)
	require.Equal(t, []int{1}, l.Sharing(1))
	at, err := l.Append(ctx, 1, text(1))
	require.NoError(t, err)
	require.Equal(t, eventlog.Position{Sequence: 1}, at)
	require.Empty(t, readAll(ctx, t, l, 0, 1))
	r := l.Read(1, 1)
	defer r.Close()
	m, err := r.Next(ctx)
	require.NoError(t, err)
	require.EqualValues(t, pack.Version, m.Data[3])
}

// Several streams share the partitions evenly; a new log begins behind the last of the sequences that its partitions
// have used.
func TestSharedFirstSequences(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	cfg := config(start(t, t.TempDir()))
	cfg.Partitions, cfg.Streams, cfg.FirstSequences = 5, 2, []uint64{1, 8, 30, 2, 4}
	l := open(ctx, t, cfg)
	require.Equal(t, []int{0, 2, 4}, l.Sharing(2))
	require.Equal(t, []int{1, 3}, l.Sharing(3))
	for p, want := range []uint64{30, 8, 31, 9, 32} {
		at, err := l.Append(ctx, p, text(p))
		require.NoError(t, err)
		require.Equal(t, want, at.Sequence)
		require.Equal(t, []string{string(text(p))}, readAll(ctx, t, l, p, want))
	}
	stats, err := l.Stats(ctx, 4)
	require.NoError(t, err)
	require.EqualValues(t, 32<<20, stats.MaxBytes)
	require.NoError(t, eventlog.Delete(ctx, cfg))
	cfg.ExpectID = l.ID()
	_, err = eventlog.Open(ctx, cfg)
	require.ErrorIs(t, err, eventlog.ErrNoLog)
}

// The largest call fits a message of a shared stream, beside the number of its partition.
func TestSharedLimit(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	cfg := config(start(t, t.TempDir()))
	cfg.Partitions, cfg.Streams, cfg.MaxBytes = 200, 1, 1<<30
	l := open(ctx, t, cfg)
	largest := make([]byte, pack.MaxRecordBytes-3-pack.PartitionBytes)
	_, err := l.Append(ctx, 199, largest)
	require.NoError(t, err)
	_, err = l.Append(ctx, 199, slices.Concat(largest, []byte{0}))
	require.ErrorIs(t, err, eventlog.ErrTooLarge)
}

// Counters of concurrent calls are added up for each partition.
func TestSharedCounters(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	cfg := config(start(t, t.TempDir()))
	cfg.Streams = 1
	l := open(ctx, t, cfg)
	one := record.Counter{Bucket: 60, SiteID: 1, Metric: "dropped_bot", Value: 1}
	const calls = 100
	var wg sync.WaitGroup
	for i := range 2 * calls {
		wg.Go(func() {
			if _, err := l.AppendBatch(ctx, i%2, eventlog.Batch{Counters: []record.Counter{one}}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for p := range cfg.Partitions {
		sum := uint64(0)
		for _, stored := range readAll(ctx, t, l, p, 1) {
			r, err := record.Decode([]byte(stored))
			require.NoError(t, err)
			sum += r.Counter.Value
		}
		require.EqualValues(t, calls, sum)
	}
}

// A stream whose metadata say nothing sensible is refused.
func TestSharedMetadata(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	s := start(t, t.TempDir())
	conn, err := nats.Connect("", s.Option())
	require.NoError(t, err)
	defer conn.Close()
	js, err := jetstream.New(conn)
	require.NoError(t, err)
	for name, streams := range map[string]string{"none": "0", "many": "2", "text": "x"} {
		_, err = js.CreateStream(ctx, jetstream.StreamConfig{
			Name: name + "_000", Subjects: []string{name + ".0"}, Discard: jetstream.DiscardNew, Metadata: map[string]string{
				"sluice.log": "x", "sluice.shared_partitions": "2", "sluice.streams": streams,
			},
		})
		require.NoError(t, err)
		cfg := config(s)
		cfg.Name = name
		_, err = eventlog.Open(ctx, cfg)
		require.EqualError(t, err, fmt.Sprintf(`open event log: stream %s_000: its sluice.streams is %q: want 1 to 1`, name, streams))
	}
}
