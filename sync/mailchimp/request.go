package mailchimp

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"

	"github.com/sluicehq/sluice/internal/outbound"
	"github.com/sluicehq/sluice/internal/version"
)

// errTooLarge means that a response is larger than Config.MaxBody.
var errTooLarge = errors.New("the response is too large")

// get makes one call and returns the body of a 200. Every other outcome is an Error.
func (r *Reader) get(ctx context.Context, op, path string, query url.Values) (body []byte, err error) {
	release, err := r.cfg.Limiter.Acquire(ctx, r.cfg.Account)
	if err != nil {
		return nil, &Error{Op: op, Class: ClassUnavailable, Err: fmt.Errorf("wait for a connection: %w", err)}
	}
	defer release()
	timed, cancel := context.WithTimeout(ctx, r.cfg.Timeout)
	defer cancel()
	address := r.base + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	request, err := http.NewRequestWithContext(timed, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, wrong(op, "the address of the call is not valid")
	}
	request.SetBasicAuth("sluice", r.cfg.Key)
	request.Header.Set("Accept", "application/json, application/problem+json")
	request.Header.Set("User-Agent", "Sluice/"+version.Version)
	response, err := r.http.Do(request)
	if err != nil {
		return nil, &Error{Op: op, Class: ClassUnavailable, Err: r.unreachable(ctx, err)}
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	if response.StatusCode != http.StatusOK {
		return nil, r.refused(op, response)
	}
	body, err = io.ReadAll(io.LimitReader(response.Body, r.cfg.MaxBody+1))
	switch {
	case err != nil:
		return nil, &Error{Op: op, Class: ClassUnavailable, Status: response.StatusCode, Err: r.unreachable(ctx, err)}
	case int64(len(body)) > r.cfg.MaxBody:
		return nil, bad(op, "%w: more than %d bytes", errTooLarge, r.cfg.MaxBody)
	default:
		return body, nil
	}
}

// unreachable words an error of the network. The end of the caller's context stays recognisable.
func (r *Reader) unreachable(ctx context.Context, err error) error {
	if ended := ctx.Err(); ended != nil {
		return ended
	}
	return outbound.Unreachable(err, r.cfg.Timeout)
}

// problem is an error document (RFC 9457).
type problem struct {
	Title  string `json:"title"`
	Detail string `json:"detail"`
}

// maxProblem bounds an error document in bytes.
const maxProblem = 64 << 10

// refused turns a response other than 200 into an Error. A 403 is a refusal if it has an error
// document; without one it is Mailchimp's throttling.
func (r *Reader) refused(op string, response *http.Response) error {
	status := response.StatusCode
	text := "the endpoint answered " + outbound.Describe(status)
	document, documented := readProblem(response)
	if said := outbound.Clean(document.Title+": "+document.Detail, r.cfg.Key); documented && said != ":" {
		text += ": " + said
	}
	e := &Error{Op: op, Class: ClassResponse, Status: status, Err: errors.New(text)}
	switch {
	case status == http.StatusTooManyRequests || status == http.StatusForbidden && !documented:
		e.Class = ClassThrottled
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		e.Class = ClassAccess
	case status >= http.StatusInternalServerError || status == http.StatusRequestTimeout:
		e.Class = ClassUnavailable
	case status >= http.StatusBadRequest:
		e.Class = ClassInput
	}
	if e.Retryable() {
		e.RetryAfter = outbound.RetryAfter(response.Header.Get("Retry-After"), r.cfg.Now())
	}
	return e
}

func readProblem(response *http.Response) (problem, bool) {
	kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type"))
	if err != nil || kind != "application/problem+json" && kind != "application/json" {
		return problem{}, false
	}
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxProblem))
	if err != nil {
		return problem{}, false
	}
	return parseProblem(raw)
}

// parseProblem parses an error document.
func parseProblem(raw []byte) (problem, bool) {
	var p problem
	if err := json.Unmarshal(raw, &p); err != nil || p == (problem{}) {
		return problem{}, false
	}
	return p, true
}
