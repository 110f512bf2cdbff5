package starter

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/activities"
)

var woken = activities.ActionRef{Destination: "crm", Action: "post"}

// Many who say the same are told as one, and nobody returns before a signal was sent that
// was begun after he had something to say.
func TestWakersCoalesce(t *testing.T) {
	t.Parallel()
	var said, heard, signals atomic.Int64
	w := &wakers{every: 20 * time.Millisecond, send: func(context.Context, activities.ActionRef) error {
		signals.Add(1)
		heard.Store(said.Load())
		return nil
	}}
	var all sync.WaitGroup
	faults := make([]error, 200)
	for i := range faults {
		all.Go(func() {
			mine := said.Add(1)
			faults[i] = w.wake(t.Context(), woken)
			if heard.Load() < mine {
				faults[i] = errors.New("nobody was told")
			}
		})
	}
	all.Wait()
	require.NoError(t, errors.Join(faults...))
	require.LessOrEqual(t, signals.Load(), int64(20))
}

// One who gives up takes nobody with him.
func TestWakersFail(t *testing.T) {
	t.Parallel()
	sent := make(chan struct{}, 10)
	w := &wakers{every: time.Hour, send: func(ctx context.Context, _ activities.ActionRef) error {
		sent <- struct{}{}
		return ctx.Err()
	}}
	require.NoError(t, w.wake(t.Context(), woken))
	hasty, cancel := context.WithCancel(t.Context())
	gone := make(chan error, 1)
	go func() { gone <- w.wake(hasty, woken) }()
	one := w.of(woken)
	require.Eventually(t, func() bool {
		one.mu.Lock()
		defer one.mu.Unlock()
		return one.next != nil
	}, time.Minute, time.Millisecond)
	waiting := make(chan error, 1)
	go func() { waiting <- w.wake(t.Context(), woken) }()
	cancel()
	require.ErrorIs(t, <-gone, context.Canceled)
	other := activities.ActionRef{Destination: "crm", Action: "audit"}
	require.NoError(t, w.wake(t.Context(), other), "another action has a turn of its own")
	select {
	case err := <-waiting:
		require.NoError(t, err, "it has sent its own")
	case <-time.After(100 * time.Millisecond):
		// It came only after the hasty one had gone, and waits for the next turn.
	}
	require.GreaterOrEqual(t, len(sent), 2)
}
