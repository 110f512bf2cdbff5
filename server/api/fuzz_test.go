package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/server/api"
)

const (
	// envFuzzSeeds is how many requests of each operation FuzzRequests sends as a test.
	envFuzzSeeds = "API_FUZZ_SEEDS"
	fuzzSeeds    = 12

	// Bounds of answers, in bytes, and of the time of a request.
	maxProblemBytes = 256 << 10
	maxAnswerBytes  = 1 << 20
	fuzzTimeout     = 30 * time.Second
	// workerTimeout is the time of requests that wait for a worker; streamTimeout that of streams.
	workerTimeout = 2 * time.Second
	streamTimeout = 10 * time.Millisecond
)

// yamlBomb is a text of flows that grows when its aliases are resolved.
const yamlBomb = "a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b]\n" +
	"d: &d [*c,*c,*c,*c,*c,*c,*c,*c]\ne: &e [*d,*d,*d,*d,*d,*d,*d,*d]\nflows: [*e,*e,*e,*e,*e,*e,*e]\n"

// waiting are the operations that wait for a worker as long as the client does.
var waiting = []string{"try-import", "test-connection"}

// ofSession are the operations on the session of a browser.
var ofSession = []string{"show-session", "change-password", "log-out"}

// FuzzRequests sends requests that are made from the document, right and wrong, to every operation: none is answered with
// a fault of the server, each answer is documented and bounded, and comes in time.
func FuzzRequests(f *testing.F) {
	seeds := fuzzSeeds
	if text := os.Getenv(envFuzzSeeds); text != "" {
		var err error
		seeds, err = strconv.Atoi(text)
		require.NoError(f, err, envFuzzSeeds)
	}
	for seed := range seeds {
		f.Add(uint64(seed), "a")
	}
	f.Add(uint64(0), "\x00")
	f.Add(uint64(1), "\"}\xff")
	// All inputs are sent to one system: what one has created another one finds.
	b := setupFor(f, func(c *api.Config) { c.MaxStreams = 1000 })
	w := newWorld(f, b)
	inputs := 0
	reached := map[string]bool{}
	f.Cleanup(func() {
		// A run of a single input, or one that fuzzes, reaches less.
		if inputs >= fuzzSeeds && flag.Lookup("test.fuzz").Value.String() == "" {
			requireReached(f, b.api, reached)
		}
	})
	f.Fuzz(func(t *testing.T, seed uint64, text string) {
		g := &generator{
			random: rand.New(rand.NewPCG(seed, 1)), registry: b.api.OpenAPI().Components.Schemas, text: text,
			known: w.populate(t, seed), session: func() string { return w.session(t) }, reached: reached,
		}
		inputs++
		paths := b.api.OpenAPI().Paths
		// What is deleted is deleted last.
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodGet, http.MethodDelete} {
			for _, template := range slices.Sorted(maps.Keys(paths)) {
				if o := operationsOf(paths[template])[method]; o != nil {
					b.fuzz(t, g, template, method, o)
				}
			}
		}
	})
}

// leastReached is the least number of operations at which requests must succeed. The others need state that requests
// from the document do not find, such as a failed flow.
const leastReached = 95

// requireReached fails unless requests have succeeded at leastReached operations.
func requireReached(tb testing.TB, a *api.API, reached map[string]bool) {
	tb.Helper()
	all := 0
	var never []string
	for _, item := range a.OpenAPI().Paths {
		for _, o := range operationsOf(item) {
			all++
			if !reached[o.OperationID] {
				never = append(never, o.OperationID)
			}
		}
	}
	slices.Sort(never)
	tb.Logf("requests have succeeded at %d of %d operations, not at %v", all-len(never), all, never)
	require.GreaterOrEqual(tb, all-len(never), leastReached, "not at %v", never)
}

// fuzz sends a request of an operation.
func (b *bundle) fuzz(t *testing.T, g *generator, template, method string, o *huma.Operation) {
	t.Helper()
	timeout := fuzzTimeout
	switch {
	case slices.Contains(waiting, o.OperationID):
		timeout = workerTimeout
	case strings.HasSuffix(template, "/stream"):
		timeout = streamTimeout
	}
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	r := g.request(ctx, template, method, o)
	label := fmt.Sprintf("%s %.2000s %.2000q", method, r.URL, r.Header)
	w := httptest.NewRecorder()
	begun := time.Now()
	b.api.ServeHTTP(w, r)
	require.Less(t, time.Since(begun), fuzzTimeout, label)
	label = fmt.Sprintf("%s: %d %.2000s", label, w.Code, w.Body)
	if w.Code >= http.StatusInternalServerError {
		var p problem
		require.NoError(t, json.Unmarshal(w.Body.Bytes(), &p), label)
		allowed := []string{"/problems/no-worker"}
		if timeout < fuzzTimeout {
			allowed = append(allowed, "/problems/unavailable")
		}
		require.Contains(t, allowed, p.Type, label)
	}
	if w.Code >= http.StatusBadRequest {
		require.Equal(t, "application/problem+json", w.Header().Get("Content-Type"), label)
		require.LessOrEqual(t, w.Body.Len(), maxProblemBytes, label)
	}
	require.LessOrEqual(t, w.Body.Len(), maxAnswerBytes, label)
	if w.Code < http.StatusMultipleChoices {
		g.reached[o.OperationID] = true
	}
	if api.IsStream(r) && w.Code == http.StatusOK {
		seen.mu.Lock()
		defer seen.mu.Unlock()
		seen.operations[o.OperationID] = true
		return
	}
	compare(t, b.api, r, answer{w.Code, w.Header(), w.Body.Bytes()})
	requireLimited(t, label, r, w)
}

// request makes a request of an operation.
func (g *generator) request(ctx context.Context, template, method string, o *huma.Operation) *http.Request {
	g.wild = one(g.random, 0, 0, 5, 15, 40)
	query, header := url.Values{}, http.Header{}
	path := template
	for _, p := range o.Parameters {
		switch {
		case p.In == "path":
			path = strings.Replace(path, "{"+p.Name+"}", segment(g.parameter(p)), 1)
		case p.In == "query" && (p.Required || g.chance(4)):
			query.Set(p.Name, g.parameter(p))
		case p.In == "header" && (p.Name == "If-Match" || g.chance(5)):
			header.Set(p.Name, g.parameter(p))
		}
	}
	target := api.Prefix + path
	if len(query) > 0 {
		target += "?" + query.Encode()
	}
	var body []byte
	if o.RequestBody != nil {
		header.Set("Content-Type", one(g.random, "application/json", "application/json; charset=utf-8"))
		if g.odd() {
			header.Set("Content-Type", one(g.random, "text/plain", "multipart/form-data; boundary=a", g.oddText()))
		}
		if content := o.RequestBody.Content["application/json"]; content != nil {
			body = g.body(content.Schema)
		} else {
			body = []byte("--a\r\nContent-Disposition: form-data; name=\"file\"; filename=" + g.quoted(g.parameter(&huma.Param{Name: "filename", Schema: &huma.Schema{Type: huma.TypeString}})) + "\r\n\r\nx\r\n--a--\r\n")
			header.Set("Content-Type", "multipart/form-data; boundary=a")
		}
	}
	r := httptest.NewRequestWithContext(ctx, method, "http://sluice"+target, bytes.NewReader(body))
	r.Header = header
	as := "admin-all"
	if g.odd() {
		as = one(g.random, "admin-own", "operator-all", "viewer-own", "viewer-none", "ingest-all", "unknown", g.text)
	}
	if slices.Contains(ofSession, o.OperationID) && !g.odd() {
		r.Header.Set("Cookie", g.session())
		return r
	}
	r.Header.Set("Authorization", "Bearer "+as)
	return r
}

// requireLimited checks that a list has no more items than asked for.
func requireLimited(t *testing.T, label string, r *http.Request, w *httptest.ResponseRecorder) {
	t.Helper()
	if w.Code != http.StatusOK || r.Method != http.MethodGet || !r.URL.Query().Has("limit") {
		return
	}
	limit, err := strconv.Atoi(r.URL.Query().Get("limit"))
	var list struct{ Items []json.RawMessage }
	if err == nil && json.Unmarshal(w.Body.Bytes(), &list) == nil {
		require.LessOrEqual(t, len(list.Items), limit, label)
	}
}
