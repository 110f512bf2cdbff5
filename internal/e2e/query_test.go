package e2e

import (
	"context"
	"time"

	"github.com/ClickHouse/clickhouse-go/v2"

	"github.com/sluicehq/sluice/calendar"
)

// visibleCounts counts the generated rows that queries see, by import.
func visibleCounts(ctx context.Context, conn clickhouse.Conn) (map[uint64]uint64, error) {
	rows, err := conn.Query(ctx, "SELECT import_id, count() FROM visible_imported_visitors GROUP BY import_id")
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err returns every relevant error
	counts := map[uint64]uint64{}
	for rows.Next() {
		var id, n uint64
		if err := rows.Scan(&id, &n); err != nil {
			return nil, err
		}
		counts[id] = n
	}
	return counts, rows.Err()
}

// visibleDays counts the generated rows of a site that queries see, by day.
func visibleDays(ctx context.Context, conn clickhouse.Conn, siteID int64) (map[string]uint64, error) {
	rows, err := conn.Query(ctx, "SELECT date, count() FROM visible_imported_visitors WHERE site_id = ? GROUP BY date", siteID)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // rows.Err returns every relevant error
	counts := map[string]uint64{}
	for rows.Next() {
		var day time.Time
		var n uint64
		if err := rows.Scan(&day, &n); err != nil {
			return nil, err
		}
		counts[calendar.DayOf(day).String()] = n
	}
	return counts, rows.Err()
}
