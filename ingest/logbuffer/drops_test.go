package logbuffer_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/eventlog"
	"github.com/sluicehq/sluice/ingest/eventlog/record"
	"github.com/sluicehq/sluice/ingest/logbuffer"
	"github.com/sluicehq/sluice/ingest/request"
)

// dropped returns an event that was dropped. Site 0 means that it has none.
func dropped(domain string, site uint64, reason ingest.DropReason) ingest.Event {
	e := ingest.Event{Domain: domain, Dropped: true, DropReason: reason, Request: request.Request{TrackerVersion: 20}}
	if site != 0 {
		e.Site = &ingest.Site{ID: site, Domain: domain}
	}
	return e
}

// Dropped events are counted by site, reason and minute, with one counter for each; when Write returns, the log
// has the counts.
func TestDrops(t *testing.T) {
	t.Parallel()
	log := &memory{broken: 1}
	now := time.Date(2026, 11, 30, 12, 0, 30, 0, time.UTC)
	b, err := logbuffer.New(log, func() time.Time { return now })
	require.NoError(t, err)
	counter := func(domain string, site uint64, metric string, value uint64) record.Counter {
		return record.Counter{
			Bucket: now.Truncate(time.Minute).Unix(), Domain: domain, SiteID: site, Metric: metric, Value: value, TrackerVersion: 20,
		}
	}
	bot := dropped("two.example", 2, ingest.DropBot)
	require.NoError(t, b.Write(t.Context(), nil, []ingest.Event{
		bot, dropped("two.example", 2, ingest.DropThrottle), bot, dropped("a.example", 0, ingest.DropNotFound), bot,
	}))
	require.Equal(t, map[int][]record.Counter{
		2: {counter("two.example", 2, "dropped_bot", 3), counter("two.example", 2, "dropped_throttle", 1)},
		0: {counter("a.example", 0, "dropped_not_found", 1)},
	}, log.counters)

	// A count that the log does not take fails the request, as an event does.
	err = b.Write(t.Context(), nil, []ingest.Event{dropped("full.example", 5, ingest.DropBot)})
	require.ErrorIs(t, err, eventlog.ErrFull)
	require.ErrorContains(t, err, "append to partition 1")
}

// The domains without a site that are counted by themselves are bounded, in a minute.
func TestUnknownDomains(t *testing.T) {
	t.Parallel()
	const domains, known = 1500, 1000
	log := &memory{broken: -1}
	now := time.Date(2026, 11, 30, 12, 0, 30, 0, time.UTC)
	b, err := logbuffer.New(log, func() time.Time { return now })
	require.NoError(t, err)
	for range 2 {
		log.counters = nil
		events := []ingest.Event{dropped(strings.Repeat("a", 254), 0, ingest.DropNotFound)}
		for i := range domains {
			events = append(events, dropped(fmt.Sprintf("%d.example", i), 0, ingest.DropNotFound))
		}
		require.NoError(t, b.Write(t.Context(), nil, events))
		counters := log.counters[0]
		require.Len(t, counters, known+1)
		require.Empty(t, counters[0].Domain)
		require.EqualValues(t, domains-known+1, counters[0].Value)
		require.Equal(t, "0.example", counters[1].Domain)
		now = now.Add(time.Minute)
	}
}
