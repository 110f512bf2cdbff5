package enginetest

import (
	"iter"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Outage is an outage of a server that begins at a chosen request of a client and lasts until End.
// It is safe for concurrent use.
type Outage struct {
	mu sync.Mutex
	// left is the number of requests that the server still answers; negative for all.
	left int
	met  bool
}

// maxRequests bounds Requests: an operation with more requests never ends.
const maxRequests = 300

// Begin lets the server answer n more requests. It fails the next one and all after it.
func (o *Outage) Begin(n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.left, o.met = n, false
}

// End ends the outage.
func (o *Outage) End() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.left = -1
}

// Met reports whether a request has failed since Begin.
func (o *Outage) Met() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.met
}

// Requests yields 0, 1, 2 and so on: the outage begins after as many requests of the loop's body. The
// loop ends after the first body that has not met the outage.
func (o *Outage) Requests(tb testing.TB) iter.Seq[int] {
	tb.Helper()
	return func(yield func(int) bool) {
		defer o.End()
		for n := range maxRequests {
			o.Begin(n)
			if !yield(n) || !o.Met() {
				return
			}
		}
		require.FailNowf(tb, "no end", "the operation makes more than %d requests", maxRequests)
	}
}

// Meet calls an operation during outages that begin at each of its requests. A call during an outage must fail with
// an error that judge accepts, and the call without one must succeed.
func (o *Outage) Meet(tb testing.TB, call func() error, judge func(n int, err error)) {
	tb.Helper()
	for n := range o.Requests(tb) {
		err := call()
		if !o.Met() {
			require.NoError(tb, err, "without an outage")
			return
		}
		require.Errorf(tb, err, "outage at request %d", n)
		judge(n, err)
	}
}

// fails counts a request and reports whether it fails.
func (o *Outage) fails() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.left > 0 {
		o.left--
		return false
	}
	o.met = o.met || o.left == 0
	return o.left == 0
}

// lasts reports whether the server fails, without counting a request.
func (o *Outage) lasts() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.left == 0 && o.met
}
