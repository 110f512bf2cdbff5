package startup_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/startup"
)

func TestAwait(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	w := startup.Waiter{Logger: slog.New(slog.NewTextHandler(&log, nil)), Timeout: time.Minute}
	attempts := 0
	away := errors.New("connection refused")
	err := w.Await(t.Context(), "store", func(ctx context.Context) error {
		_, bounded := ctx.Deadline()
		require.True(t, bounded)
		attempts++
		if attempts < 3 {
			return away
		}
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, 3, attempts)
	require.Contains(t, log.String(), "for=store error=\"connection refused\" retry_in=100ms")

	attempts = 0
	err = w.Await(t.Context(), "event log", func(context.Context) error {
		attempts++
		return startup.Final(away)
	})
	require.EqualError(t, err, "connection refused")
	require.ErrorIs(t, err, away)
	require.Equal(t, 1, attempts)

	ctx, cancel := context.WithCancel(t.Context())
	err = w.Await(ctx, "store", func(context.Context) error {
		cancel()
		return away
	})
	require.EqualError(t, err, "gave up waiting for the store after 1m0s: connection refused")
}
