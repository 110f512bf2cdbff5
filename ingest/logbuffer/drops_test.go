package logbuffer_test

import (
	"context"
	"fmt"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/eventlog/record"
	"github.com/sluicehq/sluice/ingest/logbuffer"
)

// countersOf returns the value of each counter in a log.
func countersOf(t *testing.T, m *memory) map[record.Counter]uint64 {
	t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	all := map[record.Counter]uint64{}
	for _, records := range m.got {
		for _, data := range records {
			r, err := record.Decode(data)
			require.NoError(t, err)
			require.NotNil(t, r.Counter)
			c := *r.Counter
			c.Value = 0
			all[c] += r.Counter.Value
		}
	}
	return all
}

// Dropped events are counted by site, reason and minute, and appended at the end. Counts of a full
// partition stay; domains without a site are bounded.
func TestDrops(t *testing.T) {
	t.Parallel()
	log := &memory{broken: 1}
	now := time.Date(2026, 11, 30, 12, 0, 30, 0, time.UTC)
	d, err := logbuffer.NewDrops(log, slog.New(slog.DiscardHandler), func() time.Time { return now })
	require.NoError(t, err)
	drop := func(domain string, site uint64, reason ingest.DropReason) {
		d.Execute(nil, ingest.TelemetryMetadata{Domain: domain, SiteID: site, Reason: reason, TrackerScriptVersion: 20})
	}
	end := func() {
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.NoError(t, d.Run(ctx))
	}
	counter := func(domain string, site uint64, metric string) record.Counter {
		return record.Counter{
			Bucket: now.Truncate(time.Minute).Unix(), Domain: domain, SiteID: site, Metric: metric, TrackerVersion: 20,
		}
	}
	for range 3 {
		drop("two.example", 2, ingest.DropBot)
	}
	drop("two.example", 2, ingest.DropThrottle)
	// Buffered events are counted by the writer.
	drop("two.example", 2, "")
	drop("full.example", 5, ingest.DropBot)
	end()
	require.Equal(t, map[record.Counter]uint64{
		counter("two.example", 2, "dropped_bot"): 3, counter("two.example", 2, "dropped_throttle"): 1,
	}, countersOf(t, log))

	log.mu.Lock()
	log.broken, log.got = -1, nil
	log.mu.Unlock()
	end()
	require.Equal(t, map[record.Counter]uint64{counter("full.example", 5, "dropped_bot"): 1}, countersOf(t, log))

	log.mu.Lock()
	log.got = nil
	log.mu.Unlock()
	const domains = 1500
	for i := range domains {
		drop(fmt.Sprintf("%d.example", i), 0, ingest.DropNotFound)
	}
	end()
	counted := countersOf(t, log)
	require.Len(t, counted, 1001)
	require.EqualValues(t, domains-1000, counted[counter("", 0, "dropped_not_found")])
	end()
	require.Equal(t, counted, countersOf(t, log), "nothing is appended twice")

	_, err = logbuffer.NewDrops(nil, nil, nil)
	require.ErrorContains(t, err, "log, logger and clock are required")
}
