package groupcommit

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Calls that arrive while a group is executed are executed together, each once.
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
	ask(0)
	<-begun
	const more = defaultMaxCalls + 50
	for call := range more {
		ask(1 + call)
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
	require.Len(t, seen, 1+more)
	for call, times := range seen {
		require.Equal(t, 1, times, call)
	}
	require.Len(t, groups, 3)
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
		return !g.running
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
	g := &Group[int]{Do: func(_ context.Context, calls []int) {
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
