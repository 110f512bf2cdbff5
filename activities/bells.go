package activities

import (
	"context"
	"strings"
	"sync"

	"github.com/sluicehq/sluice/store"
)

// bells wake loads up that wait for jobs, when some are added.
type bells struct {
	mu sync.Mutex
	// heard says that PostgreSQL is listened to.
	heard    bool
	byAction map[ActionRef]map[chan struct{}]bool
}

// Listen rings for loads that wait for jobs until ctx ends. Without it, or where PostgreSQL's
// notifications do not arrive, they look more often.
func (d *Destinations) Listen(ctx context.Context) {
	d.Store.Follow(ctx, store.AddedChannel, store.Followed{
		Heard: func(payload string) {
			destination, action, named := strings.Cut(payload, "/")
			d.bells.ring(ActionRef{Destination: destination, Action: action}, !named)
		},
		Lost: func(err error) {
			d.bells.silence()
			d.Logger.Warn("jobs are polled for", "error", err)
		},
	})
}

// hang returns a bell for an action; take takes it down.
func (b *bells) hang(ref ActionRef) (bell chan struct{}, take func()) {
	bell = make(chan struct{}, 1)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.byAction == nil {
		b.byAction = map[ActionRef]map[chan struct{}]bool{}
	}
	if b.byAction[ref] == nil {
		b.byAction[ref] = map[chan struct{}]bool{}
	}
	b.byAction[ref][bell] = true
	return bell, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		delete(b.byAction[ref], bell)
	}
}

// ring rings the bells of an action, or all.
func (b *bells) ring(ref ActionRef, all bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.heard = true
	for of, hung := range b.byAction {
		if !all && of != ref {
			continue
		}
		for bell := range hung {
			select {
			case bell <- struct{}{}:
			default:
			}
		}
	}
}

func (b *bells) silence() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.heard = false
}

// work says whether they ring.
func (b *bells) work() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.heard
}
