package sourcefile

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// An operation that hangs ends with the timeout or the context; until it has returned,
// others on the same path fail at once, and its late result is closed.
func TestHung(t *testing.T) {
	t.Parallel()
	o := &Opener{Timeout: 10 * time.Millisecond}
	release, closed := make(chan struct{}), make(chan int, 1)
	hang := func() (int, error) { <-release; return 7, nil }
	_, err := do(t.Context(), o, "/mnt/a", "open", hang, func(v int) { closed <- v })
	require.EqualError(t, err, "open: the file system does not answer within 10ms")
	require.ErrorIs(t, err, ErrHung)
	_, err = do(t.Context(), o, "/mnt/a", "stat", func() (int, error) { return 0, nil }, nil)
	require.EqualError(t, err, "stat: the file system does not answer since an earlier operation")
	ok, err := do(t.Context(), o, "/mnt/b", "stat", func() (int, error) { return 1, nil }, nil)
	require.NoError(t, err)
	require.Equal(t, 1, ok)

	ctx, cancel := context.WithCancel(t.Context())
	o.Timeout = time.Hour
	time.AfterFunc(10*time.Millisecond, cancel)
	_, err = do(ctx, o, "/mnt/c", "read", hang, nil)
	require.ErrorIs(t, err, context.Canceled)

	close(release)
	require.Equal(t, 7, <-closed)
	require.Eventually(t, func() bool { return !o.hangs("/mnt/a") && !o.hangs("/mnt/c") }, time.Minute, time.Millisecond)
}
