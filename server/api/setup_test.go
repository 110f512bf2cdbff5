package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/csv"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/ingest/refdata"
	"github.com/sluicehq/sluice/internal/authenticator"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/outbound"
	"github.com/sluicehq/sluice/internal/uploading"
	"github.com/sluicehq/sluice/server/api"
	accessstore "github.com/sluicehq/sluice/store/access"
	servingstore "github.com/sluicehq/sluice/store/serving"
)

// The sites of the tests: most principals see only the first one.
const (
	own     = "own.example"
	foreign = "foreign.example"
)

// tokens authenticates by tokens that are the names of principals, and by the sessions of accounts.
type tokens struct {
	sessions   *authenticator.Authenticator
	mu         sync.Mutex
	principals map[string]access.Principal
}

func newTokens() *tokens {
	all := map[string]access.Principal{}
	for _, role := range append(access.Roles(), access.RoleIngest) {
		for name, scope := range map[string]access.Scope{
			"own": access.Sites(own), "all": access.AllSites(), "none": access.Sites(),
		} {
			name = string(role) + "-" + name
			all[name] = access.Principal{Name: name, Kind: access.KindToken, Role: role, Sites: scope}
		}
	}
	return &tokens{principals: all}
}

// Authenticate returns the principal of the token or the session.
func (s *tokens) Authenticate(r *http.Request) (access.Principal, error) {
	if cookie, err := r.Cookie(api.SessionCookie); err == nil {
		return s.sessions.Session(r.Context(), cookie.Value)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	name, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	p, ok := s.principals[name]
	if !ok {
		return p, fmt.Errorf("%w: the token is unknown", access.ErrUnauthenticated)
	}
	return p, nil
}

// bundle is an API on a system of its own with both sites.
type bundle struct {
	*enginetest.System
	api    *api.API
	tokens *tokens
	url    string
	log    *lockedBuffer
	// uploads is the folder of uploads.
	uploads string
}

// lockedBuffer takes what several goroutines log.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

// Write appends.
func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// setup serves an API without a worker. tune changes its configuration.
func setup(t *testing.T, tune ...func(c *api.Config)) *bundle {
	t.Helper()
	return setupFor(t, tune...)
}

func setupFor(tb testing.TB, tune ...func(c *api.Config)) *bundle {
	tb.Helper()
	b := &bundle{uploads: tb.TempDir(), tokens: newTokens(), log: &lockedBuffer{}}
	b.System = enginetest.NewSystem(tb, importers.NewRegistry(enginetest.Impatient(noop.New()), csv.Within([]string{b.uploads})))
	var err error
	b.tokens.sessions, err = authenticator.New(authenticator.Config{
		Store: accessstore.New(b.Store.Store), Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(tb, err)
	b.AddSite(tb, own)
	b.AddSite(tb, foreign)
	b.api, b.url = b.serve(tb, tune...)
	return b
}

// builtinData returns the reference data without any file. They are read once.
var builtinData = sync.OnceValue(func() *refdata.Store {
	data, err := refdata.Open(refdata.Config{Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic("open the reference data: " + err.Error())
	}
	return data
})

// withWorker serves an API with a worker.
func withWorker(t *testing.T, tune ...func(c *api.Config)) *bundle {
	t.Helper()
	b := setup(t, tune...)
	b.StartWorker(t)
	return b
}

// serve serves an API on the system, until the test ends.
func (b *bundle) serve(tb testing.TB, tune ...func(c *api.Config)) (*api.API, string) {
	tb.Helper()
	cfg := api.Config{
		Starter: b.Starter, Warehouse: b.Warehouse, Authenticator: b.tokens,
		Uploads: &uploading.Folder{
			Dir: b.uploads, MaxBytes: 1 << 20, MaxPerSite: 3,
			Store: servingstore.New(b.Store.Store), Sites: b.Store.Imports, Registry: b.Registry,
		},
		FetchGuard: outbound.Loopback(),
		Address: func(r *http.Request) string {
			host, _, err := net.SplitHostPort(r.RemoteAddr)
			if err != nil {
				return ""
			}
			return host
		},
		Secure:     func(r *http.Request) bool { return r.Header.Get("X-Forwarded-Proto") == "https" },
		MaxStreams: 20, Logger: slog.New(slog.NewTextHandler(b.log, nil)), Version: "test",
	}
	cfg.Refdata = builtinData
	b.addServices(tb, &cfg)
	for _, change := range tune {
		change(&cfg)
	}
	a, err := api.New(cfg)
	require.NoError(tb, err)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- a.Run(ctx) }()
	server := httptest.NewServer(a)
	tb.Cleanup(func() {
		a.EndStreams()
		server.Close()
		cancel()
		require.NoError(tb, <-ended)
	})
	return a, server.URL
}

// answer is an answer with its body.
type answer struct {
	status int
	header http.Header
	body   []byte
}

// decode reads the body.
func (a answer) decode(tb testing.TB, into any) {
	tb.Helper()
	require.NoError(tb, json.Unmarshal(a.body, into), string(a.body))
}

// problem is what tests read of a problem.
type problem struct {
	Type, Title, Detail, Instance string
	Status                        int
	Errors                        []struct{ Detail, Pointer, Parameter, In string }
}

// problem returns the problem of an answer, which has that type.
func (a answer) problem(t *testing.T, want string) problem {
	t.Helper()
	var p problem
	a.decode(t, &p)
	require.Equal(t, "/problems/"+want, p.Type, string(a.body))
	require.Equal(t, a.status, p.Status)
	return p
}

// do sends a request as a principal. A body that is no string or reader is encoded in JSON. header has pairs.
func (b *bundle) do(tb testing.TB, as, method, path string, body any, header ...string) answer {
	tb.Helper()
	return b.doAt(tb, b.url, as, method, path, body, header...)
}

func (b *bundle) doAt(tb testing.TB, url, as, method, path string, body any, header ...string) answer {
	tb.Helper()
	var reader io.Reader = http.NoBody
	contentType := "application/json"
	switch v := body.(type) {
	case nil:
		contentType = ""
	case string:
		reader = strings.NewReader(v)
	case io.Reader:
		reader = v
	default:
		data, err := json.Marshal(v)
		require.NoError(tb, err)
		reader = bytes.NewReader(data)
	}
	ctx, cancel := context.WithTimeout(enginetest.Context(tb), time.Minute)
	defer cancel()
	if !strings.HasPrefix(path, "/api/") {
		path = api.Prefix + path
	}
	r, err := http.NewRequestWithContext(ctx, method, url+path, reader)
	require.NoError(tb, err)
	if as != "" {
		r.Header.Set("Authorization", "Bearer "+as)
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	require.NoError(tb, err)
	data, err := io.ReadAll(response.Body)
	require.NoError(tb, err)
	require.NoError(tb, response.Body.Close())
	a := answer{response.StatusCode, response.Header, data}
	compare(tb, b.api, r, a)
	b.compareAudit(tb, as, r, a)
	return a
}

// page sends a request as a page of the server does.
func (b *bundle) page(t *testing.T, method, path, body string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(method, "http://sluice"+api.Prefix+path, strings.NewReader(body))
	r = r.WithContext(api.FromPage(r.Context()))
	r.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	b.api.ServeHTTP(w, r)
	return w
}

// ok sends a request that succeeds, and decodes the answer into a value.
func (b *bundle) ok(tb testing.TB, as, method, path string, body, into any) answer {
	tb.Helper()
	a := b.do(tb, as, method, path, body)
	require.Less(tb, a.status, 300, "%s %s: %s", method, path, a.body)
	if into != nil {
		a.decode(tb, into)
	}
	return a
}
