package server

import (
	"errors"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/internal/ingesting"
)

// metrics are the server's Prometheus metrics:
//
//	sluice_ingest_buffered_total               events that the event log has acknowledged
//	sluice_ingest_dropped_total{reason}        events that were dropped
//	sluice_eventlog_commit_seconds             time of a group commit, with all attempts
//	sluice_eventlog_commit_events              records of a group commit: events and counters
//	sluice_eventlog_commit_bytes               its size
//	sluice_eventlog_commit_errors_total{error} commits that failed: full, unknown or other
//	sluice_eventlog_pending_bytes              records that wait for their acknowledgement
//	sluice_ingest_sites                        sites in memory
//	sluice_ingest_sites_age_seconds            how long ago they were last known to be current
//	sluice_http_requests_total{route,code}     requests by their status
//	sluice_http_request_seconds{route}         time of a request from its header on
//	sluice_http_connections                    open connections
//	sluice_http_pending_bytes                  bodies of unanswered requests
//	go_*, process_*                            the process's
//
// No label grows with sites or visitors.
type metrics struct {
	registry                                 *prometheus.Registry
	buffered                                 prometheus.Counter
	dropped, commitErrors, requests          *prometheus.CounterVec
	commitSeconds, commitEvents, commitBytes prometheus.Histogram
	requestSeconds                           *prometheus.HistogramVec
	open                                     prometheus.Gauge
	pending                                  bodies
}

var _ ingest.Telemetry = (*metrics)(nil)

func newMetrics() *metrics {
	counter := func(name, help string) prometheus.CounterOpts {
		return prometheus.CounterOpts{Name: name, Help: help}
	}
	seconds := []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
	m := &metrics{
		registry: prometheus.NewRegistry(),
		buffered: prometheus.NewCounter(counter("sluice_ingest_buffered_total",
			"Events that the event log has acknowledged.")),
		dropped: prometheus.NewCounterVec(counter("sluice_ingest_dropped_total", "Events that were dropped."),
			[]string{"reason"}),
		commitErrors: prometheus.NewCounterVec(counter("sluice_eventlog_commit_errors_total",
			"Group commits of the event log that failed."), []string{"error"}),
		requests: prometheus.NewCounterVec(counter("sluice_http_requests_total", "Requests by their status."),
			[]string{"route", "code"}),
		commitSeconds: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "sluice_eventlog_commit_seconds", Help: "Time of a group commit, with all attempts.", Buckets: seconds,
		}),
		commitEvents: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "sluice_eventlog_commit_events", Help: "Records of a group commit: events and counters of dropped ones.",
			Buckets: prometheus.ExponentialBuckets(1, 2, 12),
		}),
		commitBytes: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "sluice_eventlog_commit_bytes", Help: "Size of a group commit.",
			Buckets: prometheus.ExponentialBuckets(256, 4, 7),
		}),
		requestSeconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "sluice_http_request_seconds", Help: "Time of a request from its header on.", Buckets: seconds,
		}, []string{"route"}),
		open: prometheus.NewGauge(prometheus.GaugeOpts{Name: "sluice_http_connections", Help: "Open connections."}),
	}
	held := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "sluice_http_pending_bytes", Help: "Bodies of unanswered requests.",
	}, func() float64 { return float64(m.pending.held.Load()) })
	// All reasons are there from the beginning, so that a rate of a rare one is not missing.
	for _, reason := range ingest.DropReasons() {
		if reason != ingest.DropNoSessionForEngagement {
			m.dropped.WithLabelValues(string(reason))
		}
	}
	m.registry.MustRegister(m.buffered, m.dropped, m.commitErrors, m.requests, m.commitSeconds, m.commitEvents,
		m.commitBytes, m.requestSeconds, m.open, held,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// watch adds the gauge of an event log.
func (m *metrics) watch(log *eventlog.Log) error {
	return m.registry.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "sluice_eventlog_pending_bytes", Help: "Records that wait for the acknowledgement of the event log.",
	}, func() float64 { return float64(log.PendingBytes()) }))
}

// watchSites adds the gauges of the sites in memory.
func (m *metrics) watchSites(sites *ingesting.Sites) error {
	return errors.Join(
		m.registry.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "sluice_ingest_sites", Help: "Sites in memory.",
		}, func() float64 { return float64(sites.Len()) })),
		m.registry.Register(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
			Name: "sluice_ingest_sites_age_seconds", Help: "How long ago the sites were last known to be current.",
		}, func() float64 { return sites.Age().Seconds() })),
	)
}

func (m *metrics) handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}

// Execute counts an event.
func (m *metrics) Execute(_ []string, e ingest.TelemetryMetadata) {
	if e.Reason == "" {
		m.buffered.Inc()
		return
	}
	m.dropped.WithLabelValues(string(e.Reason)).Inc()
}

// committed counts a group commit.
func (m *metrics) committed(c eventlog.Commit) {
	m.commitSeconds.Observe(c.Took.Seconds())
	m.commitEvents.Observe(float64(c.Records))
	m.commitBytes.Observe(float64(c.Bytes))
	switch {
	case c.Err == nil:
	case errors.Is(c.Err, eventlog.ErrFull):
		m.commitErrors.WithLabelValues("full").Inc()
	case errors.Is(c.Err, eventlog.ErrUnknownOutcome):
		m.commitErrors.WithLabelValues("unknown").Inc()
	default:
		m.commitErrors.WithLabelValues("other").Inc()
	}
}

// connection counts open connections.
func (m *metrics) connection(_ net.Conn, state http.ConnState) {
	switch state {
	case http.StateNew:
		m.open.Inc()
	case http.StateClosed, http.StateHijacked:
		m.open.Dec()
	case http.StateActive, http.StateIdle:
	}
}

// observe counts the requests of a route.
func (m *metrics) observe(route string, next http.Handler) http.Handler {
	took := m.requestSeconds.WithLabelValues(route)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		begun := time.Now()
		status := &statusWriter{ResponseWriter: w, status: http.StatusOK}
		defer func() {
			took.Observe(time.Since(begun).Seconds())
			m.requests.WithLabelValues(route, strconv.Itoa(status.status)).Inc()
		}()
		next.ServeHTTP(status, r)
	})
}

// statusWriter notes the status of an answer.
type statusWriter struct {
	http.ResponseWriter
	status int
}

// WriteHeader notes the status.
func (w *statusWriter) WriteHeader(status int) {
	w.status = status
	w.ResponseWriter.WriteHeader(status)
}

// Unwrap lets http.ResponseController find the connection.
func (w *statusWriter) Unwrap() http.ResponseWriter { return w.ResponseWriter }
