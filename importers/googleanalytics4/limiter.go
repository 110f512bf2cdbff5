package googleanalytics4

import (
	"context"
	"sync"
)

// limiter bounds the number of concurrent requests by key. An unused key takes no memory.
type limiter struct {
	mu    sync.Mutex
	gates map[string]*gate
}

type gate struct {
	slots chan struct{}
	users int
}

// acquire waits for a slot of the key. size is the number of slots; all callers must pass the same
// size for a key. The caller calls release once.
func (l *limiter) acquire(ctx context.Context, key string, size int) (release func(), err error) {
	l.mu.Lock()
	g := l.gates[key]
	if g == nil {
		g = &gate{slots: make(chan struct{}, size)}
		if l.gates == nil {
			l.gates = map[string]*gate{}
		}
		l.gates[key] = g
	}
	g.users++
	l.mu.Unlock()
	select {
	case g.slots <- struct{}{}:
		return func() {
			<-g.slots
			l.leave(key, g)
		}, nil
	case <-ctx.Done():
		l.leave(key, g)
		return nil, ctx.Err()
	}
}

func (l *limiter) leave(key string, g *gate) {
	l.mu.Lock()
	defer l.mu.Unlock()
	g.users--
	if g.users == 0 {
		delete(l.gates, key)
	}
}
