package sync_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"github.com/sluicehq/sluice/sync"
)

func lateErrors(paths ...string) []sync.LateError {
	all := make([]sync.LateError, len(paths))
	for i, p := range paths {
		all[i] = sync.LateError{Message: "not a valid value", Path: p}
	}
	return all
}

func TestNewErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		before, now, want []string
		inexact           bool
	}{
		"none":                    {},
		"the first ones":          {now: []string{"a", "b"}, want: []string{"a", "b"}},
		"none are new":            {before: []string{"a", "b"}, now: []string{"a", "b"}},
		"equal ones, not full":    {before: []string{"a"}, now: []string{"a", "a"}, want: []string{"a"}},
		"full":                    {before: []string{"b", "c", "d", "e"}, now: []string{"a", "b", "c", "d"}, want: []string{"a"}},
		"full, in order of time":  {before: []string{"e", "d", "c", "b"}, now: []string{"d", "c", "b", "a"}, want: []string{"a"}},
		"the list fills up":       {before: []string{"c", "d"}, now: []string{"a", "b", "c", "d"}, want: []string{"a", "b"}},
		"equal ones, full":        {before: []string{"a", "a", "a", "a"}, now: []string{"a", "a", "a", "a"}, inexact: true},
		"nothing is left":         {before: []string{"a", "b", "c", "d"}, now: []string{"e", "f", "g", "h"}, want: []string{"e", "f", "g", "h"}, inexact: true},
		"errors were removed":     {before: []string{"a", "b"}, now: []string{"c"}, want: []string{"c"}, inexact: true},
		"all errors were removed": {before: []string{"a", "b"}, inexact: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fresh, exact := sync.NewErrors(lateErrors(tc.before...), lateErrors(tc.now...), 4)
			require.Equal(t, len(tc.want), len(fresh)) //nolint:testifylint // Len prints both
			require.ElementsMatch(t, lateErrors(tc.want...), fresh)
			require.Equal(t, !tc.inexact, exact)
		})
	}
}

// Whatever the errors, as long as not all of the list is replaced: there are no more new ones than said, and as many
// if that is exact.
func TestNewErrorsAreRight(t *testing.T) {
	t.Parallel()
	const limit = 10
	rapid.Check(t, func(rt *rapid.T) {
		kind := rapid.SampledFrom([]string{"a", "b", "c"})
		var all []string
		for range rapid.IntRange(0, 30).Draw(rt, "errors before") {
			all = append(all, kind.Draw(rt, "kind"))
		}
		list := func() []sync.LateError {
			latest := slices.Clone(all[max(0, len(all)-limit):])
			slices.Reverse(latest)
			return lateErrors(latest...)
		}
		before := list()
		n := rapid.IntRange(0, limit-1).Draw(rt, "new ones")
		for range n {
			all = append(all, kind.Draw(rt, "kind"))
		}
		fresh, exact := sync.NewErrors(before, list(), limit)
		require.LessOrEqual(rt, len(fresh), n)
		if exact {
			require.Len(rt, fresh, n)
		}
	})
}

func TestCountErrors(t *testing.T) {
	t.Parallel()
	all := lateErrors("a", "b", "b")
	for i := range 2 * sync.MaxErrorCounts {
		all = append(all, lateErrors(fmt.Sprint("p", i))...)
	}
	counts := sync.CountErrors(all)
	require.Len(t, counts, sync.MaxErrorCounts)
	require.Equal(t, 2, counts[0].Count)
	require.Equal(t, "not a valid value at b", counts[0].String())
	require.Equal(t, "gone", sync.LateError{Message: "gone"}.String())
}
