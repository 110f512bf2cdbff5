package worker_test

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/worker"
)

func newSystem(t *testing.T) *enginetest.System {
	t.Helper()
	s := enginetest.NewSystem(t, importers.NewRegistry(enginetest.Impatient(noop.New())))
	s.AddSite(t, "example.com")
	return s
}

// get sends a request to a worker; status is 0 without a response.
func get(t *testing.T, address, path string) (status int, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+path, http.NoBody)
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

// requireReady waits until a worker's readiness is as wanted, and returns what it says.
func requireReady(t *testing.T, address string, want int, reasons ...string) {
	t.Helper()
	polltest.Until(t, func(c *polltest.Check) {
		status, text := get(t, address, "/readyz")
		require.Equal(c, want, status, text)
		for _, reason := range reasons {
			require.Contains(c, text, reason)
		}
	}, 30*time.Second, 50*time.Millisecond)
}

// running is a worker whose end is waited for.
type running struct {
	cancel context.CancelFunc
	done   chan error
	log    *lockedBuffer
}

// lockedBuffer takes what several goroutines log.
type lockedBuffer struct {
	mu sync.Mutex
	bytes.Buffer
}

// Write appends.
func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.Buffer.Write(p)
}

// run runs a worker with a configuration of the test's own.
func run(t *testing.T, cfg worker.Config) *running {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r := &running{cancel: cancel, done: make(chan error, 1), log: &lockedBuffer{}}
	cfg.Logger = slog.New(slog.NewTextHandler(r.log, nil))
	go func() { r.done <- worker.Run(ctx, cfg) }()
	t.Cleanup(cancel)
	return r
}

// end waits for a worker to end on its own.
func (r *running) end(t *testing.T) error {
	t.Helper()
	select {
	case err := <-r.done:
		return err
	case <-time.After(2 * time.Minute):
		require.FailNow(t, "the worker does not end")
		return nil
	}
}
