// Package groupcommit combines concurrent calls into groups, so that many callers share the
// cost of one transaction.
package groupcommit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// ErrWithdrawn is the error of a call whose context ended while it was waiting for a group: it was not executed.
var ErrWithdrawn = errors.New("withdrawn before it was executed")

// Group executes concurrent calls together: those that arrive while a group is executed form the next one.
// No call waits for others to arrive. Several groups at once would be smaller and cost more.
type Group[Call any] struct {
	// Do executes the calls of a group and stores the results in them, bounded by Timeout. Required.
	Do func(ctx context.Context, calls []Call)
	// MaxCalls is the maximum number of calls in a group. Defaults to 200.
	MaxCalls int
	// MaxSize bounds the sum of Size over the calls of a group; a larger call has a group of
	// its own. Defaults to no bound.
	MaxSize int
	// Size returns the size of a call. Required with MaxSize.
	Size func(Call) int

	mu      sync.Mutex
	waiting []*pendingCall[Call]
	// size is that of the waiting calls, with MaxSize.
	size    int
	running bool
}

type pendingCall[Call any] struct {
	call Call
	size int
	done chan struct{}
}

const (
	defaultMaxCalls = 200
	// Timeout bounds one group. The context of a single caller does not end a group.
	Timeout = 30 * time.Second
)

// Call returns after a group has executed the call, or with the error of ctx. After an error the
// call may have been executed, unless the error is ErrWithdrawn too.
func (g *Group[Call]) Call(ctx context.Context, call Call) error {
	pending := &pendingCall[Call]{call: call, done: make(chan struct{})}
	if g.MaxSize > 0 {
		pending.size = g.Size(call)
	}
	g.mu.Lock()
	g.waiting = append(g.waiting, pending)
	g.size += pending.size
	if !g.running {
		g.running = true
		// It ends when no call is waiting.
		go g.serve(context.WithoutCancel(ctx))
	}
	g.mu.Unlock()
	select {
	case <-pending.done:
		return nil
	case <-ctx.Done():
	}
	if g.withdraw(pending) {
		return fmt.Errorf("%w: %w", ErrWithdrawn, ctx.Err())
	}
	select {
	case <-pending.done:
		return nil
	default:
		return ctx.Err()
	}
}

// withdraw removes a call that is still waiting, and reports whether it did.
func (g *Group[Call]) withdraw(call *pendingCall[Call]) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	at := slices.Index(g.waiting, call)
	if at < 0 {
		return false
	}
	g.waiting = slices.Delete(g.waiting, at, at+1)
	g.size -= call.size
	return true
}

// serve executes groups until no call is waiting.
func (g *Group[Call]) serve(ctx context.Context) {
	for group := g.next(); len(group) > 0; group = g.next() {
		calls := make([]Call, len(group))
		for i, pending := range group {
			calls[i] = pending.call
		}
		g.do(ctx, calls)
		for _, pending := range group {
			close(pending.done)
		}
	}
}

func (g *Group[Call]) do(ctx context.Context, calls []Call) {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	g.Do(ctx, calls)
}

// next takes the calls of the next group. An empty group ends its goroutine.
func (g *Group[Call]) next() []*pendingCall[Call] {
	g.mu.Lock()
	defer g.mu.Unlock()
	n := g.fitting()
	group := g.waiting[:n:n]
	for _, pending := range group {
		g.size -= pending.size
	}
	if g.waiting = g.waiting[n:]; n == 0 {
		g.waiting = nil
		g.running = false
	}
	return group
}

// fitting returns how many of the waiting calls the next group has.
func (g *Group[Call]) fitting() int {
	n := min(len(g.waiting), cmp.Or(g.MaxCalls, defaultMaxCalls))
	if g.MaxSize == 0 {
		return n
	}
	size := 0
	for i, pending := range g.waiting[:n] {
		if size += pending.size; i > 0 && size > g.MaxSize {
			return i
		}
	}
	return n
}
