package warehouse_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/warehouse"
)

// The highest version of a site counts, in whatever order the versions arrive.
func TestSites(t *testing.T) { eachProtocol(t, testSites) }

func testSites(t *testing.T, b *bundle) {
	t.Helper()
	require.NoError(t, b.PutSites(b.ctx, nil))
	first, later := calendar.Day(20_000), calendar.Day(20_100)
	put := func(sites ...warehouse.Site) {
		for range 2 {
			require.NoError(t, b.PutSites(b.ctx, sites))
		}
	}
	put(warehouse.Site{ID: 2, Domain: "b.example.com", NativeStart: &later, Version: 5},
		warehouse.Site{ID: 1, Domain: "a.example.com", Version: 1})
	put(warehouse.Site{ID: 2, Domain: "b.example.com", NativeStart: &first, Version: 6})
	put(warehouse.Site{ID: 2, Domain: "late.example.com", Version: 4})
	all, err := b.Sites(b.ctx)
	require.NoError(t, err)
	require.Equal(t, []warehouse.Site{
		{ID: 1, Domain: "a.example.com", Version: 1},
		{ID: 2, Domain: "b.example.com", NativeStart: &first, Version: 6},
	}, all)
}
