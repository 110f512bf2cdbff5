package eventlog_test

import (
	"runtime"
	"testing"

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
