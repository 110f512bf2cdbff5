package api

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/sluicehq/sluice/access"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
)

// importsChannel is the PostgreSQL channel that notifies servers of changed imports: "<import> <site>", both numbers.
const importsChannel = "sluice_imports"

const (
	// coalesce is the time over which the changes of an import become one event.
	coalesce = 200 * time.Millisecond
	// loadFactor bounds the share of the time in which the feed reads: one part in so many.
	loadFactor = 4
	// readRetry is the delay after a failed read.
	readRetry = time.Second
	// A subscriber for which maxWaiting events have waited for maxLag is dropped.
	maxWaiting = 64
	maxLag     = 2 * time.Second
)

// event is a server-sent event.
type event struct {
	// name is its type. id is what the client sends as Last-Event-ID to resume after it, "" to keep the one before.
	name, id string
	data     []byte
}

// subscriber receives the events of an import, of all imports on its sites, or of a topic.
type subscriber struct {
	// importID is the import, 0 for another subject. topic names a polled subject.
	importID int64
	topic    string
	// scope are the sites of a subscriber to all imports.
	scope access.Scope
	// since is the ID of the last event that the client has, "" for none.
	since string
	// queue has the events that wait, oldest first: the state at the beginning, then what follows. The lock of the feed
	// guards it.
	queue []queuedEvent
	// ready has a value while queue may have events. ended is closed when the subscription ends.
	ready chan struct{}
	ended chan struct{}
}

// queuedEvent is an event that waits for a subscriber.
type queuedEvent struct {
	event
	// since is when it was queued.
	since time.Time
}

// listens tells whether it is a subscriber to all imports.
func (s *subscriber) listens() bool { return s.importID == 0 && s.topic == "" }

// push queues events. The caller holds the lock of the feed.
func (s *subscriber) push(now time.Time, events []event) {
	for _, e := range events {
		s.queue = append(s.queue, queuedEvent{e, now})
	}
	s.signal()
}

func (s *subscriber) signal() {
	select {
	case s.ready <- struct{}{}:
	default:
	}
}

// behind tells whether a subscriber takes its events too slowly.
func (s *subscriber) behind(now time.Time) bool {
	return len(s.queue) >= maxWaiting && now.Sub(s.queue[maxWaiting-1].since) > maxLag
}

// feed turns notifications into events: one connection listens, one goroutine reads each changed import once, however
// many subscribers it has.
type feed struct {
	store *dispatchstore.Store
	// now returns the time of the store's clock.
	now func(ctx context.Context) (time.Time, error)
	log *slog.Logger
	// clock returns the time of this process.
	clock func() time.Time
	// most is the number of subscribers.
	most int
	wake chan struct{}

	mu          sync.Mutex
	closed      bool
	subscribers map[*subscriber]struct{}
	// joined are those that have not received their first events.
	joined map[*subscriber]struct{}
	// changed are the imports that have changed, with the numbers of their sites.
	changed map[int64]int64
	// missed says that notifications may have been lost.
	missed bool
	topics map[string]*topic

	// watched is what was sent about imports with subscribers, and progress what the subscribers to all imports know of
	// running ones, if following says that there are such subscribers. They belong to the goroutine of run.
	watched   map[int64]*watchedImport
	progress  map[int64][]byte
	following bool
}

func newFeed(
	store *dispatchstore.Store, now func(ctx context.Context) (time.Time, error), log *slog.Logger, most int,
) *feed {
	return &feed{
		store: store, now: now, log: log, clock: time.Now, most: most, wake: make(chan struct{}, 1),
		subscribers: map[*subscriber]struct{}{}, joined: map[*subscriber]struct{}{}, changed: map[int64]int64{},
		topics: map[string]*topic{}, watched: map[int64]*watchedImport{}, progress: map[int64][]byte{},
	}
}

// subscribe adds a subscriber. The caller calls leave.
func (f *feed) subscribe(s *subscriber) (leave func(), err error) {
	s.ready, s.ended = make(chan struct{}, 1), make(chan struct{})
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return nil, newProblem(problemBusy, "The server is stopping: subscribe again, at another server.")
	}
	if len(f.subscribers) >= f.most {
		return nil, newProblem(problemBusy, strconv.Itoa(f.most)+" streams are open (server.max_streams): try again later.")
	}
	f.subscribers[s] = struct{}{}
	f.joined[s] = struct{}{}
	f.poke()
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.drop(s)
	}, nil
}

// poke wakes the goroutine of run.
func (f *feed) poke() {
	select {
	case f.wake <- struct{}{}:
	default:
	}
}

// drop ends a subscription. The caller holds the lock.
func (f *feed) drop(s *subscriber) {
	if _, ok := f.subscribers[s]; !ok {
		return
	}
	delete(f.subscribers, s)
	delete(f.joined, s)
	s.queue = nil
	close(s.ended)
}

// send queues events for a subscriber, or drops one that has fallen behind.
func (f *feed) send(s *subscriber, events ...event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.subscribers[s]; !ok {
		return
	}
	now := f.clock()
	if s.behind(now) {
		f.log.Info("stream ended: its client takes events too slowly", "waiting", len(s.queue))
		f.drop(s)
		return
	}
	s.push(now, events)
}

// next takes the oldest event that waits for a subscriber. ok is false without one.
func (f *feed) next(s *subscriber) (e event, ok bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(s.queue) == 0 {
		return event{}, false
	}
	e, s.queue[0] = s.queue[0].event, queuedEvent{}
	if s.queue = s.queue[1:]; len(s.queue) > 0 {
		s.signal()
	}
	return e, true
}

// begin passes the first events to a subscriber.
func (f *feed) begin(s *subscriber, events []event) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, ok := f.joined[s]; ok {
		delete(f.joined, s)
		s.push(f.clock(), events)
	}
}

// close ends all subscriptions, so that the server can stop.
func (f *feed) close() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.closed = true
	for s := range f.subscribers {
		f.drop(s)
	}
}

// run serves the subscribers until ctx ends.
func (f *feed) run(ctx context.Context) {
	var listening sync.WaitGroup
	defer listening.Wait()
	defer f.close()
	listening.Go(func() { f.store.Follow(ctx, importsChannel, followed(f)) })
	listening.Go(func() { f.runTopics(ctx) })
	poll := time.NewTicker(pollInterval)
	defer poll.Stop()
	next := time.NewTimer(0)
	defer next.Stop()
	for {
		look := false
		select {
		case <-f.wake:
		case <-poll.C:
			look = true
		case <-ctx.Done():
			return
		}
		select {
		case <-next.C:
		case <-ctx.Done():
			return
		}
		begun := time.Now()
		pause := coalesce
		if work := f.take(look); !work.none() {
			if err := f.publish(ctx, work); err != nil {
				f.restore(work)
				pause = readRetry
				if ctx.Err() == nil {
					f.log.Warn("reading for streams failed", "error", err, "retry_in", pause)
				}
			}
		}
		next.Reset(max(pause, loadFactor*time.Since(begun)))
	}
}

// note records a notification; "" says that others may have been lost.
func (f *feed) note(payload string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if payload == "" {
		f.missed = true
		f.poke()
		return
	}
	number, of, _ := strings.Cut(payload, " ")
	id, err := strconv.ParseInt(number, 10, 64)
	if err != nil || len(f.subscribers) == 0 {
		// Any client can notify any channel.
		return
	}
	site, err := strconv.ParseInt(of, 10, 64)
	if err != nil {
		return
	}
	if site != 0 || f.changed[id] == 0 {
		f.changed[id] = site
	}
	f.poke()
}

// work is what there is to publish.
type work struct {
	changed map[int64]int64
	missed  bool
	joined  []*subscriber
	// look says that the progress of running imports is read, which is not notified.
	look bool
}

func (w work) none() bool { return len(w.changed) == 0 && !w.missed && len(w.joined) == 0 && !w.look }

// take returns what there is to publish.
func (f *feed) take(look bool) work {
	f.mu.Lock()
	defer f.mu.Unlock()
	w := work{changed: f.changed, missed: f.missed}
	for s := range f.subscribers {
		w.look = w.look || look && s.topic == ""
	}
	f.changed, f.missed = map[int64]int64{}, false
	w.joined = slices.Collect(maps.Keys(f.joined))
	return w
}

// restore keeps work that has failed. Those that have joined are still waiting.
func (f *feed) restore(w work) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, site := range w.changed {
		if _, again := f.changed[id]; !again {
			f.changed[id] = site
		}
	}
	f.missed = f.missed || w.missed
	f.poke()
}

// subscribersTo returns the subscribers for which a condition holds.
func (f *feed) subscribersTo(holds func(s *subscriber) bool) []*subscriber {
	f.mu.Lock()
	defer f.mu.Unlock()
	var all []*subscriber
	for s := range f.subscribers {
		if _, waits := f.joined[s]; !waits && holds(s) {
			all = append(all, s)
		}
	}
	return all
}
