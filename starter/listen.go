package starter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"maps"
	"time"

	"github.com/sluicehq/sluice/store"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// Notification reports that an import has ended (importstore.JobComplete, importstore.JobFail), or that an
// attempt has failed and is retried (importstore.JobTransientFail).
type Notification = importstore.JobMessage

// Ends reports whether a notification is about the end of an import.
func Ends(n Notification) bool {
	return n.Event == importstore.JobComplete || n.Event == importstore.JobFail
}

// Listener receives the notifications about imports.
//
// It listens on a connection of its own and reconnects when that is lost. The end of an import
// that is announced after Listen has returned is reported once, also if it was announced while
// there was no connection: ends are in the store's outbox, and are read from there after a
// reconnection. They are late in that case, and no longer in order with those of other imports.
// An end is missed only if the import was deleted before the reconnection. Retries are reported
// only while there is a connection. To wait for the end of one import, use Starter.Wait.
//
// A Listener is not safe for concurrent use.
type Listener struct {
	// OnError, if set, is called with the last error whenever the connection is lost or cannot be
	// made. Next retries.
	OnError func(error)

	store    *dispatchstore.Store
	follower *store.Follower
	// heard is when the connection was last known to be alive, by the database's clock.
	heard time.Time
	// seen are the ends that were reported, as far back as they could be read again.
	seen  map[string]time.Time
	queue []Notification
}

// overlap is how far back ends are read. They carry the time at which their transaction began,
// which may be that much before its end.
const overlap = time.Minute

// Listen begins to listen. What ends after it has returned is reported by Next. The caller
// closes the listener. The error is that of the store, which was not reached.
func Listen(ctx context.Context, s *dispatchstore.Store) (*Listener, error) {
	l := &Listener{store: s, follower: s.Follower(importstore.JobsChannel), seen: map[string]time.Time{}}
	l.follower.Lost = func(err error) {
		if l.OnError != nil {
			l.OnError(err)
		}
	}
	if err := l.follower.Try(ctx, l.handle); err != nil {
		return nil, errors.Join(err, l.Close(ctx))
	}
	return l, nil
}

// Close ends the listening. The error is that of the connection.
func (l *Listener) Close(ctx context.Context) error { return l.follower.Close(ctx) }

// All iterates over the notifications until ctx is done, which is the last pair's error.
func (l *Listener) All(ctx context.Context) iter.Seq2[Notification, error] {
	return func(yield func(Notification, error) bool) {
		for {
			n, err := l.Next(ctx)
			if !yield(n, err) || err != nil {
				return
			}
		}
	}
}

// Next waits for the next notification. The error is that of ctx; any other failure is retried.
func (l *Listener) Next(ctx context.Context) (Notification, error) {
	for len(l.queue) == 0 {
		l.follower.Next(ctx, l.handle)
		if ctx.Err() != nil && len(l.queue) == 0 {
			return Notification{}, fmt.Errorf("listen for imports: %w", ctx.Err())
		}
	}
	n := l.queue[0]
	l.queue = l.queue[1:]
	return n, nil
}

// handle queues what the follower has received.
func (l *Listener) handle(ctx context.Context, r store.Received) error {
	if r.Connected {
		if err := l.catchUp(ctx, r.Now); err != nil {
			return err
		}
	}
	if r.Payload != "" {
		if err := l.take(ctx, r.Payload); err != nil {
			return err
		}
	}
	if !r.Now.IsZero() {
		l.heard = r.Now
		l.forget()
	}
	return nil
}

// catchUp reads the ends that were announced without a connection. The follower listens
// before: an end that is announced meanwhile comes both ways, and is reported once.
func (l *Listener) catchUp(ctx context.Context, now time.Time) error {
	since, news := l.heard, time.Time{}
	if since.IsZero() {
		// Ends before the first connection are no news.
		since, news = now, now
	}
	ends, err := l.store.Imports.AnnouncedEnds(ctx, since.Add(-overlap), 0)
	if err != nil {
		return err
	}
	l.report(ends, news)
	return nil
}

// forget drops ends that are too old to be read again. A reconnection reads from a time that is
// earlier than now, hence twice the overlap.
func (l *Listener) forget() {
	maps.DeleteFunc(l.seen, func(_ string, at time.Time) bool { return at.Before(l.heard.Add(-2 * overlap)) })
}

// take queues a notification. The outbox has the ID of an end, by which it is reported once.
func (l *Listener) take(ctx context.Context, payload string) error {
	var n Notification
	if err := json.Unmarshal([]byte(payload), &n); err != nil || n.ImportID == 0 {
		// Any client can notify any channel.
		return nil //nolint:nilerr // a payload of another program is no fault
	}
	if !Ends(n) {
		l.queue = append(l.queue, n)
		return nil
	}
	ends, err := l.store.Imports.AnnouncedEnds(ctx, l.heard.Add(-overlap), n.ImportID)
	if err != nil {
		return err
	}
	if len(ends) == 0 {
		// The import was deleted meanwhile, and its outbox with it.
		l.queue = append(l.queue, n)
	}
	l.report(ends, time.Time{})
	return nil
}

// report queues the ends that were not reported yet and that are not older than news.
func (l *Listener) report(ends []importstore.AnnouncedEnd, news time.Time) {
	for _, end := range ends {
		if _, reported := l.seen[end.ID]; reported {
			continue
		}
		l.seen[end.ID] = end.CreatedAt
		if end.CreatedAt.Before(news) {
			continue
		}
		l.queue = append(l.queue, Notification{
			Event: importstore.JobEvent(end.Event), ImportID: end.ImportID, SiteID: end.SiteID,
		})
	}
}
