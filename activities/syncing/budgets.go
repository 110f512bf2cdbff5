package syncing

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	stdsync "sync"
	"time"

	"github.com/sluicehq/sluice/internal/delay"
	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/sync"
)

// Times of budgets.
const (
	// slotTTL is the time after which the slots of a dead worker are free.
	slotTTL = 30 * time.Second
	// renewEvery is the time between two renewals.
	renewEvery = slotTTL / 3
	// pollSlot is the mean time between two attempts to take a slot.
	pollSlot = 100 * time.Millisecond
	// releaseTimeout bounds the release of a slot, which expires otherwise.
	releaseTimeout = 5 * time.Second
	// staleAfter is the age of a reserved time that is not used any more: others have been given the
	// times after it.
	staleAfter = 10 * time.Millisecond
	// spacingMargin lengthens the distance of requests, so that some of them may be late without a breach.
	spacingMargin = 1.08
	// blocksPerSecond is how often the times of an account's requests are reserved.
	blocksPerSecond = 4
	// maxBlock bounds the requests that are reserved at a time.
	maxBlock = 100
)

// Budgets shares the budgets of accounts among the lists of this worker, and by PostgreSQL among all
// workers. Lists wait in the order in which they came. It is safe for concurrent use.
type Budgets struct {
	store  *syncstore.Store
	holder string
	log    *slog.Logger

	mu       stdsync.Mutex
	accounts map[string]*account
}

var _ sync.Budgets = (*Budgets)(nil)

// account is what this worker has of an account. Its turns are given in the order of requests.
type account struct {
	slotTurn, requestTurn chan struct{}
	slots                 int
	// times are reserved for requests.
	times []time.Time
}

// NewBudgets returns budgets. holder identifies one run of this process.
func NewBudgets(store *syncstore.Store, holder string, log *slog.Logger) *Budgets {
	return &Budgets{store: store, holder: holder, log: log, accounts: map[string]*account{}}
}

// Renew keeps the slots of this worker until ctx ends.
func (b *Budgets) Renew(ctx context.Context) {
	ticker := time.NewTicker(renewEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
		if err := b.store.RenewSlots(ctx, b.holder, slotTTL); err != nil && ctx.Err() == nil {
			b.log.Warn("could not renew connection slots", "error", err)
		}
	}
}

func (b *Budgets) account(name string) *account {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.accounts[name]
	if a == nil {
		a = &account{slotTurn: make(chan struct{}, 1), requestTurn: make(chan struct{}, 1)}
		b.accounts[name] = a
	}
	return a
}

// take waits for a turn. Go gives it to the one that has waited longest.
func take(ctx context.Context, turn chan struct{}) error {
	select {
	case turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
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
		slot, ok, err := b.store.TakeSlot(ctx, name, b.holder, slots, slotTTL)
		if err != nil {
			return nil, err
		}
		if ok {
			return func() { b.release(ctx, slot) }, nil
		}
		//nolint:gosec // G404: jitter
		if err := delay.Wait(ctx, pollSlot/2+rand.N(pollSlot)); err != nil {
			return nil, err
		}
	}
}

// release frees a slot, also after the end of the caller's context.
func (b *Budgets) release(ctx context.Context, slot syncstore.Slot) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), releaseTimeout)
	defer cancel()
	if err := b.store.ReleaseSlot(ctx, slot); err != nil {
		b.log.Warn("could not release a connection slot: it expires", "account", slot.Account, "error", err)
	}
}

// Request waits until an account may make a request.
func (b *Budgets) Request(ctx context.Context, name string, perSecond float64) error {
	at, err := b.reserve(ctx, name, perSecond)
	if err != nil {
		return err
	}
	return delay.Wait(ctx, time.Until(at))
}

// reserve returns the time of the next request.
func (b *Budgets) reserve(ctx context.Context, name string, perSecond float64) (time.Time, error) {
	if perSecond <= 0 || math.IsNaN(perSecond) {
		return time.Time{}, fmt.Errorf("reserve requests of %s: %g a second: want more than 0", name, perSecond)
	}
	a := b.account(name)
	if err := take(ctx, a.requestTurn); err != nil {
		return time.Time{}, err
	}
	defer func() { <-a.requestTurn }()
	for len(a.times) > 0 && time.Since(a.times[0]) > staleAfter {
		a.times = a.times[1:]
	}
	if len(a.times) == 0 {
		spacing := time.Duration(float64(time.Second) * spacingMargin / perSecond)
		block := min(max(1, int(perSecond/blocksPerSecond)), maxBlock)
		first, err := b.store.ReserveRequests(ctx, name, block, spacing)
		if err != nil {
			return time.Time{}, err
		}
		begin := time.Now().Add(first)
		for i := range block {
			a.times = append(a.times, begin.Add(time.Duration(i)*spacing))
		}
	}
	at := a.times[0]
	a.times = a.times[1:]
	return at, nil
}

// Delay delays the next request of an account, over all workers.
func (b *Budgets) Delay(ctx context.Context, name string, d time.Duration) error {
	a := b.account(name)
	if err := take(ctx, a.requestTurn); err != nil {
		return err
	}
	defer func() { <-a.requestTurn }()
	a.times = nil
	return b.store.DelayRequests(ctx, name, d)
}
