package api

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// buffered reads the body of a request into memory: at most operation.maxBody bytes, and maxBodies of all requests
// together.
func (a *API) buffered(o operation) func(huma.Context, func(huma.Context)) {
	limit := o.bodyLimit()
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		if r.ContentLength == 0 {
			endRead(w)
			next(ctx)
			return
		}
		if r.ContentLength > limit {
			a.refuse(ctx, tooLarge(limit))
			return
		}
		if !a.bodies.TryAcquire(limit) {
			a.refuse(ctx, newProblem(problemBusy, "The bodies of other requests fill the memory for them: try again."))
			return
		}
		defer a.bodies.Release(limit)
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, limit))
		if err != nil {
			a.refuse(ctx, bodyProblem(err, limit))
			return
		}
		endRead(w)
		r.Body = io.NopCloser(bytes.NewReader(body))
		next(humago.NewContext(ctx.Operation(), r, w))
	}
}

func tooLarge(limit int64) *Problem {
	return newProblem(problemTooLarge, fmt.Sprintf("The body is larger than %d bytes.", limit))
}

// bodyProblem returns the problem of a body that cannot be read.
func bodyProblem(err error, limit int64) *Problem {
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return tooLarge(limit)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return newProblem(problemTimeout, "The body did not arrive in time.")
	default:
		return newProblem(problemMalformed, "The body ends too early, or is not in the encoding that the header says.")
	}
}

// extendRead lets the client send for another time from now on.
func extendRead(w http.ResponseWriter, d time.Duration) error {
	return http.NewResponseController(w).SetReadDeadline(time.Now().Add(d))
}

// endRead removes the deadline of the body, which would otherwise end the context of a handler that takes longer.
func endRead(w http.ResponseWriter) {
	// Only writers of tests have no deadlines.
	_ = http.NewResponseController(w).SetReadDeadline(time.Time{}) //nolint:errcheck // see above
}
