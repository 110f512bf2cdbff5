package ingesting_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
	"github.com/sluicehq/sluice/warehouse"
	"github.com/sluicehq/sluice/warehouse/history"
)

// What is left out of a range ends with the history, whose last 7,320 days count.
func TestHistoryDays(t *testing.T) {
	t.Parallel()
	ctx, s := enginetest.Context(t), &ingestclient.Sites{}
	w, dsn := withWarehouse(t, s)
	enginetest.ExecClickHouse(t, dsn, `INSERT INTO imported_visitors (site_id, import_id, date, visitors)
		SELECT 1, 1, toDate('1990-01-01') + number, 1 FROM numbers(9000)`)
	require.NoError(t, w.Show(ctx, 1, 1, 0))
	of := ingeststore.Site{ID: 1, Domain: site, TimeZone: "Europe/Berlin"}
	first, err := calendar.ParseDay("1990-01-01")
	require.NoError(t, err)
	before, last := first-5, first+8999
	after := last + 5
	for _, c := range []struct {
		from, to    *calendar.Day
		first, last calendar.Day
		interval    history.Interval
	}{
		{nil, nil, last - 7319, last, history.IntervalMonth},
		{&first, nil, first, first + 7319, history.IntervalMonth},
		{nil, &first, first, first, history.IntervalDay},
		{nil, &before, before, before, history.IntervalDay},
		{&after, nil, after, after, history.IntervalDay},
	} {
		h, err := s.History(ctx, of, ingestclient.HistoryQuery{Days: ingestclient.HistoryDays{From: c.from, To: c.to}})
		require.NoError(t, err)
		require.Equal(t, calendar.Range{First: c.first, Last: c.last}, calendar.Range{First: h.From, Last: h.To})
		require.Equal(t, c.interval, h.Interval)
		require.Equal(t, history.MetricVisitors, h.Metric)
	}
	_, err = s.History(ctx, of, ingestclient.HistoryQuery{Days: ingestclient.HistoryDays{From: &last, To: &first}})
	require.ErrorIs(t, err, starter.ErrInvalid)
	_, err = s.Breakdown(ctx, of, ingestclient.BreakdownQuery{By: "referrers"})
	require.ErrorIs(t, err, starter.ErrInvalid)
	b, err := s.Breakdown(ctx, of, ingestclient.BreakdownQuery{By: history.ByPages})
	require.NoError(t, err)
	require.Equal(t, site, b.Site)
	require.Contains(t, b.SQL, "LIMIT 10")
	of.TimeZone = "Mars"
	of.ID = 2
	_, err = s.History(ctx, of, ingestclient.HistoryQuery{})
	require.ErrorContains(t, err, `site example.com: the time zone "Mars"`)
}

// The points and the values of a history are a table, too.
func testHistoryRows(t *testing.T, s *ingestclient.Sites, w *warehouse.Warehouse, dsn string) {
	t.Helper()
	ctx := enginetest.Context(t)
	enginetest.ExecClickHouse(t, dsn, `INSERT INTO imported_visitors (site_id, import_id, date, visitors)
		VALUES (71, 9, '2026-01-01', 3), (71, 9, '2026-01-02', 4)`)
	enginetest.ExecClickHouse(t, dsn, `INSERT INTO imported_pages (site_id, import_id, date, page, visitors, visits, pageviews)
		VALUES (71, 9, '2026-01-01', '/a', 3, 4, 5), (71, 9, '2026-01-02', '/b', 6, 7, 8)`)
	require.NoError(t, w.Show(ctx, 71, 9, 0))
	of := ingeststore.Site{ID: 71, Domain: site, TimeZone: "UTC"}
	h, err := s.History(ctx, of, ingestclient.HistoryQuery{})
	require.NoError(t, err)
	require.EqualValues(t, 7, h.Total)
	require.Equal(t, [][]string{
		{"start", "origin", "import", "visitors", "days"},
		{"2026-01-01", "imported", "9", "3", "1"},
		{"2026-01-02", "imported", "9", "4", "1"},
	}, h.Rows())
	h.Points[0].Import = 0
	require.Empty(t, h.Rows()[1][2], "native data are no import's")
	b, err := s.Breakdown(ctx, of, ingestclient.BreakdownQuery{By: history.ByPages, Limit: 1})
	require.NoError(t, err)
	require.Equal(t, [][]string{{"value", "country", "visitors", "visits", "pageviews"}, {"/b", "", "6", "7", "8"}}, b.Rows())
	require.EqualValues(t, 2, b.Different)
	of.ID = 72
	h, err = s.History(ctx, of, ingestclient.HistoryQuery{})
	require.NoError(t, err)
	require.Equal(t, h.From, h.To, "a site without data has its present day")
}
