package killtest_test

import (
	"context"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/worker"
)

// away is how long PostgreSQL is gone: longer than the heartbeat timeout, so that an
// attempt which forgot to heartbeat would be given up.
const away = 20 * time.Second

func TestStoreAway(t *testing.T) {
	t.Parallel()
	in := newInput(t, shape{rows: 200_000, badEvery: 397, outsideEvery: 503})

	t.Run("an import continues when connections to the store were refused", func(t *testing.T) {
		t.Parallel()
		s, p := newProxied(t)
		id, ctx := s.loading(t, in)
		p.cut(t)
		wait(ctx, t, away)
		s.requireStanding(t, id)
		p.open(t)
		s.awaitEnd(ctx, t, id)
		s.requireExact(t, id, in)
		s.requireCalm(t)
	})

	t.Run("an import continues when the store did not answer", func(t *testing.T) {
		t.Parallel()
		s, p := newProxied(t)
		id, ctx := s.loading(t, in)
		p.stall()
		wait(ctx, t, away)
		s.requireStanding(t, id)
		p.resume()
		s.awaitEnd(ctx, t, id)
		s.requireExact(t, id, in)
		s.requireCalm(t)
	})

	t.Run("a worker waits for a store that is missing at its start, and says so", func(t *testing.T) {
		t.Parallel()
		s := newSystem(t, folder(t), false)
		s.migrate(t)
		p := newProxy(t, s.stack.Addresses().Store)
		ctx := bounded(t)
		log, _ := s.runWorker(t, throughProxy(t, s, p))
		imp := s.start(t, "early.example", in, 10_000)
		poll(ctx, t, "the worker to say what it waits for", func(context.Context) bool {
			return log.contains("msg=waiting for=store") && log.contains("reach the store") && log.contains("connection refused")
		})
		require.False(t, log.contains("worker started"))
		p.open(t)
		s.awaitEnd(ctx, t, imp.ID)
		s.requireExact(t, imp.ID, in)
		s.requireCalm(t)
	})
}

// newProxied returns a system whose only worker reaches the store through a proxy.
func newProxied(t *testing.T) (*system, *proxy) {
	t.Helper()
	s := newSystem(t, folder(t), false)
	p := newProxy(t, s.stack.Addresses().Store)
	p.open(t)
	s.migrate(t)
	s.runWorker(t, throughProxy(t, s, p))
	return s, p
}

// throughProxy points a worker at a proxy instead of the store.
func throughProxy(t *testing.T, s *system, p *proxy) func(*worker.Config) {
	t.Helper()
	dsn, err := url.Parse(s.settings.Store.DSN)
	require.NoError(t, err)
	dsn.Host = p.address
	return func(cfg *worker.Config) { cfg.Settings.Store.DSN = dsn.String() }
}

// loading starts an import and returns when it has loaded some of its chunks.
func (s *system) loading(t *testing.T, in *input) (id int64, ctx context.Context) {
	t.Helper()
	ctx = bounded(t)
	imp := s.start(t, "away.example", in, 1_000)
	now := s.awaitChunks(ctx, t, imp.ID, 5)
	require.True(t, now.loading())
	return imp.ID, ctx
}

// requireStanding makes sure that an import stands still in the middle.
func (s *system) requireStanding(t *testing.T, id int64) {
	t.Helper()
	first, err := s.state(t.Context(), id)
	require.NoError(t, err)
	require.True(t, first.loading(), "the import is %s, %s", first.status, first.phase)
}

// wait lets time pass: here it is the subject of the test.
func wait(ctx context.Context, t *testing.T, d time.Duration) {
	t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
		require.NoError(t, context.Cause(ctx))
	}
}
