package outbound

import (
	"net/http"
	"strconv"
	"time"
)

// MaxRetryAfter bounds what an endpoint can ask for.
const MaxRetryAfter = 24 * time.Hour

// RetryAfter reads a Retry-After header: seconds or a date (RFC 9110, 10.2.3). It
// returns 0 for what is neither.
func RetryAfter(text string, now time.Time) time.Duration {
	var wait time.Duration
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		wait = time.Duration(min(seconds, int64(MaxRetryAfter/time.Second))) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(now)
	}
	return max(0, min(wait, MaxRetryAfter))
}
