package outbound

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Unreachable words the error of a request anew. It leaves the URL out: its path may be a
// secret.
func Unreachable(err error, timeout time.Duration) error {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("the endpoint did not answer within %s", timeout)
	}
	return fmt.Errorf("reach the endpoint: %w", err)
}

// Describe names a status of HTTP. It does not quote the reason that the endpoint gave: it
// is anybody's text.
func Describe(code int) string {
	return strconv.Itoa(code) + " " + cmp.Or(http.StatusText(code), "(unknown)")
}
