package delay_test

import (
	"context"
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
