package starter

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// Those who come while all groups are busy are carried out together, each once.
func TestIntake(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var groups [][]int
	begun, release := make(chan struct{}, 100), make(chan struct{})
	in := &intake[int]{do: func(_ context.Context, group []int) {
		mu.Lock()
		groups = append(groups, group)
		mu.Unlock()
		begun <- struct{}{}
		<-release
	}}
	var asking sync.WaitGroup
	ask := func(call int) {
		asking.Go(func() {
			if err := in.ask(t.Context(), call); err != nil {
				t.Error(err)
			}
		})
	}
	for call := range intakeGroups {
		ask(call)
		<-begun
	}
	const more = intakeMost + 50
	for call := range more {
		ask(intakeGroups + call)
	}
	// All of them stand in line before anything moves.
	require.Eventually(t, func() bool {
		in.mu.Lock()
		defer in.mu.Unlock()
		return len(in.waiting) == more
	}, time.Minute, time.Millisecond)
	close(release)
	asking.Wait()
	seen := map[int]int{}
	for _, group := range groups {
		require.LessOrEqual(t, len(group), intakeMost)
		for _, call := range group {
			seen[call]++
		}
	}
	require.Len(t, seen, intakeGroups+more)
	for call, times := range seen {
		require.Equal(t, 1, times, call)
	}
	require.Less(t, len(groups), 2*intakeGroups+1)
	require.Zero(t, in.running)
}

// A caller that gives up does not end what others wait for.
func TestIntakeCallerGivesUp(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	var done atomic.Bool
	in := &intake[int]{do: func(ctx context.Context, _ []int) {
		<-release
		done.Store(ctx.Err() == nil)
	}}
	ctx, cancel := context.WithCancel(t.Context())
	other := make(chan error, 1)
	cancel()
	require.ErrorIs(t, in.ask(ctx, 1), context.Canceled)
	go func() { other <- in.ask(t.Context(), 2) }()
	close(release)
	require.NoError(t, <-other)
	require.True(t, done.Load())
}
