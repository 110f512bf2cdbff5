package worker

import (
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/sluicehq/sluice/ingest/writer"
)

// writerMetrics are the metrics of the writers of events:
//
//	sluice_ingest_rows_total{table}          rows of events, sessions and counters that were written
//	sluice_ingest_rejected_total             records that could not be written
//	sluice_ingest_repairs_total              ranges that were found short or doubled, and repaired
//	sluice_ingest_flush_seconds              from the decision of a range until it was marked as written
//	sluice_ingest_age_seconds                age of the oldest event of a range when it was written
//	sluice_ingest_lag_messages{partition}    messages of the event log that are not written
//	sluice_ingest_lag_seconds{partition}     age of the oldest of them, 0 without one
//	sluice_eventlog_bytes{stream}            size of the event log, sluice_eventlog_max_bytes its limit
//
// The last four are read from store and log at the time of the scrape, and equal in all workers.
type writerMetrics struct {
	rows              *prometheus.CounterVec
	rejected, repairs prometheus.Counter
	flush, age        prometheus.Histogram
	lag               *lagMetrics
}

func newWriterMetrics(log *slog.Logger) *writerMetrics {
	// From a flush without a backlog to a warehouse that was away for hours.
	seconds := []float64{.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200}
	return &writerMetrics{
		rows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sluice_ingest_rows_total", Help: "Rows of live events acknowledged and counted in the warehouse.",
		}, []string{"table"}),
		rejected: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sluice_ingest_rejected_total", Help: "Records of the event log that could not be written.",
		}),
		repairs: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "sluice_ingest_repairs_total", Help: "Repairs of ranges that the warehouse had short or doubled.",
		}),
		flush: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "sluice_ingest_flush_seconds", Help: "Time from the decision of a range until it was marked as written.",
			Buckets: seconds,
		}),
		age: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "sluice_ingest_age_seconds", Help: "Age of the oldest message of a range when it was marked as written.",
			Buckets: seconds,
		}),
		lag: newLagMetrics(log),
	}
}

func (m *writerMetrics) collectors() []prometheus.Collector {
	return []prometheus.Collector{m.rows, m.rejected, m.repairs, m.flush, m.age, m.lag}
}

// written counts a range.
func (m *writerMetrics) written(w writer.Written) {
	m.rows.WithLabelValues("events").Add(float64(w.Events))
	m.rows.WithLabelValues("sessions").Add(float64(w.Sessions))
	m.rows.WithLabelValues("ingest_counters").Add(float64(w.Counters))
	m.rejected.Add(float64(w.Poisoned))
	m.repairs.Add(float64(w.Repairs))
	m.flush.Observe(w.Took.Seconds())
	m.age.Observe(time.Since(w.Oldest).Seconds())
}
