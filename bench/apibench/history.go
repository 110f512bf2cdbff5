package apibench

import (
	"context"
	"fmt"

	"github.com/ClickHouse/clickhouse-go/v2/lib/driver"
)

// filled is a table of the warehouse that gets rows: a day has so many, each with these values, in which n is the
// number of the row in its day.
type filled struct {
	table, columns, values string
	rows                   uint64
}

// historyTables have what the page of a site shows.
var historyTables = []filled{
	{"imported_visitors", "visitors, pageviews, bounces, visits, visit_duration", "1000, 3000, 300, 1200, 60000", 1},
	{
		"imported_pages", "hostname, page, visits, visitors, pageviews, exits",
		"'bench.example', concat('/page/', toString(n)), 100, 90, 120, 10", 200,
	},
	{
		"imported_sources", "source, channel, referrer, pageviews, visitors, visits, visit_duration, bounces",
		"concat('Source ', toString(n)), 'Referral', 'example.com', 30, 20, 25, 900, 5", 30,
	},
	{
		"imported_locations", "country, region, city, visitors, visits, visit_duration, pageviews, bounces",
		"['DE', 'FR', 'US', 'GB'][1 + n % 4], concat('R-', toString(n)), 1000 + n, 20, 25, 900, 30, 5", 50,
	},
	{
		"imported_devices", "device, visitors, visits, visit_duration, pageviews, bounces",
		"['Desktop', 'Mobile', 'Tablet'][1 + n], 300, 350, 9000, 900, 100", 3,
	},
	{
		"imported_browsers", "browser, browser_version, visitors, visits, visit_duration, pageviews, bounces",
		"['Chrome', 'Safari', 'Firefox', 'Edge'][1 + n % 4], toString(100 + n), 100, 120, 3000, 300, 30", 8,
	},
	{
		"imported_operating_systems",
		"operating_system, operating_system_version, visitors, visits, visit_duration, pageviews, bounces",
		"['Windows', 'Mac', 'iOS', 'Android'][1 + n % 4], toString(n), 100, 120, 3000, 300, 30", 8,
	},
}

// fillHistory inserts the rows of the first import, which is on the site whose page is requested, and makes them
// visible.
func (b *bench) fillHistory(ctx context.Context, engine driver.Conn) error {
	site, err := b.store.Imports.Site(ctx, b.site)
	if err != nil {
		return err
	}
	for _, t := range historyTables {
		statement := fmt.Sprintf(`INSERT INTO %s (site_id, import_id, part, chunk, date, %s)
			SELECT %d, %d, 0, 0, today() - %d + day, %s
			FROM (SELECT intDiv(number, %d) AS day, number %% %d AS n FROM numbers(%d))`,
			t.table, t.columns, site.ID, b.firstImport, b.cfg.Days, t.values, t.rows, t.rows, t.rows*uint64(b.cfg.Days))
		if err := engine.Exec(ctx, statement); err != nil {
			return fmt.Errorf("fill the table %s: %w", t.table, err)
		}
	}
	statement := fmt.Sprintf(
		"INSERT INTO import_visibility (site_id, import_id, visible, version) VALUES (%d, %d, true, 1)",
		site.ID, b.firstImport)
	if err := engine.Exec(ctx, statement); err != nil {
		return fmt.Errorf("make the history of %s visible: %w", b.site, err)
	}
	return nil
}
