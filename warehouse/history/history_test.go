package history_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/warehouse"
	"github.com/sluicehq/sluice/warehouse/history"
)

// bundle is a migrated warehouse with a reader.
type bundle struct {
	*history.Reader
	ctx context.Context
	dsn string
}

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{ctx: enginetest.Context(t), dsn: enginetest.WarehouseDSN(t)}
	w, err := warehouse.Open(warehouse.Config{DSN: b.dsn})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	require.NoError(t, w.Migrate(b.ctx))
	b.Reader = &history.Reader{Warehouse: w}
	return b
}

func (b *bundle) exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	enginetest.ExecClickHouse(t, b.dsn, fmt.Sprintf(statement, args...))
}

// lines returns the rows of a query, their values joined by bars.
func (b *bundle) lines(t *testing.T, query string) []string {
	t.Helper()
	rows, err := b.Warehouse.Select(b.ctx, "SELECT concatWithSeparator('|', *) FROM ("+query+")", nil, nil)
	require.NoError(t, err)
	lines := []string{}
	for rows.Next() {
		var line string
		require.NoError(t, rows.Scan(&line))
		lines = append(lines, line)
	}
	require.NoError(t, rows.Err())
	require.NoError(t, rows.Close())
	return lines
}

func parse(t *testing.T, text string) calendar.Day {
	t.Helper()
	d, err := calendar.ParseDay(text)
	require.NoError(t, err)
	return d
}

func days(t *testing.T, first, last string) calendar.Range {
	t.Helper()
	return calendar.Range{First: parse(t, first), Last: parse(t, last)}
}

// fill gives site 1, in Auckland, an import of a year (7), one of the weeks before it (8), one that is staged (9), and
// events from 2026-03-03 on. Site 2 has what must never be counted.
func (b *bundle) fill(t *testing.T) {
	t.Helper()
	for _, i := range []struct {
		site, id    int
		first, last string
	}{{1, 7, "2025-03-01", "2026-03-10"}, {1, 8, "2025-01-15", "2025-02-27"}, {1, 9, "2025-01-01", "2025-01-14"}, {2, 20, "2025-03-01", "2026-03-10"}} {
		r := days(t, i.first, i.last)
		b.exec(t, `INSERT INTO imported_visitors (site_id, import_id, date, visitors, pageviews, visits)
			SELECT %d, %d, toDate('%s') + number, 10 + number %% 7, 30 + number %% 5, 12 + number %% 3 FROM numbers(%d)`,
			i.site, i.id, i.first, r.Days())
		b.exec(t, `INSERT INTO imported_pages (site_id, import_id, date, hostname, page, visitors, pageviews, visits)
			SELECT %d, %d, toDate('%s') + intDiv(number, 20), 'h', '/page/' || (number %% 20), 1 + number %% 9, 2, 1 FROM numbers(%d)`,
			i.site, i.id, i.first, r.Days()*20)
		for table, column := range map[string]string{
			"imported_sources": "source", "imported_devices": "device", "imported_browsers": "browser",
			"imported_operating_systems": "operating_system",
		} {
			b.exec(t, `INSERT INTO %s (site_id, import_id, date, %s, visitors, pageviews, visits)
				SELECT %d, %d, toDate('%s') + number, 'v' || (number %% 3), 5, 9, 6 FROM numbers(%d)`,
				table, column, i.site, i.id, i.first, r.Days())
		}
		b.exec(t, `INSERT INTO imported_locations (site_id, import_id, date, country, region, city, visitors, pageviews, visits)
			SELECT %d, %d, toDate('%s') + number, 'NZ', 'NZ-AUK', 2193733, 5, 9, 6 FROM numbers(%d)`, i.site, i.id, i.first, r.Days())
		if i.id != 9 {
			require.NoError(t, b.Warehouse.Show(b.ctx, uint64(i.site), uint64(i.id), 0))
		}
	}
	// An event each 37 minutes for 20 days, in the days of Auckland (UTC+13, then UTC+12 from 2026-04-05).
	b.exec(t, `INSERT INTO events (timestamp, day, name, site_id, user_id, session_id, hostname, pathname)
		SELECT toDateTime('2026-03-02 11:00:00', 'UTC') + number * 2220 AS at, toDate(toTimeZone(at, 'Pacific/Auckland')), 'pageview', 1,
			number %% 50, number, 'h', '/page/' || (number %% 4) FROM numbers(1600)`)
	b.exec(t, `INSERT INTO sessions (start, day, timestamp, version, session_id, site_id, user_id, entry_page, exit_page, exit_page_hostname,
			pageviews, events, referrer_source, screen_size, browser, operating_system, country_code, subdivision1_code, city_geoname_id)
		SELECT toDateTime('2026-03-02 11:00:00', 'UTC') + number * 2220 AS at, toDate(toTimeZone(at, 'Pacific/Auckland')), at, 1, number, 1,
			number %% 50, '/page/1', '/page/2', 'h', 1, 1, 'v' || (number %% 2), 'Mobile', 'v1', 'v1', 'NZ', 'NZ-AUK', 2193733
		FROM numbers(1600)`)
	native := parse(t, "2026-03-04")
	require.NoError(t, b.Warehouse.PutSites(b.ctx, []warehouse.Site{
		{ID: 1, Domain: "one.example", NativeStart: &native, Version: 1}, {ID: 2, Domain: "two.example", Version: 1},
	}))
}

// raw is the history of site 1 from the tables, without the views: visible imports before the first native day, events in
// the days of Auckland from it on.
var raw = map[history.Metric]string{
	history.MetricVisitors: `SELECT toDate(toTimeZone(timestamp, 'Pacific/Auckland')) AS d, 0 AS i, uniqExact(user_id) AS v FROM events
			WHERE site_id = 1 AND d >= '2026-03-04' GROUP BY d
		UNION ALL SELECT date, import_id, visitors FROM imported_visitors
			WHERE site_id = 1 AND import_id IN (7, 8) AND date < '2026-03-04'`,
	history.MetricPageviews: `SELECT toDate(toTimeZone(timestamp, 'Pacific/Auckland')) AS d, 0 AS i, count() AS v FROM events
			WHERE site_id = 1 AND d >= '2026-03-04' GROUP BY d
		UNION ALL SELECT date, import_id, pageviews FROM imported_visitors
			WHERE site_id = 1 AND import_id IN (7, 8) AND date < '2026-03-04'`,
	history.MetricVisits: `SELECT toDate(toTimeZone(start, 'Pacific/Auckland')) AS d, 0 AS i, count() AS v FROM sessions
			WHERE site_id = 1 AND d >= '2026-03-04' GROUP BY d
		UNION ALL SELECT date, import_id, visits FROM imported_visitors
			WHERE site_id = 1 AND import_id IN (7, 8) AND date < '2026-03-04'`,
}

// Every metric × interval × range equals what the tables have, and so does the query that is returned.
func TestSeries(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill(t)
	starts := map[history.Interval]string{
		history.IntervalDay: "d", history.IntervalWeek: "d - (toDayOfWeek(d) - 1)", history.IntervalMonth: "toStartOfMonth(d)",
	}
	for _, r := range []calendar.Range{
		days(t, "2025-01-01", "2026-12-31"), days(t, "2026-03-03", "2026-03-04"), days(t, "2026-02-25", "2026-04-06"),
		days(t, "2025-02-26", "2025-03-02"), days(t, "2024-01-01", "2024-12-31"),
	} {
		for _, metric := range history.Metrics() {
			for _, interval := range history.Intervals() {
				got, err := b.Series(b.ctx, history.SeriesQuery{SiteID: 1, Metric: metric, Interval: interval, Days: r})
				require.NoError(t, err)
				want := b.lines(t, fmt.Sprintf(`SELECT %s AS s, i, sum(v), uniqExact(d) FROM (%s) WHERE d BETWEEN '%s' AND '%s'
					GROUP BY s, i ORDER BY s, i`, starts[interval], raw[metric], r.First, r.Last))
				lines, total := []string{}, uint64(0)
				for _, p := range got.Points {
					lines, total = append(lines, fmt.Sprintf("%s|%d|%d|%d", p.Start, p.Import, p.Value, p.Days)), total+p.Value
					require.Equal(t, p.Import == 0, p.Origin == history.OriginNative)
				}
				require.Equal(t, want, lines, "%s %s %s", metric, interval, r)
				require.Equal(t, total, got.Total)
				require.Equal(t, want, b.lines(t, got.SQL), "the query with its values: %s", got.SQL)
				require.NotContains(t, got.SQL, "{")
			}
		}
	}
}

// The day on which native data take over counts once, from events.
func TestTakeover(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill(t)
	got, err := b.Series(b.ctx, history.SeriesQuery{
		SiteID: 1, Metric: history.MetricPageviews, Interval: history.IntervalDay, Days: days(t, "2026-03-03", "2026-03-04"),
	})
	require.NoError(t, err)
	require.Len(t, got.Points, 2)
	require.EqualValues(t, 7, got.Points[0].Import)
	require.Equal(t, history.OriginNative, got.Points[1].Origin)
	extents, err := b.Extents(b.ctx, []uint64{1, 2, 3})
	require.NoError(t, err)
	require.Equal(t, map[uint64]calendar.Range{
		1: days(t, "2025-01-15", "2026-04-13"), 2: days(t, "2025-03-01", "2026-03-10"),
	}, extents)
	daily, err := b.Daily(b.ctx, []uint64{1, 2, 3}, history.MetricPageviews, days(t, "2026-03-03", "2026-03-04"))
	require.NoError(t, err)
	require.Len(t, daily, 2)
	require.Equal(t, map[calendar.Day]uint64{
		parse(t, "2026-03-03"): got.Points[0].Value, parse(t, "2026-03-04"): got.Points[1].Value,
	}, daily[1])
	none, err := b.Daily(b.ctx, []uint64{}, history.MetricVisits, days(t, "2026-03-03", "2026-03-04"))
	require.NoError(t, err)
	require.Empty(t, none)
}

// Every breakdown has what the tables have, its totals are those of all values, and only its values end at the limit.
func TestBreakdown(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill(t)
	all := days(t, "2025-01-01", "2026-12-31")
	native := func(value string) string {
		return `SELECT ` + value + `, uniqExact(user_id) AS p, count() AS v, toUInt64(sum(pageviews)) AS w FROM sessions
			WHERE site_id = 1 AND day >= '2026-03-04' GROUP BY day, a`
	}
	imported := func(value, table string) string {
		return ` UNION ALL SELECT ` + value + `, visitors, visits, pageviews FROM ` + table + `
			WHERE site_id = 1 AND import_id IN (7, 8) AND date < '2026-03-04'`
	}
	for by, query := range map[history.Dimension]string{
		history.ByPages: `SELECT pathname AS a, '' AS b, uniqExact(user_id) AS p, uniqExact(session_id) AS v, count() AS w FROM events
			WHERE site_id = 1 AND day >= '2026-03-04' GROUP BY day, a` + imported("page, ''", "imported_pages"),
		history.BySources:          native("referrer_source AS a, '' AS b") + imported("source, ''", "imported_sources"),
		history.ByDevices:          native("screen_size AS a, '' AS b") + imported("device, ''", "imported_devices"),
		history.ByBrowsers:         native("browser AS a, '' AS b") + imported("browser, ''", "imported_browsers"),
		history.ByOperatingSystems: native("operating_system AS a, '' AS b") + imported("operating_system, ''", "imported_operating_systems"),
		history.ByCountries:        native("toString(country_code) AS a, 'NZ' AS b") + imported("country, country", "imported_locations"),
		history.ByRegions:          native("subdivision1_code AS a, 'NZ' AS b") + imported("region, country", "imported_locations"),
		history.ByCities:           native("toString(city_geoname_id) AS a, 'NZ' AS b") + imported("toString(city), country", "imported_locations"),
	} {
		const limit = 3
		got, err := b.Breakdown(b.ctx, history.BreakdownQuery{SiteID: 1, By: by, Days: all, Limit: limit})
		require.NoError(t, err, by)
		want := b.lines(t, "SELECT a, b, sum(p) AS p, sum(v), sum(w) FROM ("+query+") GROUP BY a, b ORDER BY p DESC, a")
		require.NotEmpty(t, want)
		totals := b.lines(t, "SELECT sum(p), sum(v), sum(w) FROM ("+query+")")
		lines := []string{}
		for _, v := range got.Values {
			lines = append(lines, fmt.Sprintf("%s|%s|%d|%d|%d", v.Value, v.Country, v.Visitors, v.Visits, v.Pageviews))
		}
		require.Equal(t, want[:min(limit, len(want))], lines, by)
		require.EqualValues(t, len(want), got.Different, by)
		require.Equal(t, totals[0], fmt.Sprintf("%d|%d|%d", got.Total.Visitors, got.Total.Visits, got.Total.Pageviews), by)
		require.Len(t, b.lines(t, got.SQL), len(lines))
	}
	none, err := b.Breakdown(b.ctx, history.BreakdownQuery{SiteID: 3, By: history.ByPages, Days: all, Limit: 5})
	require.NoError(t, err)
	require.Empty(t, none.Values)
	require.Zero(t, none.Total)
}

// What is wrong is refused before ClickHouse is reached.
func TestLimits(t *testing.T) {
	t.Parallel()
	w, err := warehouse.Open(warehouse.Config{DSN: "http://127.0.0.1:1/d"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	r := &history.Reader{Warehouse: w}
	ok := days(t, "2026-01-01", "2026-01-31")
	for want, q := range map[string]history.SeriesQuery{
		`metric "x) FROM events --": want one of [visitors pageviews visits]`: {Metric: "x) FROM events --", Interval: "day", Days: ok},
		`interval "hour": want one of [day week month]`:                       {Metric: "visits", Interval: "hour", Days: ok},
		"the first day 2026-01-31 is after the last day 2026-01-01":           {Metric: "visits", Interval: "day", Days: calendar.Range{First: ok.Last, Last: ok.First}},
		"has 7321 days: want at most 7320":                                    {Metric: "visits", Interval: "day", Days: calendar.Range{First: 1, Last: 7321}},
		"want days from 1970-01-01 to 2149-06-06":                             {Metric: "visits", Interval: "day", Days: calendar.Range{First: -1, Last: 5}},
	} {
		_, err := r.Series(t.Context(), q)
		require.ErrorIs(t, err, history.ErrInvalid)
		require.ErrorContains(t, err, want)
	}
	for want, q := range map[string]history.BreakdownQuery{
		`by "referrers": want one of [pages sources`: {By: "referrers", Days: ok, Limit: 1},
		"limit 0: want 1 to 1000":                    {By: "pages", Days: ok},
		"limit 1001: want 1 to 1000":                 {By: "pages", Days: ok, Limit: 1001},
	} {
		_, err := r.Breakdown(t.Context(), q)
		require.ErrorIs(t, err, history.ErrInvalid)
		require.ErrorContains(t, err, want)
	}
	many := make([]uint64, history.MaxSites+1)
	_, err = r.Extents(t.Context(), many)
	require.ErrorContains(t, err, "201 sites: want at most 200")
	_, err = r.Daily(t.Context(), many, history.MetricVisits, ok)
	require.ErrorContains(t, err, "201 sites: want at most 200")
	_, err = r.Series(t.Context(), history.SeriesQuery{Metric: "visits", Interval: "day", Days: ok})
	require.True(t, warehouse.Unreachable(err), err)
}

// A query that reaches its limit of memory says so. That of the user would stop the queries of other tests.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	b := setup(t)
	rows, err := b.Warehouse.Select(b.ctx, "SELECT length(groupArray(number)) FROM numbers({n:UInt64})",
		map[string]string{"n": "100000000"}, map[string]any{"max_memory_usage": 10 << 20})
	if err == nil {
		require.False(t, rows.Next())
		err = rows.Err()
		require.NoError(t, rows.Close())
	}
	require.Error(t, err)
	err = history.Explained(err)
	require.ErrorIs(t, err, history.ErrTooLarge)
	require.ErrorContains(t, err, "a query may take 20s and 2 GiB of memory in ClickHouse: choose a shorter range")
}

// The limit of the server and that of the query have the same code. The messages are those of several versions.
func TestLimitsOfMemory(t *testing.T) {
	t.Parallel()
	for message, want := range map[string]error{
		"Query memory limit exceeded: would use 2.01 GiB, maximum: 2.00 GiB":       history.ErrTooLarge,
		"Memory limit (for query) exceeded: would use 2.01 GiB, maximum: 2.00 GiB": history.ErrTooLarge,
		"(total) memory limit exceeded: would use 14.01 GiB, maximum: 14.00 GiB. OvercommitTracker decision: " +
			"Query was selected to stop by OvercommitTracker": history.ErrBusy,
		"Memory limit (total) exceeded: would use 9.32 GiB, maximum: 9.31 GiB":    history.ErrBusy,
		"Memory limit (for user) exceeded: would use 9.32 GiB, maximum: 9.31 GiB": history.ErrBusy,
		"User memory limit exceeded: would use 12.55 MiB, maximum: 10.00 MiB":     history.ErrBusy,
	} {
		err := history.Explained(&clickhouse.Exception{Code: 241, Message: message})
		require.ErrorIs(t, err, want, message)
		if errors.Is(want, history.ErrBusy) {
			require.EqualError(t, err, "ClickHouse has no memory left for all queries together: repeat the query later, or "+
				"raise max_server_memory_usage or max_memory_usage_for_user of ClickHouse: "+message)
		}
	}
	require.ErrorIs(t, history.Explained(&clickhouse.Exception{Code: 159, Message: "Timeout exceeded"}), history.ErrTooLarge)
	require.Equal(t, io.EOF, history.Explained(io.EOF))
}

func TestPeriods(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		interval    history.Interval
		first, last string
		want        string
	}{
		{history.IntervalDay, "2024-02-28", "2024-03-01", "2024-02-28 2024-02-29 2024-03-01"},
		{history.IntervalWeek, "2026-01-01", "2026-01-12", "2025-12-29 2026-01-05 2026-01-12"},
		{history.IntervalWeek, "2026-01-05", "2026-01-11", "2026-01-05"},
		{history.IntervalWeek, "1970-01-01", "1970-01-05", "1970-01-01 1970-01-05"},
		{history.IntervalMonth, "2025-12-31", "2026-02-01", "2025-12-01 2026-01-01 2026-02-01"},
	} {
		var got []string
		for _, d := range c.interval.Periods(days(t, c.first, c.last)) {
			got = append(got, d.String())
		}
		require.Equal(t, c.want, strings.Join(got, " "))
	}
	require.Equal(t, history.IntervalDay, history.IntervalFor(days(t, "2026-01-01", "2026-04-02")))
	require.Equal(t, history.IntervalWeek, history.IntervalFor(days(t, "2026-01-01", "2026-04-03")))
	require.Equal(t, history.IntervalMonth, history.IntervalFor(days(t, "2024-01-01", "2026-01-01")))
}
