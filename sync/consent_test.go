package sync_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/sync"
)

// A record that was delivered as opted out is held, until it is forced; blobs have the same set.
func TestOptOuts(t *testing.T) {
	t.Parallel()
	all := &sync.OptOuts{}
	var blobs [][]byte
	deliver := func(consents map[string]sync.Consent) sync.ConsentChange {
		var change sync.ConsentChange
		for key, c := range consents {
			all.Add(&change, key, c)
		}
		blob, err := change.Encode()
		require.NoError(t, err)
		if blob != nil {
			blobs = append(blobs, blob)
		}
		return change
	}
	first := deliver(map[string]sync.Consent{"a": sync.ConsentIn, "b": sync.ConsentOut, "c": sync.ConsentNone})
	require.Empty(t, first.Held)
	require.ElementsMatch(t, []string{"a", "b", "c"}, first.Freed)
	require.Equal(t, map[string]bool{"b": true}, first.Set)
	again := deliver(map[string]sync.Consent{"a": sync.ConsentIn, "b": sync.ConsentIn})
	require.Equal(t, []string{"b"}, again.Held)
	require.Empty(t, again.Set, "nothing changes")
	require.Equal(t, []string{"b"}, deliver(map[string]sync.Consent{"b": sync.ConsentOut}).Freed, "not subscribed any more")
	require.Equal(t, []string{"b"}, deliver(map[string]sync.Consent{"b": sync.ConsentNone}).Freed)
	forced := deliver(map[string]sync.Consent{"b": sync.ConsentForced})
	require.Equal(t, map[string]bool{"b": false}, forced.Set)
	require.Empty(t, deliver(map[string]sync.Consent{"b": sync.ConsentIn}).Held)
	deliver(map[string]sync.Consent{"d": sync.ConsentOut})

	out := func(set *sync.OptOuts) (keys []string) {
		for _, key := range []string{"a", "b", "c", "d"} {
			if set.Has(key) {
				keys = append(keys, key)
			}
		}
		return keys
	}
	require.Equal(t, []string{"d"}, out(all))
	decoded, err := sync.DecodeOptOuts(nil, blobs...)
	require.NoError(t, err)
	require.Equal(t, []string{"d"}, out(decoded))
	set, err := sync.MergeOptOuts(nil, blobs...)
	require.NoError(t, err)
	same, err := sync.DecodeOptOuts(set)
	require.NoError(t, err)
	require.Equal(t, []string{"d"}, out(same))
	_, err = sync.DecodeOptOuts([]byte("x"))
	require.ErrorContains(t, err, "decode known records")
	_, err = sync.MergeOptOuts([]byte("x"))
	require.ErrorContains(t, err, "decode known records")
	_, err = sync.MergeOptOuts(set, []byte("x"))
	require.ErrorContains(t, err, "decode known records")
}

// A set is the same, however often changes are merged into it.
func TestMergeOptOuts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		all, later := &sync.OptOuts{}, &sync.OptOuts{}
		want := map[string]bool{}
		var set []byte
		var changes [][]byte
		for range rapid.IntRange(1, 12).Draw(rt, "pages") {
			var change sync.ConsentChange
			for _, n := range rapid.SliceOfN(rapid.IntRange(0, 40), 1, 20).Draw(rt, "keys") {
				key := fmt.Sprintf("%032x", n)
				c := rapid.SampledFrom([]sync.Consent{sync.ConsentIn, sync.ConsentOut, sync.ConsentForced, sync.ConsentNone}).Draw(rt, "consent")
				all.Add(&change, key, c)
				want[key] = c == sync.ConsentOut || c != sync.ConsentForced && want[key]
			}
			blob, err := change.Encode()
			require.NoError(rt, err)
			if blob != nil {
				changes = append(changes, blob)
			}
			if rapid.Bool().Draw(rt, "merge") {
				set, err = sync.MergeOptOuts(set, changes...)
				require.NoError(rt, err)
				changes = nil
			}
			later, err = sync.DecodeOptOuts(set, changes...)
			require.NoError(rt, err)
		}
		for key, out := range want {
			require.Equal(rt, out, all.Has(key))
			require.Equal(rt, out, later.Has(key))
		}
	})
}
