package worker_test

import (
	"context"
	"log/slog"
	"net/http"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	dto "github.com/prometheus/client_model/go"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/ingest/eventlog/embedded"
	"github.com/sluicehq/sluice/ingest/eventlog/record"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/listentest"
	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/worker"
)

const (
	logToken      = "s3cret-token"
	logPartitions = 2
)

// hostLog runs an event log at an address until it is stopped.
func hostLog(t *testing.T, dir, address string) (stop func()) {
	t.Helper()
	s, err := embedded.Start(embedded.Config{
		Dir: dir, Listen: address, Token: logToken, Logger: slog.New(slog.DiscardHandler),
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

// appendTo appends pageviews of different visitors to a log.
func appendTo(t *testing.T, address string, n int) {
	t.Helper()
	ctx := enginetest.Context(t)
	log, err := eventlog.Open(ctx, eventlog.Config{
		URL: "nats://" + address, Options: []nats.Option{nats.Token(logToken)}, Partitions: logPartitions,
		MaxBytes: 64 << 20, Logger: slog.New(slog.DiscardHandler),
	})
	require.NoError(t, err)
	defer log.Close()
	for i := range n {
		_, err := log.Append(ctx, i%logPartitions, record.Append(nil, record.Record{Event: &record.Event{
			SiteID: 1, Domain: "example.com", UserID: uint64(i + 1), Timestamp: time.Now().Unix(), Name: record.NamePageview,
			Hostname: "example.com", Pathname: "/", Interactive: true, ScrollDepth: record.Missing,
		}}))
		require.NoError(t, err)
	}
}

// valueOf returns the sum of a metric over its labels, of a histogram the number of its values; -1 without it.
func valueOf(families map[string]*dto.MetricFamily, name string) float64 {
	family, ok := families[name]
	if !ok {
		return -1
	}
	sum := 0.0
	for _, m := range family.GetMetric() {
		sum += m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
	}
	return sum
}

// A worker writes the events of the log, waits for a log that is away, and tells its lag.
func TestWritesEvents(t *testing.T) {
	t.Parallel()
	s := newSystem(t)
	address, logAddress, dir := listentest.FreeAddress(t), listentest.FreeAddress(t), t.TempDir()
	s.Tune = func(cfg *worker.Config) {
		cfg.Settings.Worker.Listen = address
		cfg.Settings.EventLog.URL, cfg.Settings.EventLog.Token = "nats://"+logAddress, logToken
		cfg.Settings.EventLog.Partitions, cfg.Settings.EventLog.MaxMiB = logPartitions, 64
		cfg.Settings.Ingest.FlushInterval = 50 * time.Millisecond
	}
	// The log is away at first: imports do not need it.
	s.StartWorker(t)
	requireReady(t, address, http.StatusServiceUnavailable, "connect to event log")
	stop := hostLog(t, dir, logAddress)
	requireReady(t, address, http.StatusOK, "ok")

	const events = 40
	appendTo(t, logAddress, events)
	polltest.Until(t, func(c *polltest.Check) {
		written := scrape(t, address)
		for name, want := range map[string]float64{
			"sluice_ingest_lag_messages": 0, "sluice_ingest_lag_seconds": 0, "sluice_ingest_rejected_total": 0,
			"sluice_ingest_repairs_total": 0, "sluice_eventlog_max_bytes": 64 << 20,
		} {
			require.InDelta(c, want, valueOf(written, name), 0, name)
		}
		// Events, sessions, and at least a counter in each partition.
		require.GreaterOrEqual(c, valueOf(written, "sluice_ingest_rows_total"), 2.0*events+logPartitions)
		require.Positive(c, valueOf(written, "sluice_ingest_flush_seconds"))
		require.Positive(c, valueOf(written, "sluice_ingest_age_seconds"))
		require.Positive(c, valueOf(written, "sluice_eventlog_bytes"))
	}, time.Minute, 50*time.Millisecond)

	stop()
	requireReady(t, address, http.StatusServiceUnavailable, "reach the event log")
	hostLog(t, dir, logAddress)
	requireReady(t, address, http.StatusOK, "ok")
	appendTo(t, logAddress, 2)
	polltest.Eventually(t, func() bool {
		return valueOf(scrape(t, address), "sluice_ingest_rows_total") >= 2.0*(events+2)+logPartitions
	}, time.Minute, 50*time.Millisecond)
}

// A worker whose store knows another log writes no events and says why; imports continue. Without an event
// log it says so once.
func TestAnotherLogIsRefused(t *testing.T) {
	t.Parallel()
	cfg := emptyConfig(t)
	cfg.Settings.Worker.StartTimeout, cfg.Migrate = 30*time.Second, true
	first, second := listentest.FreeAddress(t), listentest.FreeAddress(t)
	hostLog(t, t.TempDir(), first)
	hostLog(t, t.TempDir(), second)
	cfg.Settings.EventLog.Token = logToken
	cfg.Settings.EventLog.Partitions, cfg.Settings.EventLog.MaxMiB = logPartitions, 64
	with := func(url string) (*running, string) {
		one, address := cfg, listentest.FreeAddress(t)
		one.Settings.Worker.Listen, one.Settings.EventLog.URL = address, url
		return run(t, one), address
	}
	known, address := with("nats://" + first)
	requireReady(t, address, http.StatusOK, "ok")
	known.cancel()
	require.NoError(t, known.end(t))

	other, address := with("nats://" + second)
	requireReady(t, address, http.StatusServiceUnavailable, "no event log", "but the store knows log")
	require.Contains(t, other.log.String(), "the event log is refused")
	require.NotContains(t, other.log.String(), logToken)
	other.cancel()
	require.NoError(t, other.end(t))

	without, address := with("")
	requireReady(t, address, http.StatusOK, "ok")
	require.Contains(t, without.log.String(), "no event log is configured (eventlog.url)")
	without.cancel()
	require.NoError(t, without.end(t))
}
