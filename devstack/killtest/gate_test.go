package killtest_test

import (
	"net/http"
	"sync"
)

// gate delays the responses of an endpoint. Once armed it holds the response to the next event,
// which is recorded: a sender that dies now does not know that the event has arrived.
type gate struct {
	mu sync.Mutex
	// opened is closed by release; nil while the gate is not armed.
	opened chan struct{}
	held   bool
}

func newGate() *gate { return &gate{} }

// arm makes the gate hold the next event.
func (g *gate) arm() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.opened == nil {
		g.opened, g.held = make(chan struct{}), false
	}
}

// holds says whether an event is being held.
func (g *gate) holds() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.held
}

// release lets the event go, and disarms the gate.
func (g *gate) release() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.opened != nil {
		close(g.opened)
	}
	g.opened, g.held = nil, false
}

// answer answers an event.
func (g *gate) answer(w http.ResponseWriter, r *http.Request) {
	g.mu.Lock()
	opened := g.opened
	if g.held {
		opened = nil
	}
	g.held = g.held || opened != nil
	g.mu.Unlock()
	if opened != nil {
		select {
		case <-opened:
		case <-r.Context().Done():
		}
	}
	w.WriteHeader(http.StatusNoContent)
}
