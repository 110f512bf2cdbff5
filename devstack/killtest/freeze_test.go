package killtest_test

import (
	"context"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/warehouse"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// moment is what a frozen worker has left behind.
type moment struct {
	state
	// ahead are the chunks that ClickHouse holds and the store does not know.
	ahead map[uint32]warehouse.ChunkCount
	// inTransaction says that it holds locks in the store.
	inTransaction bool
}

// freeze stops a worker (SIGSTOP) at a moment that is wanted: it stops it, looks, and
// lets it run on if the moment is another. It returns with the worker stopped, or
// with false when the import has ended before such a moment came.
func (s *system) freeze(
	ctx context.Context, t *testing.T, pid int, imp int64, wanted func(moment) bool,
) (caught moment, ok bool) {
	t.Helper()
	ended := false
	poll(ctx, t, "the right moment", func(ctx context.Context) bool {
		now, err := s.state(ctx, imp)
		require.NoError(t, err)
		ended = now.ended()
		if ended || !now.loading() || now.chunks == 0 {
			return ended
		}
		require.NoError(t, syscall.Kill(pid, syscall.SIGSTOP))
		caught = s.look(ctx, t, imp)
		if caught.loading() && wanted(caught) {
			return true
		}
		require.NoError(t, syscall.Kill(pid, syscall.SIGCONT))
		return false
	})
	return caught, !ended
}

// look describes the moment at which the only worker stands still. What it had sent to
// the engines is carried out first.
func (s *system) look(ctx context.Context, t *testing.T, imp int64) (m moment) {
	t.Helper()
	conn, err := pgx.Connect(ctx, s.settings.Store.DSN)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close(context.WithoutCancel(ctx))) }()
	poll(ctx, t, "the store to be done", func(ctx context.Context) bool {
		var active, open int
		err := conn.QueryRow(ctx, `SELECT count(*) FILTER (WHERE state = 'active'),
			count(*) FILTER (WHERE state = 'idle in transaction') FROM pg_stat_activity
			WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()`).Scan(&active, &open)
		require.NoError(t, err)
		m.inTransaction = open > 0
		return active == 0
	})
	m.state, err = s.state(ctx, imp)
	require.NoError(t, err)
	stored, err := s.store.Imports.Import(ctx, imp)
	require.NoError(t, err)
	key := warehouse.PartKey{SiteID: uint64(stored.SiteID), ImportID: uint64(imp)}
	m.ahead, err = s.warehouse.ChunkCounts(ctx, schema.Pages, key, uint32(m.chunks))
	require.NoError(t, err)
	return m
}
