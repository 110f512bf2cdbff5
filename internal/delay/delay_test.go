package delay_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/delay"
)

func TestWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		require.NoError(t, delay.Wait(t.Context(), time.Hour))
		require.Equal(t, time.Hour, time.Since(began))
		require.NoError(t, delay.Wait(t.Context(), 0))
		require.NoError(t, delay.Wait(t.Context(), -time.Hour))

		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		require.ErrorIs(t, delay.Wait(ctx, time.Hour), context.DeadlineExceeded)
		require.ErrorIs(t, delay.Wait(ctx, 0), context.DeadlineExceeded)
		require.Equal(t, time.Hour+time.Minute, time.Since(began))
	})
}

func TestTicks(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		ctx, cancel := context.WithTimeout(t.Context(), 150*time.Minute)
		defer cancel()
		var at []time.Duration
		for now := range delay.Ticks(ctx, time.Hour) {
			at = append(at, now.Sub(began))
		}
		require.Equal(t, []time.Duration{time.Hour, 2 * time.Hour}, at)
		require.Equal(t, 150*time.Minute, time.Since(began), "it ends with its context")

		for range delay.Ticks(t.Context(), time.Hour) {
			break
		}
		require.Equal(t, 210*time.Minute, time.Since(began))
	})
}

func TestRoundsBeginAtOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		var at []time.Duration
		for now := range delay.Rounds(ctx, time.Hour) {
			if at = append(at, now.Sub(began)); len(at) == 3 {
				cancel()
			}
		}
		require.Equal(t, []time.Duration{0, time.Hour, 2 * time.Hour}, at)

		rounds := 0
		for range delay.Rounds(ctx, time.Hour) {
			rounds++
		}
		require.Equal(t, 1, rounds, "the first round, although the context has ended")
	})
}

func TestUntil(t *testing.T) {
	t.Parallel()
	looks := 0
	require.NoError(t, delay.Until(t.Context(), time.Millisecond, func() (bool, error) {
		looks++
		return looks == 3, nil
	}))
	require.Equal(t, 3, looks)

	broken := errors.New("broken")
	require.ErrorIs(t, delay.Until(t.Context(), time.Hour, func() (bool, error) { return false, broken }), broken)

	ctx, cancel := context.WithCancelCause(t.Context())
	err := delay.Until(ctx, time.Hour, func() (bool, error) {
		cancel(broken)
		return false, nil
	})
	require.ErrorIs(t, err, broken, "the cause of the end")
}
