package api_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/server/api"
	"github.com/sluicehq/sluice/store"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
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

// While the store is away, requests are answered with 503 and do not tell where it is. Afterwards they are answered again.
func TestStoreAway(t *testing.T) {
	t.Parallel()
	b := setup(t)
	proxy, dsn := enginetest.NewProxy(t, b.Settings.Store.DSN)
	through, err := dispatchstore.Open(enginetest.Context(t), store.Config{DSN: dsn}, nil)
	require.NoError(t, err)
	t.Cleanup(through.Close)
	_, url := b.serve(t, func(c *api.Config) {
		s := *c.Starter
		s.Store, c.Starter = through, &s
	})
	require.Equal(t, http.StatusOK, b.doAt(t, url, "viewer-own", http.MethodGet, "/imports", nil).status)
	proxy.Cut()
	for _, path := range []string{"/imports", "/sites/" + own + "/traffic", "/schedules"} {
		got := b.doAt(t, url, "viewer-own", http.MethodGet, path, nil)
		got.problem(t, "unavailable")
		require.Equal(t, "5", got.header.Get("Retry-After"))
		require.NotContains(t, string(got.body), "127.0.0.1")
	}
	require.NotContains(t, b.log.String(), "panicked")
	proxy.Restore()
	polltest.Eventually(t, func() bool {
		return b.doAt(t, url, "viewer-own", http.MethodGet, "/imports", nil).status == http.StatusOK
	}, time.Minute, 20*time.Millisecond)
}
