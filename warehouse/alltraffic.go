package warehouse

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// AllTraffic is what the ingestion has counted for all sites.
type AllTraffic struct {
	// PerMinute is the mean number of stored events a minute in the last five whole minutes.
	PerMinute float64
	// Buffered is the number of stored events in the last 24 hours.
	Buffered uint64
	// Dropped are the numbers of dropped events in the last 24 hours by reason.
	Dropped map[string]uint64
	// Hours are the last 24 hours in their order, of the first one a part: 25 at most.
	Hours []TrafficHour
}

// TrafficHour is what the ingestion has counted for the events of an hour.
type TrafficHour struct {
	From              time.Time
	Buffered, Dropped uint64
}

// AllTraffic returns what was counted for all sites, as of now. What the writers have not written yet is missing.
func (w *Warehouse) AllTraffic(ctx context.Context, now time.Time) (AllTraffic, error) {
	now = now.UTC()
	minute, first := now.Truncate(time.Minute), now.Add(-24*time.Hour).Truncate(time.Hour)
	rows, err := w.conn.Query(ctx, `SELECT metric, toStartOfHour(event_timebucket, 'UTC') AS hour, sum(value),
			sumIf(value, event_timebucket >= toDateTime({from:Int64}, 'UTC')
				AND event_timebucket < toDateTime({minute:Int64}, 'UTC'))
		FROM ingest_counters
		WHERE event_timebucket >= toDateTime({day:Int64}, 'UTC') AND event_timebucket <= toDateTime({now:Int64}, 'UTC')
		GROUP BY metric, hour`,
		named("now", now.Unix()), named("minute", minute.Unix()), named("day", now.Add(-24*time.Hour).Unix()),
		named("from", minute.Add(-trafficMinutes*time.Minute).Unix()))
	if err != nil {
		return AllTraffic{}, fmt.Errorf("read the counters of all sites: %w", err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err returns every relevant error
	t := AllTraffic{Dropped: map[string]uint64{}}
	for at := first; !at.After(now); at = at.Add(time.Hour) {
		t.Hours = append(t.Hours, TrafficHour{From: at})
	}
	for rows.Next() {
		var metric string
		var hour time.Time
		var count, recent uint64
		if err := rows.Scan(&metric, &hour, &count, &recent); err != nil {
			return AllTraffic{}, fmt.Errorf("read the counters of all sites: %w", err)
		}
		at := &t.Hours[int(hour.Sub(first)/time.Hour)]
		if metric == metricBuffered {
			t.Buffered, t.PerMinute = t.Buffered+count, t.PerMinute+float64(recent)/trafficMinutes
			at.Buffered += count
		} else if reason, ok := strings.CutPrefix(metric, metricDropped); ok {
			t.Dropped[reason] += count
			at.Dropped += count
		}
	}
	if err := rows.Err(); err != nil {
		return AllTraffic{}, fmt.Errorf("read the counters of all sites: %w", err)
	}
	return t, nil
}
