package sync

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"
)

// A set has the keys that were added, each once, and their marks.
func TestIDs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(rt *rapid.T) {
		s, want := &ids{}, map[string]mark{}
		key := rapid.Custom(func(rt *rapid.T) string {
			n := rapid.IntRange(0, 3000).Draw(rt, "n")
			return []string{fmt.Sprintf("%032x", n), fmt.Sprintf("%02x%030x", n%256, n), fmt.Sprint(n)}[n%3]
		})
		for _, k := range rapid.SliceOfN(key, 0, 500).Draw(rt, "keys") {
			s.add([]byte(k))
			want[k] = markAbsent
		}
		s.seal()
		require.Equal(rt, len(want), s.size())
		require.Equal(rt, len(want), s.count(markAbsent))
		found := 0
		for _, k := range rapid.SliceOfN(key, 0, 500).Draw(rt, "found") {
			m, bucket := s.at([]byte(k))
			before, known := want[k]
			require.Equal(rt, known, m != nil)
			require.Equal(rt, known, s.has([]byte(k)))
			require.Less(rt, bucket, len(s.buckets))
			if known && before == markAbsent {
				found++
				*m, want[k] = markFound, markFound
			}
		}
		require.Equal(rt, found, s.count(markFound))
	})
}

// Keys that differ in anything have different ids.
func TestIDOf(t *testing.T) {
	t.Parallel()
	digits := strings.Repeat("ab", 16)
	seen := map[id]string{}
	for _, key := range []string{digits, strings.ToUpper(digits), digits + "0", digits[1:], "0" + digits, strings.Repeat("xy", 16), "", "a"} {
		i := idOf([]byte(key))
		require.NotContains(t, seen, i, "%q and %q", key, seen[i])
		seen[i] = key
	}
	require.Equal(t, strings.Repeat("\xab", 16), string(func() []byte { i := idOf([]byte(digits)); return i[:] }()))
}

// The memory of a set is that of its ids, however often each is added, and whatever they have in common.
func TestIDsMemory(t *testing.T) {
	t.Parallel()
	s := &ids{}
	const keys = 100_000
	var key []byte
	for range 3 {
		for i := range keys {
			key = fmt.Appendf(key[:0], "%032x", i)
			s.add(key)
		}
	}
	s.seal()
	require.Equal(t, keys, s.size())
	room := 0
	for _, b := range s.buckets {
		room += cap(b.ids)
	}
	require.LessOrEqual(t, room, keys*5/4+8*len(s.buckets))
}
