package killtest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/devstack/stack"
)

// A worker that is killed after ClickHouse has acknowledged a chunk and before the
// store has heard of it neither doubles the chunk nor loses it.
func TestKillBetweenAcknowledgementAndCheckpoint(t *testing.T) {
	t.Parallel()
	in := newInput(t, shape{rows: 200_000, badEvery: 397, outsideEvery: 503})
	s := newSystem(t, folder(t), true)
	imp := s.start(t, "ack.example", in, 1_000)
	ctx := bounded(t)

	const wantKills = 3
	for range wantKills {
		require.NoError(t, s.stack.WaitReady(ctx, stack.ComponentWorker))
		pid, err := s.stack.PID(stack.ComponentWorker)
		require.NoError(t, err)
		caught, ok := s.freeze(ctx, t, pid, imp.ID, func(m moment) bool { return len(m.ahead) > 0 })
		require.True(t, ok, "the import ended before the worker was killed often enough")
		require.NoError(t, s.stack.Kill(stack.ComponentWorker))
		t.Logf("killed the worker at chunk %d, with %v beyond the checkpoint", caught.chunks, caught.ahead)
		s.awaitChunks(ctx, t, imp.ID, caught.chunks+1)
	}
	s.awaitEnd(ctx, t, imp.ID)
	s.requireExact(t, imp.ID, in)
	s.requireCalm(t)
}
