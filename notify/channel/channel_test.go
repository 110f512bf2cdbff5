package channel_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/notify/channel"
)

func TestErrors(t *testing.T) {
	t.Parallel()
	fault := errors.New("fault")
	permanent := fmt.Errorf("wrapped: %w", channel.Permanent(fault))
	require.True(t, channel.IsPermanent(permanent))
	require.ErrorIs(t, permanent, fault)
	require.EqualError(t, permanent, "wrapped: fault")
	require.Zero(t, channel.Wait(permanent))

	gone := fmt.Errorf("wrapped: %w", channel.Gone(fault))
	require.True(t, channel.IsPermanent(gone))
	require.True(t, channel.IsGone(gone))
	require.False(t, channel.IsGone(permanent))
	require.ErrorIs(t, gone, fault)
	require.EqualError(t, gone, "wrapped: fault")

	later := fmt.Errorf("wrapped: %w", channel.RetryAfter(time.Minute, fault))
	require.False(t, channel.IsPermanent(later))
	require.ErrorIs(t, later, fault)
	require.EqualError(t, later, "wrapped: fault")
	require.Equal(t, time.Minute, channel.Wait(later))
	require.Zero(t, channel.Wait(nil))
}
