package api_test

import (
	"bytes"
	"context"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/importview"
	"github.com/sluicehq/sluice/internal/outbound"
	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/server/api"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// pagesName and pagesText are an export of two days.
const (
	pagesName = "imported_pages_20240101_20240102.csv"
	pagesText = "date,hostname,page,visits,visitors,pageviews,total_scroll_depth,total_scroll_depth_visits,total_time_on_page," +
		"total_time_on_page_visits\n2024-01-01,own.example,/,1,1,2,0,0,0,0\n2024-01-02,own.example,/a,1,1,1,0,0,0,0\n"
)

// upload sends a file.
func (b *bundle) upload(tb testing.TB, as, site, field, name, text string) answer {
	tb.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	part, err := form.CreateFormFile(field, name)
	require.NoError(tb, err)
	_, err = io.WriteString(part, text)
	require.NoError(tb, err)
	require.NoError(tb, form.Close())
	return b.do(tb, as, http.MethodPost, "/sites/"+site+"/uploads", &body, "Content-Type", form.FormDataContentType())
}

// A file that is uploaded to one server is imported through another one, and is deleted after its time.
func TestUpload(t *testing.T) {
	t.Parallel()
	b := withWorker(t)
	_, second := b.serve(t)
	var uploaded api.Upload
	created := b.upload(t, "operator-own", own, "file", pagesName, pagesText)
	require.Equal(t, http.StatusCreated, created.status, string(created.body))
	created.decode(t, &uploaded)
	require.EqualValues(t, len(pagesText), uploaded.Bytes)
	require.Equal(t, []string{pagesName, "operator-own"}, []string{uploaded.Name, uploaded.CreatedBy})
	b.ok(t, "operator-own", http.MethodGet, created.header.Get("Location"), nil, nil)

	var report struct {
		Error string
	}
	b.ok(t, "operator-own", http.MethodPost, "/sites/"+own+"/imports/dry-run", map[string]any{"source": "csv", "upload": uploaded.ID}, &report)
	require.Empty(t, report.Error)
	var imp importview.Import
	started := b.doAt(t, second, "operator-own", http.MethodPost, "/sites/"+own+"/imports", map[string]any{
		"source": "csv", "upload": uploaded.ID,
	})
	require.Equal(t, http.StatusCreated, started.status, string(started.body))
	started.decode(t, &imp)
	require.Equal(t, importstore.StatusCompleted, b.Wait(t, imp.ID).Import.Status)
	require.EqualValues(t, 2, b.Wait(t, imp.ID).RowsLoaded)

	require.Len(t, readPagesAs[api.Upload](t, b, "operator-own", "/sites/"+own+"/uploads"), 1)
	b.exec(t, "UPDATE uploads SET expires_at = now() - interval '1 second'")
	require.NoError(t, api.Sweep(b.api, t.Context()))
	require.Empty(t, readPagesAs[api.Upload](t, b, "operator-own", "/sites/"+own+"/uploads"))
	entries, err := os.ReadDir(b.uploads)
	require.NoError(t, err)
	require.Empty(t, entries)
}

// readPagesAs is readPages for a principal.
func readPagesAs[T any](t *testing.T, b *bundle, as, path string) []T {
	t.Helper()
	var page struct{ Items []T }
	b.ok(t, as, http.MethodGet, path, nil, &page)
	return page.Items
}

// An upload belongs to its site; its path is no argument.
func TestUploadOfAnotherSite(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var uploaded api.Upload
	b.upload(t, "operator-all", foreign, "file", pagesName, pagesText).decode(t, &uploaded)
	path := "/sites/" + own + "/imports"
	b.do(t, "operator-own", http.MethodPost, path, map[string]any{"source": "csv", "upload": uploaded.ID}).problem(t, "not-found")
	b.do(t, "operator-own", http.MethodGet, "/sites/"+own+"/uploads/"+uploaded.ID, nil).problem(t, "not-found")
	b.do(t, "operator-own", http.MethodDelete, "/sites/"+own+"/uploads/"+uploaded.ID, nil).problem(t, "not-found")
	for _, p := range []string{
		filepath.Join(b.uploads, uploaded.ID, pagesName), b.uploads, b.uploads + "/x/../" + uploaded.ID,
	} {
		got := b.do(t, "operator-own", http.MethodPost, path, map[string]any{"source": "csv", "args": map[string]any{"paths": []string{p}}}).
			problem(t, "invalid")
		require.Equal(t, "#/args/paths", got.Errors[0].Pointer, p)
	}
	got := b.do(t, "operator-all", http.MethodPost, "/sites/"+foreign+"/imports", map[string]any{
		"source": "csv", "upload": uploaded.ID, "args": map[string]any{"paths": []string{"/a"}},
	}).problem(t, "invalid")
	require.Equal(t, "#/upload", got.Errors[0].Pointer)
}

// What is no export is refused, and nothing of it is kept.
func TestUploadRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for what, c := range map[string]struct{ field, name, text, want string }{
		"a large file":     {"file", pagesName, strings.Repeat("x", 1<<20+1), "too-large"},
		"a larger body":    {"file", pagesName, strings.Repeat("x", 3<<20), "too-large"},
		"no export":        {"file", "holiday.csv", pagesText, "source"},
		"a broken archive": {"file", "export.zip", "PK", "source"},
		"a hidden file":    {"file", ".csv", pagesText, "source"},
		"another field":    {"document", pagesName, pagesText, "invalid"},
	} {
		got := b.upload(t, "operator-own", own, c.field, c.name, c.text)
		require.GreaterOrEqual(t, got.status, 400, what)
		got.problem(t, c.want)
	}
	b.do(t, "operator-own", http.MethodPost, "/sites/"+own+"/uploads", `{}`).problem(t, "unsupported-media-type")
	b.do(t, "operator-own", http.MethodPost, "/sites/"+own+"/uploads", "--x\r\nContent-Disposition: form-data; name=\"file\"; "+
		"filename=\""+pagesName+"\"\r\n\r\ndate", "Content-Type", "multipart/form-data; boundary=x").problem(t, "malformed")
	b.do(t, "operator-own", http.MethodPost, "/sites/"+own+"/uploads?source=noop", "--x\r\nContent-Disposition: form-data; name=\"file\"; "+
		"filename=\"a.csv\"\r\n\r\n\r\n--x--\r\n", "Content-Type", "multipart/form-data; boundary=x").problem(t, "source")
	entries, err := os.ReadDir(b.uploads)
	require.NoError(t, err)
	require.Empty(t, entries)
	require.Empty(t, readPagesAs[api.Upload](t, b, "operator-own", "/sites/"+own+"/uploads"))
}

// A site has at most so many uploads; one that an import under way reads stays.
func TestUploadLimits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var uploaded api.Upload
	for range 3 {
		b.upload(t, "operator-own", own, "file", pagesName, pagesText).decode(t, &uploaded)
	}
	b.upload(t, "operator-own", own, "file", pagesName, pagesText).problem(t, "limit")
	path := "/sites/" + own + "/uploads/" + uploaded.ID
	b.ok(t, "operator-own", http.MethodPost, "/sites/"+own+"/imports", map[string]any{
		"source": "csv", "upload": uploaded.ID, "check_timeout_seconds": 0,
	}, nil)
	b.do(t, "operator-own", http.MethodDelete, path, nil).problem(t, "in-use")
	b.exec(t, "UPDATE uploads SET expires_at = now() - interval '1 second'")
	require.NoError(t, api.Sweep(b.api, t.Context()))
	entries, err := os.ReadDir(b.uploads)
	require.NoError(t, err)
	require.Len(t, entries, 1, "the import under way keeps its upload")
	b.exec(t, "UPDATE imports SET status = 'failed'")
	require.NoError(t, api.Sweep(b.api, t.Context()))
	entries, err = os.ReadDir(b.uploads)
	require.NoError(t, err)
	require.Empty(t, entries)

	b.upload(t, "operator-own", own, "file", pagesName, pagesText).decode(t, &uploaded)
	b.ok(t, "operator-own", http.MethodDelete, "/sites/"+own+"/uploads/"+uploaded.ID, nil, nil)
	require.NoDirExists(t, filepath.Join(b.uploads, uploaded.ID))
	require.NoError(t, os.MkdirAll(filepath.Join(b.uploads, uploaded.ID), 0o750))
	old := time.Now().Add(-3 * time.Hour)
	require.NoError(t, os.Chtimes(filepath.Join(b.uploads, uploaded.ID), old, old))
	require.NoError(t, api.Sweep(b.api, t.Context()))
	require.NoDirExists(t, filepath.Join(b.uploads, uploaded.ID), "a folder of a process that has died")
}

// Without a folder there are no uploads.
func TestUploadsDisabled(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *api.Config) { c.Uploads.Dir = "" })
	b.upload(t, "operator-own", own, "file", pagesName, pagesText).problem(t, "disabled")
	b.do(t, "operator-own", http.MethodPost, "/sites/"+own+"/imports", `{"source":"csv","upload":"x"}`).problem(t, "disabled")
}

// A file is fetched from an allowed address; redirects, other addresses and large files are refused.
func TestFetch(t *testing.T) {
	t.Parallel()
	b := setup(t)
	mux := http.NewServeMux()
	write := func(w io.Writer, text string) {
		_, _ = io.WriteString(w, text) //nolint:errcheck // the client may leave
	}
	mux.HandleFunc("/"+pagesName, func(w http.ResponseWriter, _ *http.Request) { write(w, pagesText) })
	mux.HandleFunc("/large/"+pagesName, func(w http.ResponseWriter, _ *http.Request) {
		for range 40 {
			write(w, strings.Repeat("x", 64<<10))
		}
	})
	mux.HandleFunc("/cut/"+pagesName, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000")
		write(w, "date")
	})
	mux.Handle("/moved/", http.RedirectHandler("/"+pagesName, http.StatusFound))
	source := httptest.NewServer(mux)
	t.Cleanup(source.Close)
	path := "/sites/" + own + "/uploads/fetch"
	fetch := func(url string) answer {
		return b.do(t, "operator-own", http.MethodPost, path, map[string]any{"url": url})
	}
	var uploaded api.Upload
	created := fetch(source.URL + "/" + pagesName)
	require.Equal(t, http.StatusCreated, created.status, string(created.body))
	created.decode(t, &uploaded)
	require.Equal(t, pagesName, uploaded.Name)
	require.EqualValues(t, len(pagesText), uploaded.Bytes)

	fetch(source.URL+"/large/"+pagesName).problem(t, "too-large")
	fetch(source.URL+"/cut/"+pagesName).problem(t, "fetch")
	require.Contains(t, fetch(source.URL+"/moved/"+pagesName).problem(t, "fetch").Detail, "status 302")
	require.Contains(t, fetch(source.URL+"/none/"+pagesName).problem(t, "fetch").Detail, "status 404")
	require.Contains(t, fetch("http://192.0.2.1/"+pagesName+"?secret=s3cret").problem(t, "fetch").Detail, "is not allowed")
	fetch("http://user:s3cret@127.0.0.1/"+pagesName).problem(t, "source")
	fetch("file:///etc/passwd").problem(t, "source")
	require.NotContains(t, b.log.String(), "s3cret")
	require.Len(t, readPagesAs[api.Upload](t, b, "operator-own", "/sites/"+own+"/uploads"), 1)
}

// A guard without addresses allows no fetch.
func TestFetchIsGuarded(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *api.Config) { c.FetchGuard = outbound.Guard{} })
	source := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(source.Close)
	b.do(t, "operator-own", http.MethodPost, "/sites/"+own+"/uploads/fetch", map[string]any{"url": source.URL + "/" + pagesName}).
		problem(t, "fetch")
}

// A client that goes away in the middle leaves nothing.
func TestUploadIsCutOff(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx, cancel := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	form := multipart.NewWriter(writer)
	go func() {
		part, err := form.CreateFormFile("file", pagesName)
		if err == nil {
			_, err = io.WriteString(part, pagesText)
		}
		if err == nil {
			cancel()
			err = context.Canceled
		}
		// The client waits for the read of its body.
		writer.CloseWithError(err)
	}()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, b.url+api.Prefix+"/sites/"+own+"/uploads", reader)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer operator-own")
	r.Header.Set("Content-Type", form.FormDataContentType())
	_, err = http.DefaultClient.Do(r) //nolint:bodyclose // there is no answer
	require.ErrorIs(t, err, context.Canceled)
	polltest.Eventually(t, func() bool {
		entries, err := os.ReadDir(b.uploads)
		return err == nil && len(entries) == 0
	}, 30*time.Second, 20*time.Millisecond)
}
