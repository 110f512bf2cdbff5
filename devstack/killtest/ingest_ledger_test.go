package killtest_test

import (
	"fmt"
	"sync"
	"sync/atomic"
)

// fate is what the sender of an event knows of it.
type fate struct {
	// acknowledged says that an answer has promised that the event is stored.
	acknowledged bool
	// doubts counts the attempts that may have stored it, although their answer did not say so: the
	// connection broke, or the answer was 503.
	doubts int
}

// least and most are how often the event may be stored. Every attempt stores it at most once; the
// acknowledged one has stored it.
func (f fate) least() int {
	if f.acknowledged {
		return 1
	}
	return 0
}

func (f fate) most() int { return f.least() + f.doubts }

// drops are the events of a domain that are dropped.
type drops struct {
	// answered counts those of which an answer said so, doubtful those without one.
	answered, doubtful uint64
}

// ledger has the fate of each event that was sent, by its number.
type ledger struct {
	// acknowledged is how many events were.
	acknowledged atomic.Int64

	mu    sync.Mutex
	fates []fate
	// drops are by domain.
	drops map[string]drops
	// faults are answers that must not come.
	faults []string
}

func newLedger() *ledger { return &ledger{drops: map[string]drops{}} }

// begin returns the number of the first of n new events.
func (l *ledger) begin(n int) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	first := len(l.fates)
	l.fates = append(l.fates, make([]fate, n)...)
	return first
}

// acknowledge notes that events were acknowledged.
func (l *ledger) acknowledge(events ...int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range events {
		l.fates[n].acknowledged = true
	}
	l.acknowledged.Add(int64(len(events)))
}

// doubt notes an attempt that may have stored events.
func (l *ledger) doubt(events ...int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range events {
		l.fates[n].doubts++
	}
}

// drop notes that an event for a domain was dropped, or, without an answer, that it may have been.
func (l *ledger) drop(domain string, answered bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.drops[domain]
	if answered {
		of.answered++
	} else {
		of.doubtful++
	}
	l.drops[domain] = of
}

// fault notes an answer that must not come.
func (l *ledger) fault(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	const kept = 20
	if len(l.faults) < kept {
		l.faults = append(l.faults, fmt.Sprintf(format, args...))
	}
}

// sent returns the number of events.
func (l *ledger) sent() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.fates)
}
