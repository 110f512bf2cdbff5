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

// Unreachable words the error of a request. It omits the URL, whose path may be a secret.
func Unreachable(err error, timeout time.Duration) error {
	if wrapped, ok := errors.AsType[*url.Error](err); ok {
		err = wrapped.Err
	}
	if errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("the endpoint did not respond within %s", timeout)
	}
	return fmt.Errorf("reach the endpoint: %w", err)
}

// Describe names an HTTP status. It does not quote the reason phrase of the endpoint, which is
// untrusted.
func Describe(code int) string {
	return strconv.Itoa(code) + " " + cmp.Or(http.StatusText(code), "(unknown)")
}
