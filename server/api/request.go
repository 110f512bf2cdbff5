package api

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"net/http"
	"net/url"
	"reflect"
	"regexp"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/sluicehq/sluice/store"
)

// requested is what handlers know about a request beside its parameters.
type requested struct {
	id  string
	url *url.URL
}

type requestKey struct{}

// validID matches the IDs that a proxy may give to a request.
var validID = regexp.MustCompile(`^[A-Za-z0-9._-]{8,64}$`)

// withRequest gives a request its ID: that of the header X-Request-Id, or a new one.
func withRequest(r *http.Request) *http.Request {
	id := r.Header.Get("X-Request-Id")
	if !validID.MatchString(id) {
		id = rand.Text()
	}
	return r.WithContext(context.WithValue(r.Context(), requestKey{}, requested{id: id, url: r.URL}))
}

func requestOf(ctx context.Context) requested {
	r, _ := ctx.Value(requestKey{}).(requested) //nolint:errcheck // the zero value without one
	return r
}

// requestIDOf returns the ID of a request.
func requestIDOf(ctx context.Context) string { return requestOf(ctx).id }

// exchange is a request with the writer of its answer.
type exchange struct {
	r *http.Request
	w http.ResponseWriter
	// operation is the ID of its operation.
	operation string
}

type exchangeKey struct{}

// withExchange lets handlers read the body bit by bit and extend deadlines.
func withExchange(r *http.Request, w http.ResponseWriter, operation string) *http.Request {
	return r.WithContext(context.WithValue(r.Context(), exchangeKey{}, &exchange{r, w, operation}))
}

// exchangeOf returns the request that a handler answers.
func exchangeOf(ctx context.Context) (*http.Request, http.ResponseWriter) {
	e := ctx.Value(exchangeKey{}).(*exchange) //nolint:errcheck,forcetypeassert // authorised sets it
	return e.r, e.w
}

// operationOf returns the ID of the operation of a request.
func operationOf(ctx context.Context) string {
	return ctx.Value(exchangeKey{}).(*exchange).operation //nolint:errcheck,forcetypeassert // authorised sets it
}

// storable returns a problem if PostgreSQL refuses a text in the path, in the query or in a key.
func storable(r *http.Request) error {
	if store.Plain(r.URL.Path) != r.URL.Path {
		return newProblem(problemInvalid, "The path has the character U+0000 or is no valid UTF-8.")
	}
	for name, values := range r.URL.Query() {
		for _, text := range append(values, name) {
			if store.Plain(text) != text {
				return invalidParameter(store.Plain(name), "it has the character U+0000 or is no valid UTF-8")
			}
		}
	}
	if key := r.Header.Get(keyHeader); store.Plain(key) != key {
		return newProblem(problemInvalid, "The header "+keyHeader+" is invalid.",
			Fault{Detail: "it is no valid UTF-8", Parameter: keyHeader, In: "header"})
	}
	return nil
}

// problem returns the problem of an error, and logs an error that the problem does not show.
func (a *API) problem(ctx context.Context, err error) *Problem {
	p, known := problemOf(err)
	p.Instance = requestIDOf(ctx)
	if !known && ctx.Err() == nil {
		a.log.Error("request failed", "request_id", p.Instance, "error", err)
	}
	return p
}

// refuse answers a request with the problem of an error.
func (a *API) refuse(ctx huma.Context, err error) {
	r, w := humago.Unwrap(ctx)
	a.write(w, r, a.problem(r.Context(), err))
}

// write answers a request with a problem.
func (a *API) write(w http.ResponseWriter, r *http.Request, p *Problem) {
	p.Instance = requestIDOf(r.Context())
	for name, values := range p.headers {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", problemMedia)
	w.WriteHeader(p.Status)
	if r.Method == http.MethodHead {
		return
	}
	// The client may have gone.
	_ = json.NewEncoder(w).Encode(p) //nolint:errcheck,errchkjson // see above
}

func joined(list []string) string { return strings.Join(list, ", ") }

func typeOf[T any]() reflect.Type { return reflect.TypeFor[T]() }
