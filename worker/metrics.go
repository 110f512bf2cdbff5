package worker

import (
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/sluicehq/sluice/activities"
)

// metrics are the worker's Prometheus metrics:
//
//	sluice_rows_loaded_total{source,table}     rows acknowledged by the warehouse
//	sluice_rows_rejected_total{source,table}   rows that could not be loaded
//	sluice_chunks_loaded_total{source,table}   chunks recorded
//	temporal_*                                 the Temporal SDK's own, counters and latencies
//	go_*, process_*                            the process's
type metrics struct {
	registry               *prometheus.Registry
	rows, rejected, chunks *prometheus.CounterVec
}

var _ activities.Observer = (*metrics)(nil)

func newMetrics() *metrics {
	labels := []string{"source", "table"}
	m := &metrics{
		registry: prometheus.NewRegistry(),
		rows: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sluice_rows_loaded_total", Help: "Rows acknowledged by the warehouse.",
		}, labels),
		rejected: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sluice_rows_rejected_total", Help: "Rows that could not be loaded.",
		}, labels),
		chunks: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sluice_chunks_loaded_total", Help: "Chunks recorded as loaded.",
		}, labels),
	}
	m.registry.MustRegister(m.rows, m.rejected, m.chunks,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Loaded counts a chunk.
func (m *metrics) Loaded(source, table string, rows, rejected int64) {
	m.chunks.WithLabelValues(source, table).Inc()
	m.rows.WithLabelValues(source, table).Add(float64(rows))
	m.rejected.WithLabelValues(source, table).Add(float64(rejected))
}
