package walks

import (
	"context"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/polltest"
)

// traceLive sends an event to a server that hosts its event log, and waits until a worker has written its row.
func (p program) traceLive(t *testing.T) []string {
	t.Helper()
	s := p.setup(t)
	listen, health := freeAddress(t), freeAddress(t)
	s.environ = append(s.environ, "SLUICE_SERVER_LISTEN="+listen, "SLUICE_SERVER_HEALTH_LISTEN="+health,
		"SLUICE_SERVER_STOP_DELAY=0s", "SLUICE_EVENTLOG_URL=nats://"+freeAddress(t), "SLUICE_EVENTLOG_TOKEN=s3cret-token",
		"SLUICE_EVENTLOG_DIR="+t.TempDir(), "SLUICE_EVENTLOG_PARTITIONS=2", "SLUICE_EVENTLOG_MAX_MIB=64",
		"SLUICE_INGEST_FLUSH_INTERVAL=50ms", "SLUICE_REFDATA_FOLDER="+t.TempDir())
	s.during(func() {
		ctx := enginetest.Context(t)
		polltest.Eventually(t, func() bool {
			status, err := get(ctx, "http://"+health+"/readyz")
			return err == nil && status == http.StatusOK
		}, time.Minute, 50*time.Millisecond, "the server is ready")
		s.during(func() {
			s.postEvent(ctx, "http://"+listen+"/api/event")
			s.awaitRow(ctx)
		}, "worker")
	}, "server", "--embedded-log")
	return s.executed()
}

func (s *site) postEvent(ctx context.Context, url string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, url, strings.NewReader(
		`{"n":"pageview","u":"https://example.com/pricing?utm_source=newsletter","d":"example.com"}`))
	require.NoError(s.t, err)
	request.Header.Set("User-Agent", "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0")
	response, err := http.DefaultClient.Do(request)
	require.NoError(s.t, err)
	require.NoError(s.t, response.Body.Close())
	require.Equal(s.t, http.StatusAccepted, response.StatusCode)
	require.Empty(s.t, response.Header.Get("X-Sluice-Dropped"))
}

// awaitRow waits for the row of the event.
func (s *site) awaitRow(ctx context.Context) {
	s.t.Helper()
	options, err := clickhouse.ParseDSN(s.Settings.Warehouse.DSN)
	require.NoError(s.t, err)
	conn, err := clickhouse.Open(options)
	require.NoError(s.t, err)
	defer func() { require.NoError(s.t, conn.Close()) }()
	polltest.Until(s.t, func(c *polltest.Check) {
		var rows uint64
		require.NoError(c, conn.QueryRow(ctx, "SELECT count() FROM events WHERE pathname = '/pricing'").Scan(&rows))
		require.EqualValues(c, 1, rows)
	}, time.Minute, 50*time.Millisecond)
}

func get(ctx context.Context, url string) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return 0, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

// freeAddress returns an address of this machine without a listener.
func freeAddress(t *testing.T) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	return listener.Addr().String()
}
