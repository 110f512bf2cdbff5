package sync_test

import (
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/sync"
)

// A tally counts each record once, with its last status.
func TestTally(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		type record struct{ key, status string }
		var records []record
		last := map[string]string{}
		for _, n := range rapid.SliceOfN(rapid.IntRange(0, 2000), 0, 600).Draw(rt, "keys") {
			r := record{fmt.Sprint("k", n), rapid.SampledFrom([]string{"subscribed", "cleaned", ""}).Draw(rt, "status")}
			records, last[r.key] = append(records, r), r.status
		}
		want := sync.StatusCounts{}
		for _, status := range last {
			if status != "" {
				want[status]++
			}
		}
		counts, err := sync.NewTally(int64(len(records))).Count(func(add func(key []byte, status string)) error {
			for _, r := range records {
				add([]byte(r.key), r.status)
			}
			return nil
		})
		require.NoError(rt, err)
		require.Equal(rt, want, counts)
	})
}

// A million records are counted in several passes.
func TestTallyPasses(t *testing.T) {
	t.Parallel()
	const n = 1_000_000
	passes := 0
	counts, err := sync.NewTally(2 * n).Count(func(add func(key []byte, status string)) error {
		passes++
		var key []byte
		for _, status := range []string{"pending", "subscribed"} {
			for i := range n {
				key = fmt.Appendf(key[:0], "%032x", i)
				add(key, status)
			}
		}
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, sync.StatusCounts{"subscribed": n}, counts)
	require.Equal(t, 6, passes)
}

func TestTallyFails(t *testing.T) {
	t.Parallel()
	lost := errors.New("lost")
	_, err := sync.NewTally(1).Count(func(func(key []byte, status string)) error { return lost })
	require.ErrorIs(t, err, lost)
	_, err = sync.NewTally(1).Count(func(add func(key []byte, status string)) error {
		for i := range 1000 {
			add(fmt.Append(nil, i), "subscribed")
		}
		return nil
	})
	require.ErrorContains(t, err, "there are more records than were announced")
	// There are no more than 255 statuses, and no fault.
	counts, err := sync.NewTally(1000).Count(func(add func(key []byte, status string)) error {
		for i := range 1000 {
			add(fmt.Append(nil, i), fmt.Sprint(i))
		}
		return nil
	})
	require.NoError(t, err)
	require.Len(t, counts, 255)
	require.EqualValues(t, 1000, counts.Sum())
}
