package ingesting_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/internal/enginetest"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
	"github.com/sluicehq/sluice/store"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

func TestSetSite(t *testing.T) {
	t.Parallel()
	s := setupSites(t)
	ctx := enginetest.Context(t)
	yes, no := true, false
	until, err := calendar.ParseDay("2030-12-24")
	require.NoError(t, err)
	network := netip.MustParsePrefix("192.0.2.0/24")
	set, err := s.Set(ctx, site, ingestclient.SiteChange{
		Block: &yes, RateLimit: &ingest.RateLimit{Events: 600, Window: time.Minute}, AcceptUntil: &until,
		FormerDomains: []string{"Old.example.com", "old.example.com"}, Goals: map[string]string{"Purchase": "EUR", "Signup": ""},
		Props: []string{"plan"}, AllowNetworks: []netip.Prefix{network}, TimeZone: "Europe/Paris",
	})
	require.NoError(t, err)
	require.Equal(t, "Europe/Paris", set.TimeZone)
	require.Equal(t, ingeststore.Settings{
		Blocked: true, RateLimit: &ingeststore.RateLimit{Events: 600, Window: time.Minute}, AcceptUntil: &until,
		FormerDomains: []string{"old.example.com"}, Goals: map[string]string{"Purchase": "EUR", "Signup": ""},
		Props: []string{"plan"}, AllowedNetworks: []netip.Prefix{network},
	}, ownSettings(set))
	set, err = s.Set(ctx, site, ingestclient.SiteChange{
		Block: &no, NoRateLimit: true, AcceptForever: true, RemoveFormerDomains: []string{"OLD.example.com"},
		RemoveGoals: []string{"Purchase"}, AllProps: true, RemoveAllowNetworks: []netip.Prefix{network},
	})
	require.NoError(t, err)
	require.Equal(t, map[string]string{"Signup": ""}, set.Settings.Goals)
	require.Empty(t, set.Settings.FormerDomains)
	require.Empty(t, set.Settings.AllowedNetworks)
	require.Nil(t, set.Settings.RateLimit)
	require.Nil(t, set.Settings.AcceptUntil)
	require.Nil(t, set.Settings.Props)
	require.False(t, set.Settings.Blocked)
}

// ownSettings are the settings of a site without its shields.
func ownSettings(s ingeststore.Site) ingeststore.Settings {
	c := s.Settings
	c.ShieldIPs, c.ShieldCountries, c.ShieldPages, c.ShieldHostnames = nil, nil, nil, nil
	return c
}

func TestSetSiteRefuses(t *testing.T) {
	t.Parallel()
	s := setupSites(t)
	networks := make([]netip.Prefix, ingest.MaxAllowIPs+1)
	for i := range networks {
		networks[i] = netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), 32)
	}
	until, err := calendar.ParseDay("2030-12-24")
	require.NoError(t, err)
	for name, tc := range map[string]struct {
		domain string
		change ingestclient.SiteChange
		is     error
		want   string
	}{
		"unknown site": {"none.example", ingestclient.SiteChange{AllProps: true}, store.ErrNotFound, "none.example"},
		"conflicts": {
			site, ingestclient.SiteChange{
				NoRateLimit: true, RateLimit: &ingest.RateLimit{Events: 1, Window: time.Minute}, AcceptForever: true,
				AcceptUntil: &until, AllProps: true, Props: []string{"a"},
			}, nil, "a rate limit is set and removed",
		},
		"no domain":            {site, ingestclient.SiteChange{FormerDomains: []string{"a b"}}, nil, `invalid domain "a b"`},
		"no time zone":         {site, ingestclient.SiteChange{TimeZone: "Mars"}, nil, `"Mars" is not an IANA time zone`},
		"the time zone Local":  {site, ingestclient.SiteChange{TimeZone: "Local"}, nil, `"Local" is not an IANA time zone`},
		"unknown goal":         {site, ingestclient.SiteChange{RemoveGoals: []string{"x"}}, store.ErrConflict, `goal "x" does not exist`},
		"unknown network":      {site, ingestclient.SiteChange{RemoveAllowNetworks: networks[:1]}, store.ErrConflict, "allowed network 10.0.0.0/32 does not exist"},
		"too many networks":    {site, ingestclient.SiteChange{AllowNetworks: networks}, store.ErrLimit, "allowed networks: want at most"},
		"the domain itself":    {site, ingestclient.SiteChange{FormerDomains: []string{site}}, nil, site},
		"days in native data":  {"native.com", ingestclient.SiteChange{TimeZone: "Europe/Berlin"}, store.ErrConflict, "the time zone of site native.com stays UTC"},
		"zone of unknown site": {"none.example", ingestclient.SiteChange{TimeZone: "Europe/Berlin"}, store.ErrNotFound, "none.example"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := s.Set(enginetest.Context(t), tc.domain, tc.change)
			require.ErrorContains(t, err, tc.want)
			if tc.is != nil {
				require.ErrorIs(t, err, tc.is)
			}
		})
	}
}

// A site with native data keeps its time zone, and may be set to it again.
func TestTimeZoneOfNativeData(t *testing.T) {
	t.Parallel()
	_, err := setupSites(t).Set(enginetest.Context(t), "native.com", ingestclient.SiteChange{TimeZone: "UTC"})
	require.NoError(t, err)
}

func TestShields(t *testing.T) {
	t.Parallel()
	s := setupSites(t)
	ctx := enginetest.Context(t)
	rules := ingest.Shields{
		IPs: []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32")}, Countries: []string{"DE"}, Pages: []string{"/admin/*"},
		Hostnames: []string{"*.example.com"},
	}
	set, err := s.AddShields(ctx, site, rules)
	require.NoError(t, err)
	require.Equal(t, rules.Pages, set.Settings.ShieldPages)
	set, err = s.AddShields(ctx, site, rules)
	require.NoError(t, err)
	require.Len(t, set.Settings.ShieldIPs, 1, "a rule is there once")
	set, err = s.RemoveShields(ctx, site, rules)
	require.NoError(t, err)
	require.Empty(t, set.Settings.ShieldHostnames)
	_, err = s.RemoveShields(ctx, site, rules)
	require.ErrorIs(t, err, store.ErrConflict)
	require.ErrorContains(t, err, "page rule /admin/* does not exist")
	_, err = s.AddShields(ctx, "none.example", rules)
	require.ErrorIs(t, err, store.ErrNotFound)
	var many []string
	for i := range ingest.MaxPageRules + 1 {
		many = append(many, "/"+string(rune('a'+i%26))+string(rune('a'+i/26))+"/*")
	}
	_, err = s.AddShields(ctx, site, ingest.Shields{Pages: many})
	require.ErrorIs(t, err, store.ErrLimit)
}
