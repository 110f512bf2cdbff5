package geo

import (
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/ingest/refdata/geo/geotest"
)

func TestNested(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "city.mmdb")
	require.NoError(t, os.WriteFile(file, geotest.Database("Test-City", map[string]map[string]any{
		"2.125.160.0/24": geotest.City("GB", 2655045, "ENG", "WBK"), "2001:218::/32": geotest.City("JP", 0),
		"198.51.100.0/24": geotest.City("ZZ", 5, "X"), "203.0.113.0/24": geotest.City("DE", 0, ""),
	}), 0o600))
	d, err := Open(file)
	require.NoError(t, err)
	require.Equal(t, "Test-City", d.Kind)
	for ip, want := range map[string]Location{
		"2.125.160.216":        {Country: "GB", Subdivision1: "GB-ENG", Subdivision2: "GB-WBK", City: 2655045},
		"::ffff:2.125.160.216": {Country: "GB", Subdivision1: "GB-ENG", Subdivision2: "GB-WBK", City: 2655045},
		"2001:218:1:1:1:1:1:1": {Country: "JP"}, "198.51.100.7": {}, "203.0.113.7": {Country: "DE"}, "127.0.0.1": {}, "::1": {},
	} {
		got, err := d.Lookup(netip.MustParseAddr(ip))
		require.NoError(t, err)
		require.Equal(t, want, got, ip)
	}
	got, err := d.Lookup(netip.Addr{})
	require.NoError(t, err)
	require.Zero(t, got)
}

func TestFlat(t *testing.T) {
	t.Parallel()
	d, err := Parse(geotest.Database("Test-Country", map[string]map[string]any{
		"2.0.0.0/8": {"country_code": "FR"}, "2001:218::/32": {"country_code": "JP"}, "3.0.0.0/8": {"country_code": ""},
	}))
	require.NoError(t, err)
	for ip, want := range map[string]string{"2.1.1.1": "FR", "2001:218::1": "JP", "3.1.1.1": "", "4.1.1.1": ""} {
		got, err := d.Lookup(netip.MustParseAddr(ip))
		require.NoError(t, err)
		require.Equal(t, Location{Country: want}, got, ip)
	}
}

func TestFilesThatAreNoDatabase(t *testing.T) {
	t.Parallel()
	_, err := Open(filepath.Join(t.TempDir(), "none.mmdb"))
	require.ErrorContains(t, err, "none.mmdb")
	_, err = Parse([]byte("<html>not found</html>"))
	require.Error(t, err)
	_, err = Parse(geotest.Database("Test-ASN", map[string]map[string]any{"2.0.0.0/8": {"autonomous_system_number": uint32(1)}}))
	require.ErrorIs(t, err, errSchema)
	whole := geotest.Database("Test-City", map[string]map[string]any{"2.0.0.0/8": geotest.City("GB", 1)})
	file := filepath.Join(t.TempDir(), "cut.mmdb")
	require.NoError(t, os.WriteFile(file, whole[:len(whole)/2], 0o600))
	_, err = Open(file)
	require.ErrorContains(t, err, "cut.mmdb")
}

func FuzzParse(f *testing.F) {
	f.Add(geotest.Database("Test-City", map[string]map[string]any{"2.0.0.0/8": geotest.City("GB", 1, "ENG")}))
	f.Add(geotest.Database("Test-Country", map[string]map[string]any{"2.0.0.0/8": {"country_code": "FR"}}))
	f.Fuzz(func(t *testing.T, content []byte) {
		d, err := Parse(content)
		if err != nil {
			return
		}
		if l, err := d.Lookup(netip.MustParseAddr("2.1.1.1")); err == nil {
			require.True(t, l.Country == "" || len(l.Country) == 2)
		}
	})
}

func BenchmarkLookup(b *testing.B) {
	d, err := Parse(geotest.Database("Test-City", map[string]map[string]any{"2.0.0.0/8": geotest.City("GB", 1, "ENG", "WBK")}))
	require.NoError(b, err)
	ip := netip.MustParseAddr("2.1.1.1")
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.Lookup(ip); err != nil {
			b.Fatal(err)
		}
	}
}
