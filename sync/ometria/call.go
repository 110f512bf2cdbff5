package ometria

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"

	"github.com/sluicehq/sluice/internal/outbound"
	"github.com/sluicehq/sluice/internal/version"
)

// answered is a response.
type answered struct {
	status int
	header http.Header
	body   []byte
}

// call makes one call. Its errors are about the network; a failure after the connection was made has
// an unknown outcome.
func (w *Writer) call(ctx context.Context, op, method, path string, body io.Reader) (a answered, err error) {
	if err := w.cfg.Limiter.Wait(ctx, w.cfg.Connection); err != nil {
		return answered{}, &Error{Op: op, Class: ClassUnavailable, Err: fmt.Errorf("wait for the rate limit: %w", err)}
	}
	timed, cancel := context.WithTimeout(ctx, w.cfg.Timeout)
	defer cancel()
	var connected atomic.Bool
	timed = httptrace.WithClientTrace(timed, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	request, err := http.NewRequestWithContext(timed, method, w.cfg.Endpoint+path, body)
	if err != nil {
		return answered{}, &Error{Op: op, Class: ClassRefused, Err: errors.New("the address of the call is not valid")}
	}
	request.Header.Set("X-Ometria-Auth", w.cfg.Key)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", "Sluice/"+version.Version)
	failed := func(status int, err error) *Error {
		class := ClassUnavailable
		if connected.Load() {
			class = ClassUnknown
		}
		if ended := ctx.Err(); ended != nil {
			return &Error{Op: op, Class: class, Status: status, Err: ended}
		}
		return &Error{Op: op, Class: class, Status: status, Err: outbound.Unreachable(err, w.cfg.Timeout)}
	}
	response, err := w.http.Do(request)
	if err != nil {
		return answered{}, failed(0, err)
	}
	defer func() { err = errors.Join(err, response.Body.Close()) }()
	a = answered{status: response.StatusCode, header: response.Header}
	a.body, err = io.ReadAll(io.LimitReader(response.Body, maxBody+1))
	switch {
	case a.status/100 != 2:
		// The status decides; the text may be incomplete.
		return a, nil
	case err != nil:
		return answered{}, failed(a.status, err)
	case len(a.body) > maxBody:
		return answered{}, unknown(op, a.status, "the response has more than %d bytes", maxBody)
	default:
		return a, nil
	}
}

// fault turns a response that is no success into an Error. After 500, 502 and 504 the outcome is
// unknown.
func (w *Writer) fault(op string, a answered) error {
	e := &Error{Op: op, Class: ClassRefused, Status: a.status, Err: errors.New(w.refusal(a))}
	switch {
	case a.status == http.StatusTooManyRequests:
		e.Class = ClassThrottled
	case a.status == http.StatusServiceUnavailable:
		e.Class = ClassUnavailable
	case a.status >= http.StatusInternalServerError || a.status == http.StatusRequestTimeout || a.status/100 == 1:
		e.Class = ClassUnknown
	case a.status == http.StatusUnauthorized || a.status == http.StatusForbidden:
		e.Class = ClassAccess
	}
	if e.Retryable() {
		e.RetryAfter = outbound.RetryAfter(a.header.Get("Retry-After"), w.cfg.Now())
	}
	return e
}

// refusal words a response that is no success.
func (w *Writer) refusal(a answered) string {
	text := "the endpoint answered " + outbound.Describe(a.status)
	var said struct {
		Message string `json:"message"`
		Error   string `json:"error"`
		Reason  string `json:"reason"`
	}
	if json.Unmarshal(a.body, &said) != nil {
		return text
	}
	for _, t := range []string{said.Message, said.Error, said.Reason} {
		if t = outbound.Clean(t, w.cfg.Key); t != "" {
			return text + ": " + t
		}
	}
	return text
}
