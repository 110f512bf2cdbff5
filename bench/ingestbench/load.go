package ingestbench

import (
	"context"
	"sync"
	"sync/atomic"
	"time"
)

// shot sends the requests of one kind. no is the number of the first of its events.
type shot struct {
	// events is how many events a request has.
	events int64
	send   func(buffer []byte, no int64) ([]byte, answer)
}

// singles sends single events of visitors.
func singles(s *sender, v visitors) shot {
	return shot{events: 1, send: func(buffer []byte, no int64) ([]byte, answer) {
		body := v.appendEvent(buffer[:0], no)
		ip := v.appendIP(body, no)[len(body):]
		return body, s.post(body, v.agent(no), ip, 1)
	}}
}

// batches sends batches of visitors.
func batches(s *sender, v visitors, size int) shot {
	return shot{events: int64(size), send: func(buffer []byte, no int64) ([]byte, answer) {
		body := v.appendBatch(buffer[:0], no, size)
		return body, s.post(body, "", nil, int64(size))
	}}
}

// tally is what became of the events of several senders. It is safe for concurrent use.
type tally struct {
	accepted, dropped, failed atomic.Int64
	fault                     atomic.Pointer[string]
}

func (t *tally) add(a answer) {
	t.accepted.Add(a.accepted)
	t.dropped.Add(a.dropped)
	t.failed.Add(a.failed)
	if a.fault != "" {
		t.fault.Store(&a.fault)
	}
}

// noteIn adds what became of the events to those of a site.
func (t *tally) noteIn(s *site) {
	s.accepted += t.accepted.Load()
	s.failed += t.failed.Load()
	if fault := t.fault.Load(); fault != nil {
		s.fault = *fault
	}
}

// flood sends requests over so many connections as fast as they are answered, from a number on, until the time
// has ended or so many events are sent (0: no limit). It returns the number after the last, and how long it took.
func flood(
	ctx context.Context, connections int, kind shot, first int64, length time.Duration, most int64, t *tally,
) (next int64, took time.Duration) {
	var number atomic.Int64
	number.Store(first)
	begun := time.Now()
	var sending sync.WaitGroup
	for range connections {
		sending.Go(func() {
			var buffer []byte
			for ctx.Err() == nil && time.Since(begun) < length {
				no := number.Add(kind.events) - kind.events
				if most > 0 && no-first >= most {
					return
				}
				var a answer
				buffer, a = kind.send(buffer, no)
				t.add(a)
			}
		})
	}
	sending.Wait()
	return number.Load(), time.Since(begun)
}
