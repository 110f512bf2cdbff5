package ingest

import (
	"context"
	"sync"
	"time"
)

// FixedWindows is a Limiter that counts in the memory of one process. With several servers
// each counts for itself.
type FixedWindows struct {
	now func() time.Time

	mu      sync.Mutex
	windows map[string]window
	// swept is when expired windows were removed.
	swept time.Time
}

type window struct {
	ends  time.Time
	count int
}

// NewFixedWindows returns a limiter with a clock; nil means time.Now.
func NewFixedWindows(now func() time.Time) *FixedWindows {
	if now == nil {
		now = time.Now
	}
	return &FixedWindows{now: now, windows: map[string]window{}}
}

// Allow counts one event of a key, and reports whether the current window has at most limit
// of them. Windows begin at multiples of their length.
func (f *FixedWindows) Allow(_ context.Context, key string, limit int, length time.Duration) (bool, error) {
	now := f.now()
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Sub(f.swept) > time.Minute {
		for other, w := range f.windows {
			if !now.Before(w.ends) {
				delete(f.windows, other)
			}
		}
		f.swept = now
	}
	w := f.windows[key]
	if !now.Before(w.ends) {
		w = window{ends: now.Truncate(length).Add(length)}
	}
	w.count++
	f.windows[key] = w
	return w.count <= limit, nil
}

var _ Limiter = (*FixedWindows)(nil)
