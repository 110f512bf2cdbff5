package starter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/sluicehq/sluice/store"
)

// Notification is what is told about an import: that it is over (store.JobComplete,
// store.JobFail), or that something has failed and is tried again
// (store.JobTransientFail).
type Notification = store.JobMessage

// Ends says whether a notification tells of an import's end.
func Ends(n Notification) bool { return n.Event == store.JobComplete || n.Event == store.JobFail }

// Listener hears how imports go.
//
// It listens on a connection of its own and makes a new one when that is lost. The
// end of an import that is announced after Listen has returned is told once, also if
// it was announced while there was no connection: ends stand in the store's outbox, and
// are read from there then. They come late in that case, and no longer in order with
// those of other imports. An end is missed only if the import was deleted before the
// connection was back. That something is tried again is told only while there is a
// connection. Who needs more than to be told uses Starter.Wait.
//
// A Listener is not safe for concurrent use.
type Listener struct {
	// Trouble, if set, is called whenever the connection is lost or cannot be made. Next
	// goes on trying.
	Trouble func(error)

	store *store.Store
	sub   *store.Subscription
	// heard is when the connection was last known to be alive, by the database's clock;
	// checked is the same by ours.
	heard   time.Time
	checked time.Time
	// seen are the ends that were told, as far back as they could be read again.
	seen  map[string]time.Time
	queue []Notification
}

const (
	// overlap is how far back ends are read. They carry the time at which their
	// transaction began, which may lie that much before its end.
	overlap = time.Minute
	// aliveInterval is how often a connection is asked whether it is still there, and
	// aliveTimeout how long it may take to answer.
	aliveInterval = 15 * time.Second
	aliveTimeout  = 5 * time.Second
	// Waits between attempts to connect.
	firstReconnect = 100 * time.Millisecond
	lastReconnect  = 5 * time.Second
)

// Listen begins to listen. What ends after it has returned is told by Next. The caller
// closes the listener.
func Listen(ctx context.Context, s *store.Store) (*Listener, error) {
	l := &Listener{store: s, seen: map[string]time.Time{}}
	if err := l.connect(ctx); err != nil {
		return nil, errors.Join(err, l.Close(ctx))
	}
	return l, nil
}

// Close ends the listening.
func (l *Listener) Close(ctx context.Context) error {
	if l.sub == nil {
		return nil
	}
	sub := l.sub
	l.sub = nil
	return sub.Close(ctx)
}

// All goes through what is told until ctx is done, which is the last pair's error.
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

// Next waits for the next notification. The error is that of ctx; whatever else goes
// wrong is tried again.
func (l *Listener) Next(ctx context.Context) (Notification, error) {
	wait := firstReconnect
	for {
		if len(l.queue) > 0 {
			n := l.queue[0]
			l.queue = l.queue[1:]
			return n, nil
		}
		err := l.step(ctx)
		if ctx.Err() != nil {
			return Notification{}, fmt.Errorf("listen for imports: %w", ctx.Err())
		}
		if err == nil {
			wait = firstReconnect
			continue
		}
		if err = errors.Join(err, l.Close(ctx)); l.Trouble != nil {
			l.Trouble(err)
		}
		pause(ctx, wait)
		wait = min(2*wait, lastReconnect)
	}
}

// pause waits, but not longer than ctx.
func pause(ctx context.Context, wait time.Duration) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// step makes sure that there is a connection, and waits a while for something to come.
func (l *Listener) step(ctx context.Context) error {
	if l.sub == nil {
		return l.connect(ctx)
	}
	waiting, cancel := context.WithTimeout(ctx, aliveInterval)
	defer cancel()
	payload, told, err := l.sub.Await(waiting)
	if err == nil && told {
		err = l.take(ctx, payload)
	}
	if err == nil && time.Since(l.checked) >= aliveInterval && ctx.Err() == nil {
		err = l.check(ctx)
	}
	return err
}

// connect listens anew, and reads what has ended while nobody listened. It does so in
// this order: what ends in between comes both ways, and is told once.
func (l *Listener) connect(ctx context.Context) error {
	sub, err := l.store.Subscribe(ctx, store.JobsChannel)
	if err != nil {
		return err
	}
	l.sub = sub
	before, news := l.heard, time.Time{}
	if err := l.check(ctx); err != nil {
		return err
	}
	if before.IsZero() {
		// At the very beginning, what ended before is no news.
		before, news = l.heard, l.heard
	}
	ends, err := l.store.AnnouncedEnds(ctx, before.Add(-overlap), 0)
	if err != nil {
		// Whoever tries again must go as far back.
		l.heard = before
		return err
	}
	l.tell(ends, news)
	return nil
}

// check asks whether the connection is still there, and forgets ends that are too old
// to be read again.
func (l *Listener) check(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, aliveTimeout)
	defer cancel()
	now, err := l.sub.Now(ctx)
	if err != nil {
		return err
	}
	l.heard, l.checked = now, time.Now()
	for id, at := range l.seen {
		// Twice the overlap: whoever reconnects looks back from an earlier moment.
		if at.Before(now.Add(-2 * overlap)) {
			delete(l.seen, id)
		}
	}
	return nil
}

// take queues what came. Of an end the outbox knows the ID, by which it is told once.
func (l *Listener) take(ctx context.Context, payload string) error {
	var n Notification
	if err := json.Unmarshal([]byte(payload), &n); err != nil || n.ImportID == 0 {
		// Anybody may say anything on a channel.
		return nil //nolint:nilerr // what is not for us is no fault
	}
	if !Ends(n) {
		l.queue = append(l.queue, n)
		return nil
	}
	ends, err := l.store.AnnouncedEnds(ctx, l.heard.Add(-overlap), n.ImportID)
	if err != nil {
		return err
	}
	if len(ends) == 0 {
		// The import was deleted meanwhile, and its outbox with it.
		l.queue = append(l.queue, n)
	}
	l.tell(ends, time.Time{})
	return nil
}

// tell queues the ends that were not told yet and that are not older than news.
func (l *Listener) tell(ends []store.AnnouncedEnd, news time.Time) {
	for _, end := range ends {
		if _, told := l.seen[end.ID]; told {
			continue
		}
		l.seen[end.ID] = end.CreatedAt
		if end.CreatedAt.Before(news) {
			continue
		}
		l.queue = append(l.queue, Notification{
			Event: store.JobEvent(end.Event), ImportID: end.ImportID, SiteID: end.SiteID,
		})
	}
}
