package outbound_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/outbound"
)

// Texts of endpoints reach errors without secrets, addresses and control characters, and cut.
func TestClean(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"no key s3cret-key here":               "no key [secret] here",
		"the address ann@example.com is taken": "the address [address] is taken",
		"GET /x?email=ann%40example.com":       "GET [address]",
		"plain":                                "plain",
	} {
		require.Equal(t, want, outbound.Clean(text, "", "s3cret-key"), text)
	}
	require.LessOrEqual(t, len(outbound.Clean(strings.Repeat("ü", 400))), outbound.MaxText)
	require.NotContains(t, outbound.Clean("a\x00b\x1bc"), "\x1b")
}

// FuzzClean: no address and no secret remains, and the text is short.
func FuzzClean(f *testing.F) {
	f.Add("ann@example.com s3cret-key")
	f.Fuzz(func(t *testing.T, text string) {
		clean := outbound.Clean(text+" x@example.com s3cret-key "+text, "s3cret-key")
		require.LessOrEqual(t, len(clean), outbound.MaxText)
		require.NotContains(t, clean, "s3cret-key")
		require.NotContains(t, clean, "x@example.com")
	})
}
