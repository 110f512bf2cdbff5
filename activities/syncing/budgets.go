package syncing

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
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
	// reserveAhead is how long before its time a request is reserved at most, apart from those of its block: what a
	// worker has reserved when it dies is lost, and a delay does not hold for it.
	reserveAhead = 500 * time.Millisecond
)

// Budgets shares the budgets of accounts among the lists of this worker, and by PostgreSQL among all
// workers. Lists wait in the order in which they came. It is safe for concurrent use.
type Budgets struct {
	store  *syncstore.Store
	holder string
	log    *slog.Logger

	mu       stdsync.Mutex
	accounts map[string]*account
	// key is that of the hashes that name accounts, nil before Load.
	key []byte
}

var _ sync.Budgets = (*Budgets)(nil)

// account is what this worker has of an account. Its turns are given in the order of requests.
type account struct {
	slotTurn, requestTurn chan struct{}
	slotCache

	timesMu stdsync.Mutex
	// times are reserved for requests, last is the latest of all that were.
	times []time.Time
	last  time.Time
}

// next returns a reserved time that is not stale; ok is false if there is none.
func (a *account) next() (at time.Time, ok bool) {
	a.timesMu.Lock()
	defer a.timesMu.Unlock()
	for len(a.times) > 0 {
		at, a.times = a.times[0], a.times[1:]
		if time.Since(at) <= staleAfter {
			return at, true
		}
	}
	return time.Time{}, false
}

// add adds so many reserved times. Those of this worker keep their distance in any case.
func (a *account) add(begin time.Time, block int, spacing time.Duration) {
	a.timesMu.Lock()
	defer a.timesMu.Unlock()
	if next := a.last.Add(spacing); begin.Before(next) {
		begin = next
	}
	for i := range block {
		a.last = begin.Add(time.Duration(i) * spacing)
		a.times = append(a.times, a.last)
	}
}

// clear drops the reserved times.
func (a *account) clear() {
	a.timesMu.Lock()
	defer a.timesMu.Unlock()
	a.times = nil
}

// NewBudgets returns budgets. holder identifies one run of this process.
func NewBudgets(store *syncstore.Store, holder string, log *slog.Logger) *Budgets {
	return &Budgets{store: store, holder: holder, log: log, accounts: map[string]*account{}}
}

// Load reads the key of the hashes that name accounts, once. It is to be called before Account.
func (b *Budgets) Load(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.key != nil {
		return nil
	}
	key, err := b.store.AccountKey(ctx)
	if err != nil {
		return err
	}
	b.key = key
	return nil
}

// Account names the account that secrets belong to. It panics before Load: a name under another key would be that of
// another budget.
func (b *Budgets) Account(kind string, parts ...string) string {
	b.mu.Lock()
	key := b.key
	b.mu.Unlock()
	if key == nil {
		panic("syncing: Budgets.Account is called before Load")
	}
	hash := hmac.New(sha256.New, key)
	for _, part := range append([]string{kind}, parts...) {
		// The length keeps parts apart.
		hash.Write(fmt.Appendf(nil, "%d:%s", len(part), part))
	}
	return kind + ":" + hex.EncodeToString(hash.Sum(nil)[:accountBytes])
}

// accountBytes is the length of the hashes that name accounts.
const accountBytes = 16

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
	for {
		if at, ok := a.next(); ok {
			// The others wait for their turn meanwhile, and reserve nothing.
			return at, delay.Wait(ctx, time.Until(at)-reserveAhead)
		}
		if err := b.reserveBlock(ctx, name, a, perSecond); err != nil {
			return time.Time{}, err
		}
	}
}

// reserveBlock reserves the times of some requests. The database gives them by its clock; a slow answer makes
// them late here, compared with those of other workers.
func (b *Budgets) reserveBlock(ctx context.Context, name string, a *account, perSecond float64) error {
	spacing := time.Duration(float64(time.Second) * spacingMargin / perSecond)
	block := min(max(1, int(perSecond/blocksPerSecond)), maxBlock)
	for attempt := 1; ; attempt++ {
		first, took, err := b.store.ReserveRequests(ctx, name, block, spacing)
		if err != nil {
			return err
		}
		if took <= slowReserve || attempt == reserveAttempts {
			a.add(time.Now().Add(first), block, spacing)
			return nil
		}
	}
}

// Delay delays the next request of an account, over all workers.
func (b *Budgets) Delay(ctx context.Context, name string, d time.Duration) error {
	b.account(name).clear()
	return b.store.DelayRequests(ctx, name, d)
}
