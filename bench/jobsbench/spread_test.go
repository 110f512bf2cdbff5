package jobsbench

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/bench/openloop"
	"github.com/sluicehq/sluice/bench/sink"
)

func TestDelays(t *testing.T) {
	t.Parallel()
	s := openloop.Schedule{Start: time.Unix(100, 0), Rate: 10}
	at := func(no int64, late time.Duration) sink.Arrival {
		return sink.Arrival{No: 1000 + no, At: s.At(no).Add(late).UnixNano()}
	}
	arrivals := []sink.Arrival{at(3, 3*time.Second), at(0, time.Hour), at(1, time.Second)}
	counts := func(no int64) bool { return no > 0 }
	delays, came := delaysOf(s, 1000, 4, counts, arrivals, time.Unix(160, 0))
	require.Equal(t, 2, came, "the first is of the warm-up")
	require.Equal(t, []time.Duration{time.Second, 59_800 * time.Millisecond, 3 * time.Second}, delays,
		"one that has not come counts as if it came at the end")
}

func TestUsage(t *testing.T) {
	t.Parallel()
	before := Usage{Enqueuer: time.Second, Worker: time.Second, Temporal: 2 * time.Second, Postgres: 3 * time.Second}
	after := Usage{Enqueuer: 3 * time.Second, Worker: 2 * time.Second, Temporal: 2 * time.Second, Postgres: 3500 * time.Millisecond}
	require.Equal(t, PerJob{Enqueuer: 20, Worker: 10, Postgres: 5, Sum: 15}, after.each(before, 100))
	require.Equal(t, PerJob{}, before.each(before, 0))
}
