package pages

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A login continues at a page of this server, whatever its address says.
func TestOwnPath(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"/imports?status=failed&site=a.example": "/imports?status=failed&site=a.example", "/sites/a%2Fb": "/sites/a%2Fb",
		"": "/", "imports": "/", "//evil.example/x": "/", "https://evil.example/": "/", "javascript:alert(1)": "/",
		`/\evil.example`: "/", "/%5Cevil.example": "/%5Cevil.example", "///evil.example": "/", "/x#y": "/x", "/\n": "/",
	} {
		require.Equal(t, want, ownPath(address), address)
	}
}
