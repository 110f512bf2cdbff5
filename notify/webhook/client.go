package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"

	"github.com/sluicehq/sluice/internal/outbound"
	"github.com/sluicehq/sluice/internal/version"
	"github.com/sluicehq/sluice/notify/channel"
)

// Timeout bounds one attempt.
const Timeout = 10 * time.Second

// client posts signed events.
type client struct {
	http    *http.Client
	timeout time.Duration
}

// newClient returns a client. What is posted is for the receiver alone: by http it is exposed.
func newClient(guard outbound.Guard) *client {
	return &client{timeout: Timeout, http: guard.Client(outbound.Exposed)}
}

// post posts an event and returns the endpoint's status if that is one of success.
func (c *client) post(
	ctx context.Context, address string, secrets map[string]string, id string, body []byte,
) (status string, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return "", errors.New("the webhook's address is none")
	}
	if err := outbound.Sign(request.Header, secrets, id, time.Now(), body); err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "Sluice/"+version.Version)
	response, err := c.http.Do(request)
	if err != nil {
		return "", outbound.Unreachable(err, c.timeout)
	}
	// Nobody looks at it; it is read so that the connection can be used again.
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, outbound.MaxAnswer))
	if err := errors.Join(err, response.Body.Close()); err != nil && response.StatusCode/100 != 2 {
		return "", fmt.Errorf("read the endpoint's answer: %w", err)
	}
	return outbound.Describe(response.StatusCode), judge(response)
}

// judge turns an answer into an error, unless it is one of success.
func judge(r *http.Response) error {
	code := r.StatusCode
	err := fmt.Errorf("the endpoint answered %s", outbound.Describe(code))
	switch {
	case code/100 == 2:
		return nil
	case code/100 == 3:
		return channel.Permanent(fmt.Errorf("%w: redirects are not followed", err))
	case code == http.StatusGone:
		return channel.Gone(fmt.Errorf("%w: it is gone for good", err))
	case code == http.StatusRequestTimeout, code == http.StatusTooEarly, code == http.StatusTooManyRequests, code/100 == 5:
		if wait := outbound.RetryAfter(r.Header.Get("Retry-After"), time.Now()); wait > 0 {
			return channel.RetryAfter(wait, err)
		}
		return err
	default:
		return channel.Permanent(err)
	}
}
