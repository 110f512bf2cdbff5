package worker

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/ingest/eventlog"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// lagMetrics collects, at the time of the scrape, how far the writers are behind the event log.
type lagMetrics struct {
	logger                         *slog.Logger
	messages, seconds, bytes, most *prometheus.Desc

	mu    sync.Mutex
	store *ingeststore.Store
	log   *eventlog.Log
}

var _ prometheus.Collector = (*lagMetrics)(nil)

func newLagMetrics(logger *slog.Logger) *lagMetrics {
	labels, stream := []string{"partition"}, []string{"stream"}
	return &lagMetrics{
		logger: logger,
		messages: prometheus.NewDesc("sluice_ingest_lag_messages",
			"Messages of the event log that are not written to the warehouse.", labels, nil),
		seconds: prometheus.NewDesc("sluice_ingest_lag_seconds",
			"Age of the oldest message of the event log that is not written to the warehouse.", labels, nil),
		bytes: prometheus.NewDesc("sluice_eventlog_bytes", "Stored size of a stream of the event log.", stream, nil),
		most: prometheus.NewDesc("sluice_eventlog_max_bytes", "Size at which a stream of the event log refuses events.",
			stream, nil),
	}
}

// Describe sends the descriptions.
func (m *lagMetrics) Describe(all chan<- *prometheus.Desc) {
	all <- m.messages
	all <- m.seconds
	all <- m.bytes
	all <- m.most
}

// watch sets what is scraped; nil for nothing.
func (m *lagMetrics) watch(s *ingeststore.Store, log *eventlog.Log) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.store, m.log = s, log
}

func (m *lagMetrics) watched() (*ingeststore.Store, *eventlog.Log) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.store, m.log
}

// Collect asks store and log. Without an answer there are no series: /readyz says why.
func (m *lagMetrics) Collect(all chan<- prometheus.Metric) {
	s, log := m.watched()
	if log == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), collectTimeout)
	defer cancel()
	positions, err := s.Positions(ctx)
	if err == nil {
		var partitions errgroup.Group
		for _, p := range positions {
			partitions.Go(func() error { return m.collect(ctx, all, log, p) })
		}
		err = partitions.Wait()
	}
	if err != nil {
		m.logger.Warn("could not read the lag of the writers for a scrape", "error", err)
	}
}

// collect sends the metrics of a partition.
func (m *lagMetrics) collect(
	ctx context.Context, all chan<- prometheus.Metric, log *eventlog.Log, p ingeststore.Position,
) error {
	stats, err := log.Stats(ctx, int(p.Partition))
	if err != nil {
		return err
	}
	behind, age := int64(stats.Last)-p.Next+1, 0.0
	if behind > 0 {
		stored, err := log.StoredAt(ctx, int(p.Partition), uint64(p.Next))
		if err != nil {
			return err
		}
		age = max(time.Since(stored).Seconds(), 0)
	}
	label := strconv.Itoa(int(p.Partition))
	send := func(desc *prometheus.Desc, value float64) {
		all <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, label)
	}
	send(m.messages, float64(max(behind, 0)))
	send(m.seconds, age)
	// The first partition of a stream has its number, and reports its size.
	if log.Sharing(int(p.Partition))[0] == int(p.Partition) {
		send(m.bytes, float64(stats.Bytes))
		send(m.most, float64(stats.MaxBytes))
	}
	return nil
}
