package openloop

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestPercentile(t *testing.T) {
	t.Parallel()
	upTo := func(n int) []time.Duration {
		all := make([]time.Duration, n)
		for i := range all {
			all[i] = time.Duration(i + 1)
		}
		return all
	}
	for _, tc := range []struct{ n, percent, want int }{
		{1, 1, 1},
		{1, 50, 1},
		{1, 99, 1},
		{2, 50, 1},
		{2, 51, 2},
		{3, 50, 2},
		{100, 50, 50},
		{100, 99, 99},
		{100, 100, 100},
		{101, 99, 100},
		{1000, 99, 990},
		{20_000, 99, 19_800},
	} {
		require.EqualValues(t, tc.want, percentile(upTo(tc.n), tc.percent), "%+v", tc)
	}
}

func TestSpread(t *testing.T) {
	t.Parallel()
	require.Equal(t, Spread{}, SpreadOf(nil))
	require.Equal(t, Spread{P50: 2, P95: 9.5, P99: 9.5, Max: 9.5}, SpreadOf([]time.Duration{
		9500 * time.Microsecond, time.Millisecond, 2 * time.Millisecond,
	}))
}
