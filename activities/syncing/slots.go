package syncing

import (
	"context"
	"math/rand/v2"
	stdsync "sync"
	"time"

	"github.com/sluicehq/sluice/internal/delay"
	syncstore "github.com/sluicehq/sluice/store/syncing"
)

// Times of connection slots.
const (
	// slotTTL is the time after which the slots of a dead worker are free.
	slotTTL = 30 * time.Second
	// renewEvery is the time between two renewals.
	renewEvery = slotTTL / 3
	// pollSlot is the mean time between two attempts to take a slot.
	pollSlot = 100 * time.Millisecond
	// releaseTimeout bounds the release of a slot, which expires otherwise.
	releaseTimeout = 5 * time.Second
	// keepSlot is how long a worker uses a slot again before it releases it, coolSlot how long it then leaves free
	// slots to other workers.
	keepSlot = time.Second
	coolSlot = 30 * time.Millisecond
	// idleSlot is the time after which a slot that is not used is released.
	idleSlot = 200 * time.Millisecond
)

// keptSlot is a slot that this worker has taken.
type keptSlot struct {
	syncstore.Slot
	taken time.Time
}

// slotCache has the slots of an account that this worker keeps for its next requests: a slot that is taken and
// released for each request costs more than the request.
type slotCache struct {
	// slots is the number of slots that the account has at least.
	slots int
	// freed wakes the waiter for a slot when this worker has released one.
	freed chan struct{}

	mu   stdsync.Mutex
	idle []keptSlot
	// timer releases the idle slots; nil while there is none.
	timer *time.Timer
	// cool is when this worker may take slots again, closed that it keeps none any more.
	cool   time.Time
	closed bool
}

// Slot waits for a connection of an account.
func (b *Budgets) Slot(ctx context.Context, name string, slots int) (release func(), err error) {
	a := b.account(name)
	if err := take(ctx, a.slotTurn); err != nil {
		return nil, err
	}
	defer func() { <-a.slotTurn }()
	if a.slots < slots {
		if err := b.store.AddSlots(ctx, name, slots); err != nil {
			return nil, err
		}
		a.slots = slots
	}
	for {
		slot, ok, wait := a.reuse(slots)
		if !ok && wait <= 0 {
			slot.taken = time.Now()
			if slot.Slot, ok, err = b.store.TakeSlot(ctx, name, b.holder, slots, slotTTL); err != nil {
				return nil, err
			}
			//nolint:gosec // G404: jitter
			wait = pollSlot/2 + rand.N(pollSlot)
		}
		if ok {
			return func() { b.release(ctx, a, slot) }, nil
		}
		if err := a.awaitSlot(ctx, wait); err != nil {
			return nil, err
		}
	}
}

// reuse returns an idle slot among the first slots of the account. Without one, wait is the time until this
// worker may take one.
func (c *slotCache) reuse(slots int) (slot keptSlot, ok bool, wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := len(c.idle) - 1; i >= 0; i-- {
		slot = c.idle[i]
		if int(slot.Slot.Slot) <= slots && time.Since(slot.taken) < keepSlot {
			c.idle = append(c.idle[:i:i], c.idle[i+1:]...)
			return slot, true, 0
		}
	}
	return keptSlot{}, false, time.Until(c.cool)
}

// awaitSlot waits until this worker has released a slot, or another one may have.
func (c *slotCache) awaitSlot(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-c.freed:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

// release keeps a slot for the next request, or frees it, also after the end of the caller's context.
func (b *Budgets) release(ctx context.Context, a *account, slot keptSlot) {
	if !b.keep(ctx, a, slot) {
		b.free(ctx, slot)
	}
	select {
	case a.freed <- struct{}{}:
	default:
	}
}

// keep keeps a slot that was taken a short time ago.
func (b *Budgets) keep(ctx context.Context, a *account, slot keptSlot) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.closed {
		return false
	}
	if time.Since(slot.taken) >= keepSlot {
		a.cool = time.Now().Add(coolSlot)
		return false
	}
	a.idle = append(a.idle, slot)
	if a.timer == nil {
		detached := context.WithoutCancel(ctx)
		a.timer = time.AfterFunc(idleSlot, func() { b.freeIdle(detached, a, false) })
	}
	return true
}

// freeIdle frees the idle slots of an account; closing keeps none from now on.
func (b *Budgets) freeIdle(ctx context.Context, a *account, closing bool) {
	a.mu.Lock()
	idle := a.idle
	a.idle, a.timer, a.closed = nil, nil, a.closed || closing
	a.mu.Unlock()
	for _, slot := range idle {
		b.free(ctx, slot)
	}
}

// free frees a slot.
func (b *Budgets) free(ctx context.Context, slot keptSlot) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	if err := b.store.ReleaseSlot(ctx, slot.Slot); err != nil {
		b.log.Warn("could not release a connection slot: it expires", "account", slot.Account, "error", err)
	}
}

// Renew keeps the slots of this worker until ctx ends, then frees those that are not in use.
func (b *Budgets) Renew(ctx context.Context) {
	for range delay.Ticks(ctx, renewEvery) {
		if err := b.store.RenewSlots(ctx, b.holder, slotTTL); err != nil && ctx.Err() == nil {
			b.log.Warn("could not renew connection slots", "error", err)
		}
	}
	b.freeAll(context.WithoutCancel(ctx))
}

// freeAll frees all slots that are not in use, and keeps none from now on.
func (b *Budgets) freeAll(ctx context.Context) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, a := range b.accounts {
		b.freeIdle(ctx, a, true)
	}
}
