package pages

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestDigits(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"0": "0", "999": "999", "1389728": "1,389,728", "9223372036854775807": "9,223,372,036,854,775,807",
		"18446744073709551615": "18446744073709551615", "": "", "3 different": "3 different", "-1000": "-1000", "2026-01-01": "2026-01-01",
	} {
		require.Equal(t, want, digits(text), text)
	}
}

// Tests go through all pages by their paths.
func TestPaths(t *testing.T) {
	t.Parallel()
	paths := Paths()
	require.IsIncreasing(t, paths)
	require.Contains(t, paths, "/{$}")
	require.Contains(t, paths, "/imports/{import}/parts")
	require.NotContains(t, paths, "/connections/{connection}/test", "a form's action is no page")
}
