package activities

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/sluicehq/sluice/store"
)

// bells wake loads up that wait for jobs, when some are added: for each occasion one of an
// action's, since one is enough.
type bells struct {
	mu sync.Mutex
	// heard says that PostgreSQL is listened to.
	heard bool
	// missed counts occasions that each load has to look into for itself.
	missed   int
	byAction map[ActionRef]*bell
}

// bell is about one action.
type bell struct {
	// rung counts the occasions.
	rung int
	// waiting are the loads that wait, the one that has waited longest first.
	waiting []chan struct{}
}

// Listen rings for loads that wait for jobs until ctx ends. Without it, or where PostgreSQL's
// notifications do not arrive, they look more often.
func (d *Destinations) Listen(ctx context.Context) {
	d.Store.Follow(ctx, store.AddedChannel, store.Followed{
		Heard: func(payload string) {
			if destination, action, named := strings.Cut(payload, "/"); named {
				d.bells.ring(ActionRef{Destination: destination, Action: action})
			} else {
				d.bells.hear()
			}
		},
		Lost: func(err error) {
			d.bells.lose()
			d.Logger.Warn("jobs are polled for", "error", err)
		},
	})
}

func (b *bells) of(ref ActionRef) *bell {
	if b.byAction == nil {
		b.byAction = map[ActionRef]*bell{}
	}
	if b.byAction[ref] == nil {
		b.byAction[ref] = &bell{}
	}
	return b.byAction[ref]
}

// occasions is how often there was an occasion to look. A load asks before it looks for
// jobs: wait does not wait if there was another one since.
func (b *bells) occasions(ref ActionRef) int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.of(ref).rung + b.missed
}

// wait returns a channel that is closed at the next occasion, nil if there was one since;
// leave ends the waiting.
func (b *bells) wait(ref ActionRef, since int) (rings chan struct{}, leave func()) {
	b.mu.Lock()
	defer b.mu.Unlock()
	own := b.of(ref)
	if own.rung+b.missed != since {
		return nil, func() {}
	}
	rings = make(chan struct{})
	own.waiting = append(own.waiting, rings)
	return rings, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		own.waiting = slices.DeleteFunc(own.waiting, func(c chan struct{}) bool { return c == rings })
	}
}

// ring rings for one of an action's loads.
func (b *bells) ring(ref ActionRef) {
	b.mu.Lock()
	defer b.mu.Unlock()
	own := b.of(ref)
	own.rung++
	if len(own.waiting) > 0 {
		close(own.waiting[0])
		own.waiting = own.waiting[1:]
	}
}

// hear notes that PostgreSQL is listened to from now on. All loads look: something may have
// been missed.
func (b *bells) hear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.heard = true
	b.missed++
	for _, own := range b.byAction {
		for _, rings := range own.waiting {
			close(rings)
		}
		own.waiting = nil
	}
}

// lose is the opposite of hear.
func (b *bells) lose() {
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
