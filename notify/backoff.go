package notify

import (
	"math/rand/v2"
	"time"
)

// firstWait is how long to wait after the first attempt. It doubles with every
// further one, so that twelve attempts take about a day: long enough for a mail server
// that is mended on the next morning.
const firstWait = 45 * time.Second

// maxWait bounds the wait.
const maxWait = 24 * time.Hour

// jitter is the share by which a wait varies, so that what failed together does not
// come back together.
const jitter = 0.2

// Backoff returns how long to wait after that many attempts: 45 s, 90 s, 3 min, up to a
// day, each 20 % more or less.
func Backoff(attempts int32) time.Duration {
	wait := firstWait << min(max(attempts-1, 0), 20)
	wait = min(wait, maxWait)
	return time.Duration(float64(wait) * (1 - jitter + 2*jitter*rand.Float64())) //nolint:gosec // no secret hangs on it
}
