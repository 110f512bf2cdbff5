package request

import (
	"net/http"
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestRemote(t *testing.T) {
	t.Parallel()
	local := Proxies{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	all := Proxies{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	for name, tc := range map[string]struct {
		peer    string
		trusted Proxies
		headers map[string]string
		ip, typ string
	}{
		"without proxies headers are not believed": {"192.0.2.1:99", nil, map[string]string{
			"X-Forwarded-For": "198.51.100.7", "X-Plausible-Ip-Type": "dc_ip",
		}, "192.0.2.1", ""},
		"a stranger's headers are not believed": {"192.0.2.1:99", local, map[string]string{"X-Plausible-Ip": "198.51.100.7"}, "192.0.2.1", ""},
		"a proxy without headers":               {"10.0.0.1:99", local, nil, "10.0.0.1", ""},
		"the visitor's own entry is not believed": {"10.0.0.1:99", local, map[string]string{
			"X-Forwarded-For": "203.0.113.9, 198.51.100.7, 10.2.0.1",
		}, "198.51.100.7", ""},
		"an entry that is no address ends the search": {"10.0.0.1:99", local, map[string]string{
			"X-Forwarded-For": "203.0.113.9, unknown, 10.2.0.1",
		}, "10.2.0.1", ""},
		"priority": {"10.0.0.1:99", local, map[string]string{
			"X-Forwarded-For": "198.51.100.1", "Cf-Connecting-Ip": "198.51.100.2", "X-Plausible-Ip": "198.51.100.3", "X-Plausible-Ip-Type": "threat_ip",
		}, "198.51.100.3", "threat_ip"},
		"a wrong header is passed over": {"10.0.0.1:99", local, map[string]string{
			"X-Plausible-Ip": "me", "Cf-Connecting-Ip": "198.51.100.2",
		}, "198.51.100.2", ""},
		"first of all trusted": {"10.0.0.1:99", all, map[string]string{"B-Forwarded-For": "216.160.83.56,9.9.9.9"}, "216.160.83.56", ""},
		"brackets and port":    {"[::1]:99", local, map[string]string{"X-Forwarded-For": "[2001:218:1:1:1:1:1:1]:123"}, "2001:218:1:1:1:1:1:1", ""},
		"port":                 {"[::1]:99", local, map[string]string{"X-Forwarded-For": "198.51.100.7:123"}, "198.51.100.7", ""},
		"forwarded": {"[::1]:99", all, map[string]string{
			"Forwarded": `by=0.0.0.0;for="[2001:218:1:1:1:1:1:1]",for=0.0.0.0;host=somehost.com;proto=https`,
		}, "2001:218:1:1:1:1:1:1", ""},
		"mapped": {"[::ffff:10.0.0.1]:99", local, map[string]string{"X-Forwarded-For": "::ffff:198.51.100.7"}, "198.51.100.7", ""},
		"zone":   {"[fe80::1%eth0]:99", nil, nil, "fe80::1", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := http.Header{}
			for key, value := range tc.headers {
				h.Set(key, value)
			}
			ip, typ := Remote(h, tc.peer, tc.trusted)
			require.Equal(t, tc.ip, ip.String())
			require.Equal(t, tc.typ, typ)
		})
	}
	ip, _ := Remote(http.Header{}, "@", local)
	require.False(t, ip.IsValid(), "a socket without an address")
}

// The address for limits is no header's that a client can send through a proxy.
func TestClient(t *testing.T) {
	t.Parallel()
	local := Proxies{netip.MustParsePrefix("10.0.0.0/8")}
	forged := http.Header{
		"X-Plausible-Ip": {"203.0.113.1"}, "Cf-Connecting-Ip": {"203.0.113.2"}, "B-Forwarded-For": {"203.0.113.3"},
		"Forwarded": {"for=203.0.113.4"},
	}
	through := forged.Clone()
	through["X-Forwarded-For"] = []string{"203.0.113.5, 198.51.100.7, 10.0.0.2"}
	for name, tc := range map[string]struct {
		header http.Header
		peer   string
		want   string
	}{
		"no proxy":             {through, "192.0.2.1:5000", "192.0.2.1"},
		"a proxy":              {through, "10.0.0.1:5000", "198.51.100.7"},
		"a proxy says nothing": {forged, "10.0.0.1:5000", "10.0.0.1"},
		"no address":           {through, "@", "invalid IP"},
	} {
		require.Equal(t, tc.want, Client(tc.header, tc.peer, local).String(), name)
	}
}

func TestSecure(t *testing.T) {
	t.Parallel()
	local := Proxies{netip.MustParsePrefix("10.0.0.0/8")}
	https := http.Header{"X-Forwarded-Proto": {"https"}}
	require.True(t, Secure(https, "10.0.0.1:5000", local))
	require.False(t, Secure(https, "192.0.2.1:5000", local), "the client says so itself")
	require.False(t, Secure(http.Header{"X-Forwarded-Proto": {"http"}}, "10.0.0.1:5000", local))
	require.False(t, Secure(https, "@", local))
}
