package starter

import (
	"context"
	"sync"
	"time"

	"github.com/sluicehq/sluice/activities"
)

// wakers tells actions that there are jobs: each at most once in a while, for all who have
// said so meanwhile. A flood of events is so no flood of signals, each of which would stay in
// the history of a workflow.
type wakers struct {
	// every is how long an action is left alone between two signals.
	every time.Duration
	// send sends a signal.
	send func(ctx context.Context, ref activities.ActionRef) error

	mu       sync.Mutex
	byAction map[activities.ActionRef]*waker
}

// waker is about one action.
type waker struct {
	// turn is had by whoever sends; its value is when a signal was sent last.
	turn chan time.Time
	mu   sync.Mutex
	// next is the signal that is going to be sent, nil if nobody waits for one.
	next *pendingWake
}

// pendingWake is a signal that somebody waits for his turn to send, and others with him.
type pendingWake struct {
	done chan struct{}
	err  error
}

// wake returns once a signal is sent that was begun after the call. Where the one who is to
// send it fails, the others send their own.
func (w *wakers) wake(ctx context.Context, ref activities.ActionRef) error {
	one := w.of(ref)
	pending, first := one.join()
	if first {
		pending.err = w.sendInTurn(ctx, one, ref)
		close(pending.done)
		return pending.err
	}
	select {
	case <-pending.done:
	case <-ctx.Done():
		return ctx.Err()
	}
	if pending.err == nil {
		return nil
	}
	// What has failed may have been the other's context.
	return w.send(ctx, ref)
}

// sendInTurn waits until the action may be told again, and tells it.
func (w *wakers) sendInTurn(ctx context.Context, one *waker, ref activities.ActionRef) error {
	var last time.Time
	select {
	case last = <-one.turn:
	case <-ctx.Done():
		one.leave()
		return ctx.Err()
	}
	defer func() { one.turn <- last }()
	wait := time.NewTimer(time.Until(last.Add(w.every)))
	defer wait.Stop()
	select {
	case <-wait.C:
	case <-ctx.Done():
		one.leave()
		return ctx.Err()
	}
	// Whoever comes from now on cannot be sure that this signal is for him, too.
	one.leave()
	last = time.Now()
	return w.send(ctx, ref)
}

func (w *wakers) of(ref activities.ActionRef) *waker {
	w.mu.Lock()
	defer w.mu.Unlock()
	one := w.byAction[ref]
	if one == nil {
		one = &waker{turn: make(chan time.Time, 1)}
		one.turn <- time.Time{}
		if w.byAction == nil {
			w.byAction = map[activities.ActionRef]*waker{}
		}
		w.byAction[ref] = one
	}
	return one
}

// join returns the signal that is going to be sent; first says that the caller sends it.
func (o *waker) join() (pending *pendingWake, first bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.next != nil {
		return o.next, false
	}
	o.next = &pendingWake{done: make(chan struct{})}
	return o.next, true
}

// leave closes the group of those who wait for the next signal.
func (o *waker) leave() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.next = nil
}
