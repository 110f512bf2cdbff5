package starter_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
	"github.com/sluicehq/sluice/store"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// listening is a store with a site whose imports are listened to.
type listening struct {
	*dispatchstore.Store
	*starter.Listener
	ctx    context.Context
	sql    *pgx.Conn
	siteID int64
	lost   chan error
}

func setupListening(t *testing.T) *listening {
	t.Helper()
	b := &listening{ctx: enginetest.Context(t), lost: make(chan error, 100)}
	opened, sql := enginetest.OpenStore(t)
	b.Store, b.sql = dispatchstore.New(opened, nil), sql
	var err error
	require.NoError(t, b.sql.QueryRow(b.ctx, "INSERT INTO sites (domain) VALUES ('example.com') RETURNING id").Scan(&b.siteID))
	b.end(t, importstore.StatusCompleted) // before the first listener
	b.Listener, err = starter.Listen(b.ctx, b.Store)
	require.NoError(t, err)
	b.OnError = func(err error) { b.lost <- err }
	t.Cleanup(func() { require.NoError(t, b.Close(context.Background())) })
	return b
}

func (b *listening) addImport(t *testing.T) (id int64) {
	t.Helper()
	require.NoError(t, b.sql.QueryRow(b.ctx, `INSERT INTO imports (site_id, source, label, args, on_part_failure, max_rejects,
			max_reject_share, chunk_rows, chunk_bytes, parallelism)
		VALUES ($1, 'noop', 'No-op', '{}', 'park', 1, 0.1, 10, 10, 1) RETURNING id`, b.siteID).Scan(&id))
	return id
}

// finish ends an import.
func (b *listening) finish(id int64, status string) error {
	_, err := b.Imports.Finish(b.ctx, id, importstore.End{Status: status}, importstore.LockLimits{})
	return err
}

// end ends a new import.
func (b *listening) end(t *testing.T, status string) (id int64) {
	t.Helper()
	id = b.addImport(t)
	require.NoError(t, b.finish(id, status))
	return id
}

// next returns the next notification.
func (b *listening) next(t *testing.T) starter.Notification {
	t.Helper()
	n, err := b.Next(b.ctx)
	require.NoError(t, err)
	return n
}

// silent makes sure that nothing more is on its way: the end of one more import is the
// next event.
func (b *listening) silent(t *testing.T) {
	t.Helper()
	id := b.end(t, importstore.StatusCompleted)
	require.Equal(t, starter.Notification{Event: "complete", ImportID: id, SiteID: b.siteID}, b.next(t))
}

// lose cuts the listener's connection.
func (b *listening) lose(t *testing.T) {
	t.Helper()
	var n int
	require.NoError(t, b.sql.QueryRow(b.ctx, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
		WHERE datname = current_database() AND pid <> pg_backend_pid()`).Scan(&n))
	require.Positive(t, n)
}

func TestListen(t *testing.T) {
	t.Parallel()
	b := setupListening(t)
	b.silent(t)
	id := b.addImport(t)
	require.NoError(t, b.Imports.RecordAttemptError(b.ctx, id, "busy"))
	require.NoError(t, b.finish(id, importstore.StatusDeclined))
	n := b.next(t)
	require.Equal(t, starter.Notification{Event: "transient_fail", ImportID: id, SiteID: b.siteID}, n)
	require.False(t, starter.Ends(n))
	n = b.next(t)
	require.Equal(t, starter.Notification{Event: "fail", ImportID: id, SiteID: b.siteID}, n)
	require.True(t, starter.Ends(n))

	// A run again of the same import ends again.
	_, err := b.sql.Exec(b.ctx, "UPDATE imports SET generation = 1, status = 'queued', finished_at = NULL WHERE id = $1", id)
	require.NoError(t, err)
	require.NoError(t, b.finish(id, importstore.StatusDeclined))
	require.Equal(t, n, b.next(t))
	b.silent(t)
	require.Empty(t, b.lost)
}

// Ends during a lost connection are reported after the reconnect, each once.
func TestListenAcrossALostConnection(t *testing.T) {
	t.Parallel()
	b := setupListening(t)
	b.silent(t)
	for range 3 {
		b.lose(t)
		want := map[starter.Notification]bool{}
		for _, event := range []string{importstore.StatusFailed, importstore.StatusCancelled, importstore.StatusUnchanged} {
			// The pool has lost its connections too.
			id := b.addImport(t)
			require.Eventually(t, func() bool { return b.finish(id, event) == nil }, time.Minute, time.Millisecond)
			want[starter.Notification{Event: importstore.JobEvent(event), ImportID: id, SiteID: b.siteID}] = true
		}
		for range len(want) {
			n := b.next(t)
			require.True(t, want[n], "%v is a duplicate or unexpected", n)
			delete(want, n)
		}
		b.silent(t)
		require.Error(t, <-b.lost)
	}
}

// An import that is gone by the time one looks has ended nevertheless.
func TestListenToADeletedImport(t *testing.T) {
	t.Parallel()
	b := setupListening(t)
	id := b.end(t, importstore.StatusCompleted)
	_, err := b.sql.Exec(b.ctx, "DELETE FROM imports WHERE id = $1", id)
	require.NoError(t, err)
	require.Equal(t, starter.Notification{Event: "complete", ImportID: id, SiteID: b.siteID}, b.next(t))
}

func TestListenIgnoresNoise(t *testing.T) {
	t.Parallel()
	b := setupListening(t)
	for _, noise := range []string{"", "x", "{}", "null", `{"event": 3}`} {
		_, err := b.sql.Exec(b.ctx, "SELECT pg_notify($1, $2)", importstore.JobsChannel, noise)
		require.NoError(t, err)
	}
	b.silent(t)
}

func TestListenStops(t *testing.T) {
	t.Parallel()
	b := setupListening(t)
	ctx, cancel := context.WithTimeout(b.ctx, 50*time.Millisecond)
	defer cancel()
	_, err := b.Next(ctx)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	// The listener is as good as before.
	b.silent(t)
	id := b.end(t, importstore.EventCancelled)
	for n, err := range b.All(b.ctx) {
		require.NoError(t, err)
		require.Equal(t, id, n.ImportID)
		break
	}
	stopped, cancel := context.WithCancel(b.ctx)
	cancel()
	for _, err := range b.All(stopped) {
		require.ErrorIs(t, err, context.Canceled)
	}
	closed, err := dispatchstore.Open(b.ctx, store.Config{DSN: "postgres://u@127.0.0.1:1/d"}, nil)
	require.NoError(t, err)
	t.Cleanup(closed.Close)
	_, err = starter.Listen(b.ctx, closed)
	require.ErrorContains(t, err, "listen to analytics_imports_jobs: ")
}
