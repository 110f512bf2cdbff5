package warehouse

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"
)

// SiteTraffic is what the ingestion has counted for a site.
type SiteTraffic struct {
	// LastEvent is the minute of the newest event that was stored in the last 30 days, or nil.
	LastEvent *time.Time
	// PerMinute is the mean number of stored events a minute in the last five whole minutes.
	PerMinute float64
	// Buffered is the number of stored events in the last 24 hours.
	Buffered uint64
	// Dropped are the numbers of dropped events in the last 24 hours by reason.
	Dropped map[string]uint64
}

const (
	// trafficMinutes is the number of minutes of which SiteTraffic.PerMinute is the mean.
	trafficMinutes = 5
	// metricBuffered is the metric of stored events; that of dropped ones is dropped_REASON.
	metricBuffered = "buffered"
	metricDropped  = "dropped_"
)

// SiteTraffic returns what was counted for a site under its domains, also former ones, as of now. What the writers have
// not written yet is missing.
func (w *Warehouse) SiteTraffic(
	ctx context.Context, siteID uint64, domains []string, now time.Time,
) (SiteTraffic, error) {
	now = now.UTC()
	minute := now.Truncate(time.Minute)
	// The table is sorted by domain and day. The driver quotes the domains.
	rows, err := w.conn.Query(ctx, `SELECT metric, sumIf(value, event_timebucket >= toDateTime({day:Int64}, 'UTC')),
			sumIf(value, event_timebucket >= toDateTime({from:Int64}, 'UTC')
				AND event_timebucket < toDateTime({minute:Int64}, 'UTC')),
			max(event_timebucket)
		FROM ingest_counters
		WHERE domain IN {domains:Array(String)} AND site_id = {site:UInt64}
			AND event_timebucket >= toDateTime({month:Int64}, 'UTC') AND event_timebucket <= toDateTime({now:Int64}, 'UTC')
		GROUP BY metric`,
		clickhouse.Named("domains", domains), named("site", siteID), named("now", now.Unix()),
		named("minute", minute.Unix()), named("from", minute.Add(-trafficMinutes*time.Minute).Unix()),
		named("day", now.Add(-24*time.Hour).Unix()), named("month", now.AddDate(0, 0, -30).Unix()))
	if err != nil {
		return SiteTraffic{}, fmt.Errorf("read the counters of site %d: %w", siteID, err)
	}
	defer rows.Close() //nolint:errcheck // rows.Err returns every relevant error
	t := SiteTraffic{Dropped: map[string]uint64{}}
	for rows.Next() {
		var metric string
		var day, recent uint64
		var last time.Time
		if err := rows.Scan(&metric, &day, &recent, &last); err != nil {
			return SiteTraffic{}, fmt.Errorf("read the counters of site %d: %w", siteID, err)
		}
		if metric == metricBuffered {
			t.Buffered, t.PerMinute, t.LastEvent = day, float64(recent)/trafficMinutes, &last
		} else if reason, ok := strings.CutPrefix(metric, metricDropped); ok && day > 0 {
			t.Dropped[reason] = day
		}
	}
	if err := rows.Err(); err != nil {
		return SiteTraffic{}, fmt.Errorf("read the counters of site %d: %w", siteID, err)
	}
	return t, nil
}
