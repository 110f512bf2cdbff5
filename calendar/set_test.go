package calendar

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"
)

// set makes a set from pairs of first and last days.
func set(pairs ...Day) Set {
	var ranges []Range
	for i := 0; i < len(pairs); i += 2 {
		ranges = append(ranges, Range{First: pairs[i], Last: pairs[i+1]})
	}
	return NewSet(ranges...)
}

func TestRange(t *testing.T) {
	t.Parallel()
	r := Range{First: 10, Last: 12}
	require.NoError(t, r.Validate())
	require.Equal(t, 3, r.Days())
	require.Equal(t, "1970-01-11..1970-01-13", r.String())
	for day, want := range map[Day]bool{9: false, 10: true, 12: true, 13: false} {
		require.Equal(t, want, r.Contains(day))
	}
	require.Equal(t, 1, Range{First: 5, Last: 5}.Days())
	require.EqualError(t, Range{First: 1, Last: 0}.Validate(), "range 1970-01-02..1970-01-01 ends before it starts")
}

func TestNewSet(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ in, want Set }{
		"none":           {nil, nil},
		"one":            {Set{{1, 3}}, Set{{1, 3}}},
		"out of order":   {Set{{7, 9}, {1, 3}}, Set{{1, 3}, {7, 9}}},
		"overlapping":    {Set{{1, 5}, {3, 9}}, Set{{1, 9}}},
		"touching":       {Set{{1, 3}, {4, 9}}, Set{{1, 9}}},
		"a day between":  {Set{{1, 3}, {5, 9}}, Set{{1, 3}, {5, 9}}},
		"one in another": {Set{{1, 9}, {3, 4}, {9, 9}}, Set{{1, 9}}},
		"in reverse":     {Set{{9, 1}, {2, 3}}, Set{{2, 3}}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := append(Set{}, tc.in...)
			require.Equal(t, tc.want, NewSet(tc.in...))
			require.Equal(t, before, append(Set{}, tc.in...), "the input is not changed")
		})
	}
}

func TestMinus(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ from, take, want Set }{
		"nothing":        {set(1, 9), nil, set(1, 9)},
		"from nothing":   {nil, set(1, 9), nil},
		"all":            {set(1, 9), set(0, 10), nil},
		"itself":         {set(1, 3, 7, 9), set(1, 3, 7, 9), nil},
		"the beginning":  {set(1, 9), set(0, 3), set(4, 9)},
		"the end":        {set(1, 9), set(9, 12), set(1, 8)},
		"the middle":     {set(1, 9), set(4, 5), set(1, 3, 6, 9)},
		"several":        {set(1, 20), set(0, 1, 4, 5, 8, 8, 19, 30), set(2, 3, 6, 7, 9, 18)},
		"over a gap":     {set(1, 3, 7, 9), set(2, 8), set(1, 1, 9, 9)},
		"what is not in": {set(5, 6), set(1, 3, 8, 9), set(5, 6)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, tc.want, tc.from.Minus(tc.take))
		})
	}
}

func TestSetOf(t *testing.T) {
	t.Parallel()
	s := set(1, 3, 7, 9)
	for day, want := range map[Day]bool{0: false, 1: true, 3: true, 4: false, 6: false, 7: true, 9: true, 10: false} {
		require.Equal(t, want, s.Contains(day), "%d", day)
	}
	require.False(t, Set(nil).Contains(1))
	require.Equal(t, 6, s.Days())
	require.Zero(t, Set(nil).Days())
	require.Equal(t, set(1, 12), s.Union(set(4, 6, 10, 12)))
	bounds, ok := s.Bounds()
	require.True(t, ok)
	require.Equal(t, Range{1, 9}, bounds)
	_, ok = Set(nil).Bounds()
	require.False(t, ok)
	require.Equal(t, "1970-01-02..1970-01-04, 1970-01-08..1970-01-10", s.String())
	require.Equal(t, "no days", Set(nil).String())
	raw, err := json.Marshal(s)
	require.NoError(t, err)
	var back Set
	require.NoError(t, json.Unmarshal(raw, &back))
	require.Equal(t, s, back)
}

// FuzzSets holds the arithmetic against sets of single days.
func FuzzSets(f *testing.F) {
	f.Add([]byte{1, 3, 7, 9}, []byte{2, 8})
	f.Add([]byte{0, 255, 3}, []byte{5, 4, 9, 9})
	f.Fuzz(func(t *testing.T, a, b []byte) {
		x, xs := setOf(a)
		y, ys := setOf(b)
		minus, union := x.Minus(y), x.Union(y)
		for day := Day(0); day <= 256; day++ {
			require.Equal(t, xs[day], x.Contains(day))
			require.Equal(t, xs[day] && !ys[day], minus.Contains(day))
			require.Equal(t, xs[day] || ys[day], union.Contains(day))
		}
		require.Equal(t, len(xs), x.Days())
		// Ranges neither touch nor come out of order: the same days, the same set.
		require.Equal(t, NewSet(minus...), minus)
		require.Equal(t, NewSet(union...), union)
	})
}

func setOf(bounds []byte) (Set, map[Day]bool) {
	var ranges []Range
	days := map[Day]bool{}
	for ; len(bounds) >= 2; bounds = bounds[2:] {
		r := Range{First: Day(bounds[0]), Last: Day(bounds[1])}
		ranges = append(ranges, r)
		for d := r.First; d <= r.Last; d++ {
			days[d] = true
		}
	}
	return NewSet(ranges...), days
}
