package eventlog_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// A reader reserves little memory before it has messages: a worker has one for each partition, and the garbage
// collector looks through all of it.
//
//nolint:paralleltest // it measures what the whole process allocates
func TestReaderIsSmall(t *testing.T) {
	ctx := bounded(t)
	l := open(ctx, t, config(start(t, t.TempDir())))
	_, err := l.Append(ctx, 0, text(0))
	require.NoError(t, err)
	const readers = 8
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range readers {
		r := l.Read(0, 1)
		t.Cleanup(r.Close)
		m, err := r.Next(ctx)
		require.NoError(t, err)
		require.EqualValues(t, 1, m.Sequence)
	}
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(readers<<20), "bytes of %d readers", readers)
}

// Calls that are given up while messages arrive lose and double none of them.
func TestReaderGivenUp(t *testing.T) {
	t.Parallel()
	ctx := bounded(t)
	l := open(ctx, t, config(start(t, t.TempDir())))
	const messages = 2000
	appended := make(chan error, 1)
	go func() {
		var err error
		for i := range messages {
			_, err = l.Append(ctx, 0, text(i))
			if err != nil {
				break
			}
		}
		appended <- err
	}()
	r := l.Read(0, 1)
	defer r.Close()
	givenUp := 0
	for want := uint64(1); want <= messages; {
		soon, cancel := context.WithTimeout(ctx, time.Duration(want%7)*time.Millisecond)
		m, err := r.Next(soon)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
			givenUp++
			continue
		}
		require.NoError(t, err)
		require.Equal(t, want, m.Sequence)
		want++
	}
	require.NotZero(t, givenUp)
	require.NoError(t, <-appended)
}
