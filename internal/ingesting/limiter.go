package ingesting

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"github.com/sluicehq/sluice/ingest"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// SyncInterval is how often a Limiter exchanges its counts with those of other servers.
const SyncInterval = 200 * time.Millisecond

// LimiterConfig configures a Limiter.
type LimiterConfig struct {
	// Store is required.
	Store *ingeststore.Store
	// Logger reports when counts cannot be exchanged. Required.
	Logger *slog.Logger
	// Interval is how often counts are exchanged. Defaults to SyncInterval.
	Interval time.Duration
	// Now is the clock. Defaults to time.Now. The clocks of the servers agree: a window begins at a multiple of
	// its length.
	Now func() time.Time
}

// Limiter counts events across servers. Each server counts in memory, without waiting, and exchanges its counts
// once in an interval, all in one statement.
//
// With n servers, a limit is exceeded by at most the events that the other n-1 servers admit in one interval and the
// time of one statement. A server alone admits the limit exactly, and no server refuses an event before the limit is
// reached. While PostgreSQL is away each server admits the limit by itself.
//
// It is safe for concurrent use.
type Limiter struct {
	config LimiterConfig

	mu      sync.Mutex
	windows map[string]*rateWindow
	swept   time.Time
}

// rateWindow is the current window of a key.
type rateWindow struct {
	start, end time.Time
	// known is what all servers have counted, as far as this one knows, with its own events that were sent.
	known int64
	// pending are events that were admitted here and not sent.
	pending int64
}

var _ ingest.Limiter = (*Limiter)(nil)

// NewLimiter returns a limiter, which counts for itself until Run runs. The error is about the configuration.
func NewLimiter(c LimiterConfig) (*Limiter, error) {
	if c.Store == nil || c.Logger == nil || c.Interval < 0 {
		return nil, errors.New("new limiter: store and logger are required, and the interval must not be negative")
	}
	c.Interval = cmp.Or(c.Interval, SyncInterval)
	if c.Now == nil {
		c.Now = time.Now
	}
	return &Limiter{config: c, windows: map[string]*rateWindow{}}, nil
}

// Allow counts one event of a key and reports whether there are at most limit of them in the current window. It never
// fails. Events that are refused are not counted.
func (l *Limiter) Allow(_ context.Context, key string, limit int, length time.Duration) (bool, error) {
	now := l.config.Now()
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sweep(now)
	start := now.Truncate(length)
	w := l.windows[key]
	if w == nil || !w.start.Equal(start) || w.end.Sub(w.start) != length {
		w = &rateWindow{start: start, end: start.Add(length)}
		l.windows[key] = w
	}
	if w.known+w.pending >= int64(limit) {
		return false, nil
	}
	w.pending++
	return true, nil
}

// sweepInterval is how often windows that have ended are removed.
const sweepInterval = time.Minute

func (l *Limiter) sweep(now time.Time) {
	if now.Sub(l.swept).Abs() < sweepInterval {
		return
	}
	l.swept = now
	for key, w := range l.windows {
		if !now.Before(w.end) {
			delete(l.windows, key)
		}
	}
}

// Run exchanges counts until ctx ends, and once more at its end.
func (l *Limiter) Run(ctx context.Context) error {
	ticker := time.NewTicker(l.config.Interval)
	defer ticker.Stop()
	cleaned := l.config.Now()
	failing := false
	for ended := false; !ended; {
		select {
		case <-ticker.C:
		case <-ctx.Done():
			ended = true
		}
		err := l.exchange(context.WithoutCancel(ctx))
		if now := l.config.Now(); err == nil && now.Sub(cleaned).Abs() > sweepInterval {
			cleaned = now
			err = l.clean(ctx)
		}
		if err != nil && !failing && !ended {
			l.config.Logger.Warn("counts of rate limits are not exchanged; each server counts for itself", "error", err)
		}
		failing = err != nil
	}
	return nil
}

const (
	// exchangeTimeout bounds an exchange of counts.
	exchangeTimeout = 2 * time.Second
	// maxRates bounds the windows of one statement.
	maxRates = 10_000
)

// exchange sends what was counted and receives the counts of all servers. Counts whose fate is unknown after an
// error are not sent again: an event must not count twice and cost another its place.
func (l *Limiter) exchange(ctx context.Context) error {
	for more := true; more; {
		rates := l.take()
		if more = len(rates) == maxRates; len(rates) == 0 {
			return nil
		}
		ctx, cancel := context.WithTimeout(ctx, exchangeTimeout)
		sums, err := l.config.Store.AddRates(ctx, rates)
		cancel()
		if err != nil {
			return err
		}
		l.learn(sums)
	}
	return nil
}

// take moves what is pending to what is known, and returns it.
func (l *Limiter) take() []ingeststore.Rate {
	l.mu.Lock()
	defer l.mu.Unlock()
	var rates []ingeststore.Rate
	for key, w := range l.windows {
		if w.pending == 0 {
			continue
		}
		rates = append(rates, ingeststore.Rate{Key: key, Start: w.start, End: w.end, Events: w.pending})
		w.known, w.pending = w.known+w.pending, 0
		if len(rates) == maxRates {
			break
		}
	}
	return rates
}

func (l *Limiter) learn(sums []ingeststore.Rate) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, sum := range sums {
		w := l.windows[sum.Key]
		if w != nil && w.start.Equal(sum.Start) && w.end.Equal(sum.End) {
			w.known = max(w.known, sum.Events)
		}
	}
}

func (l *Limiter) clean(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, exchangeTimeout)
	defer cancel()
	return l.config.Store.DeleteOldRates(ctx)
}
