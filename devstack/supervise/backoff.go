package supervise

import (
	"math/rand/v2"
	"time"
)

// backoff computes the pauses before restarts.
type backoff struct {
	minimum, maximum time.Duration
	failures         int
}

// next returns the pause after one more failure: minimum * 2^(failures-1), at
// most maximum, plus up to 20 % of jitter so that engines killed together do
// not come back in step.
func (b *backoff) next() time.Duration {
	pause := b.minimum
	for range b.failures {
		if pause >= b.maximum/2 {
			pause = b.maximum
			break
		}
		pause *= 2
	}
	b.failures++
	return pause + rand.N(pause/5+1) //nolint:gosec // Not a secret.
}

// reset forgets the failures.
func (b *backoff) reset() { b.failures = 0 }
