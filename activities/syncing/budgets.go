package syncing

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	stdsync "sync"
	"time"

	"github.com/sluicehq/sluice/internal/delay"
	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/sync"
)

// Times of requests.
const (
	// staleAfter is the age of a reserved time that is not used any more: others have been given the
	// times after it. It is well below what spacingMargin adds to eight requests.
	staleAfter = 30 * time.Millisecond
	// slowReserve is the duration of a reservation after which its times are too uncertain to be used, up to
	// reserveAttempts times in a row.
	slowReserve     = 50 * time.Millisecond
	reserveAttempts = 3
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
	slotCache
	// times are reserved for requests, last is the latest of all that were.
	times []time.Time
	last  time.Time
}

// NewBudgets returns budgets. holder identifies one run of this process.
func NewBudgets(store *syncstore.Store, holder string, log *slog.Logger) *Budgets {
	return &Budgets{store: store, holder: holder, log: log, accounts: map[string]*account{}}
}

func (b *Budgets) account(name string) *account {
	b.mu.Lock()
	defer b.mu.Unlock()
	a := b.accounts[name]
	if a == nil {
		a = &account{
			slotTurn: make(chan struct{}, 1), requestTurn: make(chan struct{}, 1),
			slotCache: slotCache{freed: make(chan struct{}, 1)},
		}
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

// Request waits until an account may make a request.
func (b *Budgets) Request(ctx context.Context, name string, perSecond float64) error {
	for {
		at, err := b.reserve(ctx, name, perSecond)
		if err != nil {
			return err
		}
		if err := delay.Wait(ctx, time.Until(at)); err != nil {
			return err
		}
		// A process that was not scheduled in time must not send its request with the next ones.
		if time.Since(at) <= staleAfter {
			return nil
		}
	}
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
		if err := b.reserveBlock(ctx, name, a, perSecond); err != nil {
			return time.Time{}, err
		}
	}
	at := a.times[0]
	a.times = a.times[1:]
	return at, nil
}

// reserveBlock reserves the times of some requests. The database gives them by its clock; a slow answer makes
// them late here, compared with those of other workers. Times of this worker keep their distance in any case.
func (b *Budgets) reserveBlock(ctx context.Context, name string, a *account, perSecond float64) error {
	spacing := time.Duration(float64(time.Second) * spacingMargin / perSecond)
	block := min(max(1, int(perSecond/blocksPerSecond)), maxBlock)
	var begin time.Time
	for attempt := 1; ; attempt++ {
		asked := time.Now()
		first, err := b.store.ReserveRequests(ctx, name, block, spacing)
		if err != nil {
			return err
		}
		begin = time.Now().Add(first)
		if time.Since(asked) <= slowReserve || attempt == reserveAttempts {
			break
		}
	}
	if next := a.last.Add(spacing); begin.Before(next) {
		begin = next
	}
	for i := range block {
		a.last = begin.Add(time.Duration(i) * spacing)
		a.times = append(a.times, a.last)
	}
	return nil
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
