package ingesting_test

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/ingesting"
	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/store"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

func (b *bundle) limiter(t *testing.T, now func() time.Time) *ingesting.Limiter {
	t.Helper()
	l, err := ingesting.NewLimiter(ingesting.LimiterConfig{Store: b.Store, Logger: quiet, Now: now})
	require.NoError(t, err)
	return l
}

func allow(t require.TestingT, l *ingesting.Limiter, key string, limit int, window time.Duration) bool {
	ok, err := l.Allow(context.Background(), key, limit, window)
	require.NoError(t, err)
	return ok
}

// noon is the beginning of a window.
var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// One server admits the limit exactly, in each window.
func TestLimiterAlone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	clock := newClock(noon)
	l := b.limiter(t, clock.now)
	start(b.ctx, t, l.Run)
	for range 3 {
		admitted := 0
		for range 100 {
			if allow(t, l, "a", 60, time.Minute) {
				admitted++
			}
		}
		require.Equal(t, 60, admitted)
		require.True(t, allow(t, l, "b", 60, time.Minute), "another key")
		clock.advance(59 * time.Second)
		require.False(t, allow(t, l, "a", 60, time.Minute))
		clock.advance(time.Second)
	}
	// A higher limit holds at once.
	for range 60 {
		require.True(t, allow(t, l, "a", 60, time.Minute))
	}
	require.False(t, allow(t, l, "a", 60, time.Minute))
	require.True(t, allow(t, l, "a", 61, time.Minute))
}

// Two servers with stores of their own exceed the limit by at most what the other admits in an interval and
// the time of a statement.
func TestLimiterAcrossServers(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other, err := store.Open(b.ctx, store.Config{DSN: b.dsn})
	require.NoError(t, err)
	t.Cleanup(other.Close)
	second := &bundle{Store: ingeststore.New(other), ctx: b.ctx}
	servers := []*ingesting.Limiter{b.limiter(t, nil), second.limiter(t, nil)}
	for _, l := range servers {
		start(b.ctx, t, l.Run)
	}
	const (
		limit  = 2000
		window = 24 * time.Hour
		// Each server is offered an event a millisecond, twice the limit in all.
		offered = 2 * limit / 2
	)
	var admitted [2]atomic.Int64
	var faults [2]error
	var all sync.WaitGroup
	for i, l := range servers {
		all.Go(func() {
			ticker := time.NewTicker(time.Millisecond)
			defer ticker.Stop()
			for range offered {
				<-ticker.C
				ok, err := l.Allow(b.ctx, "site", limit, window)
				if ok {
					admitted[i].Add(1)
				}
				if err != nil {
					faults[i] = err
					return
				}
			}
		})
	}
	all.Wait()
	require.NoError(t, errors.Join(faults[:]...))
	sum := admitted[0].Load() + admitted[1].Load()
	t.Logf("two servers admitted %d + %d = %d of %d", admitted[0].Load(), admitted[1].Load(), sum, limit)
	require.GreaterOrEqual(t, sum, int64(limit), "no event is refused before the limit")
	// An interval of 200 ms at an event a millisecond, and as much again for the statement on a busy machine.
	require.LessOrEqual(t, sum, int64(limit+600))
	eventually(t, soon, func(c *polltest.Check) {
		for _, l := range servers {
			require.False(c, allow(c, l, "site", limit, window))
		}
	})
}

// A server that cannot reach PostgreSQL counts for itself.
func TestLimiterWithoutPostgres(t *testing.T) {
	t.Parallel()
	b := setup(t)
	other, err := store.Open(b.ctx, store.Config{DSN: "postgres://nobody@127.0.0.1:1/none", ConnectTimeout: time.Second})
	require.NoError(t, err)
	t.Cleanup(other.Close)
	l, err := ingesting.NewLimiter(ingesting.LimiterConfig{Store: ingeststore.New(other), Logger: quiet, Interval: time.Millisecond})
	require.NoError(t, err)
	start(b.ctx, t, l.Run)
	admitted := 0
	for range 500 {
		if allow(t, l, "a", 100, 24*time.Hour) {
			admitted++
		}
	}
	require.Equal(t, 100, admitted)
}

// Windows that have ended are deleted.
func TestRatesAreDeleted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	now := time.Now().UTC().Truncate(time.Second)
	rates := []ingeststore.Rate{
		{Key: "b", Start: now.Add(-time.Hour), End: now.Add(-2 * time.Minute), Events: 5},
		{Key: "a", Start: now, End: now.Add(time.Minute), Events: 7},
	}
	for i := range int64(2) {
		sums, err := b.AddRates(b.ctx, rates)
		require.NoError(t, err)
		require.Len(t, sums, 2)
		for _, sum := range sums {
			require.Equal(t, map[string]int64{"a": 7, "b": 5}[sum.Key]*(i+1), sum.Events)
		}
	}
	require.NoError(t, b.DeleteOldRates(b.ctx))
	var keys []string
	require.NoError(t, b.sql.QueryRow(b.ctx, "SELECT array_agg(key) FROM ingest_rates").Scan(&keys))
	require.Equal(t, []string{"a"}, keys)
}
