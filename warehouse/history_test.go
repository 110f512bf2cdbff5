package warehouse_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/warehouse"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// historyOf is the view of an imported table.
func historyOf(table *schema.Table) string {
	return "history_" + strings.TrimPrefix(table.Name, "imported_")
}

// importDays loads a row of each table for each day from first to last.
func (b *bundle) importDays(t *testing.T, importID uint64, first, last calendar.Day) {
	t.Helper()
	for _, table := range schema.Imported() {
		rows := schema.NewBatch(table)
		for day := first; day <= last; day++ {
			rows.SetDate(0, uint16(day))
			rows.SetUint64(table.Index("visitors"), 5)
			rows.EndRow()
		}
		k := warehouse.ChunkKey{PartKey: warehouse.PartKey{SiteID: 1, ImportID: importID}}
		require.NoError(t, b.InsertRows(b.ctx, k, rows))
	}
}

// visit adds a session of one pageview and one custom event on each day from first to last.
func (b *bundle) visit(t *testing.T, first, last calendar.Day) {
	t.Helper()
	for day := first; day <= last; day++ {
		at := fmt.Sprintf("'%s 12:00:00', '%s'", day, day)
		require.NoError(t, b.sql.Exec(b.ctx, `INSERT INTO events (timestamp, day, name, site_id, user_id, session_id,
			hostname, pathname) VALUES (`+at+`, 'pageview', 1, 7, 8, 'h', '/p'), (`+at+`, 'Signup', 1, 7, 8, 'h', '/p')`))
		require.NoError(t, b.sql.Exec(b.ctx, `INSERT INTO sessions (start, day, timestamp, version, session_id, site_id,
			user_id, entry_page, exit_page, exit_page_hostname, pageviews, events)
			VALUES (`+at+`, '`+day.String()+` 12:00:00', 1, `+strconv.Itoa(int(day))+`, 1, 7, '/p', '/p', 'h', 1, 2)`))
	}
}

// days returns the days of a view with their origin and visitors.
func (b *bundle) days(t *testing.T, view string) []string {
	t.Helper()
	return b.lines(t, "SELECT domain, day, origin, sum(visitors) FROM "+view+
		" WHERE site_id = 1 GROUP BY ALL ORDER BY day, origin")
}

// Each view has the columns of its imported table, days before the first native day from visible
// imports and the others from events, and no day twice. An import that is undone takes its days along.
func TestHistory(t *testing.T) { eachProtocol(t, testHistory) }

func testHistory(t *testing.T, b *bundle) {
	t.Helper()
	const first = calendar.Day(20_000)
	native := first + 2
	b.importDays(t, 2, first, first+3)
	b.importDays(t, 3, first-10, first-8)
	b.visit(t, first+1, first+4)
	require.NoError(t, b.Show(b.ctx, 1, 2, 0))
	require.NoError(t, b.PutSites(b.ctx, []warehouse.Site{
		{ID: 1, Domain: "example.com", NativeStart: &native, Version: 1},
	}))
	line := func(day calendar.Day, origin string, visitors int) string {
		return fmt.Sprintf("example.com|%s|%s|%d", day, origin, visitors)
	}
	fromEvents := []string{line(native, "native", 1), line(native+1, "native", 1), line(native+2, "native", 1)}
	want := append([]string{line(first, "imported", 5), line(first+1, "imported", 5)}, fromEvents...)
	for _, table := range schema.Imported() {
		view := historyOf(table)
		require.Equal(t, want, b.days(t, view), view)
		columns := b.lines(t, "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = '"+view+
			"' ORDER BY position")
		require.Equal(t, []string{"site_id", "domain", "day"}, columns[:3], view)
		if table == schema.Visitors {
			require.Equal(t, "import_id", columns[len(columns)-1])
			columns = columns[:len(columns)-1]
		}
		require.Equal(t, "origin", columns[len(columns)-1], view)
		require.Equal(t, sorted(slices.Clone(table.ColumnNames()[1:])), sorted(columns[3:len(columns)-1]), view)
	}
	require.NoError(t, b.Hide(b.ctx, 1, 2, 0))
	for _, table := range schema.Imported() {
		require.Equal(t, fromEvents, b.days(t, historyOf(table)))
	}
	// Without native data, all imported days serve.
	require.NoError(t, b.PutSites(b.ctx, []warehouse.Site{{ID: 1, Domain: "example.com", Version: 2}}))
	require.NoError(t, b.sql.Exec(b.ctx, "TRUNCATE TABLE events"))
	require.NoError(t, b.sql.Exec(b.ctx, "TRUNCATE TABLE sessions"))
	require.NoError(t, b.Show(b.ctx, 1, 2, 1))
	for _, table := range schema.Imported() {
		require.Equal(t, []string{
			line(first, "imported", 5), line(first+1, "imported", 5), line(first+2, "imported", 5), line(first+3, "imported", 5),
		}, b.days(t, historyOf(table)))
	}
}

// A visit that passes midnight counts on the day of its start, its pageviews and its visitor on the day of
// each event. The latest version of a session counts.
func TestHistoryFigures(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.NoError(t, b.sql.Exec(b.ctx, `INSERT INTO events (timestamp, day, name, site_id, user_id, session_id, hostname,
		pathname, scroll_depth, engagement_time, "meta.key", "meta.value") VALUES
		('2026-03-01 23:59:00', '2026-03-01', 'pageview', 1, 7, 70, 'h', '/a', 255, 0, [], []),
		('2026-03-01 23:59:30', '2026-03-01', 'engagement', 1, 7, 70, 'h', '/a', 40, 1500, [], []),
		('2026-03-01 23:59:40', '2026-03-01', 'engagement', 1, 7, 70, 'h', '/a', 60, 2600, [], []),
		('2026-03-02 00:01:00', '2026-03-02', 'pageview', 1, 7, 70, 'h', '/b', 255, 0, [], []),
		('2026-03-02 00:02:00', '2026-03-02', 'Outbound Link: Click', 1, 7, 70, 'h', '/b', 255, 0,
		 ['x', 'url', 'path'], ['1', 'https://example.org', '/no']),
		('2026-03-02 00:03:00', '2026-03-02', '404', 1, 9, 90, 'h', '/c', 255, 0, ['path'], ['/c']),
		('2026-03-03 00:00:10', '2026-03-03', 'engagement', 1, 7, 70, 'h', '/b', 255, 900, [], [])`))
	const columns = `start, day, timestamp, version, session_id, site_id, user_id, is_bounce, duration, pageviews, events,
		entry_page, exit_page, exit_page_hostname, country_code, subdivision1_code, city_geoname_id, screen_size`
	require.NoError(t, b.sql.Exec(b.ctx, `INSERT INTO sessions (`+columns+`) VALUES
		('2026-03-01 23:59:00', '2026-03-01', '2026-03-01 23:59:00', 1, 70, 1, 7, 1, 0, 1, 1, '/a', '/a', 'h', 'DE', 'DE-BE', 9, 'Mobile'),
		('2026-03-02 00:03:00', '2026-03-02', '2026-03-02 00:03:00', 1, 90, 1, 9, 0, 0, 0, 1, '', '', '', '\0\0', '', 0, '')`))
	require.NoError(t, b.sql.Exec(b.ctx, `INSERT INTO sessions (`+columns+`) VALUES
		('2026-03-01 23:59:00', '2026-03-01', '2026-03-02 00:02:00', 2, 70, 1, 7, 0, 180, 2, 3, '/a', '/b', 'h', 'DE', 'DE-BE', 9, 'Mobile')`))

	for query, want := range map[string][]string{
		"SELECT day, visitors, pageviews, visits, bounces, visit_duration FROM history_visitors": {
			"2026-03-01|1|1|1|0|180", "2026-03-02|2|1|1|0|0", "2026-03-03|0|0|0|0|0",
		},
		`SELECT day, page, visitors, visits, pageviews, exits, total_scroll_depth, total_scroll_depth_visits, total_time_on_page,
			total_time_on_page_visits FROM history_pages`: {
			"2026-03-01|/a|1|1|1|0|60|1|4|1", "2026-03-01|/b|0|0|0|1|0|0|0|0", "2026-03-02|/b|1|1|1|0|0|0|0|0",
			"2026-03-03|/b|0|0|0|0|0|0|0|1",
		},
		"SELECT day, name, link_url, path, visitors, events FROM history_custom_events": {
			"2026-03-02|404||/c|1|1", "2026-03-02|Outbound Link: Click|https://example.org||1|1",
		},
		"SELECT day, country, region, city, visits, pageviews FROM history_locations": {
			"2026-03-01|DE|DE-BE|9|1|2", "2026-03-02|||0|1|0",
		},
		"SELECT day, device, visits, visit_duration FROM history_devices": {
			"2026-03-01|Mobile|1|180", "2026-03-02||1|0",
		},
		"SELECT day, entry_page, entrances FROM history_entry_pages": {"2026-03-01|/a|1"},
		"SELECT day, exit_page, exits FROM history_exit_pages":       {"2026-03-01|/b|1"},
	} {
		require.Equal(t, want, b.lines(t, query+" WHERE site_id = 1 ORDER BY ALL"), query)
	}
}

// A condition on the site reads the rows of that site alone, by the sort keys, in every view.
func TestHistoryReadsOneSite(t *testing.T) {
	t.Parallel()
	b := setup(t)
	const sites, rows = 5, 5 * 8192
	fill := func(table, columns, values string) {
		require.NoError(t, b.sql.Exec(b.ctx, fmt.Sprintf("INSERT INTO %s (site_id, %s) SELECT number %% %d, %s FROM numbers(%d)",
			table, columns, sites, values, rows)))
	}
	const at = "toDateTime('2026-03-01 00:00:00', 'UTC') + number % 864000"
	fill("events", "name, timestamp, user_id, session_id", "'pageview', "+at+", number, number")
	fill("sessions", "start, timestamp, version, user_id, session_id", at+", "+at+", 1, number, number")
	for _, table := range schema.Imported() {
		fill(table.Name, "import_id, date", fmt.Sprintf("number %% %d + 100, toDate('2025-01-01') + number %% 365", sites))
	}
	for site := range uint64(sites) {
		require.NoError(t, b.Show(b.ctx, site, site+100, 0))
	}
	require.NoError(t, b.PutSites(b.ctx, []warehouse.Site{{ID: 3, Domain: "three.example.com", Version: 1}}))
	granules := regexp.MustCompile(`Granules: (\d+)/(\d+)`)
	for _, condition := range []string{
		"site_id = 3",
		"site_id = (SELECT site_id FROM sites FINAL WHERE domain = 'three.example.com')",
		"site_id = 3 AND day BETWEEN '2025-06-01' AND '2026-03-02'",
	} {
		for _, table := range schema.Imported() {
			query := "EXPLAIN indexes = 1 SELECT * FROM " + historyOf(table) + " WHERE " + condition
			plan := strings.Join(b.lines(t, query), "\n")
			reads := strings.Split(plan, "ReadFromMergeTree")[1:]
			require.NotEmpty(t, reads)
			large := 0
			for _, read := range reads {
				_, key, found := strings.Cut(read, "PrimaryKey\n")
				counts := granules.FindStringSubmatch(key)
				require.True(t, found && counts != nil, "%s\n%s", query, plan)
				selected, err := strconv.Atoi(counts[1])
				require.NoError(t, err)
				total, err := strconv.Atoi(counts[2])
				require.NoError(t, err)
				if total > 1 {
					large++
					require.LessOrEqual(t, selected, 2, "%s\n%s", query, plan)
				}
			}
			require.GreaterOrEqual(t, large, 2, "%s\n%s", query, plan)
		}
	}
}
