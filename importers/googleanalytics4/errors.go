package googleanalytics4

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"
	"google.golang.org/api/googleapi"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/internal/outbound"
)

// Waits for which Google states no duration.
const (
	// crowdedPause is the minimum wait for other requests to end.
	crowdedPause = 2 * time.Second
	// crowdedJitter spreads the waiting requests.
	crowdedJitter = 4 * time.Second
	// unknownQuotaPause is the wait for a quota that the message does not name.
	unknownQuotaPause = 5 * time.Minute
	// longestRetryAfter is the longest Retry-After that counts as a retry. Longer waits are durable
	// and use no retry.
	longestRetryAfter = time.Minute
)

// maxMessage is the length limit of a message from Google, in bytes of JSON.
const maxMessage = 500

// fault converts an error of a request to one that tells the user what to do. Errors of other
// packages are not wrapped: their text is copied without the connection's secrets.
func (c *client) fault(ctx context.Context, err error, token string) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	retold := func(text string) string { return oneLine(c.redact(text, token)) }
	var known *importers.PermanentError
	var wait *importers.WaitError
	var api *googleapi.Error
	var grant *oauth2.RetrieveError
	var refused *outbound.RefusedError
	switch {
	case errors.As(err, &known), errors.As(err, &wait):
		return err
	case errors.As(err, &refused):
		return fmt.Errorf("reach the endpoint of the connection: %w", refused)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("google did not respond within %s", RequestTimeout)
	case errors.As(err, &api):
		return c.apiFault(api, retold)
	case errors.As(err, &grant):
		return c.grantFault(grant, retold)
	default:
		return errors.New(retold("ask Google: " + err.Error()))
	}
}

// apiFault words an error response. See https://cloud.google.com/apis/design/errors.
func (c *client) apiFault(e *googleapi.Error, retold func(string) string) error {
	message := retold(e.Message)
	switch {
	case e.Code == http.StatusTooManyRequests:
		return c.quotaFault(e, message)
	case e.Code == http.StatusForbidden && hasReason(e, "RATE_LIMIT_EXCEEDED", "rateLimitExceeded", "quotaExceeded"):
		return c.quotaFault(e, message)
	case e.Code == http.StatusUnauthorized:
		return denied("google rejects the connection's access token: renew its credentials (%s)", message)
	case e.Code == http.StatusForbidden && hasReason(e, "SERVICE_DISABLED", "accessNotConfigured"):
		return denied("an API is not enabled in the Google Cloud project of the connection's credentials: "+
			"enable it, and start again some minutes later. Google's message: %s", message)
	case e.Code == http.StatusForbidden && hasReason(e, "ACCESS_TOKEN_SCOPE_INSUFFICIENT", "insufficientPermissions"):
		return denied("the connection's credentials lack the permission %s: give consent again", scope)
	case e.Code == http.StatusForbidden:
		return denied("the connection's credentials have no access to %s: add their account as a viewer under "+
			"Admin, Property access management in Google Analytics (%s)", c.what(), message)
	case e.Code == http.StatusNotFound:
		return importers.Permanent(importers.ClassInput, fmt.Errorf(
			"%s does not exist or was deleted (%s)", c.what(), message))
	case e.Code >= http.StatusInternalServerError, e.Code == http.StatusRequestTimeout:
		return c.later(e, fmt.Errorf("google responded with %s (%s)", status(e.Code), message))
	case e.Code == http.StatusBadRequest && strings.Contains(strings.ToLower(message), "property"):
		return importers.Permanent(importers.ClassInput, fmt.Errorf("google rejects %s (%s)", c.what(), message))
	default:
		return importers.Permanent(importers.ClassInternal, fmt.Errorf(
			"google rejects the request with %s (%s)", status(e.Code), message))
	}
}

// quotaFault returns the wait for a quota. Only the message identifies the quota.
func (c *client) quotaFault(e *googleapi.Error, message string) error {
	now, jitter := c.cfg.Now(), c.cfg.Jitter
	text := strings.ToLower(message)
	told := fmt.Errorf("%w is exhausted: %s", errQuota, message)
	if after, ok := retryAfter(e.Header, now); ok {
		if after > longestRetryAfter {
			return importers.WaitUntil(now.Add(after), told)
		}
		return importers.RetryAfter(after, told)
	}
	switch {
	case strings.Contains(text, "concurrent"):
		return importers.RetryAfter(crowdedPause+jitter(crowdedJitter), told)
	case strings.Contains(text, "per day"), strings.Contains(text, "24 hours"), strings.Contains(text, "a day"):
		return importers.WaitUntil(nextDay(now).Add(jitter(resetJitter)), told)
	case strings.Contains(text, "hour"), strings.Contains(text, "server error"), strings.Contains(text, "threshold"):
		return importers.WaitUntil(nextHour(now).Add(jitter(resetJitter)), told)
	case strings.Contains(text, "per minute"):
		return importers.WaitUntil(now.Add(time.Minute+jitter(resetJitter)), told)
	default:
		return importers.WaitUntil(now.Add(unknownQuotaPause+jitter(resetJitter)), told)
	}
}

// later returns a transient error, with the retry delay of the response if there is one.
func (c *client) later(e *googleapi.Error, err error) error {
	after, ok := retryAfter(e.Header, c.cfg.Now())
	switch {
	case !ok:
		return err
	case after > longestRetryAfter:
		return importers.WaitUntil(c.cfg.Now().Add(after), err)
	default:
		return importers.RetryAfter(after, err)
	}
}

// retryAfter parses a Retry-After header: seconds, or a date.
func retryAfter(h http.Header, now time.Time) (time.Duration, bool) {
	v := h.Get("Retry-After")
	if seconds, err := strconv.Atoi(v); err == nil && seconds >= 0 {
		return min(time.Duration(seconds)*time.Second, importers.MaxWait), true
	}
	if at, err := http.ParseTime(v); err == nil {
		return min(max(at.Sub(now), 0), importers.MaxWait), true
	}
	return 0, false
}

// grantFault words a refused request for an access token. See
// https://developers.google.com/identity/protocols/oauth2/web-server#token-response-errors.
func (c *client) grantFault(e *oauth2.RetrieveError, retold func(string) string) error {
	code, description := grantCode(e)
	if e.Response != nil {
		api := &googleapi.Error{Code: e.Response.StatusCode, Header: e.Response.Header}
		switch {
		case api.Code == http.StatusTooManyRequests:
			return c.quotaFault(api, "too many requests for access tokens per minute")
		case api.Code >= http.StatusInternalServerError:
			return c.later(api, fmt.Errorf("google's token endpoint responded with %s", status(api.Code)))
		}
	}
	detail := retold(strings.TrimSuffix(code+": "+description, ": "))
	switch code {
	case "invalid_grant":
		return denied("google no longer accepts the connection's credentials: the consent was revoked or has expired, "+
			"or the key was deleted. Consent of an OAuth app in testing lasts 7 days. Give consent again, or create a new "+
			"key, and replace the connection's secret (%s)", detail)
	case "invalid_client", "unauthorized_client", "deleted_client":
		return denied("google rejects the connection's OAuth client: check \"client_id\" and "+
			"\"client_secret\" (%s)", detail)
	default:
		return denied("google rejects the connection's credentials (%s)", detail)
	}
}

func denied(format string, args ...any) error {
	return importers.Permanent(importers.ClassAccess, fmt.Errorf(format, args...))
}
