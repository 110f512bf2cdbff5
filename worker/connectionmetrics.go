package worker

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	deliverystore "github.com/sluicehq/sluice/store/delivery"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
)

// connectionMetrics collects the unhealthy connections in the store at the time of the
// scrape:
//
//	sluice_connection_circuit_open{connection}  1 while its jobs wait: the circuit is open, half-open or paused
//	sluice_connection_failures{connection}      consecutive failed batches
//
// Healthy connections have no series. For jobs that name no connection the label is "@" and
// their destination.
type connectionMetrics struct {
	store          *dispatchstore.Store
	log            *slog.Logger
	open, failures *prometheus.Desc
}

var _ prometheus.Collector = (*connectionMetrics)(nil)

func newConnectionMetrics(opened *dispatchstore.Store, log *slog.Logger) *connectionMetrics {
	labels := []string{"connection"}
	return &connectionMetrics{
		store: opened, log: log,
		open: prometheus.NewDesc("sluice_connection_circuit_open",
			"Whether the circuit of an unhealthy connection is open, half-open or paused.", labels, nil),
		failures: prometheus.NewDesc("sluice_connection_failures",
			"Consecutive failed batches of a connection.", labels, nil),
	}
}

// Describe sends both descriptions.
func (m *connectionMetrics) Describe(all chan<- *prometheus.Desc) { all <- m.open; all <- m.failures }

// collectTimeout bounds how long a scrape waits for the store.
const collectTimeout = 2 * time.Second

// Collect asks the store. Without an answer there are no series: /readyz says why.
func (m *connectionMetrics) Collect(all chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), collectTimeout)
	defer cancel()
	unhealthy, err := m.store.Deliveries.Unhealthy(ctx)
	if err != nil {
		m.log.Warn("could not read the health of connections for a scrape", "error", err)
		return
	}
	now := time.Now()
	for _, h := range unhealthy {
		open := 1.0
		if deliverystore.ConnectionState(h, now) == deliverystore.ConnectionFailing {
			open = 0
		}
		all <- prometheus.MustNewConstMetric(m.open, prometheus.GaugeValue, open, h.Connection)
		all <- prometheus.MustNewConstMetric(m.failures, prometheus.GaugeValue, float64(h.Failures), h.Connection)
	}
}
