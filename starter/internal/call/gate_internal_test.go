package call

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// A workflow has at most maxConcurrent users of its gate; gates of others are not affected, and nothing is kept.
func TestGate(t *testing.T) {
	t.Parallel()
	g := gateSet{byTarget: map[target]*gate{}}
	one, other := target{workflowID: "one"}, target{workflowID: "other"}
	var inside, most atomic.Int64
	var users sync.WaitGroup
	for range 50 {
		users.Go(func() {
			leave, err := g.enter(t.Context(), one)
			if err != nil {
				t.Error(err)
				return
			}
			for now := inside.Add(1); ; {
				seen := most.Load()
				if now <= seen || most.CompareAndSwap(seen, now) {
					break
				}
			}
			inside.Add(-1)
			leave()
		})
	}
	users.Wait()
	require.LessOrEqual(t, most.Load(), int64(maxConcurrent))
	require.Empty(t, g.byTarget)

	var leaves []func()
	for range maxConcurrent {
		leave, err := g.enter(t.Context(), one)
		require.NoError(t, err)
		leaves = append(leaves, leave)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := g.enter(gone, one)
	require.ErrorIs(t, err, context.Canceled)
	leave, err := g.enter(t.Context(), other)
	require.NoError(t, err)
	leave()
	for _, leave := range leaves {
		leave()
	}
	require.Empty(t, g.byTarget)
}
