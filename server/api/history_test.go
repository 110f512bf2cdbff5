package api_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/sampledata"
	"github.com/sluicehq/sluice/starter"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse"
)

// auckland is a site whose days begin at 11:00 UTC of the day before, in summer.
const auckland = "auckland.example"

// lines returns the rows of a query, their values joined by bars.
func (b *bundle) lines(t *testing.T, query string, args ...any) []string {
	t.Helper()
	ctx := enginetest.Context(t)
	rows, err := b.Warehouse.Select(ctx, "SELECT concatWithSeparator('|', *) FROM ("+fmt.Sprintf(query, args...)+")", nil, nil)
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

// withHistory has a site in Auckland with an import up to 2026-03-03, and events since the first seconds of the day
// after it.
func withHistory(t *testing.T) (*bundle, importstore.Site, importstore.Import) {
	t.Helper()
	b := withWorker(t)
	ctx := enginetest.Context(t)
	native, err := calendar.ParseDay("2026-03-04")
	require.NoError(t, err)
	site, err := b.Store.Imports.AddSite(ctx, importstore.NewSite{
		Domain: auckland, TimeZone: "Pacific/Auckland", NativeStart: &native,
	})
	require.NoError(t, err)
	dir := filepath.Join(b.uploads, "export")
	_, err = sampledata.Write(dir, sampledata.Spec{
		Seed: 7, Days: calendar.Range{First: native - 40, Last: native + 5}, PageRows: 2000,
	})
	require.NoError(t, err)
	args, err := json.Marshal(map[string]any{"paths": []string{dir}})
	require.NoError(t, err)
	imp := b.Start(t, starter.Request{Site: auckland, Source: "csv", Args: args})
	b.Wait(t, imp.ID)
	// 2026-03-03 11:00 UTC is midnight of 2026-03-04 in Auckland; the clocks go back on 2026-04-05.
	enginetest.ExecClickHouse(t, b.Settings.Warehouse.DSN, fmt.Sprintf(`INSERT INTO events
		(timestamp, day, name, site_id, user_id, session_id, hostname, pathname)
		SELECT toDateTime('2026-03-03 11:00:00', 'UTC') + number * 1800 AS at, toDate(toTimeZone(at, 'Pacific/Auckland')), 'pageview', %d,
			number %% 40, number, 'h', if(number %% 3 = 0, '=cmd()', '/page') FROM numbers(1700)`, site.ID))
	enginetest.ExecClickHouse(t, b.Settings.Warehouse.DSN, fmt.Sprintf(`INSERT INTO sessions
		(start, day, timestamp, version, session_id, site_id, user_id, pageviews, events)
		SELECT toDateTime('2026-03-03 11:00:00', 'UTC') + number * 1800 AS at, toDate(toTimeZone(at, 'Pacific/Auckland')), at, 1, number, %d,
			number %% 40, 1, 1 FROM numbers(1700)`, site.ID))
	require.NoError(t, b.Warehouse.PutSites(ctx, []warehouse.Site{
		{ID: uint64(site.ID), Domain: auckland, NativeStart: &native, Version: 1 << 40},
	}))
	return b, site, imp
}

// The history has imported days up to the day before the first native one, and native days in the site's time zone from it
// on: as the tables have them, without the views.
func TestSiteHistory(t *testing.T) {
	t.Parallel()
	b, site, imp := withHistory(t)
	path := "/sites/" + auckland + "/history"
	want := b.lines(t, `SELECT toMonday(d), i, sum(v), count() FROM (
			SELECT toDate(toTimeZone(timestamp, 'Pacific/Auckland')) AS d, 0 AS i, uniqExact(user_id) AS v FROM events
			WHERE site_id = %d GROUP BY d
			UNION ALL SELECT date, import_id, sum(visitors) FROM imported_visitors
			WHERE import_id = %d AND date < '2026-03-04' GROUP BY date, import_id)
		GROUP BY ALL ORDER BY 1, 2`, site.ID, imp.ID)
	show := func(as, path string) (h ingestclient.History) {
		b.ok(t, as, http.MethodGet, path, nil, &h)
		return h
	}
	h := show("viewer-all", path+"?interval=week")
	require.Equal(t, "Pacific/Auckland", h.TimeZone)
	require.Equal(t, "2026-01-23", h.From.String())
	require.Equal(t, "2026-04-08", h.To.String())
	got := []string{}
	for _, p := range h.Points {
		got = append(got, fmt.Sprintf("%s|%d|%d|%d", p.Start, p.Import, p.Value, p.Days))
	}
	require.Equal(t, want, got)
	require.Equal(t, want, b.lines(t, "%s", h.SQL), "the query that the answer has")

	// The day on which native data take over: 24 hours of Auckland, an event each half hour.
	h = show("viewer-all", path+"?metric=pageviews&from=2026-03-03&to=2026-03-04")
	require.Len(t, h.Points, 2)
	require.EqualValues(t, imp.ID, h.Points[0].Import)
	require.EqualValues(t, 48, h.Points[1].Value)
	require.Equal(t, "native", h.Points[1].Origin)
	h = show("viewer-all", path+"?metric=visits&from=2026-04-05&to=2026-04-05")
	require.EqualValues(t, 50, h.Total, "the day of 25 hours")

	// CSV, by parameter and by header, has the same figures.
	h = show("viewer-all", path+"?interval=month")
	for _, a := range []answer{
		b.do(t, "viewer-all", http.MethodGet, path+"?interval=month&format=csv", nil),
		b.do(t, "viewer-all", http.MethodGet, path+"?interval=month", nil, "Accept", "text/csv"),
	} {
		require.Equal(t, "text/csv; charset=utf-8; header=present", a.header.Get("Content-Type"))
		require.Equal(t, `attachment; filename="auckland.example-visitors-2026-01-23-2026-04-08.csv"`, a.header.Get("Content-Disposition"))
		rows, err := csv.NewReader(bytes.NewReader(a.body)).ReadAll()
		require.NoError(t, err)
		require.Equal(t, h.Rows(), rows)
		require.Equal(t, []string{"start", "origin", "import", "visitors", "days"}, rows[0])
	}
	b.do(t, "viewer-all", http.MethodGet, path+"?format=json", nil, "Accept", "text/csv").decode(t, &h)

	// A site without data has an empty history.
	h = show("viewer-own", "/sites/"+own+"/history")
	require.Empty(t, h.Points)
	require.Equal(t, h.From, h.To)
	for query, parameter := range map[string]string{
		"?metric=people": "metric", "?interval=hour": "interval", "?from=yesterday": "from", "?to=2026-02-30": "to", "?format=xml": "format",
	} {
		p := b.do(t, "viewer-own", http.MethodGet, "/sites/"+own+"/history"+query, nil).problem(t, "invalid")
		require.Equal(t, parameter, p.Errors[0].Parameter)
	}
	p := b.do(t, "viewer-own", http.MethodGet, "/sites/"+own+"/history?from=2026-02-01&to=2026-01-01", nil).problem(t, "invalid")
	require.Contains(t, p.Detail, "the first day 2026-02-01 is after the last day 2026-01-01")
	p = b.do(t, "viewer-own", http.MethodGet, "/sites/"+own+"/history?from=1999-01-01&to=2026-01-01", nil).problem(t, "invalid")
	require.Contains(t, p.Detail, "want at most 7320")
	b.do(t, "viewer-own", http.MethodGet, "/sites/"+auckland+"/history", nil).problem(t, "not-found")
}

// The list of sites has their last days, up to the present one of each time zone.
func TestSiteHistories(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := enginetest.Context(t)
	location, err := time.LoadLocation("Pacific/Auckland")
	require.NoError(t, err)
	present := calendar.DayOf(time.Now().In(location))
	_, err = b.Store.Imports.AddSite(ctx, importstore.NewSite{Domain: auckland, TimeZone: "Pacific/Auckland"})
	require.NoError(t, err)
	site, err := b.Store.Imports.Site(ctx, own)
	require.NoError(t, err)
	enginetest.ExecClickHouse(t, b.Settings.Warehouse.DSN, fmt.Sprintf(`INSERT INTO imported_visitors
		(site_id, import_id, date, visitors) SELECT %d, 5, toDate('%s') - number, 100 + number FROM numbers(40)`, site.ID, present-2))
	require.NoError(t, b.Warehouse.Show(ctx, uint64(site.ID), 5, 0))
	var list struct {
		Items []ingestclient.RecentHistory
		Next  string
	}
	b.ok(t, "viewer-all", http.MethodGet, "/site-histories?limit=2&days=4", nil, &list)
	require.Len(t, list.Items, 2)
	require.Equal(t, auckland, list.Items[0].Site)
	require.InDelta(t, int(present), int(list.Items[0].To), 1, "the test may run at midnight")
	require.Equal(t, list.Items[0].To-3, list.Items[0].From)
	require.Empty(t, list.Items[0].Days)
	require.Nil(t, list.Items[0].LastDay)
	b.ok(t, "viewer-all", http.MethodGet, list.Next, nil, &list)
	require.Len(t, list.Items, 1)
	b.ok(t, "viewer-own", http.MethodGet, "/site-histories", nil, &list)
	require.Len(t, list.Items, 1)
	got := list.Items[0]
	require.Equal(t, own, got.Site)
	require.Equal(t, present-2, *got.LastDay)
	require.Equal(t, present-41, *got.FirstDay)
	require.Equal(t, ingestclient.RecentDay{Day: present - 2, Visitors: 100}, got.Days[len(got.Days)-1])
	require.Equal(t, got.From, got.Days[0].Day)
	b.ok(t, "viewer-own", http.MethodGet, "/site-histories?limit=200", nil, nil)
	b.ok(t, "viewer-none", http.MethodGet, "/site-histories", nil, &list)
	require.Empty(t, list.Items)
	b.do(t, "viewer-own", http.MethodGet, "/site-histories?days=93", nil).problem(t, "invalid")
}

// A breakdown has the most frequent values and the sum over all of them; in CSV no value is a formula.
func TestSiteBreakdown(t *testing.T) {
	t.Parallel()
	b, site, imp := withHistory(t)
	path := "/sites/" + auckland + "/breakdown"
	pages := fmt.Sprintf(`SELECT pathname AS a, uniqExact(user_id) AS p, count() AS w FROM events WHERE site_id = %d GROUP BY day, a
		UNION ALL SELECT page, visitors, pageviews FROM imported_pages WHERE import_id = %d AND date < '2026-03-04'`, site.ID, imp.ID)
	var got ingestclient.Breakdown
	b.ok(t, "viewer-all", http.MethodGet, path+"?by=pages&limit=5", nil, &got)
	lines := []string{}
	for _, v := range got.Values {
		lines = append(lines, fmt.Sprintf("%s|%d|%d", v.Value, v.Visitors, v.Pageviews))
	}
	require.Equal(t, b.lines(t, "SELECT a, sum(p) AS p, sum(w) FROM (%s) GROUP BY a ORDER BY p DESC, a LIMIT 5", pages), lines)
	want := b.lines(t, "SELECT uniqExact(a), sum(p), sum(w) FROM (%s)", pages)
	require.Equal(t, want[0], fmt.Sprintf("%d|%d|%d", got.Different, got.Total.Visitors, got.Total.Pageviews))

	b.ok(t, "viewer-all", http.MethodGet, path+"?by=pages&from=2026-03-04&to=2026-03-05", nil, &got)
	a := b.do(t, "viewer-all", http.MethodGet, path+"?by=pages&from=2026-03-04&to=2026-03-05&format=csv", nil)
	rows, err := csv.NewReader(bytes.NewReader(a.body)).ReadAll()
	require.NoError(t, err)
	require.Equal(t, []string{"value", "country", "visitors", "visits", "pageviews"}, rows[0])
	require.Len(t, rows, 3)
	require.Equal(t, "=cmd()", got.Values[1].Value)
	require.Equal(t, []string{"'=cmd()", "", strconv.FormatUint(got.Values[1].Visitors, 10)}, rows[2][:3])

	b.do(t, "viewer-own", http.MethodGet, "/sites/"+own+"/breakdown", nil).problem(t, "invalid")
	p := b.do(t, "viewer-own", http.MethodGet, "/sites/"+own+"/breakdown?by=referrers&limit=1001", nil).problem(t, "invalid")
	require.Len(t, p.Errors, 2)
}
