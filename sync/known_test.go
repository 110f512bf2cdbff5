package sync_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/sync"
)

func known(from, to int) sync.Known {
	k := sync.Known{}
	for i := from; i < to; i++ {
		k[fmt.Sprintf("%032x", i)] = json.RawMessage(fmt.Sprintf(`{"unique_email_id":"%d"}`, i))
	}
	return k
}

func TestKnownEncode(t *testing.T) {
	t.Parallel()
	for _, k := range []sync.Known{{}, known(0, 1), known(0, 1000)} {
		blob, err := k.Encode()
		require.NoError(t, err)
		same, err := sync.DecodeKnown(blob)
		require.NoError(t, err)
		require.Equal(t, k, same)
		again, err := same.Encode()
		require.NoError(t, err)
		require.Equal(t, blob, again)
	}
	_, err := sync.Known{"a\tb": nil}.Encode()
	require.ErrorContains(t, err, "a key or ref has a line break or a tab")
	empty, err := sync.DecodeKnown(nil)
	require.NoError(t, err)
	require.Empty(t, empty)
}

func FuzzDecodeKnown(f *testing.F) {
	blob, err := known(0, 3).Encode()
	require.NoError(f, err)
	f.Add(blob)
	f.Add([]byte("x"))
	f.Fuzz(func(t *testing.T, blob []byte) {
		k, err := sync.DecodeKnown(blob)
		if err != nil {
			return
		}
		again, err := k.Encode()
		require.NoError(t, err)
		same, err := sync.DecodeKnown(again)
		require.NoError(t, err)
		require.Len(t, same, len(k))
	})
}

// A record is deleted when it is missing twice in a row, and never if more than the allowed share is
// missing.
func TestCompare(t *testing.T) {
	t.Parallel()
	all := known(0, 1000)
	c := sync.Compare(all, nil, known(50, 1000), 5)
	require.False(t, c.Exceeded)
	require.Equal(t, 50, c.Count)
	require.Empty(t, c.Deleted)
	require.Equal(t, known(0, 50), c.Missing)
	require.Equal(t, all, c.Known)

	// 20 are back, 5 more are missing.
	found := known(20, 995)
	delete(found, fmt.Sprintf("%032x", 20))
	c = sync.Compare(c.Known, c.Missing, found, 5)
	require.Len(t, c.Deleted, 21)
	require.Equal(t, known(995, 1000), c.Missing)
	require.Len(t, c.Known, 1000, "deleted records are known until their deletion is delivered")

	c = sync.Compare(all, known(0, 50), known(51, 1000), 5)
	require.Equal(t, sync.Comparison{Exceeded: true, Count: 51}, c)
	c = sync.Compare(all, all, sync.Known{}, 5)
	require.True(t, c.Exceeded)
	c = sync.Compare(all, nil, known(51, 1000), 6)
	require.False(t, c.Exceeded)
	// One record of a small list may be missing.
	c = sync.Compare(known(0, 3), known(0, 1), known(1, 3), 5)
	require.Len(t, c.Deleted, 1)
	// New records are known.
	c = sync.Compare(sync.Known{}, nil, known(0, 7), 5)
	require.Equal(t, known(0, 7), c.Known)
}
