package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Subscription listens to a channel of PostgreSQL on a connection of its own. It is
// not safe for concurrent use. Notifications need a direct connection: behind a pooler
// that shares connections between transactions, nothing arrives.
type Subscription struct {
	conn *pgx.Conn
}

// Subscribe listens to a channel. What is committed after it has returned arrives.
// The caller closes the subscription.
func (s *Store) Subscribe(ctx context.Context, channel string) (*Subscription, error) {
	conn, err := pgx.ConnectConfig(ctx, s.sql.Pool.Config().ConnConfig)
	if err != nil {
		return nil, fmt.Errorf("listen to %s: %w", channel, err)
	}
	sub := &Subscription{conn: conn}
	if _, err := conn.Exec(ctx, "LISTEN "+pgx.Identifier{channel}.Sanitize()); err != nil {
		return nil, errors.Join(fmt.Errorf("listen to %s: %w", channel, err), sub.Close(ctx))
	}
	return sub, nil
}

// Await returns the payload of the next notification. ok is false if none has come
// before ctx was done; the subscription is good for another Await then. After an error
// it is not.
func (s *Subscription) Await(ctx context.Context) (payload string, ok bool, err error) {
	n, err := s.conn.WaitForNotification(ctx)
	switch {
	case err == nil:
		return n.Payload, true, nil
	case ctx.Err() != nil && !s.conn.IsClosed():
		return "", false, nil
	default:
		return "", false, fmt.Errorf("await a notification: %w", err)
	}
}

// Now returns the time of the database's clock, and thereby that the connection is
// alive.
func (s *Subscription) Now(ctx context.Context) (time.Time, error) {
	var now time.Time
	if err := s.conn.QueryRow(ctx, "SELECT clock_timestamp()").Scan(&now); err != nil {
		return time.Time{}, fmt.Errorf("ask for the time: %w", err)
	}
	return now, nil
}

// closeTimeout bounds the time to tell the server about the end.
const closeTimeout = 2 * time.Second

// Close ends the subscription, also if ctx is done.
func (s *Subscription) Close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	if err := s.conn.Close(ctx); err != nil {
		return fmt.Errorf("stop listening: %w", err)
	}
	return nil
}
