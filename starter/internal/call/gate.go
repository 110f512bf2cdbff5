package call

import (
	"context"
	"sync"

	"go.temporal.io/sdk/client"
	"golang.org/x/sync/semaphore"
)

// maxConcurrent is how many updates this process sends to one workflow at a time. The server takes 10
// from all clients together (history.maxInFlightUpdates), and when it refuses one more it forgets the
// workflow task that carries the others: clients that retry can keep each other from an answer for minutes.
const maxConcurrent = 4

// gates bound the updates of each workflow that are under way.
var gates = gateSet{byTarget: map[target]*gate{}}

// target is a workflow as a client sees it.
type target struct {
	temporal   client.Client
	workflowID string
}

// gateSet holds a gate for each workflow with updates under way.
type gateSet struct {
	mu       sync.Mutex
	byTarget map[target]*gate
}

type gate struct {
	places *semaphore.Weighted
	users  int
}

// enter waits for a place; leave gives it back. The error is that of ctx.
func (g *gateSet) enter(ctx context.Context, to target) (leave func(), err error) {
	g.mu.Lock()
	at := g.byTarget[to]
	if at == nil {
		at = &gate{places: semaphore.NewWeighted(maxConcurrent)}
		g.byTarget[to] = at
	}
	at.users++
	g.mu.Unlock()
	forget := func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		at.users--
		if at.users == 0 {
			delete(g.byTarget, to)
		}
	}
	if err := at.places.Acquire(ctx, 1); err != nil {
		forget()
		return nil, err
	}
	return func() {
		at.places.Release(1)
		forget()
	}, nil
}
