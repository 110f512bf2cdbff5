package temporal

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// The API of the Web UI answers its own pages, and none of another site, also under a name that was
// made to lead here.
func TestPagesOfOthers(t *testing.T) {
	t.Parallel()
	server := start(t, Config{})
	get := func(change func(*http.Request)) int {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+server.ui+"/api/v1/namespaces", http.NoBody)
		require.NoError(t, err)
		change(r)
		response, err := http.DefaultClient.Do(r)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		return response.StatusCode
	}
	require.Equal(t, http.StatusOK, get(func(*http.Request) {}))
	require.Equal(t, http.StatusOK, get(func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-origin") }))
	require.Equal(t, http.StatusForbidden, get(func(r *http.Request) { r.Host = "evil.example:8233" }))
	require.Equal(t, http.StatusForbidden, get(func(r *http.Request) { r.Header.Set("Origin", "https://evil.example") }))
	require.Equal(t, http.StatusForbidden, get(func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }))
}
