package groupcommit

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

// Calls that arrive while all groups are busy are carried out together, each once.
func TestGroup(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var groups [][]int
	begun, release := make(chan struct{}, 100), make(chan struct{})
	g := &Group[int]{Do: func(_ context.Context, group []int) {
		mu.Lock()
		groups = append(groups, group)
		mu.Unlock()
		begun <- struct{}{}
		<-release
	}}
	var asking sync.WaitGroup
	ask := func(call int) {
		asking.Go(func() {
			if err := g.Call(t.Context(), call); err != nil {
				t.Error(err)
			}
		})
	}
	for call := range defaultMaxGroups {
		ask(call)
		<-begun
	}
	const more = defaultMaxCalls + 50
	for call := range more {
		ask(defaultMaxGroups + call)
	}
	// All calls are waiting before the first group ends.
	awaitWaiting(t, g, more)
	close(release)
	asking.Wait()
	seen := map[int]int{}
	for _, group := range groups {
		require.LessOrEqual(t, len(group), defaultMaxCalls)
		for _, call := range group {
			seen[call]++
		}
	}
	require.Len(t, seen, defaultMaxGroups+more)
	for call, times := range seen {
		require.Equal(t, 1, times, call)
	}
	require.Less(t, len(groups), 2*defaultMaxGroups+1)
	awaitIdle(t, g)
}

// awaitWaiting returns once so many calls wait for a group.
func awaitWaiting(t *testing.T, g *Group[int], n int) {
	t.Helper()
	require.Eventually(t, func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return len(g.waiting) == n
	}, time.Minute, time.Millisecond)
}

// awaitIdle returns once all groups have ended.
func awaitIdle(t *testing.T, g *Group[int]) {
	t.Helper()
	require.Eventually(t, func() bool {
		g.mu.Lock()
		defer g.mu.Unlock()
		return g.running == 0 && g.full == nil
	}, time.Minute, time.Millisecond)
}

// A caller that gives up does not cancel the calls of others.
func TestGroupCallerGivesUp(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	var done atomic.Bool
	g := &Group[int]{Do: func(ctx context.Context, _ []int) {
		<-release
		done.Store(ctx.Err() == nil)
	}}
	ctx, cancel := context.WithCancel(t.Context())
	other := make(chan error, 1)
	cancel()
	require.ErrorIs(t, g.Call(ctx, 1), context.Canceled)
	go func() { other <- g.Call(t.Context(), 2) }()
	close(release)
	require.NoError(t, <-other)
	require.True(t, done.Load())
}

// A call that is given up while it is waiting is not executed; one that is being executed may take effect.
func TestGroupWithdraws(t *testing.T) {
	t.Parallel()
	begun, release := make(chan struct{}, 1), make(chan struct{})
	var executed []int
	g := &Group[int]{MaxGroups: 1, Do: func(_ context.Context, calls []int) {
		executed = append(executed, calls...)
		begun <- struct{}{}
		<-release
	}}
	running, cancelRunning := context.WithCancel(t.Context())
	first, last := make(chan error, 1), make(chan error, 1)
	go func() { first <- g.Call(running, 1) }()
	<-begun
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	err := g.Call(ended, 2)
	require.ErrorIs(t, err, ErrWithdrawn)
	require.ErrorIs(t, err, context.Canceled)
	go func() { last <- g.Call(t.Context(), 3) }()
	awaitWaiting(t, g, 1)
	cancelRunning()
	err = <-first
	require.ErrorIs(t, err, context.Canceled)
	require.NotErrorIs(t, err, ErrWithdrawn)
	close(release)
	require.NoError(t, <-last)
	require.Equal(t, []int{1, 3}, executed)
}

// Calls of a group do not exceed its size; a call that alone exceeds it is carried out alone.
func TestGroupSize(t *testing.T) {
	t.Parallel()
	g := &Group[int]{MaxSize: 10, Size: func(call int) int { return call }}
	for _, call := range []int{4, 6, 1, 11, 12, 10, 3, 3, 3, 3} {
		g.waiting = append(g.waiting, &pendingCall[int]{call: call, size: call})
		g.size += call
	}
	var groups [][]int
	for group := g.next(); len(group) > 0; group = g.next() {
		var calls []int
		for _, pending := range group {
			calls = append(calls, pending.call)
		}
		groups = append(groups, calls)
	}
	require.Equal(t, [][]int{{4, 6}, {1}, {11}, {12}, {10}, {3, 3, 3}, {3}}, groups)
	require.Zero(t, g.size)
}

// requireIdle fails unless all groups have ended after a minute of a bubble's clock.
func requireIdle(t *testing.T, g *Group[int]) {
	t.Helper()
	<-time.After(time.Minute)
	synctest.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	require.Zero(t, g.running)
	require.Nil(t, g.full)
}

// A group waits until the callers of the last one are back.
func TestGroupLingers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const callers, rounds = 8, 50
		var sizes []int
		g := &Group[int]{Linger: time.Hour, Do: func(_ context.Context, calls []int) {
			sizes = append(sizes, len(calls))
			<-time.After(time.Second)
		}}
		var asking sync.WaitGroup
		ask := func(times int) {
			asking.Go(func() {
				for range times {
					if err := g.Call(t.Context(), 0); err != nil {
						t.Error(err)
					}
				}
			})
		}
		begun := time.Now()
		ask(rounds + 1)
		synctest.Wait()
		for range callers - 1 {
			ask(rounds)
		}
		asking.Wait()
		// The first had one of the callers, and the next waited until it was back: for no time.
		require.Equal(t, append([]int{1}, slices.Repeat([]int{callers}, rounds)...), sizes)
		require.Equal(t, (rounds+1)*time.Second, time.Since(begun))
		requireIdle(t, g)
	})
}

// A wait for callers that do not come back ends by its time, by that of the group before, or by the size of the
// next one; a call after a pause does not wait.
func TestGroupLingerEnds(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		linger, want time.Duration
		size         int
	}{
		"by its time":      {100 * time.Millisecond, 100 * time.Millisecond, 1},
		"by the group's":   {time.Hour, time.Second, 1},
		"by the next size": {time.Hour, 0, 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				g := &Group[int]{
					Linger: c.linger, MaxSize: 100, Size: func(call int) int { return call },
					Do: func(context.Context, []int) { <-time.After(time.Second) },
				}
				began := time.Now()
				first := make(chan error, 1)
				go func() { first <- g.Call(t.Context(), 1) }()
				synctest.Wait()
				require.NoError(t, g.Call(t.Context(), c.size))
				require.NoError(t, <-first)
				require.Equal(t, 2*time.Second+c.want, time.Since(began))

				requireIdle(t, g)
				began = time.Now()
				require.NoError(t, g.Call(t.Context(), 1))
				require.Equal(t, time.Second, time.Since(began), "after a pause")
				requireIdle(t, g)
			})
		})
	}
}
