package loading_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/loading"
)

// A part that is ten times as long takes no more memory. It runs alone, because
// what others allocate would count.
func TestMemoryIsFlat(t *testing.T) { //nolint:paralleltest // see above
	b := setup(t)
	// peak is the largest live heap seen after any chunk, in bytes.
	peak := func(chunks int) (bytes uint64) {
		f := b.part(t, &source{rows: chunks * 20_000, size: 20_000, allGood: true})
		f.advanced = func(loading.Progress) {
			runtime.GC()
			var stats runtime.MemStats
			runtime.ReadMemStats(&stats)
			bytes = max(bytes, stats.HeapAlloc)
		}
		_, err := f.loadPart(b.ctx, t)
		require.NoError(t, err)
		return bytes
	}
	peak(5) // fills the pools
	short, long := peak(10), peak(100)
	t.Logf("peak of the live heap: %d KiB for 10 chunks, %d KiB for 100", short>>10, long>>10)
	require.Less(t, float64(long), 1.2*float64(short))
}
