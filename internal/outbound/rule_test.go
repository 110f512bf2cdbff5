package outbound_test

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/outbound"
)

func rule(tb testing.TB, text string) outbound.Rule {
	tb.Helper()
	r, err := outbound.ParseRule(text)
	require.NoError(tb, err)
	return r
}

// Every block of the IANA registries of special purpose addresses, by an address in it, and
// what clouds and translators have beside it.
func TestRules(t *testing.T) {
	t.Parallel()
	const public, internal, never = "public", "internal", "never"
	for address, want := range map[string]string{
		"8.8.8.8": public, "172.32.0.1": public, "100.128.0.1": public, "2606:4700::1111": public,
		"::ffff:8.8.8.8": public,

		"127.0.0.1": internal, "127.8.8.8": internal, "::1": internal, "::ffff:127.0.0.1": internal,
		"10.1.2.3": internal, "172.16.0.1": internal, "192.168.1.1": internal, "::ffff:10.1.2.3": internal,
		"fd00::1": internal, "fc00::1": internal, "fec0::1": internal, "5f00::1": internal,
		"100.64.0.1": internal, "198.18.0.1": internal, "240.0.0.1": internal, "192.0.0.8": internal,
		"192.0.2.1": internal, "192.31.196.1": internal, "192.52.193.1": internal, "192.88.99.1": internal,
		"192.175.48.1": internal, "198.51.100.1": internal, "203.0.113.1": internal, "0.1.2.3": internal,
		"100::1": internal, "100:0:0:1::1": internal, "2001:1::1": internal, "2001:db8::1": internal,
		"3fff::1": internal, "2620:4f:8000::1": internal,
		// They lead to an address of IPv4.
		"::10.1.2.3": internal, "::127.0.0.1": internal, "::8.8.8.8": internal, "64:ff9b::8.8.8.8": internal,
		"64:ff9b::7f00:1": internal, "64:ff9b:1::a01:203": internal, "2002:7f00:1::": internal,
		"2001:0:1::f5fe:fdfc": internal, "::ffff:0:10.1.2.3": internal,

		"169.254.169.254": never, "::ffff:169.254.169.254": never, "168.63.129.16": never, "100.100.100.200": never,
		"192.0.0.192": never, "fd00:ec2::254": never, "fd20:ce::254": never, "fd00:42::42": never,
		"fe80::1": never, "fe80::a9fe:a9fe%eth0": never, "169.254.0.1": never,
		"0.0.0.0": never, "::": never, "224.0.0.1": never, "255.255.255.255": never, "ff02::1": never,
		"::169.254.169.254": never, "64:ff9b::a9fe:a9fe": never, "64:ff9b:1::a9fe:a9fe": never,
		"2002:a9fe:a9fe::1": never, "2001:0:1::5601:5601": never, "::ffff:0:169.254.169.254": never,
		"2606:4700::5efe:169.254.169.254": never,
	} {
		a := netip.MustParseAddr(address)
		require.Equal(t, want == public, rule(t, "public").Has(a), "public: %s", address)
		require.Equal(t, want != never, rule(t, "any").Has(a), "any: %s", address)
		require.False(t, outbound.Rule{}.Has(a), address)
		require.False(t, rule(t, "8.8.4.4").Has(a), address)
	}
}

func TestRuleTerms(t *testing.T) {
	t.Parallel()
	for text, addresses := range map[string]string{
		"loopback":                         "127.0.0.1 ::1 ::ffff:127.0.0.1",
		"private":                          "10.1.1.1 172.31.0.1 192.168.0.1 fd12::1",
		"public + 10.0.0.0/8":              "8.8.8.8 10.255.0.1",
		"10.0.0.0/8+192.168.7.9+fd12::/16": "10.1.1.1 192.168.7.9 fd12::7",
		"169.254.0.0/16":                   "169.254.169.254",
		"public+64:ff9b::/96":              "64:ff9b::8.8.8.8",
		"::ffff:10.0.0.7":                  "10.0.0.7",
	} {
		for address := range strings.SplitSeq(addresses, " ") {
			require.True(t, rule(t, text).Has(netip.MustParseAddr(address)), "%s: %s", text, address)
		}
		for _, address := range []string{"11.0.0.1", "192.168.8.1", "fd13::1", "64:ff9b::10.0.0.1"} {
			if text != "private" && !strings.Contains(text, "public") {
				require.False(t, rule(t, text).Has(netip.MustParseAddr(address)), "%s: %s", text, address)
			}
		}
	}
	require.False(t, rule(t, "public+64:ff9b::/96").Has(netip.MustParseAddr("64:ff9b::10.0.0.1")))
	for _, text := range []string{
		"", "all", "public,any", "10.0.0.0", "10.0.0.0/33", "10.1.2.3/8", "public+", "::ffff:10.0.0.0/104", "fe80::1%eth0",
		"localhost", strings.Repeat("+", outbound.MaxRule+1),
	} {
		_, err := outbound.ParseRule(text)
		if text == "10.0.0.0" {
			require.NoError(t, err)
			continue
		}
		require.Error(t, err, text)
	}
}

// A rule never has what its text did not ask for: without "any" and networks no address of a
// network, and metadata services only where their network is named.
func FuzzParseRule(f *testing.F) {
	for _, text := range []string{"public", "any+10.0.0.0/8", "loopback+private", "fd00::/8", "169.254.169.254", "::/0"} {
		f.Add(text)
	}
	metadata := netip.MustParseAddr("169.254.169.254")
	f.Fuzz(func(t *testing.T, text string) {
		r, err := outbound.ParseRule(text)
		if err != nil {
			require.Equal(t, outbound.Rule{}, r)
			return
		}
		named := false
		for term := range strings.SplitSeq(text, "+") {
			term = strings.TrimSpace(term)
			p, err := netip.ParsePrefix(term)
			a, aerr := netip.ParseAddr(term)
			named = named || err == nil && p.Contains(metadata) || aerr == nil && a.Unmap() == metadata
		}
		require.Equal(t, named, r.Has(metadata))
	})
}
