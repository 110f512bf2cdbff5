package server_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/ingest/eventlog/embedded"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/listentest"
	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/server"
	"github.com/sluicehq/sluice/store"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
	importstore "github.com/sluicehq/sluice/store/importing"
)

const (
	domain     = "example.com"
	browser    = "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0"
	logToken   = "s3cret-token"
	partitions = 2
)

// settingsFor returns the settings of a server on a store, with an event log of its own address and folder.
func settingsFor(t *testing.T, storeDSN string) config.Config {
	t.Helper()
	c := config.Default()
	c.Store.DSN = storeDSN
	c.Connections.KeysetFile = filepath.Join(t.TempDir(), "keyset.json")
	_, err := connections.CreateKeysetFile(c.Connections.KeysetFile)
	require.NoError(t, err)
	c.Server.Listen, c.Server.HealthListen, c.Server.StopDelay = listentest.FreeAddress(t), listentest.FreeAddress(t), 0
	c.Server.TrustedProxies = "127.0.0.0/8"
	c.Refdata.Folder = t.TempDir()
	c.EventLog.URL, c.EventLog.Token, c.EventLog.Dir = "nats://"+listentest.FreeAddress(t), logToken, t.TempDir()
	c.EventLog.Partitions, c.EventLog.MaxMiB = partitions, 64
	return c
}

// newSettings returns the settings of a server on a migrated store of its own, with the site.
func newSettings(t *testing.T) config.Config {
	t.Helper()
	c := settingsFor(t, enginetest.MigratedStoreDSN(t))
	ctx := enginetest.Context(t)
	s, err := dispatchstore.Open(ctx, store.Config{DSN: c.Store.DSN}, nil)
	require.NoError(t, err)
	defer s.Close()
	_, err = s.Imports.AddSite(ctx, importstore.NewSite{Domain: domain, TimeZone: "UTC"})
	require.NoError(t, err)
	return c
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

// running is a server in this process.
type running struct {
	config.Config
	cancel context.CancelFunc
	done   chan error
	log    *lockedBuffer
}

// run runs a server. With embedded it hosts its event log.
func run(t *testing.T, c config.Config, embeddedLog bool, tune ...func(c *server.Config)) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{Config: c, cancel: cancel, done: make(chan error, 1), log: &lockedBuffer{}}
	cfg := server.Config{
		Settings: c, EmbeddedLog: embeddedLog, Logger: slog.New(slog.NewTextHandler(r.log, nil)),
	}
	for _, change := range tune {
		change(&cfg)
	}
	go func() {
		r.done <- server.Run(ctx, cfg)
		close(r.done)
	}()
	t.Cleanup(func() {
		cancel()
		if err := <-r.done; err != nil {
			t.Logf("the server has ended: %v", err)
		}
	})
	return r
}

// start runs a server and waits until it is ready.
func start(t *testing.T, c config.Config, embeddedLog bool, tune ...func(c *server.Config)) *running {
	t.Helper()
	r := run(t, c, embeddedLog, tune...)
	r.requireReady(t, http.StatusOK, "ok")
	return r
}

// end waits for the server to end by itself.
func (r *running) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.done:
		return err
	case <-time.After(2 * time.Minute):
		require.FailNow(t, "the server does not end", r.log.String())
		return nil
	}
}

// stop stops the server gracefully.
func (r *running) stop(t *testing.T) {
	t.Helper()
	r.cancel()
	require.NoError(t, r.end(t))
}

// get requests a path of the health address; status is 0 without an answer.
func (r *running) get(t *testing.T, path string) (status int, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.Server.HealthListen+path, http.NoBody)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { require.NoError(t, response.Body.Close()) }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(body)
}

// requireReady waits until the readiness is as wanted.
func (r *running) requireReady(t *testing.T, want int, reasons ...string) {
	t.Helper()
	polltest.Until(t, func(c *polltest.Check) {
		status, text := r.get(t, "/readyz")
		require.Equal(c, want, status, text)
		for _, reason := range reasons {
			require.Contains(c, text, reason)
		}
	}, 30*time.Second, 20*time.Millisecond)
}

// pageview is the body of an event.
func pageview(path string) string {
	return fmt.Sprintf(`{"n":"pageview","u":"https://%s%s","d":%q}`, domain, path, domain)
}

// answered is an answer without its body.
type answered struct {
	StatusCode int
	Header     http.Header
}

// post sends a body as a visitor at an address.
func (r *running) post(ctx context.Context, ip, agent, body string) (*answered, error) {
	url := "http://" + r.Server.Listen + "/api/event"
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("User-Agent", agent)
	request.Header.Set("X-Forwarded-For", ip)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	_, err = io.Copy(io.Discard, response.Body)
	if cerr := response.Body.Close(); err == nil {
		err = cerr
	}
	return &answered{response.StatusCode, response.Header}, err
}

// hostLog runs the event log of the settings until it is stopped.
func hostLog(t *testing.T, c config.Config) (stop func()) {
	t.Helper()
	s, err := embedded.Start(embedded.Config{
		Dir: c.EventLog.Dir, Listen: strings.TrimPrefix(c.EventLog.URL, "nats://"), Token: logToken,
		Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), time.Minute)
		defer cancel()
		require.NoError(t, s.Stop(ctx))
	}
	t.Cleanup(stop)
	return stop
}
