package starter

import (
	"context"
	"sync"
	"time"
)

// intake carries out what many ask for at once together: those who come while it is busy are
// the next group. What a transaction costs is so shared by as many as there are, and nobody
// waits for others to come.
type intake[Call any] struct {
	// do carries out a group of calls, and leaves its answers in them.
	do func(ctx context.Context, group []Call)

	mu      sync.Mutex
	waiting []pendingCall[Call]
	running int
}

type pendingCall[Call any] struct {
	call Call
	done chan struct{}
}

const (
	// intakeGroups is how many groups are carried out at once.
	intakeGroups = 4
	// intakeMost is how many calls a group has at most.
	intakeMost = 200
	// intakeTimeout bounds how long a group takes: no single caller can end it.
	intakeTimeout = 30 * time.Second
)

// ask returns once a call was carried out, or with the error of ctx: then it may be, or not.
func (in *intake[Call]) ask(ctx context.Context, call Call) error {
	pending := pendingCall[Call]{call: call, done: make(chan struct{})}
	in.mu.Lock()
	in.waiting = append(in.waiting, pending)
	if in.running < intakeGroups {
		in.running++
		// It ends when nobody waits any more.
		go in.serve(context.WithoutCancel(ctx))
	}
	in.mu.Unlock()
	select {
	case <-pending.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// serve carries out groups until nobody waits.
func (in *intake[Call]) serve(ctx context.Context) {
	for group := in.next(); len(group) > 0; group = in.next() {
		calls := make([]Call, len(group))
		for i, pending := range group {
			calls[i] = pending.call
		}
		func() {
			ctx, cancel := context.WithTimeout(ctx, intakeTimeout)
			defer cancel()
			in.do(ctx, calls)
		}()
		for _, pending := range group {
			close(pending.done)
		}
	}
}

// next takes those who wait. If there are none, whoever asks has come to his end.
func (in *intake[Call]) next() []pendingCall[Call] {
	in.mu.Lock()
	defer in.mu.Unlock()
	n := min(len(in.waiting), intakeMost)
	group := in.waiting[:n:n]
	if in.waiting = in.waiting[n:]; n == 0 {
		in.waiting = nil
		in.running--
	}
	return group
}
