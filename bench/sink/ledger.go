package sink

import "sync"

// Arrival is when a job came for the first time.
type Arrival struct {
	// No is the job's number.
	No int64 `json:"no"`
	// At is the time, in nanoseconds since 1970.
	At int64 `json:"at"`
}

// Counts is how many jobs have come.
type Counts struct {
	// Jobs is how many different ones, Doubles how many requests were about a job that had
	// come already.
	Jobs    int `json:"jobs"`
	Doubles int `json:"doubles"`
	// Refused is how many requests were no job, or not signed.
	Refused int `json:"refused"`
	// Strays is how many requests were about jobs of before the reset.
	Strays int `json:"strays"`
	// Hung is how many requests were left without an answer.
	Hung int `json:"hung"`
	// Last is when the last new job came, in nanoseconds since 1970.
	Last int64 `json:"last"`
}

// ledger keeps what has come. It is safe for concurrent use.
type ledger struct {
	mu     sync.Mutex
	first  map[int64]int64
	counts Counts
}

func newLedger() *ledger { return &ledger{first: map[int64]int64{}} }

// note notes that a job has come. Requests may be noted in another order than that in which
// they came; the earliest time of a job counts.
func (l *ledger) note(no, at int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	before, known := l.first[no]
	if known {
		l.counts.Doubles++
	}
	if !known || at < before {
		l.first[no] = at
	}
	if !known {
		l.counts.Jobs++
		l.counts.Last = max(l.counts.Last, at)
	}
}

// refuse notes a request that is no job, stray one of an earlier case, hang one that gets no
// answer.
func (l *ledger) refuse() { l.count(&l.counts.Refused) }
func (l *ledger) stray()  { l.count(&l.counts.Strays) }
func (l *ledger) hang()   { l.count(&l.counts.Hung) }

func (l *ledger) count(what *int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	*what++
}

func (l *ledger) tally() Counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts
}

// arrivals returns the first arrival of every job, in no order.
func (l *ledger) arrivals() []Arrival {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]Arrival, 0, len(l.first))
	for no, at := range l.first {
		all = append(all, Arrival{No: no, At: at})
	}
	return all
}
