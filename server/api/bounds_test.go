package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/server/api"
)

// Bodies are bounded, with and without a length.
func TestBodiesAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := "/sites/" + own + "/imports"
	large := `{"source":"` + strings.Repeat("x", api.DefaultBody) + `"}`
	b.do(t, "operator-own", http.MethodPost, path, large).problem(t, "too-large")
	b.do(t, "operator-own", http.MethodPost, path, io.MultiReader(strings.NewReader(large)), "Content-Type", "application/json").
		problem(t, "too-large")
	b.do(t, "operator-own", http.MethodPost, path, strings.Repeat("[", 500_000)).problem(t, "malformed")
	b.do(t, "operator-own", http.MethodPost, path, "{}", "Idempotency-Key", "k").problem(t, "invalid")
}

// Requests beyond the limit of a server are refused at once, and taken when others have ended.
func TestRequestsAreBounded(t *testing.T) {
	t.Parallel()
	waiting, release := make(chan struct{}, api.MaxRequests), make(chan struct{})
	b := setup(t)
	slow, url := b.serve(t, func(c *api.Config) {
		c.Authenticator = authenticatorFunc(func(r *http.Request) (access.Principal, error) {
			if r.Header.Get("X-Wait") != "" {
				waiting <- struct{}{}
				<-release
			}
			return b.tokens.Authenticate(r)
		})
	})
	ended := make(chan int, api.MaxRequests)
	for range api.MaxRequests {
		go func() {
			r := httptest.NewRequest(http.MethodGet, "http://sluice/api/v1/imports/0", http.NoBody)
			r.Header.Set("X-Wait", "true")
			w := httptest.NewRecorder()
			slow.ServeHTTP(w, r)
			ended <- w.Code
		}()
	}
	for range api.MaxRequests {
		<-waiting
	}
	got := b.doAt(t, url, "viewer-own", http.MethodGet, "/imports", nil)
	got.problem(t, "busy")
	require.NotEmpty(t, got.header.Get("Retry-After"))
	close(release)
	for range api.MaxRequests {
		require.Equal(t, http.StatusUnauthorized, <-ended)
	}
	require.Equal(t, http.StatusOK, b.doAt(t, url, "viewer-own", http.MethodGet, "/imports", nil).status)
	b.do(t, "unknown", http.MethodGet, "/imports", nil).problem(t, "unauthenticated")
}

type authenticatorFunc func(r *http.Request) (access.Principal, error)

// Authenticate calls the function.
func (f authenticatorFunc) Authenticate(r *http.Request) (access.Principal, error) { return f(r) }

// Requests without an operation are problems, too, and those of other origins are refused.
func TestUnknownRequests(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.do(t, "admin-all", http.MethodGet, "/nothing", nil).problem(t, "not-found")
	got := b.do(t, "admin-all", http.MethodPatch, "/imports/1", nil)
	got.problem(t, "method-not-allowed")
	require.Equal(t, "GET, DELETE", got.header.Get("Allow"))
	seen.mu.Lock()
	seen.problems["/problems/method-not-allowed"] = true
	seen.mu.Unlock()
	b.do(t, "admin-all", http.MethodPost, "/imports/1/pause", nil, "Sec-Fetch-Site", "cross-site").problem(t, "cross-origin")
	b.do(t, "admin-all", http.MethodPost, "/imports/1/pause", nil, "Origin", "https://evil.example").problem(t, "cross-origin")
	own := b.do(t, "admin-all", http.MethodGet, "/imports", nil, "X-Request-Id", "from-a-proxy-17")
	require.Equal(t, "from-a-proxy-17", own.header.Get("X-Request-Id"))
	require.NotEqual(t, "a b", b.do(t, "admin-all", http.MethodGet, "/imports", nil, "X-Request-Id", "a b").header.Get("X-Request-Id"))
	require.Equal(t, "nosniff", own.header.Get("X-Content-Type-Options"))
}

// While the store is away, requests are answered with 503 and do not tell where it is.
func TestStoreAway(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Store.Close()
	got := b.do(t, "viewer-own", http.MethodGet, "/imports", nil)
	require.GreaterOrEqual(t, got.status, 500)
	require.NotContains(t, string(got.body), "127.0.0.1")
}

// FuzzBodies sends bodies made from the schemas of the document, right and wrong, to every operation: no answer is a fault
// of the server, and every answer is documented.
func FuzzBodies(f *testing.F) {
	for seed := range uint64(100) {
		f.Add(seed)
	}
	// All inputs are sent to one system: what one has created another one finds.
	b := setupFor(f)
	b.Starter.AnswerTimeout = 1
	f.Fuzz(b.fuzz)
}

// fuzz sends a request of each operation with a body.
func (b *bundle) fuzz(t *testing.T, seed uint64) {
	t.Helper()
	random := rand.New(rand.NewPCG(seed, 1))
	paths := b.api.OpenAPI().Paths
	for _, template := range slices.Sorted(maps.Keys(paths)) {
		for _, method := range []string{http.MethodPost, http.MethodPut} {
			o := operationsOf(paths[template])[method]
			if o == nil || o.RequestBody == nil || o.RequestBody.Content["application/json"] == nil {
				continue
			}
			schema := o.RequestBody.Content["application/json"].Schema
			body, err := json.Marshal(made(random, b.api.OpenAPI().Components.Schemas, schema, 0))
			require.NoError(t, err)
			if random.IntN(8) == 0 {
				body = body[:random.IntN(len(body)+1)]
			}
			path := pathParameter.ReplaceAllStringFunc(template, func(name string) string {
				values := map[string][]string{
					"{site}": {own, foreign}, "{import}": {"1", "2", "0", "9223372036854775808"}, "{part}": {"0", "1", "x"},
					"{schedule}": {"nightly", "noop"},
				}[name]
				if values == nil {
					return name
				}
				return values[random.IntN(len(values))]
			})
			if strings.Contains(path, "{") || strings.HasSuffix(path, "fetch") {
				continue
			}
			r := httptest.NewRequestWithContext(context.Background(), method, "http://sluice"+api.Prefix+path, bytes.NewReader(body))
			r.Header.Set("Authorization", "Bearer admin-own")
			r.Header.Set("Content-Type", "application/json")
			r.Header.Set("If-Match", "*")
			w := httptest.NewRecorder()
			b.api.ServeHTTP(w, r)
			label := fmt.Sprintf("%s %s %s: %d %s", method, path, body, w.Code, w.Body)
			require.True(t, w.Code < 500 || strings.Contains(w.Body.String(), "/problems/no-worker"), label)
			require.Less(t, w.Body.Len(), 1<<20, label)
			compare(t, b.api, r, answer{w.Code, w.Header(), w.Body.Bytes()})
		}
	}
}

// made returns a value for a schema, sometimes a wrong one.
func made(random *rand.Rand, registry huma.Registry, schema *huma.Schema, depth int) any {
	if schema.Ref != "" {
		schema = registry.SchemaFromRef(schema.Ref)
	}
	odd := []any{
		nil, true, -1, 1e300, 0.5, "", "\x00", strings.Repeat("é", 300),
		[]any{},
		map[string]any{},
		[]any{map[string]any{"a": 1}},
		"../../etc/passwd", "0 3 * * *", "noop", "csv", "a\nb", "2024-01-01T00:00:00Z",
	}
	if random.IntN(6) == 0 || depth > 4 {
		return odd[random.IntN(len(odd))]
	}
	if len(schema.Enum) > 0 {
		return schema.Enum[random.IntN(len(schema.Enum))]
	}
	switch schema.Type {
	case huma.TypeObject:
		value := map[string]any{}
		for _, name := range slices.Sorted(maps.Keys(schema.Properties)) {
			if slices.Contains(schema.Required, name) || random.IntN(2) == 0 {
				value[name] = made(random, registry, schema.Properties[name], depth+1)
			}
		}
		if random.IntN(10) == 0 {
			value["colour"] = "red"
		}
		return value
	case huma.TypeArray:
		var list []any
		for range random.IntN(4) {
			list = append(list, made(random, registry, schema.Items, depth+1))
		}
		return list
	case huma.TypeInteger, huma.TypeNumber:
		return []any{0, 1, 60, 64, -5, 1 << 40}[random.IntN(6)]
	case huma.TypeBoolean:
		return random.IntN(2) == 0
	case huma.TypeString:
		return []any{"noop", "nightly", "UTC", "0 3 * * *", "", "x y", "2024-01-01T00:00:00Z"}[random.IntN(7)]
	default:
		return odd[random.IntN(len(odd))]
	}
}
