package logbuffer

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/ingest/eventlog/record"
)

const (
	// flushInterval is how long a dropped event waits to be counted in the event log.
	flushInterval = 10 * time.Second
	// maxUnknown bounds the domains without a site, which are texts of senders, in one interval.
	// Others are counted without their domain.
	maxUnknown = 1000
	// maxDomain bounds such a domain, in bytes.
	maxDomain = 253
	// maxCounters bounds the counters in memory.
	maxCounters = 50_000
	// counterRecords is how many counters one call appends.
	counterRecords = 500
)

// Drops counts dropped events by site, reason and minute, and appends the counts to the event log, from
// which the writers bring them into the table ingest_counters. Counts that were not yet appended are
// lost with the process. It is safe for concurrent use.
type Drops struct {
	log    Log
	logger *slog.Logger
	now    func() time.Time

	mu sync.Mutex
	// counts are by the counter without its value.
	counts map[record.Counter]uint64
	// unknown are the domains without a site.
	unknown map[string]bool
}

var _ ingest.Telemetry = (*Drops)(nil)

// NewDrops returns a Drops. All arguments are required.
func NewDrops(log Log, logger *slog.Logger, now func() time.Time) (*Drops, error) {
	if log == nil || logger == nil || now == nil {
		return nil, errors.New("new counters of dropped events: log, logger and clock are required")
	}
	return &Drops{
		log: log, logger: logger, now: now, counts: map[record.Counter]uint64{}, unknown: map[string]bool{},
	}, nil
}

// Execute counts a dropped event. Buffered ones are counted by the writer.
func (d *Drops) Execute(_ []string, m ingest.TelemetryMetadata) {
	if m.Reason == "" {
		return
	}
	c := record.Counter{
		Bucket: d.now().Truncate(time.Minute).Unix(), Domain: m.Domain, SiteID: m.SiteID,
		Metric: "dropped_" + string(m.Reason), TrackerVersion: m.TrackerScriptVersion,
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if c.SiteID == 0 && !d.known(c.Domain) {
		c.Domain = ""
	}
	d.add(c, 1)
}

// known reports whether a domain without a site is counted by itself. The caller holds the lock.
func (d *Drops) known(domain string) bool {
	if d.unknown[domain] {
		return true
	}
	if len(domain) > maxDomain || len(d.unknown) >= maxUnknown {
		return false
	}
	d.unknown[domain] = true
	return true
}

// add adds to a counter. The caller holds the lock.
func (d *Drops) add(c record.Counter, n uint64) {
	if _, ok := d.counts[c]; !ok && len(d.counts) >= maxCounters {
		c.Domain, c.SiteID, c.TrackerVersion = "", 0, 0
	}
	d.counts[c] += n
}

// Run appends the counts every 10 s until ctx ends, and at its end.
func (d *Drops) Run(ctx context.Context) error {
	ticker := time.NewTicker(flushInterval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			d.flush(ctx)
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), flushInterval)
			d.flush(last)
			cancel()
			return nil
		}
	}
}

// flush appends the counts. Those that the log has not taken stay; those of which it is not known whether
// they were stored are given up, because a second attempt could count them twice.
func (d *Drops) flush(ctx context.Context) {
	d.mu.Lock()
	counts := d.counts
	d.counts, d.unknown = make(map[record.Counter]uint64, len(counts)), map[string]bool{}
	d.mu.Unlock()
	batches := map[int][]record.Counter{}
	for c, n := range counts {
		c.Value = n
		partition := d.log.Partition(c.SiteID)
		batches[partition] = append(batches[partition], c)
		if len(batches[partition]) == counterRecords {
			d.append(ctx, partition, batches[partition])
			delete(batches, partition)
		}
	}
	for partition, batch := range batches {
		d.append(ctx, partition, batch)
	}
}

func (d *Drops) append(ctx context.Context, partition int, batch []record.Counter) {
	records := make([][]byte, len(batch))
	for i := range batch {
		records[i] = record.Append(nil, record.Record{Counter: &batch[i]})
	}
	_, err := d.log.Append(ctx, partition, records...)
	switch {
	case err == nil:
		return
	case errors.Is(err, eventlog.ErrFull), errors.Is(err, eventlog.ErrOverloaded), errors.Is(err, eventlog.ErrNotSent):
		d.mu.Lock()
		defer d.mu.Unlock()
		for _, c := range batch {
			n := c.Value
			c.Value = 0
			d.add(c, n)
		}
	default:
		d.logger.Warn("counts of dropped events are lost", "counters", len(batch),
			"error", fmt.Errorf("append to partition %d: %w", partition, err))
	}
}
