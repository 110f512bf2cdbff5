package killtest_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/devstack/stack"
)

// A worker with nothing to do survives every engine's restart, and does the next
// import as if nothing had happened.
func TestRestartWhileIdle(t *testing.T) {
	t.Parallel()
	in := newInput(t, shape{rows: 20_000, badEvery: 397, outsideEvery: 503})
	s := newSystem(t, folder(t), true)
	ctx := bounded(t)
	before, err := s.stack.PID(stack.ComponentWorker)
	require.NoError(t, err)
	for _, engine := range stack.Engines() {
		t.Logf("restarting %s", engine)
		require.NoError(t, s.stack.Kill(engine))
		require.NoError(t, s.stack.WaitReady(ctx, engine))
		imp := s.start(t, string(engine)+".example", in, 5_000)
		s.awaitEnd(ctx, t, imp.ID)
		s.requireExact(t, imp.ID, in)
	}
	after, err := s.stack.PID(stack.ComponentWorker)
	require.NoError(t, err)
	require.Equal(t, before, after, "the worker has not been restarted")
	s.requireCalm(t)
}
