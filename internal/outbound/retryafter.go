package outbound

import (
	"net/http"
	"strconv"
	"time"
)

// MaxRetryAfter bounds the delay that an endpoint can request.
const MaxRetryAfter = 24 * time.Hour

// RetryAfter parses a Retry-After header: seconds or a date (RFC 9110, 10.2.3). It returns 0 for
// any other text.
func RetryAfter(text string, now time.Time) time.Duration {
	var wait time.Duration
	if seconds, err := strconv.ParseInt(text, 10, 64); err == nil {
		wait = time.Duration(min(seconds, int64(MaxRetryAfter/time.Second))) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(now)
	}
	return max(0, min(wait, MaxRetryAfter))
}
