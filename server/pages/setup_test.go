package pages_test

import (
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/net/html"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/csv"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/internal/components"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/listentest"
	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/server"
	"github.com/sluicehq/sluice/worker"
)

// site is the site of the tests.
const site = "demo.example"

// hostile is a text that must be shown, and must not become markup.
const hostile = `<script>alert(1)</script>"'><img src=x onerror=alert(2)>`

// bundle is a server with its pages, a worker, and a browser on this machine, which is signed in.
type bundle struct {
	*enginetest.System
	base   string
	client *http.Client
}

// setup runs a server of the stock components on a system of its own, with the site. Options change the settings of the
// worker.
func setup(t *testing.T, options ...func(worker *config.Config)) *bundle {
	t.Helper()
	uploads := t.TempDir()
	b := &bundle{System: enginetest.NewSystem(t,
		importers.NewRegistry(enginetest.Impatient(noop.New()), csv.Within([]string{uploads})))}
	c := b.Settings
	c.Connections.KeysetFile = filepath.Join(t.TempDir(), "keyset.json")
	_, err := connections.CreateKeysetFile(c.Connections.KeysetFile)
	require.NoError(t, err)
	b.Settings.Connections.KeysetFile = c.Connections.KeysetFile // the worker opens connections, too
	for _, change := range options {
		change(&b.Settings)
	}
	c.Connections.Addresses = "mailchimp=loopback, ometria=loopback, webhook=loopback"
	c.Server.Listen, c.Server.HealthListen, c.Server.StopDelay = listentest.FreeAddress(t), listentest.FreeAddress(t), 0
	c.Server.LocalSignIn, c.Server.UploadDir, c.Server.TemporalUI = true, uploads, "http://127.0.0.1:8233"
	c.Refdata.Folder = t.TempDir()
	c.EventLog.URL, c.EventLog.Token, c.EventLog.Dir = "nats://"+listentest.FreeAddress(t), "of-the-test", t.TempDir()
	c.EventLog.Partitions, c.EventLog.MaxMiB = 1, 64
	stock := components.Stock(c)
	b.Tune = func(w *worker.Config) { w.Connections, w.Destinations = stock.Kinds, stock.Destinations }
	b.AddSite(t, site)
	b.StartWorker(t)

	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- server.Run(ctx, server.Config{
			Settings: c, EmbeddedLog: true, Environ: b.Environ(), Logger: slog.New(slog.DiscardHandler),
			Components: components.Set{Importers: b.Registry, Destinations: stock.Destinations, Kinds: stock.Kinds},
		})
	}()
	b.base = "http://" + c.Server.Listen
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	b.client = &http.Client{Jar: jar, Timeout: time.Minute}
	t.Cleanup(func() {
		stop()
		b.client.CloseIdleConnections()
		require.NoError(t, <-ended)
	})
	polltest.Until(t, func(check *polltest.Check) {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+c.Server.HealthListen+"/readyz", http.NoBody)
		require.NoError(check, err)
		answer, err := http.DefaultClient.Do(r)
		require.NoError(check, err)
		require.NoError(check, answer.Body.Close())
		require.Equal(check, http.StatusOK, answer.StatusCode)
	}, time.Minute, 20*time.Millisecond)
	return b
}

// page is an answer.
type page struct {
	status int
	// path and query are of the page at which redirects have ended.
	path   string
	header http.Header
	// html is the answer, and text what a person reads, with single spaces.
	html, text string
}

// get opens a page.
func (b *bundle) get(t *testing.T, path string) page {
	t.Helper()
	return b.send(t, http.MethodGet, path, nil, "")
}

// post sends a form and follows its redirect.
func (b *bundle) post(t *testing.T, path string, form url.Values, header ...string) page {
	t.Helper()
	return b.send(t, http.MethodPost, path, strings.NewReader(form.Encode()), "application/x-www-form-urlencoded", header...)
}

func (b *bundle) send(t *testing.T, method, path string, body io.Reader, media string, header ...string) page {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, b.base+path, body)
	require.NoError(t, err)
	if media != "" {
		r.Header.Set("Content-Type", media)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	answer, err := b.client.Do(r)
	require.NoError(t, err)
	defer func() { require.NoError(t, answer.Body.Close()) }()
	data, err := io.ReadAll(answer.Body)
	require.NoError(t, err)
	p := page{
		status: answer.StatusCode, path: answer.Request.URL.RequestURI(), header: answer.Header, html: string(data),
	}
	p.text = textOf(t, p.html)
	if strings.HasPrefix(answer.Header.Get("Content-Type"), "text/html") {
		require.NotContains(t, p.html, "<img src=x", "text has become markup")
		require.NotContains(t, p.html, "<script>alert", "text has become markup")
	}
	return p
}

// textOf returns what a person reads of a page.
func textOf(t *testing.T, page string) string {
	t.Helper()
	root, err := html.Parse(strings.NewReader(page))
	require.NoError(t, err)
	var words []string
	for node := range root.Descendants() {
		if node.Type == html.TextNode {
			words = append(words, strings.Fields(node.Data)...)
		}
	}
	return strings.Join(words, " ")
}

// api reads what the API answers.
func (b *bundle) api(t *testing.T, path string) string {
	t.Helper()
	p := b.get(t, "/api/v1"+path)
	require.Equal(t, http.StatusOK, p.status, p.html)
	return p.html
}
