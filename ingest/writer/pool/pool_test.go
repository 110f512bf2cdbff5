package pool_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest/writer"
	"github.com/sluicehq/sluice/ingest/writer/pool"
)

const ttl = 30 * time.Second

// process is a running pool.
type process struct {
	stop context.CancelFunc
	done chan struct{}
}

// start runs the pool of a process until stop is called.
func start(t *testing.T, w *world, name string) process {
	t.Helper()
	p, err := pool.New(pool.Config{Leases: member{w, name}, Writer: w, TTL: ttl, Logger: quiet})
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	one := process{cancel, make(chan struct{})}
	go func() {
		p.Run(ctx)
		close(one.done)
	}()
	return one
}

// end stops the pool and returns after it has ended.
func (p process) end() {
	p.stop()
	<-p.done
}

// pass lets time pass, and everything settle.
func pass(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestConfig(t *testing.T) {
	t.Parallel()
	_, err := pool.New(pool.Config{TTL: time.Millisecond, MinBackoff: -1})
	require.EqualError(t, err, "pool of writers: no leases\npool of writers: no writer\n"+
		"pool of writers: leases of 1ms: want at least 1s\n"+
		"pool of writers: backoff from -1ns to 0s: want 0 for the default, or more")
}

// One process writes all partitions for much longer than a lease lasts, each by one writer. At its end
// it releases them.
func TestAlone(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(16)
		p := start(t, w, "a")
		pass(time.Millisecond)
		require.Equal(t, map[string]int{"a": 16}, w.held())
		pass(20 * ttl)
		require.Equal(t, map[string]int{"a": 16}, w.held())
		p.end()
		require.Empty(t, w.held())
		require.Equal(t, []int{1, 16}, []int{w.left, w.released})
		require.Empty(t, w.faults)
		for partition, begun := range w.begun {
			require.Len(t, begun, 1, partition)
		}
	})
}

// A process that joins gets its share from the others, and gives it back when it ends.
func TestJoinAndLeave(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(16)
		a := start(t, w, "a")
		pass(ttl)
		b := start(t, w, "b")
		pass(ttl)
		require.Equal(t, map[string]int{"a": 8, "b": 8}, w.held())
		c := start(t, w, "c")
		pass(2 * ttl)
		require.Equal(t, map[string]int{"a": 6, "b": 5, "c": 5}, w.held())
		a.end()
		pass(ttl)
		require.Equal(t, map[string]int{"b": 8, "c": 8}, w.held())
		b.end()
		pass(ttl)
		require.Equal(t, map[string]int{"c": 16}, w.held())
		c.end()
		require.Empty(t, w.faults)
	})
}

// While the store is away, writers end before their leases do; when it is back, they continue.
func TestStoreAway(t *testing.T) {
	t.Parallel()
	for name, outage := range map[string]time.Duration{"short": ttl / 2, "until leases expire": 3 * ttl} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(4)
				p := start(t, w, "a")
				pass(ttl)
				w.set(func() { w.away = true })
				pass(outage)
				if outage < ttl {
					require.Equal(t, map[string]int{"a": 4}, w.held())
				} else {
					require.Empty(t, w.held())
				}
				w.set(func() { w.away = false })
				pass(ttl)
				require.Equal(t, map[string]int{"a": 4}, w.held())
				w.set(func() { w.away = true })
				p.end()
				require.Empty(t, w.held())
				require.Empty(t, w.faults)
			})
		})
	}
}

// Leases whose acquisition seemed to fail are written once a renewal has returned them.
func TestLostAnswer(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(4)
		// The renewal before the first acquisition has no effect.
		w.set(func() { w.lose = true })
		leases := &firstRenewal{member: member{w, "a"}}
		p, err := pool.New(pool.Config{Leases: leases, Writer: w, TTL: ttl, Logger: quiet})
		require.NoError(t, err)
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			p.Run(ctx)
			close(done)
		}()
		pass(time.Second)
		require.Equal(t, "a", w.leases[3].holder)
		require.Empty(t, w.held())
		w.set(func() { w.lose = false })
		pass(ttl / 2)
		require.Equal(t, map[string]int{"a": 4}, w.held())
		stop()
		<-done
		require.Empty(t, w.faults)
	})
}

// firstRenewal lets the first renewal succeed without leases.
type firstRenewal struct {
	member
	renewed bool
}

// Renew returns nothing at first.
func (f *firstRenewal) Renew(ctx context.Context, d time.Duration) ([]pool.Lease, error) {
	if !f.renewed {
		f.renewed = true
		return nil, nil
	}
	return f.member.Renew(ctx, d)
}

// A writer that fails is run again, later after each fault, and does not delay the others; one that is
// fenced is not run again under its token, and its lease is not released.
func TestWriterFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(2)
		w.fault = func(partition int) error {
			if partition == 1 {
				return errors.New("corrupt snapshot")
			}
			return nil
		}
		p := start(t, w, "a")
		pass(16 * time.Second)
		require.Equal(t, map[string]int{"a": 1}, w.held())
		var gaps []time.Duration
		for i, at := range w.begun[1][1:] {
			gaps = append(gaps, at.Sub(w.begun[1][i]))
		}
		require.Equal(t, []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second}, gaps)
		w.set(func() { w.fault = nil })
		pass(time.Minute)
		require.Equal(t, map[string]int{"a": 2}, w.held())

		// Another process takes over partition 0 behind its back.
		w.set(func() { w.leases[0] = lease{"b", w.leases[0].token + 1, time.Now().Add(time.Hour)} })
		pass(ttl)
		w.set(func() { w.faults = nil })
		require.Equal(t, map[string]int{"a": 1}, w.held())
		p.end()
		require.Equal(t, 1, w.released)
		require.Empty(t, w.faults)
	})
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(1)
		w.fault = func(int) error { return writer.ErrFenced }
		p := start(t, w, "a")
		pass(time.Second)
		require.Len(t, w.begun[0], 1)
		p.end()
		require.Zero(t, w.released)
		require.Equal(t, "a", w.leases[0].holder)
	})
}
