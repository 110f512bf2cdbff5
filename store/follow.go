package store

import (
	"context"
	"errors"
	"time"

	"github.com/sluicehq/sluice/internal/delay"
)

const (
	// aliveInterval is how often a connection that follows a channel is tested, aliveTimeout
	// how long a test may take.
	aliveInterval = 15 * time.Second
	aliveTimeout  = 5 * time.Second
	// Delays between attempts to connect.
	minReconnectDelay = 100 * time.Millisecond
	maxReconnectDelay = 5 * time.Second
)

// Follower receives the notifications of a channel of PostgreSQL and reconnects when its
// connection is lost. It is not safe for concurrent use. Notifications need a direct
// connection: behind some poolers none arrives, and no error says so.
type Follower struct {
	// Lost, if set, is called when the connection is lost, cannot be made or is useless, with
	// the reason. The follower retries.
	Lost func(err error)

	store   *Store
	channel string
	sub     *Subscription
	// tested is when the connection was last known to be alive.
	tested time.Time
	delay  time.Duration
}

// Received is what a Follower has received.
type Received struct {
	// Connected means that the follower listens on a new connection: earlier notifications may
	// be missed. It comes first.
	Connected bool
	// Payload is that of a notification, "" for none.
	Payload string
	// Now is the time of the database's clock at a test of the connection, zero if there was
	// no test.
	Now time.Time
}

// Follower returns a follower of a channel. The caller closes it.
func (s *Store) Follower(channel string) *Follower {
	return &Follower{store: s, channel: channel, delay: minReconnectDelay}
}

// Close ends the connection. The follower connects again when it is used.
func (f *Follower) Close(ctx context.Context) error {
	if f.sub == nil {
		return nil
	}
	sub := f.sub
	f.sub = nil
	return sub.Close(ctx)
}

// Next waits for something to handle, or for the end of ctx. If the connection fails, or handle
// returns an error, it reconnects and tries again.
func (f *Follower) Next(ctx context.Context, handle func(ctx context.Context, r Received) error) {
	for {
		err := f.Try(ctx, handle)
		if err == nil {
			f.delay = minReconnectDelay
			return
		}
		// What was received and not handled is missed: only a new connection says so.
		err = errors.Join(err, f.Close(ctx))
		if ctx.Err() != nil {
			return
		}
		if f.Lost != nil {
			f.Lost(err)
		}
		if delay.Wait(ctx, f.delay) != nil {
			return
		}
		f.delay = min(2*f.delay, maxReconnectDelay)
	}
}

// Try is Next without retries: it returns the error of the connection or of handle, after which
// the caller closes the follower or calls Next.
func (f *Follower) Try(ctx context.Context, handle func(ctx context.Context, r Received) error) (err error) {
	if f.sub == nil {
		if f.sub, err = f.store.Subscribe(ctx, f.channel); err != nil {
			return err
		}
		now, err := f.test(ctx)
		if err != nil {
			return err
		}
		return handle(ctx, Received{Connected: true, Now: now})
	}
	waiting, cancel := context.WithTimeout(ctx, aliveInterval)
	defer cancel()
	payload, told, err := f.sub.Await(waiting)
	if err != nil {
		return err
	}
	received := Received{Payload: payload}
	if ctx.Err() == nil && time.Since(f.tested) >= aliveInterval {
		if received.Now, err = f.test(ctx); err != nil {
			return err
		}
	}
	if !told && received.Now.IsZero() {
		return nil
	}
	return handle(ctx, received)
}

// test asks for the database's time.
func (f *Follower) test(ctx context.Context) (time.Time, error) {
	ctx, cancel := context.WithTimeout(ctx, aliveTimeout)
	defer cancel()
	now, err := f.sub.Now(ctx)
	if err == nil {
		f.tested = time.Now()
	}
	return now, err
}

// Followed has the callbacks of Follow.
type Followed struct {
	// Notified is called with the payload of each notification, and with "" whenever notifications may
	// have been lost: each time it begins to listen. Required.
	Notified func(payload string)
	// Lost is called with the error when it cannot listen. Required.
	Lost func(err error)
}

// Follow passes the notifications of a channel to callbacks until ctx ends. A caller polls as
// well, though seldom: see Follower.
func (s *Store) Follow(ctx context.Context, channel string, to Followed) {
	f := s.Follower(channel)
	f.Lost = to.Lost
	for ctx.Err() == nil {
		f.Next(ctx, func(_ context.Context, r Received) error {
			if r.Connected || r.Payload != "" {
				to.Notified(r.Payload)
			}
			return nil
		})
	}
	if err := f.Close(ctx); err != nil {
		to.Lost(err)
	}
}
