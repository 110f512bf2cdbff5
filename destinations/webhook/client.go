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
)

// attemptTimeout bounds one request.
const attemptTimeout = 10 * time.Second

// client posts signed events. It is safe for concurrent use.
type client struct {
	http    *http.Client
	timeout time.Duration
}

// newClient returns a client that dials what the guard allows. What is posted is for the
// receiver alone: by http it is exposed.
func newClient(guard outbound.Guard) *client {
	return &client{http: guard.Client(outbound.Exposed), timeout: attemptTimeout}
}

// answer is what an endpoint has answered.
type answer struct {
	status int
	// retryAfter is the header Retry-After.
	retryAfter string
}

// post makes one request, signed under an ID that receivers know a repetition by. The body of
// the answer is read and dropped.
func (c *client) post(
	ctx context.Context, address string, secrets map[string]string, id string, body []byte,
) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return answer{}, errors.New("invalid webhook URL")
	}
	if err := outbound.Sign(request.Header, secrets, id, time.Now(), body); err != nil {
		return answer{}, err
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "Sluice/"+version.Version)
	response, err := c.http.Do(request)
	if err != nil {
		return answer{}, unanswered{outbound.Unreachable(err, c.timeout)}
	}
	// It is read so that the connection can be used again. What goes wrong then takes nothing
	// back that the status has said.
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, outbound.MaxAnswer))
	if err := errors.Join(err, response.Body.Close()); err != nil && response.StatusCode/100 != 2 {
		return answer{}, unanswered{fmt.Errorf("read the endpoint's answer: %w", err)}
	}
	return answer{status: response.StatusCode, retryAfter: response.Header.Get("Retry-After")}, nil
}

// unanswered is the error of a request that has no answer.
type unanswered struct{ error }

// Unwrap returns the cause.
func (u unanswered) Unwrap() error { return u.error }
