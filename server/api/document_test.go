package api_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"flag"
	"fmt"
	"maps"
	"net/http"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/danielgtaylor/huma/v2"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/server/api"
)

// seen is what the tests of the package have seen: operations that have succeeded, those of them that change something,
// with whether the audit had an entry of one, and types of problems.
var seen = struct {
	mu         sync.Mutex
	operations map[string]bool
	changes    map[string]bool
	problems   map[string]bool
}{operations: map[string]bool{}, changes: map[string]bool{}, problems: map[string]bool{}}

// unseen are types of problems that no request of a test provokes, with the reason.
var unseen = map[string]string{
	"/problems/internal":              "every fault that a test finds is repaired",
	"/problems/keyset":                "imports and schedules have no connections without an importer that needs them",
	"/problems/storage":               "a full disk is simulated below the handler",
	"/problems/timeout":               "takes 30 s",
	"/problems/idempotency-too-large": "no operation that takes a key has an answer so large",
}

// unchanged are operations that no test of this package lets succeed, with the reason.
var unchanged = map[string]string{
	"find-sync-rejects": "a sync needs rejected pages: package starter/syncing has one",
}

// TestMain compares what was seen with what is documented, once the whole package has passed.
func TestMain(m *testing.M) {
	code := m.Run()
	if code == 0 && flag.Lookup("test.run").Value.String() == "" && flag.Lookup("test.fuzz").Value.String() == "" {
		code = compareSeen()
	}
	os.Exit(code)
}

// compareSeen reports types of problems that were not seen, and operations whose changes leave no entry in the audit.
func compareSeen() int {
	code := 0
	for _, id := range slices.Sorted(maps.Keys(seen.changes)) {
		if !seen.changes[id] && unchanged[id] == "" {
			fmt.Println("no test has seen an entry of the audit for the operation " + id + ": record its change with " +
				"store.Audited, or test it")
			code = 1
		}
	}
	for _, uri := range slices.Sorted(maps.Keys(api.ProblemURIs())) {
		if !seen.problems[uri] && unseen[uri] == "" {
			fmt.Println("no test has seen a problem of the type " + uri)
			code = 1
		}
	}
	return code
}

// operationOf returns the documented operation of a request.
func operationOf(a *api.API, r *http.Request) *huma.Operation {
	path, ok := strings.CutPrefix(r.URL.EscapedPath(), api.Prefix)
	if !ok {
		return nil
	}
	var found *huma.Operation
	for template, item := range a.OpenAPI().Paths {
		pattern := regexp.MustCompile(`\\\{[^/]+\\\}`).ReplaceAllString(regexp.QuoteMeta(template), `[^/]+`)
		if !regexp.MustCompile("^" + pattern + "$").MatchString(path) {
			continue
		}
		o := map[string]*huma.Operation{
			http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put, http.MethodDelete: item.Delete,
			http.MethodPatch: item.Patch,
		}[r.Method]
		// A literal path comes before one with parameters.
		if o != nil && (found == nil || !strings.Contains(template, "{")) {
			found = o
		}
	}
	return found
}

// compare fails the test unless the document has the answer: its status, its media type, its schema and its type of
// problem.
func compare(tb testing.TB, a *api.API, r *http.Request, got answer) {
	tb.Helper()
	o := operationOf(a, r)
	if o == nil {
		return
	}
	label := fmt.Sprintf("%s %s: %d %s", r.Method, r.URL.Path, got.status, got.body)
	response := o.Responses[strconv.Itoa(got.status)]
	require.NotNil(tb, response, "status is not documented: "+label)
	if got.status < 300 {
		seen.mu.Lock()
		seen.operations[o.OperationID] = true
		seen.mu.Unlock()
	}
	if len(got.body) == 0 {
		require.Empty(tb, response.Content, "documented body is missing: "+label)
		return
	}
	media, _, _ := strings.Cut(got.header.Get("Content-Type"), ";")
	content := response.Content[media]
	require.NotNil(tb, content, "media type %q is not documented: %s", media, label)
	if media == "text/csv" {
		rows, err := csv.NewReader(bytes.NewReader(got.body)).ReadAll()
		require.NoError(tb, err, label)
		require.NotEmpty(tb, rows, label)
		return
	}
	var value any
	require.NoError(tb, json.Unmarshal(got.body, &value), label)
	result := &huma.ValidateResult{}
	huma.Validate(a.OpenAPI().Components.Schemas, content.Schema, huma.NewPathBuffer([]byte{}, 0), huma.ModeReadFromServer,
		value, result)
	require.Empty(tb, result.Errors, "answer is not of the documented schema: "+label)
	if media != "application/problem+json" {
		return
	}
	var p problem
	require.NoError(tb, json.Unmarshal(got.body, &p))
	require.Contains(tb, o.Extensions["x-sluice-problems"], p.Type, "type of problem is not documented: "+label)
	require.Equal(tb, got.status, p.Status, label)
	if got.header.Get("Idempotency-Replayed") == "" {
		require.Equal(tb, got.header.Get("X-Request-Id"), p.Instance, label)
	}
	seen.mu.Lock()
	defer seen.mu.Unlock()
	seen.problems[p.Type] = true
}

// Every operation is described in full, and says who may do it.
func TestDocumentIsComplete(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ids := map[string]bool{}
	for path, item := range b.api.OpenAPI().Paths {
		for method, o := range operationsOf(item) {
			label := method + " " + path
			require.NotEmpty(t, o.OperationID, label)
			require.False(t, ids[o.OperationID], "%s has the ID of another operation", label)
			ids[o.OperationID] = true
			require.NotEmpty(t, o.Summary, label)
			require.False(t, strings.HasSuffix(o.Summary, "."), label)
			require.Len(t, o.Tags, 1, label)
			need := fmt.Sprint(o.Extensions["x-sluice-permission"])
			if need != "any" && need != "none" {
				require.Contains(t, access.Permissions(), access.Permission(need), label)
			}
			require.NotEmpty(t, o.Extensions["x-sluice-scope"], label)
			require.Equal(t, need == "none", len(o.Security) == 0, label)
			require.Contains(t, o.Responses, "401", label)
			for _, parameter := range o.Parameters {
				require.NotEmpty(t, parameter.Description, "%s: parameter %s", label, parameter.Name)
				require.NotNil(t, parameter.Schema, "%s: parameter %s", label, parameter.Name)
			}
		}
	}
	require.NotEmpty(t, ids)
}

func operationsOf(item *huma.PathItem) map[string]*huma.Operation {
	all := map[string]*huma.Operation{
		http.MethodGet: item.Get, http.MethodPost: item.Post, http.MethodPut: item.Put, http.MethodDelete: item.Delete,
		http.MethodPatch: item.Patch,
	}
	maps.DeleteFunc(all, func(_ string, o *huma.Operation) bool { return o == nil })
	return all
}

// The document and its page are open to everybody, and load nothing from elsewhere.
func TestDocumentIsServed(t *testing.T) {
	t.Parallel()
	b := setup(t)
	document := b.do(t, "", http.MethodGet, api.DocumentPath, nil)
	require.Equal(t, http.StatusOK, document.status)
	var parsed struct {
		OpenAPI string
		Paths   map[string]any
	}
	document.decode(t, &parsed)
	require.Equal(t, "3.1.0", parsed.OpenAPI)
	require.Contains(t, parsed.Paths, "/imports/{import}")
	require.NotContains(t, string(document.body), "ErrorModel", "huma's own errors are replaced")

	again := b.do(t, "", http.MethodGet, api.DocumentPath, nil, "If-None-Match", document.header.Get("Etag"))
	require.Equal(t, http.StatusNotModified, again.status)

	page := b.do(t, "", http.MethodGet, api.DocsPath, nil)
	require.Equal(t, http.StatusOK, page.status)
	require.Contains(t, page.header.Get("Content-Security-Policy"), "default-src 'none'; style-src 'self'")
	text := string(page.body)
	for _, item := range b.api.OpenAPI().Paths {
		for _, o := range operationsOf(item) {
			require.Contains(t, text, `id="`+o.OperationID+`"`)
		}
	}
	for _, link := range regexp.MustCompile(`(?:href|src)="([^"]+)"`).FindAllStringSubmatch(text, -1) {
		target, isAnchor := strings.CutPrefix(link[1], "#")
		if isAnchor {
			require.Contains(t, text, `id="`+target+`"`, "a link leads nowhere")
			continue
		}
		require.True(t, strings.HasPrefix(link[1], "/api/"), link[1])
		require.Equal(t, http.StatusOK, b.do(t, "", http.MethodGet, link[1], nil).status, link[1])
	}
	require.NotContains(t, text, "<script")
}

// docs/api.md lists the types of problems with their statuses, and no others.
func TestProblemsAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/api.md")
	require.NoError(t, err)
	documented := map[string]int{}
	for _, row := range regexp.MustCompile("(?m)^\\| `(/problems/[a-z-]+)` \\| (\\d+) \\|").FindAllStringSubmatch(string(text), -1) {
		status, err := strconv.Atoi(row[2])
		require.NoError(t, err)
		documented[row[1]] = status
	}
	require.Equal(t, api.ProblemURIs(), documented)
}
