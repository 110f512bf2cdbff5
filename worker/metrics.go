package worker

import (
	"log/slog"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	importacts "github.com/sluicehq/sluice/activities/importing"
)

// metrics are the worker's Prometheus metrics:
//
//	sluice_rows_loaded_total{source,table}       rows acknowledged by the warehouse
//	sluice_rows_rejected_total{source,table}     rows that could not be loaded
//	sluice_chunks_loaded_total{source,table}     chunks recorded
//	sluice_jobs_total{destination,action,state}  jobs of which it was recorded how a load went
//	sluice_workflows_recovered_total{workflow_type} workflows that were started again from the store
//	sluice_workflow_tasks_failing{workflow_type}    workflows that stand still because a task of theirs fails
//	sluice_connection_*                          see connectionMetrics
//	sluice_ingest_*, sluice_eventlog_*           see writerMetrics
//	temporal_*                                   the Temporal SDK's own, counters and latencies
//	go_*, process_*                              the process's
type metrics struct {
	registry               *prometheus.Registry
	rows, rejected, chunks *prometheus.CounterVec
	jobs                   *prometheus.CounterVec
	recovered              *prometheus.CounterVec
	failing                *prometheus.GaugeVec
	writers                *writerMetrics
}

var (
	_ importacts.Observer           = (*metrics)(nil)
	_ deliveryacts.DeliveryObserver = (*metrics)(nil)
)

func newMetrics(log *slog.Logger) *metrics {
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
		jobs: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sluice_jobs_total", Help: "Jobs by the state that a load has brought them to.",
		}, []string{"destination", "action", "state"}),
		recovered: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "sluice_workflows_recovered_total", Help: "Workflows that were started again from the store.",
		}, []string{"workflow_type"}),
		failing: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "sluice_workflow_tasks_failing", Help: "Workflows that stand still because a task of theirs fails.",
		}, []string{"workflow_type"}),
		writers: newWriterMetrics(log),
	}
	m.registry.MustRegister(m.writers.collectors()...)
	m.registry.MustRegister(m.rows, m.rejected, m.chunks, m.jobs, m.recovered, m.failing,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// Loaded counts a chunk.
func (m *metrics) Loaded(source, table string, rows, rejected int64) {
	m.chunks.WithLabelValues(source, table).Inc()
	m.rows.WithLabelValues(source, table).Add(float64(rows))
	m.rejected.WithLabelValues(source, table).Add(float64(rejected))
}

// Delivered counts jobs.
func (m *metrics) Delivered(ref deliveryacts.ActionRef, state string, jobs int) {
	m.jobs.WithLabelValues(ref.Destination, ref.Action, state).Add(float64(jobs))
}
