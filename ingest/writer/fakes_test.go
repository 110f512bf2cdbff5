package writer_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/ingest/session"
	"github.com/sluicehq/sluice/ingest/writer"
)

// action is what happens at a call to the outside.
type action int

const (
	// proceed is an ordinary call.
	proceed action = iota
	// failBefore and failAfter return an error, without and with the effect of the call.
	failBefore
	failAfter
	// crashBefore and crashAfter end the process, without and with the effect of the call.
	crashBefore
	crashAfter
	// loseRows remembers the token of an insert, but not its rows.
	loseRows
	// doubleRows inserts the rows twice.
	doubleRows
	// late lets an insert fail and take effect at a later call.
	late
)

var (
	errCrash = errors.New("the process has crashed")
	errFault = errors.New("fault")
)

// world is everything outside of the writer: log, checkpoints and warehouse.
type world struct {
	mu sync.Mutex
	// plan has the action of each call; beyond it, calls proceed.
	plan  []action
	calls int
	// crash ends the current process.
	crash   context.CancelFunc
	crashed bool
	// pause, if set, is called before each call, without the lock.
	pause func(token int64, call int)

	messages []eventlog.Message

	token    int64
	progress writer.Progress
	poisoned int
	poison   []writer.Poison
	ranges   []writer.Range

	tokens   map[string]bool
	events   []writer.Event
	sessions []session.Session
	counters []writer.Counter
	// delayed are inserts on their way; delay is after how many calls they arrive.
	delayed []func()
	delay   int
}

// arrive carries out the inserts on their way.
func (w *world) arrive() {
	for _, run := range w.delayed {
		run()
	}
	w.delayed = nil
}

// call carries out one call to the outside.
func (w *world) call(ctx context.Context, effect func(a action) error) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.crashed || ctx.Err() != nil {
		return errCrash
	}
	w.delay--
	if w.delay <= 0 {
		w.arrive()
	}
	a := proceed
	if w.calls < len(w.plan) {
		a = w.plan[w.calls]
	}
	w.calls++
	switch a {
	case failBefore:
		return errFault
	case crashBefore:
		w.crashed = true
		w.crash()
		return errCrash
	}
	err := effect(a)
	switch a {
	case failAfter, late:
		return errFault
	case crashAfter:
		w.crashed = true
		w.crash()
		return errCrash
	}
	return err
}

// Read returns a reader of the log.
func (w *world) Read(_ int, from uint64) writer.Reader { return &reader{w, max(from, 1)} }

// Sharing returns the partitions in the stream.
func (*world) Sharing(partition int) []int { return []int{partition} }

// Needed is not asked by a partition with a stream of its own.
func (*world) Needed(context.Context, []int) (uint64, error) { return 0, errFault }

// Trim does nothing: snapshots are too young.
func (*world) Trim(context.Context, int, uint64) (bool, error) { return true, nil }

type reader struct {
	world *world
	next  uint64
}

// Next returns the next message, or waits until ctx ends.
func (r *reader) Next(ctx context.Context) (eventlog.Message, error) {
	r.world.mu.Lock()
	defer r.world.mu.Unlock()
	if ctx.Err() != nil || int(r.next) > len(r.world.messages) {
		r.world.mu.Unlock()
		<-ctx.Done()
		r.world.mu.Lock()
		return eventlog.Message{}, ctx.Err()
	}
	r.next++
	m := r.world.messages[r.next-2]
	if m.Data == nil {
		return m, &eventlog.GapError{First: m.Sequence, Last: m.Sequence}
	}
	return m, nil
}

// Close does nothing.
func (*reader) Close() {}

// fenced carries out a call to the checkpoints.
func (w *world) fenced(ctx context.Context, token int64, effect func() error) error {
	if w.pause != nil {
		w.mu.Lock()
		call := w.calls
		w.mu.Unlock()
		w.pause(token, call)
		ctx = context.WithoutCancel(ctx)
	}
	return w.call(ctx, func(action) error {
		if token != w.token {
			return writer.ErrFenced
		}
		return effect()
	})
}

// Load returns the progress.
func (w *world) Load(ctx context.Context, _ int, token int64) (p writer.Progress, err error) {
	err = w.fenced(ctx, token, func() error {
		p = w.progress
		if p.Open != nil {
			open := *p.Open
			p.Open = &open
		}
		return nil
	})
	return p, err
}

// Decide opens a range.
func (w *world) Decide(ctx context.Context, token int64, r writer.Range) error {
	return w.fenced(ctx, token, func() error {
		if w.progress.Open != nil || r.From != max(w.progress.Next, 1) || r.To < r.From {
			return errors.New("not the next range")
		}
		w.progress.Open = &writer.Open{Range: r}
		return nil
	})
}

// RecordRepair notes a repair of the open range.
func (w *world) RecordRepair(ctx context.Context, token int64, r writer.Range, repair uint32) error {
	return w.fenced(ctx, token, func() error {
		if w.progress.Open == nil || w.progress.Open.Range != r || repair <= w.progress.Open.Repair {
			return errors.New("not a repair of the open range")
		}
		w.progress.Open.Repair = repair
		return nil
	})
}

// Mark closes the open range.
func (w *world) Mark(ctx context.Context, token int64, r writer.Range, s writer.Summary) error {
	return w.fenced(ctx, token, func() error {
		if w.progress.Open == nil || w.progress.Open.Range != r {
			return errors.New("not the open range")
		}
		w.progress.Open, w.progress.Next = nil, r.To+1
		w.poisoned += s.Poisoned
		w.poison = append(w.poison, s.Poison...)
		w.ranges = append(w.ranges, r)
		return nil
	})
}

// SaveSnapshot replaces the snapshot.
func (w *world) SaveSnapshot(ctx context.Context, token int64, _ int, next uint64, snapshot []byte) error {
	return w.fenced(ctx, token, func() error {
		if next != w.progress.Next {
			return errors.New("not the state behind the last range")
		}
		w.progress.Snapshot, w.progress.SnapshotNext = slices.Clone(snapshot), next
		return nil
	})
}

// Insert inserts rows, each table for itself.
func (w *world) Insert(ctx context.Context, key writer.Key, rows writer.Rows) error {
	return w.call(ctx, func(a action) error {
		insert := func() {
			if w.fresh("events", key, len(rows.Events)) && a != loseRows {
				w.events = append(w.events, rows.Events...)
			}
			if w.fresh("sessions", key, len(rows.Sessions)) {
				w.sessions = append(w.sessions, rows.Sessions...)
			}
			if w.fresh("counters", key, len(rows.Counters)) {
				w.counters = append(w.counters, rows.Counters...)
				if a == doubleRows {
					w.counters = append(w.counters, rows.Counters...)
				}
			}
		}
		if a == late {
			// It arrives after the writer has counted.
			w.delayed, w.delay = append(w.delayed, insert), 3
			return nil
		}
		insert()
		return nil
	})
}

// fresh reports whether rows are no repetition.
func (w *world) fresh(table string, key writer.Key, rows int) bool {
	token := table + key.Token()
	if rows == 0 || w.tokens[token] {
		return false
	}
	w.tokens[token] = true
	return true
}

// Count counts the rows of a range.
func (w *world) Count(ctx context.Context, key writer.Key, _ writer.Rows) (c writer.Counts, err error) {
	err = w.call(ctx, func(action) error {
		w.split(key, &c)
		return nil
	})
	return c, err
}

// Purge deletes the rows of a range.
func (w *world) Purge(ctx context.Context, key writer.Key, _ writer.Rows) error {
	return w.call(ctx, func(action) error {
		w.events, w.sessions, w.counters = w.split(key, &writer.Counts{})
		return nil
	})
}

// split counts the rows of a range and returns the others.
func (w *world) split(
	key writer.Key, c *writer.Counts,
) (events []writer.Event, sessions []session.Session, counters []writer.Counter) {
	inside := func(sequence uint64) bool { return sequence >= key.From && sequence <= key.To }
	for _, e := range w.events {
		if inside(e.Sequence) {
			c.Events++
		} else {
			events = append(events, e)
		}
	}
	for _, s := range w.sessions {
		if inside(s.Version >> 16) {
			c.Sessions++
		} else {
			sessions = append(sessions, s)
		}
	}
	for _, n := range w.counters {
		if inside(n.Sequence) {
			c.Counters++
		} else {
			counters = append(counters, n)
		}
	}
	return events, sessions, counters
}

func newWorld(messages []eventlog.Message) *world {
	return &world{messages: messages, tokens: map[string]bool{}}
}

// logged is when the log stored its first message.
var logged = time.Unix(1_700_000_000, 0)
