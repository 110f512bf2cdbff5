package sync_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/sync"
)

// A record that was delivered as opted out is held, until it is forced; blobs have the same set.
func TestOptOuts(t *testing.T) {
	t.Parallel()
	all := sync.OptOuts{}
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

	decoded, err := sync.DecodeOptOuts(nil, blobs...)
	require.NoError(t, err)
	require.Equal(t, all, decoded)
	set, err := all.Encode()
	require.NoError(t, err)
	same, err := sync.DecodeOptOuts(set)
	require.NoError(t, err)
	require.Equal(t, sync.OptOuts{"d": {}}, same)
	_, err = sync.DecodeOptOuts([]byte("x"))
	require.ErrorContains(t, err, "decode known records")
}
