package cli

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
)

// historySite returns a shell with the site example.com in Berlin, which has an import of 40 days (7), and events of two
// days after them.
func historySite(t *testing.T) shell {
	t.Helper()
	s := ingestSite(t).withWarehouse(t)
	for _, statement := range []string{
		`INSERT INTO sites (site_id, domain, native_start, version) VALUES (1, 'example.com', '2026-02-10', 1)`,
		`INSERT INTO import_visibility (site_id, import_id, visible, version) VALUES (1, 7, true, 1)`,
		`INSERT INTO imported_visitors (site_id, import_id, date, visitors, pageviews, visits)
			SELECT 1, 7, toDate('2026-01-01') + number, 1000 + number, 3000, 1200 FROM numbers(40)`,
		`INSERT INTO imported_locations (site_id, import_id, date, country, region, visitors, pageviews, visits)
			VALUES (1, 7, '2026-01-01', 'DE', 'DE-BE', 5, 9, 6), (1, 7, '2026-01-02', 'AT', '=1+1', 1200, 1, 1)`,
		`INSERT INTO events (timestamp, day, name, site_id, user_id, session_id) VALUES
			('2026-02-10 23:30:00', '2026-02-11', 'pageview', 1, 7, 8), ('2026-02-10 12:00:00', '2026-02-10', 'pageview', 1, 7, 9)`,
	} {
		enginetest.ExecClickHouse(t, s.setting(t, "SLUICE_WAREHOUSE_DSN"), statement)
	}
	return s
}

func TestSiteHistory(t *testing.T) {
	t.Parallel()
	s := historySite(t)
	golden(t, "site-history", s.ok(t, "site", "history", "example.com", "--interval", "week"))
	golden(t, "site-history-csv", s.ok(t, "site", "history", "example.com", "--metric", "pageviews", "--from", "2026-02-08", "-o", "csv"))
	golden(t, "site-history-sql", s.ok(t, "site", "history", "example.com", "--interval", "month", "-o", "sql"))
	var h ingestclient.History
	s.json(t, &h, "site", "history", "example.com", "--to", "2026-01-02")
	require.EqualValues(t, 2001, h.Total)
	require.Equal(t, "Europe/Berlin", h.TimeZone)

	golden(t, "site-breakdown", s.ok(t, "site", "breakdown", "example.com", "--by", "countries"))
	golden(t, "site-breakdown-csv", s.ok(t, "site", "breakdown", "example.com", "--by", "regions", "-o", "csv"))
	golden(t, "site-breakdown-sql", s.ok(t, "site", "breakdown", "example.com", "--by", "browsers", "--limit", "3", "-o", "sql"))
	var b ingestclient.Breakdown
	s.json(t, &b, "site", "breakdown", "example.com", "--by", "countries", "--limit", "1")
	require.Equal(t, "AT", b.Values[0].Value)
	require.EqualValues(t, 2, b.Different)

	require.Equal(t, "Site example.com has no data from 2020-01-01 to 2020-01-31.\n",
		s.ok(t, "site", "history", "example.com", "--from", "2020-01-01", "--to", "2020-01-31"))
	require.Equal(t, "Site example.com has no data from 2026-01-01 to 2026-02-11.\n", s.ok(t, "site", "breakdown", "example.com", "--by", "devices"))
	s.fails(t, "site none.example: not found: see `sluice site list`", "site", "history", "none.example")
	s.fails(t, `invalid query of the history: metric "people": want one of [visitors pageviews visits]`,
		"site", "history", "example.com", "--metric", "people")
	s.fails(t, `invalid query of the history: by "referrers": want one of [pages sources countries regions cities browsers `+
		"operating_systems devices]", "site", "breakdown", "example.com", "--by", "referrers")
}

func TestSiteHistoryFaults(t *testing.T) {
	t.Parallel()
	s := offline()
	for _, command := range []string{"history", "breakdown"} {
		s.fails(t, "want one argument, a site's domain, got none: see `sluice site "+command+" --help`", "site", command)
		s.fails(t, `--from: "soon" is not a day: want a day of the calendar, written as YYYY-MM-DD`,
			"site", command, "example.com", "--from", "soon")
	}
	s.fails(t, "--limit 1001: want 1 to 1000", "site", "breakdown", "example.com", "--limit", "1001")
}
