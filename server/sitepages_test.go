package server_test

import (
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/internal/enginetest"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse"
)

// Pages of sites show their history: the list with the last days, and the data of one with chart, tables, queries and
// files, for each metric, interval and dimension.
func TestSitePages(t *testing.T) {
	t.Parallel()
	s := enginetest.NewSystem(t, importers.NewRegistry(noop.New()))
	ctx := enginetest.Context(t)
	today := calendar.DayOf(time.Now().UTC())
	native := today - 5
	const odd = `odd.example/a:b`
	for _, n := range []importstore.NewSite{
		{Domain: domain, TimeZone: "UTC", NativeStart: &native}, {Domain: odd, TimeZone: "Pacific/Auckland"},
	} {
		_, err := s.Store.Imports.AddSite(ctx, n)
		require.NoError(t, err)
	}
	site, err := s.Store.Imports.Site(ctx, domain)
	require.NoError(t, err)
	for _, statement := range []string{
		`INSERT INTO imported_visitors (site_id, import_id, date, visitors, pageviews, visits)
			SELECT %[1]d, 7, toDate('%[2]s') - number - 1, 1000 + number, 3000, 1200 FROM numbers(40)`,
		`INSERT INTO imported_pages (site_id, import_id, date, hostname, page, visitors, pageviews, visits)
			SELECT %[1]d, 7, toDate('%[2]s') - 1, 'h', '/page/' || number, 100 - number, 200, 150 FROM numbers(14)`,
		`INSERT INTO imported_pages (site_id, import_id, date, page, visitors) VALUES (%[1]d, 7, toDate('%[2]s') - 1, '/<script>alert(1)</script>', 999)`,
		`INSERT INTO imported_locations (site_id, import_id, date, country, region, city, visitors)
			VALUES (%[1]d, 7, toDate('%[2]s') - 1, 'NZ', 'NZ-AUK', 2193733, 70), (%[1]d, 7, toDate('%[2]s') - 1, '', '', 0, 5)`,
		`INSERT INTO events (timestamp, day, name, site_id, user_id, session_id, pathname)
			SELECT toDateTime(toDate('%[2]s') + 1, 'UTC') + number, toDate('%[2]s') + 1, 'pageview', %[1]d, number, number + 5000, '/live' FROM numbers(1234)`,
	} {
		enginetest.ExecClickHouse(t, s.Settings.Warehouse.DSN, fmt.Sprintf(statement, site.ID, native))
	}
	require.NoError(t, s.Warehouse.Show(ctx, uint64(site.ID), 7, 0))
	require.NoError(t, s.Warehouse.PutSites(ctx, []warehouse.Site{
		{ID: uint64(site.ID), Domain: domain, NativeStart: &native, Version: 1 << 40},
	}))
	r := start(t, apiSettings(t, s), true, withAPI(s.Environ()))
	page := func(path string) string {
		status, text := r.call(t, http.MethodGet, path, "")
		require.Equal(t, http.StatusOK, status, "%s\n%s", path, text)
		require.NotRegexp(t, `<script>| style="| on[a-z]+="`, text, path)
		return text
	}

	list := page("/sites")
	require.Contains(t, list, `<a href="/sites/odd.example%2Fa:b">odd.example/a:b</a>`)
	require.Contains(t, list, `<svg class="spark"`)
	require.Contains(t, list, native.String())
	require.Contains(t, list, "4 days ago")
	require.Contains(t, page("/sites/odd.example%2Fa:b"), "There are no data from")

	path := "/sites/" + domain
	text := page(path)
	require.Contains(t, text, `<span class="figure">42,014</span> visitors`, "40,780 imported and 1,234 live")
	for _, part := range []string{
		"Live events", `<a href="/imports/7">Import 7</a>`, ">live events</text>", "New Zealand", "FROM history_visitors",
		"/api/v1/sites/" + domain + "/history?format=csv", "/&lt;script&gt;alert(1)", "6 more.",
	} {
		require.Contains(t, text, part)
	}
	require.Equal(t, 3, strings.Count(text, "data-copy="), "sources and devices have no data")
	// The files that the page links to are there.
	files := 0
	for _, link := range regexp.MustCompile(`href="([^"#]+)`).FindAllStringSubmatch(text, -1) {
		target := strings.ReplaceAll(link[1], "&amp;", "&")
		if strings.HasPrefix(target, "/api/v1/sites/") {
			status, got := r.call(t, http.MethodGet, target, "")
			require.Equal(t, http.StatusOK, status, "%s: %s", target, got)
			files++
		}
	}
	require.Equal(t, 3, files)
	require.Contains(t, page(path+"?locations=cities"), "City 2193733")
	require.Contains(t, page(path+"?locations=regions&from="+(native-1).String()+"&to="+native.String()), "NZ-AUK")
	require.Contains(t, page(path+"?metric=pageviews&interval=month"), `<span class="figure">121,234</span> pageviews`)
	require.Contains(t, page(path+"?from=2001-01-01&to=2001-01-31"), "There are no data from 2001-01-01 to 2001-01-31")
	status, text := r.call(t, http.MethodGet, path+"?from=soon", "")
	require.Equal(t, http.StatusUnprocessableEntity, status)
	require.Contains(t, text, "<code>from</code>")
	status, _ = r.call(t, http.MethodGet, "/sites/none.example", "")
	require.Equal(t, http.StatusNotFound, status)
}

// Without the warehouse the sites are listed nevertheless.
func TestSitePagesWithoutWarehouse(t *testing.T) {
	t.Parallel()
	s := enginetest.NewSystem(t, importers.NewRegistry(noop.New()))
	s.AddSite(t, domain)
	settings := apiSettings(t, s)
	settings.Warehouse.DSN = "http://127.0.0.1:1/d"
	r := start(t, settings, true, withAPI(s.Environ()))
	status, text := r.call(t, http.MethodGet, "/sites", "")
	require.Equal(t, http.StatusOK, status, text)
	require.Contains(t, text, "The warehouse does not answer")
	require.Contains(t, text, `<a href="/sites/`+domain+`">`)
	status, text = r.call(t, http.MethodGet, "/sites/"+domain, "")
	require.Equal(t, http.StatusServiceUnavailable, status, text)
}
