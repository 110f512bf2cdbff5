package api_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/importview"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// startBody asks for an import of generated rows.
func startBody(args map[string]any) map[string]any {
	return map[string]any{"source": "noop", "args": args}
}

// start starts an import through the API and returns its ID.
func (b *bundle) start(t *testing.T, args map[string]any) int64 {
	t.Helper()
	var imp importview.Import
	b.ok(t, "operator-own", http.MethodPost, "/sites/"+own+"/imports", startBody(args), &imp)
	return imp.ID
}

// An import is tried, started, followed and deleted.
func TestImportLifecycle(t *testing.T) {
	t.Parallel()
	b := withWorker(t)
	var report struct {
		Site, Error string
		PartsTotal  int `json:"parts_total"`
	}
	b.ok(t, "operator-own", http.MethodPost, "/sites/"+own+"/imports/dry-run", startBody(map[string]any{"rows": 20, "parts": 2}), &report)
	require.Equal(t, own, report.Site)
	require.Equal(t, 2, report.PartsTotal)
	require.Empty(t, report.Error)

	var imp importview.Import
	created := b.do(t, "operator-own", http.MethodPost, "/sites/"+own+"/imports", map[string]any{
		"source": "noop", "label": "history", "parallelism": 1, "args": map[string]any{"rows": 30, "parts": 3, "bad_rows": 3},
		"max_rejects": 10,
	})
	require.Equal(t, http.StatusCreated, created.status, string(created.body))
	created.decode(t, &imp)
	require.Equal(t, fmt.Sprintf("/api/v1/imports/%d", imp.ID), created.header.Get("Location"))
	require.Equal(t, "operator-own", imp.RequestedBy)
	require.NotNil(t, imp.CheckedAt)
	b.Wait(t, imp.ID)

	path := created.header.Get("Location")
	var shown importview.Shown
	b.ok(t, "viewer-own", http.MethodGet, path, nil, &shown)
	require.Equal(t, importstore.StatusCompleted, shown.Status)
	require.Equal(t, []int64{30, 27, 3}, []int64{shown.RowsRead, shown.RowsLoaded, shown.RowsRejected})

	parts := readPages[importview.Part](t, b, path+"/parts?limit=2")
	require.Len(t, parts, 3)
	require.Equal(t, int32(2), parts[2].Part)
	require.Len(t, readPages[importview.Part](t, b, path+"/parts?status=done,parked"), 3)
	require.Empty(t, readPages[importview.Part](t, b, path+"/parts?status=parked,failed"))
	b.do(t, "viewer-own", http.MethodGet, path+"/parts?status=lost", nil).problem(t, "invalid")
	rejects := readPages[importview.Reject](t, b, path+"/rejects?limit=2")
	require.Len(t, rejects, 3)
	reason := url.QueryEscape(strings.ToUpper(rejects[0].Reason))
	for query, want := range map[string]int{
		"text=" + reason: 3, "text=nowhere": 0, "part=0,1,2": 3, "part=7": 0, "column=" + rejects[0].Column: 3,
		"column=none": 0, "part=7&text=" + reason: 0,
	} {
		require.Len(t, readPages[importview.Reject](t, b, path+"/rejects?limit=1&"+query), want, query)
	}
	for _, query := range []string{"part=x", "part=-1", "text=" + strings.Repeat("x", 101)} {
		b.do(t, "viewer-own", http.MethodGet, path+"/rejects?"+query, nil).problem(t, "invalid")
	}
	lines := readPages[importview.Feedback](t, b, path+"/feedback?limit=1")
	require.NotEmpty(t, lines)
	for i, line := range lines {
		require.EqualValues(t, i+1, line.Seq)
	}
	var preview struct{ Items []importview.Preview }
	b.ok(t, "viewer-own", http.MethodGet, path+"/preview?limit=3", nil, &preview)
	require.Len(t, preview.Items, 1)
	require.EqualValues(t, 27, preview.Items[0].Rows)
	require.Len(t, preview.Items[0].Sample, 3)
	b.do(t, "viewer-own", http.MethodGet, path+"/preview?table=users", nil).problem(t, "invalid")

	b.do(t, "operator-own", http.MethodPost, path+"/pause", nil).problem(t, "conflict")
	deleted := b.do(t, "operator-own", http.MethodDelete, path, nil)
	require.Equal(t, http.StatusAccepted, deleted.status, string(deleted.body))
	require.NoError(t, b.Starter.WaitDeleted(t.Context(), imp.ID))
	b.do(t, "viewer-own", http.MethodGet, path, nil).problem(t, "not-found")
}

// readPages returns the items of all pages of a list.
func readPages[T any](t *testing.T, b *bundle, path string) []T {
	t.Helper()
	var all []T
	for pages := 0; path != ""; pages++ {
		require.Less(t, pages, 100)
		var page struct {
			Items []T
			Next  string
		}
		got := b.ok(t, "viewer-own", http.MethodGet, path, nil, &page)
		if page.Next != "" {
			require.Equal(t, "<"+page.Next+`>; rel="next"`, got.header.Get("Link"))
		}
		all = append(all, page.Items...)
		path = page.Next
	}
	return all
}

// Lists have pages and filters; a cursor is of its own list.
func TestImportList(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 5 {
		var imp importview.Import
		b.ok(t, "operator-own", http.MethodPost, "/sites/"+own+"/imports", map[string]any{
			"source": "noop", "check_timeout_seconds": 0,
		}, &imp)
		require.Nil(t, imp.CheckedAt)
	}
	all := readPages[importview.Import](t, b, "/imports?limit=2")
	require.Len(t, all, 5)
	for i, imp := range all {
		require.EqualValues(t, 5-i, imp.ID, "newest first")
		require.True(t, imp.NoWorker)
	}
	for query, want := range map[string]int{
		"status=queued": 5, "status=pending,failed": 0, "source=noop&by=operator-own": 5, "by=ann": 0, "source=csv": 0,
		"site=" + own: 5,
	} {
		require.Len(t, readPages[importview.Import](t, b, "/imports?"+query), want, query)
	}
	for query, parameter := range map[string]string{
		"limit=0": "limit", "limit=201": "limit", "limit=x": "limit", "status=done": "status", "after=x": "after",
		"after=eyJ2IjoxLCJvIjoibGlzdC1zY2hlZHVsZXMiLCJrIjoiYSJ9": "after",
	} {
		p := b.do(t, "viewer-own", http.MethodGet, "/imports?"+query, nil).problem(t, "invalid")
		require.Equal(t, parameter, p.Errors[0].Parameter, query)
		require.Equal(t, "query", p.Errors[0].In)
	}
	b.do(t, "viewer-own", http.MethodGet, "/imports/99", nil).problem(t, "not-found")
	b.do(t, "viewer-own", http.MethodGet, "/imports/x", nil).problem(t, "not-found")
}

// Faults of a request are named with pointers; nothing is created.
func TestStartRefuses(t *testing.T) {
	t.Parallel()
	b := withWorker(t)
	path := "/sites/" + own + "/imports"
	for pointer, body := range map[string]string{
		"#/source":      `{"source":""}`,
		"#/parallelism": `{"source":"noop","parallelism":65}`,
		"#/colour":      `{"source":"noop","colour":"red"}`,
		"#/notify":      `{"source":"noop","notify":["a","b","c","d","e","f","g","h","i","j","k","l","m","n","o","p","q","r","s","t","u"]}`,
		"#/args/paths":  `{"source":"csv","args":{"paths":["relative.csv"]}}`,
	} {
		p := b.do(t, "operator-own", http.MethodPost, path, body).problem(t, "invalid")
		pointers := []string{}
		for _, fault := range p.Errors {
			pointers = append(pointers, fault.Pointer)
		}
		require.Contains(t, pointers, pointer, body)
	}
	require.Contains(t, b.do(t, "operator-own", http.MethodPost, path, `{"source":"nope"}`).problem(t, "invalid").Detail,
		`unknown importer "nope"`)
	b.do(t, "operator-own", http.MethodPost, path, `{"source"`).problem(t, "malformed")
	b.do(t, "operator-own", http.MethodPost, path, nil).problem(t, "malformed")
	b.do(t, "operator-own", http.MethodPost, path, `{}`, "Content-Type", "text/plain").problem(t, "unsupported-media-type")
	b.do(t, "operator-all", http.MethodPost, "/sites/other.example/imports", `{"source":"noop"}`).problem(t, "not-found")
	require.Empty(t, readPages[importview.Import](t, b, "/imports"))

	p := b.do(t, "operator-own", http.MethodPost, path, startBody(map[string]any{"fail": "before_start", "permanent": true})).
		problem(t, "source")
	require.Contains(t, p.Detail, "import 1: ")
	all := readPages[importview.Import](t, b, "/imports")
	require.Len(t, all, 1)
	require.Equal(t, importstore.StatusFailed, all[0].Status)
}

// A site has at most so many imports.
func TestStartLimit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Starter.Limits.ImportsPerSite = 1
	body := map[string]any{"source": "noop", "check_timeout_seconds": 0}
	b.ok(t, "operator-own", http.MethodPost, "/sites/"+own+"/imports", body, nil)
	p := b.do(t, "operator-own", http.MethodPost, "/sites/"+own+"/imports", body).problem(t, "limit")
	require.Contains(t, p.Detail, "may have 1")
}

// Commands reach the workflow, and are refused where the state does not allow them.
func TestImportCommands(t *testing.T) {
	t.Parallel()
	b := withWorker(t)
	id := b.start(t, map[string]any{"rows": 4000, "parts": 40, "delay": "200ms"})
	path := fmt.Sprintf("/imports/%d", id)
	b.WaitLoading(t, id)
	var imp importview.Import
	b.ok(t, "operator-own", http.MethodPost, path+"/pause", map[string]any{"reason": "maintenance"}, nil)
	b.WaitFor(t, id, "paused", func(s importstore.Summary) bool { return s.Import.Paused })
	b.ok(t, "operator-own", http.MethodPost, path+"/rate", map[string]any{"rows_per_second": 100}, &imp)
	require.EqualValues(t, 100, imp.RowsPerSecond)
	b.ok(t, "operator-own", http.MethodPost, path+"/resume", nil, nil)
	b.do(t, "operator-own", http.MethodPost, path+"/rate", `{"rows_per_second":-1}`).problem(t, "invalid")
	b.do(t, "operator-own", http.MethodPost, path+"/parts/0/retry", nil).problem(t, "conflict")
	b.do(t, "reviewer-own", http.MethodPost, path+"/decision", map[string]any{"verdict": "accepted"}).problem(t, "conflict")
	b.do(t, "operator-own", http.MethodDelete, path, nil).problem(t, "conflict")
	b.ok(t, "operator-own", http.MethodPost, path+"/cancel", map[string]any{"reason": "wrong file"}, nil)
	require.Equal(t, importstore.StatusCancelled, b.Wait(t, id).Import.Status)
	lines := readPages[importview.Feedback](t, b, path+"/feedback")
	require.Contains(t, fmt.Sprint(lines), "wrong file")
	require.Contains(t, fmt.Sprint(lines), "operator-own", "commands are by the principal")
}

// A parked part is retried and skipped.
func TestParkedParts(t *testing.T) {
	t.Parallel()
	b := withWorker(t)
	id := b.start(t, map[string]any{"rows": 10, "fail": "import_data"})
	path := fmt.Sprintf("/imports/%d", id)
	b.WaitParked(t, id)
	attempts := func() int64 {
		parts, err := b.Store.Imports.ListParts(enginetest.Context(t), id)
		require.NoError(t, err)
		return parts[0].FencingToken
	}
	before := attempts()
	b.ok(t, "operator-own", http.MethodPost, path+"/parts/0/retry", nil, nil)
	// Until the retry has begun, the store has the part as parked.
	b.WaitFor(t, id, "the retry", func(importstore.Summary) bool { return attempts() > before })
	b.WaitParked(t, id)
	b.do(t, "operator-own", http.MethodPost, path+"/parts/0/skip", `{}`).problem(t, "invalid")
	b.ok(t, "operator-own", http.MethodPost, path+"/parts/0/skip", map[string]any{"reason": "broken"}, nil)
	b.Wait(t, id)
}

// A reviewer decides; the requester cannot accept their own import where a second person is required.
func TestReviews(t *testing.T) {
	t.Parallel()
	b := withWorker(t)
	b.Starter.Review.RequireSecondApprover = true
	for i, principal := range []string{"admin-own", "operator-own", "operator-own"} {
		var imp importview.Import
		b.ok(t, principal, http.MethodPost, "/sites/"+own+"/imports", map[string]any{
			"source": "noop", "review": true, "args": map[string]any{
				"rows": 5, "start_date": fmt.Sprintf("202%d-01-01", i), "end_date": fmt.Sprintf("202%d-01-31", i),
			},
		}, &imp)
		b.WaitFor(t, imp.ID, "in review", func(s importstore.Summary) bool { return s.Import.Status == importstore.StatusInReview })
	}
	reviews := readPages[importview.Review](t, b, "/reviews?limit=2")
	require.Len(t, reviews, 3)
	require.True(t, reviews[0].RequireSecondApprover)

	b.do(t, "admin-own", http.MethodPost, "/imports/1/decision", map[string]any{"verdict": "accepted"}).problem(t, "self-review")
	b.do(t, "reviewer-own", http.MethodPost, "/imports/1/decision", map[string]any{"verdict": "declined"}).problem(t, "invalid")
	b.do(t, "reviewer-own", http.MethodPost, "/imports/1/decision", map[string]any{"verdict": "maybe"}).problem(t, "invalid")
	b.ok(t, "reviewer-own", http.MethodPost, "/imports/1/decision", map[string]any{"verdict": "accepted"}, nil)
	require.Equal(t, importstore.StatusCompleted, b.Wait(t, 1).Import.Status)
	b.do(t, "reviewer-own", http.MethodPost, "/imports/1/decision", map[string]any{"verdict": "declined", "reason": "no"}).
		problem(t, "decided")
	b.ok(t, "reviewer-own", http.MethodPost, "/imports/2/decision", map[string]any{"verdict": "declined", "reason": "doubled"}, nil)
	require.Equal(t, importstore.StatusDeclined, b.Wait(t, 2).Import.Status)
	require.Len(t, readPages[importview.Review](t, b, "/reviews"), 1)
	require.Len(t, readPages[importview.Review](t, b, "/reviews?all=true"), 3)
}

// Without a worker a command is answered with 503, and a dry run too.
func TestNoWorker(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Starter.AnswerTimeout = 1
	var imp importview.Import
	b.ok(t, "operator-own", http.MethodPost, "/sites/"+own+"/imports", map[string]any{
		"source": "noop", "check_timeout_seconds": 0,
	}, &imp)
	got := b.do(t, "operator-own", http.MethodPost, fmt.Sprintf("/imports/%d/pause", imp.ID), nil)
	got.problem(t, "no-worker")
	require.NotEmpty(t, got.header.Get("Retry-After"))
}
