package worker

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	syncstore "github.com/sluicehq/sluice/store/syncing"
)

// maxSyncSeries bounds the number of syncs with series.
const maxSyncSeries = 1000

// syncMetrics collects the freshness of syncs in the store at the time of the scrape, of the first
// maxSyncSeries by name:
//
//	sluice_sync_age_seconds{sync}  time since the end of the last window that was delivered
//	sluice_sync_late{sync}         1 while the sync has an alarm
//	sluice_sync_rejects{sync}      records that are not delivered
//
// They are equal in all workers.
type syncMetrics struct {
	store              *syncstore.Store
	log                *slog.Logger
	age, late, rejects *prometheus.Desc
}

var _ prometheus.Collector = (*syncMetrics)(nil)

func newSyncMetrics(rows *syncstore.Store, log *slog.Logger) *syncMetrics {
	labels := []string{"sync"}
	return &syncMetrics{
		store: rows, log: log,
		age: prometheus.NewDesc("sluice_sync_age_seconds",
			"Time since the end of the last window that was delivered.", labels, nil),
		late:    prometheus.NewDesc("sluice_sync_late", "Whether the sync has an alarm.", labels, nil),
		rejects: prometheus.NewDesc("sluice_sync_rejects", "Records of the sync that are not delivered.", labels, nil),
	}
}

// Describe sends all descriptions.
func (m *syncMetrics) Describe(all chan<- *prometheus.Desc) {
	all <- m.age
	all <- m.late
	all <- m.rejects
}

// Collect asks the store. Without an answer there are no series: /readyz says why.
func (m *syncMetrics) Collect(all chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), collectTimeout)
	defer cancel()
	rows, err := m.store.List(ctx, "", maxSyncSeries)
	if err != nil {
		m.log.Warn("could not read the freshness of syncs for a scrape", "error", err)
		return
	}
	for _, row := range rows {
		late := 0.0
		if row.AlarmedAt != nil {
			late = 1
		}
		age := time.Since(row.CurrentTo).Seconds()
		all <- prometheus.MustNewConstMetric(m.age, prometheus.GaugeValue, age, row.Name)
		all <- prometheus.MustNewConstMetric(m.late, prometheus.GaugeValue, late, row.Name)
		all <- prometheus.MustNewConstMetric(m.rejects, prometheus.GaugeValue, float64(row.Rejects), row.Name)
	}
}
