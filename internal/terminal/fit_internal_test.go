package terminal

import (
	"testing"

	"github.com/mattn/go-runewidth"
	"github.com/stretchr/testify/require"
)

func TestFit(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		widths  []int
		numbers []bool
		limit   int
		want    []int
	}{
		"no terminal":                 {[]int{36, 90, 200}, []bool{false, false, false}, 0, []int{36, 90, 200}},
		"wide enough":                 {[]int{5, 20, 30}, []bool{true, false, false}, 59, []int{5, 20, 30}},
		"the widest gives way":        {[]int{5, 20, 60}, []bool{true, false, false}, 80, []int{5, 20, 51}},
		"then the next":               {[]int{5, 40, 60}, []bool{true, false, false}, 60, []int{5, 25, 26}},
		"neither first nor numbers":   {[]int{20, 30, 50}, []bool{false, true, false}, 80, []int{20, 30, 26}},
		"to what can be read":         {[]int{5, 17, 18, 40}, []bool{true, false, false, false}, 59, []int{5, 16, 16, 16}},
		"nothing where it is useless": {[]int{5, 17, 18, 40}, []bool{true, false, false, false}, 58, []int{5, 17, 18, 40}},
		"nor beside a long first":     {[]int{90, 50, 30}, []bool{false, true, false}, 80, []int{90, 50, 30}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fit(tc.widths, tc.numbers, tc.limit)
			require.Equal(t, tc.want, tc.widths)
		})
	}
	for text, want := range map[string]bool{
		"2026-01-31 12:00:00": true, "2026-01-31 12:00 UTC": true, "-": true, "": true, "2026-01-31 is a day": false, "a": false,
	} {
		require.Equal(t, want, fixedText.MatchString(text), text)
	}
	require.Equal(t, "日本...", cutTo("日本語日本語", 8))
	require.Equal(t, 7, runewidth.StringWidth(cutTo("日本語日本語", 8)), "no half of a wide letter")
	require.Equal(t, "short", cutTo("short", 8))
}
