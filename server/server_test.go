package server_test

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/ingest/eventlog/pack"
	"github.com/sluicehq/sluice/ingest/refdata"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/internal/wiring"
	"github.com/sluicehq/sluice/server"
	"github.com/sluicehq/sluice/worker"
)

// An event that is answered with 202 becomes a row in ClickHouse, one that is dropped a counter.
func TestEventsReachTheWarehouse(t *testing.T) {
	t.Parallel()
	s := enginetest.NewSystem(t, importers.NewRegistry(noop.New()))
	s.AddSite(t, domain)
	c := settingsFor(t, s.Settings.Store.DSN)
	hostLog(t, c)
	s.Tune = func(cfg *worker.Config) {
		cfg.Settings.EventLog, cfg.Settings.Connections = c.EventLog, c.Connections
		cfg.Settings.Ingest.FlushInterval = 50 * time.Millisecond
	}
	s.StartWorker(t)
	r := start(t, c, false)

	response, err := r.post(t.Context(), "203.0.113.7", browser, pageview("/one?utm_source=news"))
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, response.StatusCode)
	require.Empty(t, response.Header.Get("X-Sluice-Dropped"))
	response, err = r.post(t.Context(), "203.0.113.8", "curl/8.5.0", pageview("/two"))
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, response.StatusCode)
	require.Equal(t, domain+"=bot", response.Header.Get("X-Sluice-Dropped"))

	options, err := clickhouse.ParseDSN(s.Settings.Warehouse.DSN)
	require.NoError(t, err)
	conn, err := clickhouse.Open(options)
	require.NoError(t, err)
	defer func() { require.NoError(t, conn.Close()) }()
	eventually := func(want, query string) {
		t.Helper()
		require.EventuallyWithT(t, func(collect *assert.CollectT) {
			var got string
			require.NoError(collect, conn.QueryRow(t.Context(), query).Scan(&got))
			require.Equal(collect, want, got)
		}, time.Minute, 50*time.Millisecond)
	}
	eventually("1 /one news Firefox",
		"SELECT concat(toString(count()), ' ', any(pathname), ' ', any(utm_source), ' ', any(browser)) FROM events")
	_, text := r.get(t, server.RefdataPath)
	var data refdata.Status
	require.NoError(t, json.Unmarshal([]byte(text), &data))
	require.Equal(t, c.Refdata.Folder, data.Folder)
	require.Equal(t, []any{"bots", refdata.StateMissing}, []any{data.Data[0].Data, data.Data[0].State})
	_, text = r.get(t, "/metrics")
	for _, line := range []string{
		"sluice_ingest_buffered_total 1\n", `sluice_ingest_dropped_total{reason="bot"} 1` + "\n",
		`sluice_ingest_dropped_total{reason="throttle"} 0` + "\n", "sluice_eventlog_commit_seconds_count 2\n",
		`sluice_http_requests_total{code="202",route="/api/event"} 2` + "\n", "sluice_http_pending_bytes 0\n",
		"sluice_eventlog_pending_bytes 0\n", "sluice_ingest_sites 1\n", "sluice_ingest_sites_age_seconds ",
	} {
		require.Contains(t, text, line)
	}
	eventually("1", "SELECT toString(sum(value)) FROM ingest_counters WHERE metric = 'dropped_bot' AND domain = '"+domain+"'")
	eventually("1", "SELECT toString(count()) FROM events")
	r.stop(t)
	require.NotContains(t, r.log.String(), "203.0.113.", "no address is logged")
}

// recordsOf returns how many records the log of a server has.
func recordsOf(t *testing.T, c config.Config) int {
	t.Helper()
	ctx := enginetest.Context(t)
	log, err := eventlog.Open(ctx, wiring.EventLog(c.EventLog, slog.New(slog.DiscardHandler)))
	require.NoError(t, err)
	defer log.Close()
	n := 0
	for p := range partitions {
		stats, err := log.Stats(ctx, p)
		require.NoError(t, err)
		reader := log.Read(p, 1)
		for range stats.Last {
			m, err := reader.Next(ctx)
			require.NoError(t, err)
			records, err := pack.Split(m.Data, p)
			require.NoError(t, err)
			n += len(records)
		}
		reader.Close()
	}
	return n
}

// A stop under load fails the readiness first, answers what it has taken, and loses nothing.
func TestGracefulStop(t *testing.T) {
	t.Parallel()
	c := newSettings(t)
	c.Server.StopDelay = 500 * time.Millisecond
	r := start(t, c, true)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	var accepted, served, other atomic.Int64
	var senders sync.WaitGroup
	for sender := range 8 {
		senders.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				response, err := r.post(ctx, fmt.Sprintf("203.0.113.%d", sender), browser, pageview("/"+strconv.Itoa(i)))
				switch {
				case err != nil:
					// Refused, or cut off before an answer: the sender knows that it is not stored.
					return
				case response.StatusCode == http.StatusAccepted:
					accepted.Add(1)
				default:
					other.Add(1)
				}
				served.Add(1)
			}
		})
	}
	require.Eventually(t, func() bool { return served.Load() > 200 }, time.Minute, time.Millisecond)
	r.cancel()
	r.requireReady(t, http.StatusServiceUnavailable, "starting or stopping")
	atFailure := served.Load()
	require.NoError(t, r.end(t))
	senders.Wait()
	require.Greater(t, served.Load(), atFailure, "it serves while load balancers notice")
	require.Zero(t, other.Load())
	hostLog(t, c)
	require.EqualValues(t, accepted.Load(), recordsOf(t, c))
}

// When the answer says that an event was dropped, its count is in the log: it survives the death of the server.
func TestDropsAreInTheLog(t *testing.T) {
	t.Parallel()
	c := newSettings(t)
	hostLog(t, c)
	r := start(t, c, false)
	for n := 1; n <= 3; n++ {
		response, err := r.post(t.Context(), "203.0.113.7", "curl/8.5.0", pageview("/"))
		require.NoError(t, err)
		require.Equal(t, http.StatusAccepted, response.StatusCode)
		require.Equal(t, domain+"=bot", response.Header.Get("X-Sluice-Dropped"))
		require.Equal(t, n, recordsOf(t, c))
	}
}

// Without the event log events are refused, also those that would be dropped, and taken again after its return.
func TestLogAway(t *testing.T) {
	t.Parallel()
	c := newSettings(t)
	c.Server.LogTimeout = 3 * time.Second
	stop := hostLog(t, c)
	r := start(t, c, false)
	stop()
	r.requireReady(t, http.StatusServiceUnavailable, "reach the event log")
	status, _ := r.get(t, "/healthz")
	require.Equal(t, http.StatusOK, status, "it need not be restarted")
	response, err := r.post(t.Context(), "203.0.113.7", browser, pageview("/lost"))
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	require.NotEmpty(t, response.Header.Get("Retry-After"))
	response, err = r.post(t.Context(), "203.0.113.7", "curl/8.5.0", pageview("/dropped"))
	require.NoError(t, err)
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	require.NotEmpty(t, response.Header.Get("Retry-After"))
	require.Empty(t, response.Header.Get("X-Sluice-Dropped"))
	// The commits continue for 30 s: event and count may be stored.
	require.EventuallyWithT(t, func(collect *assert.CollectT) {
		_, text := r.get(t, "/metrics")
		require.Regexp(collect, `sluice_eventlog_commit_errors_total\{error="unknown"\} [12]\n`, text)
	}, time.Minute, 100*time.Millisecond)
	hostLog(t, c)
	r.requireReady(t, http.StatusOK, "ok")
	response, err = r.post(t.Context(), "203.0.113.7", browser, pageview("/found"))
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, response.StatusCode)
}

// A full log refuses events.
func TestLogFull(t *testing.T) {
	t.Parallel()
	c := newSettings(t)
	c.EventLog.Partitions, c.EventLog.MaxMiB = 1, 4
	r := start(t, c, true)
	value, props := strings.Repeat("v", 2000), make([]string, 30)
	for i := range props {
		props[i] = fmt.Sprintf(`"k%d":%q`, i, value)
	}
	body := `{"n":"pageview","u":"https://example.com/","d":"example.com","p":{` + strings.Join(props, ",") + `}}`
	full := false
	for range 200 {
		response, err := r.post(t.Context(), "203.0.113.7", browser, body)
		require.NoError(t, err)
		if full = response.StatusCode == http.StatusServiceUnavailable; full {
			require.NotEmpty(t, response.Header.Get("Retry-After"))
			break
		}
		require.Equal(t, http.StatusAccepted, response.StatusCode)
	}
	require.True(t, full, "4 MiB hold fewer than 200 events of 60 KB")
	_, text := r.get(t, "/metrics")
	require.Contains(t, text, `sluice_eventlog_commit_errors_total{error="full"} 1`)
}

// While the store is away the server takes events from memory, and says so.
func TestStoreAway(t *testing.T) {
	t.Parallel()
	c := newSettings(t)
	proxy, dsn := enginetest.NewProxy(t, c.Store.DSN)
	c.Store.DSN = dsn
	r := start(t, c, true)
	proxy.Cut()
	r.requireReady(t, http.StatusOK, "ok, from memory: reach the store")
	response, err := r.post(t.Context(), "203.0.113.7", browser, pageview("/"))
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, response.StatusCode)
	proxy.Restore()
	polltest.Eventually(t, func() bool {
		_, text := r.get(t, "/readyz")
		return text == "ok\n"
	}, 30*time.Second, 20*time.Millisecond)
}

// A store belongs to one log: a server with another one ends at once, and says which.
func TestAnotherLogIsRefused(t *testing.T) {
	t.Parallel()
	c := newSettings(t)
	start(t, c, true).stop(t)
	c.EventLog.Dir = t.TempDir()
	err := run(t, c, true).end(t)
	require.ErrorIs(t, err, eventlog.ErrNoLog)
	require.ErrorContains(t, err, "but the store knows log")
	require.NotContains(t, err.Error(), logToken)
}

func TestConfiguration(t *testing.T) {
	t.Parallel()
	logger := slog.New(slog.DiscardHandler)
	err := server.Run(t.Context(), server.Config{Settings: config.Default(), Logger: logger})
	require.EqualError(t, err, "configuration: eventlog.url is empty: want the address of NATS, such as "+
		"nats://127.0.0.1:4222; with --embedded-log the server hosts the event log there itself")
	err = server.Run(t.Context(), server.Config{Settings: config.Default(), Logger: logger, EmbeddedLog: true})
	require.ErrorContains(t, err, "eventlog.token is empty")
	// A key set that is missing is no reason to wait.
	c := newSettings(t)
	c.Connections.KeysetFile = t.TempDir() + "/none.json"
	err = run(t, c, true).end(t)
	require.ErrorContains(t, err, "key set")
}
