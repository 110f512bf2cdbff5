package killtest_test

import (
	"context"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"
)

// A worker that hangs for longer than its heartbeat timeout loses its attempt to another worker.
// When it wakes up it continues as before: its writes must have no effect.
func TestZombie(t *testing.T) {
	t.Parallel()
	in := newInput(t, shape{rows: 200_000, badEvery: 397, outsideEvery: 503})
	moments := []struct {
		name, site string
		wanted     func(moment) bool
	}{
		{"between two checkpoints", "checkpoint.example", func(m moment) bool { return len(m.ahead) > 0 }},
		{"between a chunk's rows and its rejects", "rejects.example", func(m moment) bool {
			for _, held := range m.ahead {
				if held.Rows > 0 && held.Rejects == 0 {
					return true
				}
			}
			return false
		}},
		{"within a transaction", "transaction.example", func(m moment) bool { return m.inTransaction && len(m.ahead) > 0 }},
	}
	for _, m := range moments {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			s := newSystem(t, folder(t), false)
			s.migrate(t)
			zombie := s.spawnWorker(t)
			imp := s.start(t, m.site, in, 1_000)
			ctx := bounded(t)

			caught, ok := s.freeze(ctx, t, zombie.pid, imp.ID, m.wanted)
			require.True(t, ok, "the import ended before the moment came")
			t.Logf("froze the worker at chunk %d, with %v beyond the checkpoint", caught.chunks, caught.ahead)
			_, stop := s.runWorker(t, nil)
			last := s.awaitEnd(ctx, t, imp.ID)
			require.Greater(t, last.token, caught.token, "the second worker has taken over")
			s.requireExact(t, imp.ID, in)

			require.NoError(t, syscall.Kill(zombie.pid, syscall.SIGCONT))
			poll(ctx, t, "the zombie's attempt to fail", func(ctx context.Context) bool {
				attempts, err := zombie.unsuccessful(ctx)
				return err == nil && attempts > 0
			})
			s.requireExact(t, imp.ID, in)

			// It is a worker like any other again.
			stop()
			next := s.start(t, "next.example", in, 10_000)
			s.awaitEnd(ctx, t, next.ID)
			s.requireExact(t, next.ID, in)
			s.requireExact(t, imp.ID, in)
			s.requireCalm(t)
		})
	}
}
