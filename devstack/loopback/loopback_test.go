package loopback_test

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/devstack/loopback"
)

func TestRequests(t *testing.T) {
	t.Parallel()
	type header map[string]string
	for name, tc := range map[string]struct {
		host    string
		header  header
		refused bool
	}{
		"a program":                 {"127.0.0.1:8123", nil, false},
		"by name":                   {"localhost:8123", nil, false},
		"a name below":              {"clickhouse.localhost", nil, false},
		"IPv6":                      {"[::1]:8123", nil, false},
		"a bare IPv6":               {"[::1]", nil, false},
		"a page of this machine":    {"127.0.0.1:8123", header{"Origin": "http://localhost:3000", "Sec-Fetch-Site": "cross-site"}, false},
		"typed by a person":         {"127.0.0.1:8123", header{"Sec-Fetch-Site": "none"}, false},
		"its own page":              {"127.0.0.1:8123", header{"Sec-Fetch-Site": "same-origin"}, false},
		"rebound":                   {"evil.example:8123", nil, true},
		"rebound to an address":     {"192.0.2.1:8123", nil, true},
		"a name that looks like it": {"localhost.evil.example:8123", nil, true},
		"an address as a name":      {"127.0.0.1.evil.example", nil, true},
		"no host":                   {"", nil, true},
		"a page":                    {"127.0.0.1:8123", header{"Origin": "https://evil.example"}, true},
		"a sandboxed page":          {"127.0.0.1:8123", header{"Origin": "null"}, true},
		"an image in a page":        {"127.0.0.1:8123", header{"Sec-Fetch-Site": "cross-site"}, true},
		"a page next door":          {"127.0.0.1:8123", header{"Sec-Fetch-Site": "same-site"}, true},
		"a page with a user":        {"127.0.0.1:8123", header{"Origin": "https://127.0.0.1@evil.example"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			reached := false
			handler := loopback.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached = true }))
			r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", http.NoBody)
			r.Host = tc.host
			for key, value := range tc.header {
				r.Header.Set(key, value)
			}
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			require.Equal(t, tc.refused, w.Code == http.StatusForbidden, w.Body.String())
			require.Equal(t, !tc.refused, reached)
		})
	}
}

func TestAddresses(t *testing.T) {
	t.Parallel()
	for _, address := range []string{"127.0.0.1:0", "127.1.2.3:1", "[::1]:1", "localhost:1"} {
		require.NoError(t, loopback.CheckAddress(address))
	}
	for _, address := range []string{"0.0.0.0:1", ":1", "[::]:1", "192.168.1.1:1", "example.com:1", "x.localhost:1", "127.0.0.1"} {
		require.Error(t, loopback.CheckAddress(address), address)
	}
}
