package googleanalytics4

import (
	"context"
	"sync"
)

// limiter bounds how many requests run at once by key. Keys that nobody uses take no
// memory.
type limiter struct {
	mu    sync.Mutex
	gates map[string]*gate
}

type gate struct {
	slots chan struct{}
	users int
}

// acquire waits for a slot of the key, of which there are size; all callers with the same
// key must give the same size. The caller calls release once.
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
