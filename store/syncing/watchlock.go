package syncing

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// ErrWatched means that another process has the lock of a watch.
var ErrWatched = errors.New("another process watches this state file")

// WatchLock is the right to watch a state file. It belongs to a session of PostgreSQL, and ends with it: when the
// process ends in any way, another one can have it at once.
type WatchLock struct {
	conn *pgxpool.Conn
}

// keepalive lets PostgreSQL notice within half a minute that the machine of a session has gone.
const keepalive = `SELECT set_config('tcp_keepalives_idle', '10', false),
	set_config('tcp_keepalives_interval', '5', false), set_config('tcp_keepalives_count', '4', false)`

// LockWatch takes the lock of a watch, for which it keeps a connection of the pool. The error is ErrWatched if another
// session has it.
func (s *Store) LockWatch(ctx context.Context, watch string) (*WatchLock, error) {
	conn, err := s.sql.Pool.Acquire(ctx)
	if err != nil {
		return nil, fmt.Errorf("lock the watch: %w", err)
	}
	l := &WatchLock{conn: conn}
	_, err = conn.Exec(ctx, keepalive)
	locked := false
	if err == nil {
		err = conn.QueryRow(ctx, "SELECT pg_try_advisory_lock(hashtextextended('sluice sync watch ' || $1, 0))", watch).
			Scan(&locked)
	}
	if err == nil && !locked {
		err = ErrWatched
	}
	if err != nil {
		l.Release(ctx)
		return nil, fmt.Errorf("lock the watch: %w", err)
	}
	return l, nil
}

// Check returns an error if the session of the lock has ended, and with it the lock.
func (l *WatchLock) Check(ctx context.Context) error {
	if err := l.conn.Ping(ctx); err != nil {
		return fmt.Errorf("check the lock of the watch: %w", err)
	}
	return nil
}

// releaseTimeout bounds the end of the session.
const releaseTimeout = 5 * time.Second

// Release frees the lock and ends the session, also after the end of ctx. It is called once.
func (l *WatchLock) Release(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	// Both fail if the session has ended, and the lock with it.
	_, _ = l.conn.Exec(ctx, "SELECT pg_advisory_unlock_all()") //nolint:errcheck // see above
	_ = l.conn.Hijack().Close(ctx)                             //nolint:errcheck // see above
}
