package history_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/warehouse/history"
)

// A staged import is compared with what is visible, also by the query that is returned; rows of other sites and of other
// staged imports do not count.
func TestCompare(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.fill(t)
	for name, c := range map[string]struct {
		id      uint64
		days    calendar.Range
		present string
	}{
		"staged, beside an import": {9, days(t, "2025-01-01", "2025-02-03"), "import_id = 8"},
		"visible, not beside itself": {
			8, days(t, "2025-01-01", "2025-03-09"), "import_id = 7",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			compared, err := b.Compare(b.ctx, history.ComparisonQuery{SiteID: 1, ImportID: c.id, Days: c.days})
			require.NoError(t, err)
			var got []string
			for _, d := range compared.Days {
				for _, side := range []struct {
					name   string
					totals *history.Totals
				}{{"present", d.Present}, {"staged", d.Staged}} {
					if side.totals != nil {
						got = append(got, fmt.Sprintf("%s|%s|%d|%d|%d", d.Day, side.name,
							side.totals.Visitors, side.totals.Pageviews, side.totals.Visits))
					}
				}
			}
			require.NotEmpty(t, got)
			require.Equal(t, b.lines(t, fmt.Sprintf(`SELECT date, if(import_id = %d, 'staged', 'present') AS side, visitors, pageviews, visits
				FROM imported_visitors WHERE site_id = 1 AND (import_id = %d OR %s) AND date BETWEEN '%s' AND '%s' ORDER BY date, side`,
				c.id, c.id, c.present, c.days.First, c.days.Last)), got)
			require.Len(t, b.lines(t, compared.SQL), len(compared.Days))
		})
	}
	_, err := b.Compare(b.ctx, history.ComparisonQuery{SiteID: 1, Days: days(t, "2025-01-01", "2025-01-02")})
	require.ErrorIs(t, err, history.ErrInvalid)
	_, err = b.Compare(b.ctx, history.ComparisonQuery{SiteID: 1, ImportID: 9, Days: days(t, "2000-01-01", "2025-01-02")})
	require.ErrorIs(t, err, history.ErrInvalid)
}
