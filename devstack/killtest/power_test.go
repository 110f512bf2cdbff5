package killtest_test

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

// All processes die at once, as in a power failure, and restart later in the same folder: the
// import resumes and completes.
func TestPowerButton(t *testing.T) {
	t.Parallel()
	in := newInput(t, shape{rows: 200_000, badEvery: 397, outsideEvery: 503})
	dir := folder(t)
	s := newSystem(t, dir, true)
	id := s.start(t, "power.example", in, 1_000).ID
	ctx := bounded(t)

	for _, chunk := range []int32{1, 60, 120} {
		now := s.awaitChunks(ctx, t, id, chunk)
		require.True(t, now.loading(), "the import is %s already", now.status)
		for _, c := range targets {
			require.NoError(t, s.stack.Kill(c))
		}
		t.Logf("killed everything at chunk %d", now.chunks)
		// The supervisor may have begun to start something again. Nothing gets the time
		// to end in order.
		at, cancel := context.WithCancel(ctx)
		cancel()
		require.NoError(t, s.stack.Stop(at))
		requireNothingLeft(t, s.stack)
		s = newSystem(t, dir, true)
	}
	s.awaitEnd(ctx, t, id)
	s.requireExact(t, id, in)
	s.requireCalm(t)
}
