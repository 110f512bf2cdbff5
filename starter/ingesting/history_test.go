package ingesting_test

import (
	"context"
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
	ctx, dsn := enginetest.Context(t), enginetest.WarehouseDSN(t)
	w, err := warehouse.Open(warehouse.Config{DSN: dsn})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	require.NoError(t, w.Migrate(ctx))
	enginetest.ExecClickHouse(t, dsn, `INSERT INTO imported_visitors (site_id, import_id, date, visitors)
		SELECT 1, 1, toDate('1990-01-01') + number, 1 FROM numbers(9000)`)
	require.NoError(t, w.Show(ctx, 1, 1, 0))
	s := &ingestclient.Sites{Warehouse: func(context.Context) (*warehouse.Warehouse, error) { return w, nil }}
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
