package authenticator

import (
	"crypto/sha256"
	"encoding/binary"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/access"
)

func hashOf(n int) [sha256.Size]byte {
	return sha256.Sum256(binary.LittleEndian.AppendUint64(nil, uint64(n)))
}

func TestCacheKeepsForALimitedTime(t *testing.T) {
	t.Parallel()
	c, now := newCache(), time.Unix(1_000_000, 0)
	ci := access.Principal{Name: "ci", ID: 1}
	found := func(after time.Duration) bool {
		_, _, _, ok := c.find(hashOf(1), now.Add(after))
		return ok
	}
	_, _, generation, _ := c.find(hashOf(1), now)
	c.keep(hashOf(1), ci, 0, now, generation)
	require.False(t, found(0), "nothing is kept before notifications arrive")
	c.clear()
	c.keep(hashOf(1), ci, 0, now, generation)
	require.False(t, found(0), "what was read before a change is not kept")
	_, _, generation, _ = c.find(hashOf(1), now)
	c.keep(hashOf(1), ci, 0, now, generation)
	require.True(t, found(keptFor-1))
	require.False(t, found(keptFor))
	c.keep(hashOf(1), ci, time.Second, now, generation)
	require.False(t, found(time.Second), "a token is not kept beyond its end")
	c.keep(hashOf(1), ci, 0, now, generation)
	c.disable()
	require.False(t, found(0))
}

func TestCacheIsBounded(t *testing.T) {
	t.Parallel()
	c, now := newCache(), time.Unix(1_000_000, 0)
	c.clear()
	_, _, generation, _ := c.find(hashOf(0), now)
	for i := range 3 * maxKept {
		c.keep(hashOf(i), access.Principal{ID: int64(i)}, 0, now, generation)
		require.LessOrEqual(t, len(c.kept), maxKept)
		require.LessOrEqual(t, len(c.noted), maxKept)
	}
}

func TestCacheNotesUseOnceAMinute(t *testing.T) {
	t.Parallel()
	c, now := newCache(), time.Unix(1_000_000, 0)
	c.clear()
	_, _, generation, _ := c.find(hashOf(1), now)
	require.True(t, c.keep(hashOf(1), access.Principal{ID: 1}, 0, now, generation))
	_, note, _, ok := c.find(hashOf(1), now.Add(time.Second))
	require.True(t, ok)
	require.False(t, note)
	require.True(t, c.keep(hashOf(1), access.Principal{ID: 1}, 0, now.Add(noteEvery), generation))
}
