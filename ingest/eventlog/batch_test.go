package eventlog_test

import (
	"bytes"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/ingest/eventlog/pack"
	"github.com/sluicehq/sluice/ingest/eventlog/record"
)

// Counters of concurrent calls are added up in their common message, and each call returns after its own is stored.
func TestAppendCounters(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	l := open(ctx, t, config(start(t, t.TempDir())))
	const callers, calls = 50, 20
	label := record.Counter{Bucket: 60, Domain: "a.example", SiteID: 1, Metric: "dropped_bot"}
	one, two, other := label, label, label
	one.Value, two.Value = 1, 2
	other.SiteID, other.Value = 2, 1
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for range calls {
				batch := eventlog.Batch{Records: [][]byte{text(1)}, Counters: []record.Counter{one, other, two}}
				if _, err := l.AppendBatch(ctx, 1, batch); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	require.Zero(t, l.PendingBytes())
	_, err := l.AppendBatch(ctx, 1, eventlog.Batch{Counters: []record.Counter{one}})
	require.NoError(t, err)
	events, counters := 0, 0
	sums := map[uint64]uint64{}
	for _, stored := range readAll(ctx, t, l, 1, 1) {
		if stored == string(text(1)) {
			events++
			continue
		}
		r, err := record.Decode([]byte(stored))
		require.NoError(t, err)
		counters++
		sums[r.Counter.SiteID] += r.Counter.Value
		r.Counter.SiteID, r.Counter.Value = label.SiteID, 0
		require.Equal(t, label, *r.Counter)
	}
	require.Equal(t, callers*calls, events)
	require.Equal(t, map[uint64]uint64{1: 3*callers*calls + 1, 2: callers * calls}, sums)
	stats, err := l.Stats(ctx, 1)
	require.NoError(t, err)
	require.EqualValues(t, 2*stats.Last-1, counters, "a message has a counter for each label")
	require.Less(t, stats.Last, uint64(callers*calls/2), "calls share messages")
}

// The parts of a batch fit a message each and have everything in its order.
func TestSplit(t *testing.T) {
	t.Parallel()
	small := eventlog.Batch{Records: [][]byte{text(1)}, Counters: []record.Counter{{Metric: "m", Value: 1}}}
	require.Equal(t, []eventlog.Batch{small}, small.Split())

	ctx := bounded(t)
	l := open(ctx, t, config(start(t, t.TempDir())))
	var large eventlog.Batch
	for i := range 40 {
		large.Records = append(large.Records, bytes.Repeat([]byte{byte(i)}, 50<<10))
	}
	for i := range 4000 {
		large.Counters = append(large.Counters, record.Counter{
			Bucket: int64(i), SiteID: 1 << 63, Metric: "dropped_bot", Value: 1, Domain: strings.Repeat("d", 253), TrackerVersion: 1 << 15,
		})
	}
	var together eventlog.Batch
	parts := large.Split()
	for _, part := range parts {
		together.Records = append(together.Records, part.Records...)
		together.Counters = append(together.Counters, part.Counters...)
		_, err := l.AppendBatch(ctx, 0, part)
		require.NoError(t, err)
	}
	require.Equal(t, large, together)
	require.Len(t, parts, 5)
	require.Len(t, readAll(ctx, t, l, 0, 1), 4040)

	huge := eventlog.Batch{Records: [][]byte{text(1), make([]byte, pack.MaxBytes), text(2)}}
	parts = huge.Split()
	require.Len(t, parts, 3)
	_, err := l.AppendBatch(ctx, 0, parts[1])
	require.ErrorIs(t, err, eventlog.ErrTooLarge)
}
