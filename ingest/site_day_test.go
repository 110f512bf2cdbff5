package ingest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest"
)

// A day begins and ends at the site's midnight, also the days of 23 and of 25 hours.
func TestSiteDay(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ zone, at, want string }{
		{"", "2026-03-08T23:59:59Z", "2026-03-08"},
		{"", "2026-03-09T00:00:00Z", "2026-03-09"},
		// Clocks go back on 5 April, ahead on 27 September.
		{"Pacific/Auckland", "2026-04-04T10:59:59Z", "2026-04-04"},
		{"Pacific/Auckland", "2026-04-04T11:00:00Z", "2026-04-05"},
		{"Pacific/Auckland", "2026-04-05T11:59:59Z", "2026-04-05"},
		{"Pacific/Auckland", "2026-04-05T12:00:00Z", "2026-04-06"},
		{"Pacific/Auckland", "2026-09-26T11:59:59Z", "2026-09-26"},
		{"Pacific/Auckland", "2026-09-26T12:00:00Z", "2026-09-27"},
		{"Pacific/Auckland", "2026-09-27T10:59:59Z", "2026-09-27"},
		{"Pacific/Auckland", "2026-09-27T11:00:00Z", "2026-09-28"},
		// Clocks go ahead on 8 March, back on 1 November.
		{"America/Los_Angeles", "2026-03-08T07:59:59Z", "2026-03-07"},
		{"America/Los_Angeles", "2026-03-08T08:00:00Z", "2026-03-08"},
		{"America/Los_Angeles", "2026-03-09T06:59:59Z", "2026-03-08"},
		{"America/Los_Angeles", "2026-03-09T07:00:00Z", "2026-03-09"},
		{"America/Los_Angeles", "2026-11-01T06:59:59Z", "2026-10-31"},
		{"America/Los_Angeles", "2026-11-01T07:00:00Z", "2026-11-01"},
		{"America/Los_Angeles", "2026-11-02T07:59:59Z", "2026-11-01"},
		{"America/Los_Angeles", "2026-11-02T08:00:00Z", "2026-11-02"},
	} {
		site := &ingest.Site{}
		if tc.zone != "" {
			var err error
			site.Location, err = time.LoadLocation(tc.zone)
			require.NoError(t, err)
		}
		at, err := time.Parse(time.RFC3339, tc.at)
		require.NoError(t, err)
		require.Equal(t, tc.want, site.Day(at).String(), "%s in %s", tc.at, tc.zone)
	}
}
