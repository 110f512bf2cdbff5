package lists

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/shopspring/decimal"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest/refdata/sources"
)

func TestHosts(t *testing.T) {
	t.Parallel()
	hosts, err := ParseHosts([]byte("# spam\n1-best-seo.com\nWWW.Other.example \n\nпример.рф\n"))
	require.NoError(t, err)
	require.Len(t, hosts, 3)
	for host, want := range map[string]bool{"www.1-best-seo.com": true, "other.example": true, "пример.рф": true, "x.1-best-seo.com": false, "": false} {
		require.Equal(t, want, hosts.Has(host), host)
	}
	for _, content := range []string{"<html>", "a b.com", "localhost", "a.com\n" + strings.Repeat("a", 300) + ".com"} {
		_, err := ParseHosts([]byte(content))
		require.ErrorContains(t, err, "line")
	}
}

func TestNetworks(t *testing.T) {
	t.Parallel()
	n, err := ParseNetworks([]byte("192.0.2.7/24\n198.51.100.1 # one\n2001:db8::/32\n"))
	require.NoError(t, err)
	require.Equal(t, 3, n.Len())
	for ip, want := range map[string]bool{
		"192.0.2.200": true, "::ffff:192.0.2.1": true, "198.51.100.1": true, "198.51.100.2": false, "2001:db8:1::1": true, "::1": false,
	} {
		require.Equal(t, want, n.Has(netip.MustParseAddr(ip)), ip)
	}
	require.False(t, n.Has(netip.Addr{}))
	var none *Networks
	require.False(t, none.Has(netip.MustParseAddr("::1")))
	require.Zero(t, none.Len())
	_, err = ParseNetworks([]byte("192.0.2.0/24\n192.0.2.0/33"))
	require.ErrorContains(t, err, "line 2")
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	numbers, err := ParseNumbers([]byte("ASN,Entity\n\"16509\",\"Amazon, Inc.\"\nAS24940,Hetzner\n"))
	require.NoError(t, err)
	require.Equal(t, map[uint32]struct{}{16509: {}, 24940: {}}, numbers)
	_, err = ParseNumbers([]byte("1,a\nx,b"))
	require.ErrorContains(t, err, `line 2: "x"`)
}

func TestRates(t *testing.T) {
	t.Parallel()
	rates, err := ParseRates([]byte(`{"base":"USD","rates":{"BRL":0.7,"EUR":0.5,"USD":1}}`))
	require.NoError(t, err)
	amount := decimal.RequireFromString("10.2")
	for pair, want := range map[string]string{"USD BRL": "7.14", "BRL USD": "14.571428571428571429", "EUR BRL": "14.28", "CHF" + " CHF": "10.2"} {
		from, to, _ := strings.Cut(pair, " ")
		got, ok := rates.Convert(amount, from, to)
		require.True(t, ok, pair)
		require.Equal(t, want, got.String(), pair)
	}
	_, ok := rates.Convert(amount, "USD", "CHF")
	require.False(t, ok)
	for _, content := range []string{"", "{}", `{"base":"USD","rates":{}}`, `{"base":"USD","rates":{"EUR":0}}`, `{"base":"USD","rates":{"EURO":1}}`} {
		_, err := ParseRates([]byte(content))
		require.ErrorContains(t, err, "read the rates")
	}
}

func TestSources(t *testing.T) {
	t.Parallel()
	social, err := ParseSocials([]byte("Small Network:\n  - small.example\n  - www.smaller.example\n"), sources.CategorySocial)
	require.NoError(t, err)
	require.Equal(t, []sources.Source{{Name: "Small Network", Category: sources.CategorySocial, Hosts: []string{"small.example", "smaller.example"}}}, social)
	search, err := ParseSearchEngines([]byte("Zoek:\n  -\n    urls:\n      - zoek.example\n    params:\n      - q\n" +
		"Find:\n  -\n    urls:\n      - 'find.{}'\n      - '{}.find.example'\n      - 'a.find.{}'\n      - x.example/path\n"))
	require.NoError(t, err)
	require.Equal(t, []sources.Source{
		{Name: "Find", Category: sources.CategorySearch, Hosts: []string{"find.*", "find.example"}},
		{Name: "Zoek", Category: sources.CategorySearch, Hosts: []string{"zoek.example"}},
	}, search)
	for _, content := range []string{"", "- a", "a: b", "{}"} {
		_, err := ParseSocials([]byte(content), sources.CategorySocial)
		require.ErrorContains(t, err, "read the list of sources", content)
		_, err = ParseSearchEngines([]byte(content))
		require.ErrorContains(t, err, "read the list of sources", content)
	}
}

func FuzzLists(f *testing.F) {
	for _, seed := range []string{"a.example\n", "192.0.2.0/24", "AS1,x", `{"base":"USD","rates":{"EUR":1}}`, "A:\n  - a.b\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		if hosts, err := ParseHosts(content); err == nil {
			require.False(t, hosts.Has(""))
		}
		if n, err := ParseNetworks(content); err == nil {
			n.Has(netip.MustParseAddr("192.0.2.1"))
		}
		if rates, err := ParseRates(content); err == nil {
			_, ok := rates.Convert(decimal.NewFromInt(1), "USD", "USD")
			require.True(t, ok)
		}
		if _, err := ParseNumbers(content); err != nil {
			require.ErrorContains(t, err, "autonomous")
		}
		if list, err := ParseSocials(content, sources.CategorySocial); err == nil {
			require.NotEmpty(t, list)
		}
	})
}
