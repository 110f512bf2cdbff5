package sync_test

import (
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/sync"
)

func TestCountDifference(t *testing.T) {
	t.Parallel()
	counts := func(subscribed, unsubscribed int64) sync.StatusCounts {
		return sync.StatusCounts{"subscribed": subscribed, "unsubscribed": unsubscribed}
	}
	for name, tc := range map[string]struct {
		c       sync.CountComparison
		want    int64
		exceeds bool
	}{
		"equal":                   {c: sync.CountComparison{Read: counts(90, 10), Before: counts(90, 10), After: counts(90, 10)}},
		"between":                 {c: sync.CountComparison{Read: counts(92, 9), Before: counts(90, 10), After: counts(95, 7)}},
		"one is missing":          {c: sync.CountComparison{Read: counts(89, 10), Before: counts(90, 10), After: counts(90, 10)}, want: 1},
		"too many":                {c: sync.CountComparison{Read: counts(90, 13), Before: counts(90, 10), After: counts(90, 10)}, want: 3},
		"many are missing":        {c: sync.CountComparison{Read: counts(80, 10), Before: counts(90, 10), After: counts(90, 10)}, want: 10, exceeds: true},
		"changed meanwhile":       {c: sync.CountComparison{Read: counts(88, 12), Before: counts(90, 10), After: counts(90, 10), Changed: 2}},
		"rejected":                {c: sync.CountComparison{Read: counts(87, 10), Before: counts(90, 10), After: counts(90, 10), Rejected: 3}},
		"rejected adds no more":   {c: sync.CountComparison{Read: counts(93, 10), Before: counts(90, 10), After: counts(90, 10), Rejected: 3}, want: 3},
		"not asked before":        {c: sync.CountComparison{Read: counts(90, 10), After: counts(90, 11)}, want: 1},
		"not counted by status":   {c: sync.CountComparison{Read: sync.StatusCounts{"pending": 5}, After: sync.StatusCounts{}}},
		"an empty load of a full": {c: sync.CountComparison{Before: counts(2, 0), After: counts(2, 0)}, want: 2, exceeds: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, tc.c.Difference())
			require.Equal(t, tc.exceeds, tc.c.Exceeds(5))
		})
	}
}

// A list whose members change their status while it is read gives no difference, if the changes are counted.
func TestCountDifferenceAllowsChanges(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		statuses := []string{"subscribed", "unsubscribed", "cleaned"}
		members := rapid.SliceOfN(rapid.SampledFrom(statuses), 0, 60).Draw(rt, "members")
		c := sync.CountComparison{Read: sync.StatusCounts{}, Before: sync.StatusCounts{}, After: sync.StatusCounts{}}
		for i, status := range members {
			c.Before[status]++
			changes := rapid.IntRange(0, 4).Draw(rt, "changes") == 0
			// A member that changes before it is read leaves the window; one that changes later was read as it was.
			read := !changes || rapid.Bool().Draw(rt, "read first")
			if changes {
				c.Changed++
			}
			if read {
				c.Read[status]++
			}
			if changes {
				status = statuses[(i+1)%len(statuses)]
			}
			c.After[status]++
		}
		require.Zero(rt, c.Difference(), "%+v", c)
	})
}
