package api

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/sluicehq/sluice/access"
	servingstore "github.com/sluicehq/sluice/store/serving"
)

// keyHeader names the key of a request that may be repeated, repeatedHeader an answer that is a repetition.
const (
	keyHeader      = "Idempotency-Key"
	repeatedHeader = "Idempotency-Replayed"
)

// keepTimeout bounds the record of an answer.
const keepTimeout = 10 * time.Second

// keptHeaders are the fields of the header that a repetition repeats.
var keptHeaders = []string{"Content-Type", "Location", "Etag", "Link"}

// idempotencyParameter describes the key in the document.
func idempotencyParameter() *huma.Param {
	most := servingstore.MaxKey
	return &huma.Param{
		Name: keyHeader, In: "header",
		Description: "Makes a repetition of the request within 24 hours return the first answer.",
		Schema:      &huma.Schema{Type: huma.TypeString, MaxLength: &most},
	}
}

// idempotent returns the first answer to a repeated request. Answers with 5xx are not kept: the repetition tries again.
func (a *API) idempotent(o operation) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		key := r.Header.Get(keyHeader)
		if key == "" {
			next(ctx)
			return
		}
		if len(key) > servingstore.MaxKey {
			a.refuse(ctx, newProblem(problemInvalid, "The header "+keyHeader+" is invalid.", Fault{
				Detail:    fmt.Sprintf("%d bytes: want 1 to %d", len(key), servingstore.MaxKey),
				Parameter: keyHeader, In: "header",
			}))
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil {
			a.refuse(ctx, bodyProblem(err, o.bodyLimit()))
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		first, answer, err := a.serving.Begin(r.Context(), ownerOf(r.Context()), key, hashOf(r, body))
		switch {
		case errors.Is(err, servingstore.ErrRunning):
			a.refuse(ctx, newProblem(problemKeyBusy, "Repeat the request in a moment."))
		case errors.Is(err, servingstore.ErrOtherRequest):
			a.refuse(ctx, newProblem(problemKeyReuse, "Use a new key for each request."))
		case err != nil:
			a.refuse(ctx, err)
		case answer != nil:
			a.repeat(w, r, answer)
		default:
			a.answerOnce(ctx, first, next)
		}
	}
}

// answerOnce answers a first request. Its answer is kept before it is sent: a client that has an answer gets the same
// one again.
func (a *API) answerOnce(ctx huma.Context, first *servingstore.Request, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	recorder := &answerRecorder{ResponseWriter: w}
	answered := false
	defer func() {
		if !answered {
			a.keep(r.Context(), first.Drop)
		}
	}()
	next(humago.NewContext(ctx.Operation(), r, recorder))
	if recorder.status != 0 && recorder.status < http.StatusInternalServerError {
		answered = true
		answer := servingstore.Answer{Status: recorder.status, Header: map[string]string{}, Body: recorder.body.Bytes()}
		for _, name := range keptHeaders {
			if value := w.Header().Get(name); value != "" {
				answer.Header[name] = value
			}
		}
		a.keep(r.Context(), func(ctx context.Context) error { return first.Keep(ctx, answer) })
	}
	w.WriteHeader(cmp.Or(recorder.status, http.StatusOK))
	// The client may have gone.
	_, _ = w.Write(recorder.body.Bytes()) //nolint:errcheck // see above
}

// keep changes what is kept, also if the client has gone.
func (a *API) keep(ctx context.Context, change func(ctx context.Context) error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keepTimeout)
	defer cancel()
	if err := change(ctx); err != nil {
		a.log.Error("keeping an answer failed", "request_id", requestIDOf(ctx), "error", err)
	}
}

// repeat sends an answer again.
func (a *API) repeat(w http.ResponseWriter, r *http.Request, answer *servingstore.Answer) {
	if answer.Body == nil {
		a.write(w, r, newProblem(problemKeyLost, fmt.Sprintf(
			"The request was answered with status %d; its answer had more than %d bytes.",
			answer.Status, servingstore.MaxAnswer)))
		return
	}
	for name, value := range answer.Header {
		w.Header().Set(name, value)
	}
	w.Header().Set(repeatedHeader, "true")
	w.WriteHeader(answer.Status)
	// The client may have gone.
	_, _ = w.Write(answer.Body) //nolint:errcheck // see above
}

// ownerOf names the principal that a key belongs to.
func ownerOf(ctx context.Context) string {
	p, _ := access.From(ctx)
	if p.ID != 0 {
		return string(p.Kind) + " " + strconv.FormatInt(p.ID, 10)
	}
	return string(p.Kind) + " " + p.Name
}

// hashOf identifies a request.
func hashOf(r *http.Request, body []byte) []byte {
	hash := sha256.New()
	hash.Write(fmt.Appendf(nil, "%s %q %q %q\n", r.Method, r.URL.Path, r.URL.RawQuery, r.Header.Get("Content-Type")))
	hash.Write(body)
	return hash.Sum(nil)
}

// importKey is the idempotency key of an import that a request with a key starts. It outlasts the kept answer.
func importKey(ctx context.Context, key string) string {
	if key == "" {
		return ""
	}
	hash := sha256.Sum256([]byte(ownerOf(ctx) + "\n" + key))
	return "api/" + hex.EncodeToString(hash[:])
}

// answerRecorder holds an answer back. The handlers whose answers are large are unbuffered, and take no key.
type answerRecorder struct {
	http.ResponseWriter
	status int
	body   bytes.Buffer
}

// WriteHeader notes the status.
func (r *answerRecorder) WriteHeader(status int) {
	r.status = cmp.Or(r.status, status)
}

// Write notes the body.
func (r *answerRecorder) Write(p []byte) (int, error) {
	r.status = cmp.Or(r.status, http.StatusOK)
	return r.body.Write(p)
}

// Unwrap lets http.ResponseController find the connection.
func (r *answerRecorder) Unwrap() http.ResponseWriter { return r.ResponseWriter }
