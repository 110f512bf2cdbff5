package ingesting_test

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store"
	accessstore "github.com/sluicehq/sluice/store/access"
	"github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/store/ingesting"
)

func (b *bundle) addSite(t *testing.T, domain string) importing.Site {
	t.Helper()
	site, err := importing.New(b.Store.Store, nil).AddSite(b.ctx, importing.NewSite{Domain: domain, TimeZone: "UTC"})
	require.NoError(t, err)
	return site
}

// set changes the settings of a site.
func (b *bundle) set(domain string, change func(s *ingesting.Settings)) error {
	_, err := b.ChangeSite(b.ctx, domain, func(site *ingesting.Site) error {
		change(&site.Settings)
		return nil
	})
	return err
}

func TestSiteSettings(t *testing.T) {
	t.Parallel()
	b := setup(t)
	added := b.addSite(t, "a.example")
	site, err := b.FindSite(b.ctx, "a.example")
	require.NoError(t, err)
	require.Equal(t, ingesting.Site{
		ID: added.ID, Domain: "a.example", TimeZone: "UTC",
		Settings: ingesting.Settings{
			FormerDomains: []string{}, Goals: map[string]string{}, AllowedNetworks: []netip.Prefix{},
			ShieldIPs: []netip.Prefix{}, ShieldCountries: []string{}, ShieldPages: []string{}, ShieldHostnames: []string{},
		},
	}, site)

	day := calendar.DayOf(time.Date(2026, 12, 24, 0, 0, 0, 0, time.UTC))
	networks := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("2001:db8::1/128")}
	want := ingesting.Settings{
		Blocked: true, RateLimit: &ingesting.RateLimit{Events: 600, Window: time.Minute}, AcceptUntil: &day,
		FormerDomains: []string{"b.example", "c.example"}, Goals: map[string]string{"Purchase": "EUR", "Signup": ""},
		Props: []string{"plan", "user"}, AllowedNetworks: networks, ShieldIPs: networks,
		ShieldCountries: []string{"DE", "ZZ"}, ShieldPages: []string{"/a/*"}, ShieldHostnames: []string{"*.example"},
	}
	require.NoError(t, b.set("a.example", func(s *ingesting.Settings) { *s = want }))
	site, err = b.FindSite(b.ctx, "a.example")
	require.NoError(t, err)
	require.Equal(t, want, site.Settings)
	_, err = b.FindSite(b.ctx, "b.example")
	require.ErrorIs(t, err, store.ErrNotFound, "a former domain is not the site's name")
	require.NoError(t, b.set("a.example", func(s *ingesting.Settings) { *s = ingesting.Settings{} }))
	require.ErrorIs(t, b.set("b.example", func(*ingesting.Settings) {}), store.ErrNotFound)
	refused := errors.New("refused")
	_, err = b.ChangeSite(b.ctx, "a.example", func(*ingesting.Site) error { return refused })
	require.ErrorIs(t, err, refused)
}

// The database keeps the bounds, whatever a program does.
func TestSiteBounds(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.addSite(t, "a.example")
	list := func(n int, format string) (all []string) {
		for i := range n {
			all = append(all, fmt.Sprintf(format, i))
		}
		return all
	}
	networks := func(n int) (all []netip.Prefix) {
		for i := range n {
			all = append(all, netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 32))
		}
		return all
	}
	countries := func(n int) (all []string) {
		for i := range n {
			all = append(all, string([]byte{'A' + byte(i/26), 'A' + byte(i%26)}))
		}
		return all
	}
	for name, fill := range map[string]func(s *ingesting.Settings, n int){
		"30 ips":       func(s *ingesting.Settings, n int) { s.ShieldIPs = networks(n) },
		"30 countries": func(s *ingesting.Settings, n int) { s.ShieldCountries = countries(n) },
		"30 pages":     func(s *ingesting.Settings, n int) { s.ShieldPages = list(n, "/%d") },
		"10 hostnames": func(s *ingesting.Settings, n int) { s.ShieldHostnames = list(n, "%d.example") },
		"30 networks":  func(s *ingesting.Settings, n int) { s.AllowedNetworks = networks(n) },
		"10 domains":   func(s *ingesting.Settings, n int) { s.FormerDomains = list(n, "former%d.example") },
		"300 props":    func(s *ingesting.Settings, n int) { s.Props = list(n, "prop%d") },
		"7500 bytes":   func(s *ingesting.Settings, n int) { s.ShieldPages = []string{strings.Repeat("x", n)} },
		"2 letters":    func(s *ingesting.Settings, n int) { s.ShieldCountries = []string{strings.Repeat("X", n)} },
		"86400 seconds": func(s *ingesting.Settings, n int) {
			s.RateLimit = &ingesting.RateLimit{Events: 1, Window: time.Duration(n) * time.Second}
		},
	} {
		var bound int
		_, err := fmt.Sscan(name, &bound)
		require.NoError(t, err)
		require.NoError(t, b.set("a.example", func(s *ingesting.Settings) { fill(s, bound) }), name)
		before, err := b.FindSite(b.ctx, "a.example")
		require.NoError(t, err)
		require.ErrorIs(t, b.set("a.example", func(s *ingesting.Settings) { fill(s, bound+1) }), store.ErrLimit, name)
		after, err := b.FindSite(b.ctx, "a.example")
		require.NoError(t, err)
		require.Equal(t, before, after, name)
	}
	require.ErrorIs(t, b.set("a.example", func(s *ingesting.Settings) {
		s.RateLimit = &ingesting.RateLimit{Window: time.Second}
	}), store.ErrLimit)
	require.ErrorIs(t, b.set("a.example", func(s *ingesting.Settings) {
		s.Goals = map[string]string{strings.Repeat("x", 66000): ""}
	}), store.ErrLimit)
}

// A domain belongs to one site, also when two processes give it away at once.
func TestDomainsAreUnique(t *testing.T) {
	t.Parallel()
	b := setup(t)
	imports := importing.New(b.Store.Store, nil)
	for i := range 4 {
		b.addSite(t, fmt.Sprintf("site%d.example", i))
	}
	takes := func(i int, domain string) error {
		return b.set(fmt.Sprintf("site%d.example", i), func(s *ingesting.Settings) {
			s.FormerDomains = append(s.FormerDomains, domain)
		})
	}
	require.ErrorIs(t, takes(0, "site1.example"), store.ErrTaken)
	succeeded := 0
	for _, err := range enginetest.AtOnce(4, func(i int) error {
		if i == 3 {
			_, err := imports.AddSite(b.ctx, importing.NewSite{Domain: "old.example", TimeZone: "UTC"})
			return err
		}
		return takes(i, "old.example")
	}) {
		if err == nil {
			succeeded++
			continue
		}
		require.ErrorIs(t, err, store.ErrTaken)
	}
	require.Equal(t, 1, succeeded)
	// Shields that are added at once are all there: none is lost.
	for _, err := range enginetest.AtOnce(8, func(i int) error {
		return b.set("site1.example", func(s *ingesting.Settings) { s.ShieldPages = append(s.ShieldPages, fmt.Sprintf("/%d", i)) })
	}) {
		require.NoError(t, err)
	}
	site, err := b.FindSite(b.ctx, "site1.example")
	require.NoError(t, err)
	require.Len(t, site.Settings.ShieldPages, 8)
}

// Every change notifies in its transaction, with versions without gaps; one that is rolled back does not.
func TestSiteChangesNotify(t *testing.T) {
	t.Parallel()
	b := setup(t)
	sub, err := b.Subscribe(b.ctx, ingesting.SitesChannel)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, sub.Close(b.ctx)) })
	last := int64(0)
	changed := func(n int, id int64) {
		t.Helper()
		for range n {
			payload, ok, err := sub.Await(b.ctx)
			require.NoError(t, err)
			require.True(t, ok)
			last++
			require.Equal(t, fmt.Sprintf("%d %d", last, id), payload)
		}
		version, err := b.SitesVersion(b.ctx)
		require.NoError(t, err)
		require.Equal(t, last, version)
	}
	site := b.addSite(t, "a.example")
	changed(2, site.ID)
	require.ErrorIs(t, b.set("a.example", func(s *ingesting.Settings) {
		s.FormerDomains, s.ShieldCountries = []string{"old.example"}, []string{"wrong"}
	}), store.ErrLimit)
	require.NoError(t, b.set("a.example", func(s *ingesting.Settings) { s.FormerDomains = []string{"old.example"} }))
	changed(2, site.ID)
	key, _, err := b.CreateKey(b.ctx, "a.example", "")
	require.NoError(t, err)
	changed(1, site.ID)
	require.NoError(t, b.NoteKeyUse(b.ctx, []int64{key.ID}))
	_, err = b.RevokeKey(b.ctx, "a.example", key.Prefix)
	require.NoError(t, err)
	changed(1, site.ID)
	b.exec(t, "UPDATE sites SET domain = 'b.example' WHERE id = $1", site.ID)
	changed(1, site.ID)
	// The first native day, and only if it changes.
	for _, day := range []calendar.Day{20_000, 20_001, 20_000, 19_999} {
		_, err = b.NoteFirstEvents(b.ctx, map[int64]calendar.Day{site.ID: day})
		require.NoError(t, err)
	}
	changed(2, site.ID)
	b.exec(t, "UPDATE sites SET native_start = '2026-01-01' WHERE id = $1", site.ID)
	b.exec(t, "UPDATE sites SET native_start = '2026-01-01' WHERE id = $1", site.ID)
	changed(1, site.ID)
	b.exec(t, "DELETE FROM sites WHERE id = $1", site.ID)
	changed(4, site.ID)
}

// The time zone of a site with native data is final.
func TestTimeZoneIsFinal(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.addSite(t, "a.example")
	zone := func(name string) error {
		_, err := b.ChangeSite(b.ctx, "a.example", func(site *ingesting.Site) error {
			site.TimeZone = name
			return nil
		})
		return err
	}
	require.NoError(t, zone("Europe/Berlin"))
	b.exec(t, "UPDATE sites SET native_start = '2026-01-01'")
	require.ErrorIs(t, zone("UTC"), store.ErrConflict)
	b.exec(t, "UPDATE sites SET native_start = NULL, first_event = '2026-01-01'")
	require.ErrorIs(t, zone("UTC"), store.ErrConflict)
	require.NoError(t, zone("Europe/Berlin"))
	site, err := b.FindSite(b.ctx, "a.example")
	require.NoError(t, err)
	require.Equal(t, "Europe/Berlin", site.TimeZone)
}

func TestKeys(t *testing.T) {
	t.Parallel()
	b := setup(t)
	site := b.addSite(t, "a.example")
	b.addSite(t, "b.example")
	key, secret, err := b.CreateKey(b.ctx, "a.example", "shop")
	require.NoError(t, err)
	require.Regexp(t, `^sluice_[a-z2-7]{8}_[A-Za-z0-9_-]{43}$`, secret.Reveal())
	require.True(t, strings.HasPrefix(secret.Reveal(), key.Prefix+"_"))
	require.Equal(t, "shop", key.Label)
	require.Nil(t, key.LastUsedAt)
	for _, text := range []string{secret.String(), fmt.Sprintf("%+v %#v", secret, secret)} {
		require.NotContains(t, text, secret.Reveal())
	}
	// The secret is nowhere in the database.
	var row string
	require.NoError(t, b.sql.QueryRow(b.ctx, "SELECT k::text FROM tokens k").Scan(&row))
	require.NotContains(t, row, secret.Reveal()[len(key.Prefix)+1:])
	sites, err := b.LoadSites(b.ctx)
	require.NoError(t, err)
	require.Equal(t, []ingesting.KeyHash{
		{ID: key.ID, SiteID: site.ID, Prefix: key.Prefix, Hash: accessstore.Hash(secret.Reveal())},
	}, sites.Keys)

	// The last use is noted at most once a minute.
	used := func() *time.Time {
		keys, err := b.Keys(b.ctx, "a.example")
		require.NoError(t, err)
		return keys[0].LastUsedAt
	}
	require.NoError(t, b.NoteKeyUse(b.ctx, []int64{key.ID, 99}))
	first := used()
	require.NoError(t, b.NoteKeyUse(b.ctx, []int64{key.ID}))
	require.Equal(t, first, used())
	b.exec(t, "UPDATE tokens SET last_used_at = last_used_at - interval '61 seconds'")
	require.NoError(t, b.NoteKeyUse(b.ctx, []int64{key.ID}))
	require.True(t, used().After(*first))

	_, err = b.RevokeKey(b.ctx, "b.example", key.Prefix)
	require.ErrorIs(t, err, store.ErrNotFound, "it is another site's")
	_, err = b.RevokeKey(b.ctx, "a.example", secret.Reveal())
	require.ErrorIs(t, err, accessstore.ErrPrefix)
	require.NotContains(t, err.Error(), secret.Reveal())
	revoked, err := b.RevokeKey(b.ctx, "a.example", key.Prefix)
	require.NoError(t, err)
	again, err := b.RevokeKey(b.ctx, "a.example", key.Prefix)
	require.NoError(t, err)
	require.Equal(t, revoked, again)
	sites, err = b.LoadSites(b.ctx)
	require.NoError(t, err)
	require.Empty(t, sites.Keys)

	// Of keys that are created at once, the site has as many as it may.
	succeeded := 0
	for _, err := range enginetest.AtOnce(ingesting.MaxKeys+3, func(int) error {
		_, _, err := b.CreateKey(b.ctx, "a.example", "")
		return err
	}) {
		if err == nil {
			succeeded++
			continue
		}
		require.ErrorIs(t, err, store.ErrLimit)
	}
	require.Equal(t, ingesting.MaxKeys, succeeded)
	_, _, err = b.CreateKey(b.ctx, "b.example", strings.Repeat("ü", 101))
	require.ErrorIs(t, err, store.ErrLimit)
	_, _, err = b.CreateKey(b.ctx, "c.example", "")
	require.ErrorIs(t, err, store.ErrNotFound)
	// Keys that were revoked long ago are gone.
	b.exec(t, "UPDATE tokens SET revoked_at = now() - interval '91 days'")
	_, _, err = b.CreateKey(b.ctx, "a.example", "")
	require.NoError(t, err)
	keys, err := b.Keys(b.ctx, "a.example")
	require.NoError(t, err)
	require.Len(t, keys, 1)
}
