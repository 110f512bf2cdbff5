package ingesting

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The credentials are a part of the only header Authorization, bounded and without blanks around.
func FuzzBearer(f *testing.F) {
	for _, header := range []string{"Bearer sluice_a_b", "bearer  x ", "Basic x", "Bearer", "Bearer \x00", strings.Repeat("x", 300)} {
		f.Add(header, false)
	}
	f.Add("Bearer x", true)
	f.Fuzz(func(t *testing.T, header string, twice bool) {
		h := http.Header{"Authorization": {header}}
		if twice {
			h.Add("Authorization", header)
		}
		credentials := bearer(h)
		if credentials == "" {
			return
		}
		require.False(t, twice)
		require.LessOrEqual(t, len(header), maxCredentials)
		require.Equal(t, strings.TrimSpace(credentials), credentials)
		require.True(t, strings.EqualFold(header[:7], "Bearer "))
		require.Contains(t, header, credentials)
	})
}
