package ingesting_test

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
	"github.com/sluicehq/sluice/warehouse"
)

// A site is added in lower case, once, and its addition and its settings are in the audit.
func TestAddSite(t *testing.T) {
	t.Parallel()
	s := setupSites(t)
	ctx := asAnn(t)
	first, err := calendar.ParseDay("2026-01-31")
	require.NoError(t, err)
	added, err := s.Add(ctx, ingestclient.NewSite{
		Domain: "Shop.Example.com/de", TimeZone: "Pacific/Auckland", NativeStart: &first, Contacts: []string{"ann@example.com"},
	})
	require.NoError(t, err)
	require.Equal(t, ingestclient.ListedSite{
		ID: added.ID, Domain: "shop.example.com/de", TimeZone: "Pacific/Auckland", NativeStart: &first,
		Contacts: []string{"ann@example.com"}, CreatedAt: added.CreatedAt,
	}, ingestclient.ListedSiteOf(added))
	_, err = s.Add(ctx, ingestclient.NewSite{Domain: "shop.example.com/DE", TimeZone: "UTC"})
	require.ErrorIs(t, err, store.ErrTaken)

	many := []string{"nobody"}
	for i := range ingestclient.MaxContacts + 1 {
		many = append(many, fmt.Sprintf("ann%d@example.com", i))
	}
	_, err = s.Add(ctx, ingestclient.NewSite{Domain: "no domain", TimeZone: "Mars", Contacts: many})
	require.ErrorIs(t, err, starter.ErrInvalid)
	require.EqualError(t, err, `invalid domain "no domain": want letters, digits, dots and dashes, such as example.com
"Mars" is not an IANA time zone: want a name such as UTC or Europe/Berlin
"nobody" is not an e-mail address: want an address such as ann@example.com
22 contacts: want at most 20`)
	for _, domain := range []string{"", "-a.example", "a.example.", strings.Repeat("a", 254)} {
		_, err := ingestclient.CheckDomain(domain)
		require.ErrorIs(t, err, starter.ErrInvalid, domain)
	}

	yes := true
	_, err = s.Set(ctx, site, ingestclient.SiteChange{Block: &yes}, func(now ingeststore.Site) error {
		require.False(t, now.Settings.Blocked, "the check sees the site before the change")
		return nil
	})
	require.NoError(t, err)
	_, err = s.Set(ctx, site, ingestclient.SiteChange{Block: &yes}, func(now ingeststore.Site) error {
		require.True(t, now.Settings.Blocked)
		return store.ErrConflict
	})
	require.ErrorIs(t, err, store.ErrConflict)
	require.Equal(t, [][]string{
		{"site.add", "shop.example.com/de", "shop.example.com/de", "ann", ""}, {"site.set", site, site, "ann", ""},
	}, audit(t, s.Store))
}

// Sites are listed by domain, in pages, those of a scope; a site is shown under its own domain.
func TestListSites(t *testing.T) {
	t.Parallel()
	s := setupSites(t)
	ctx := enginetest.Context(t)
	domains := func(scope access.Scope, text, after string, limit int) (all []string) {
		t.Helper()
		sites, err := s.List(ctx, scope, text, after, limit)
		require.NoError(t, err)
		for _, one := range sites {
			all = append(all, one.Domain)
		}
		return all
	}
	require.Equal(t, []string{site, "native.com"}, domains(access.AllSites(), "", "", 0))
	require.Equal(t, []string{site}, domains(access.AllSites(), "", "", 1))
	require.Equal(t, []string{"native.com"}, domains(access.AllSites(), "", site, 10))
	require.Equal(t, []string{"native.com"}, domains(access.Sites("native.com", "none.example"), "", "", 0))
	require.Empty(t, domains(access.Scope{}, "", "", 0))
	require.Equal(t, []string{"native.com"}, domains(access.AllSites(), "NATIVE", "", 0))
	require.Empty(t, domains(access.Sites(site), "native", "", 0))

	_, err := s.Set(ctx, site, ingestclient.SiteChange{FormerDomains: []string{"old.example.com"}})
	require.NoError(t, err)
	for _, domain := range []string{"none.example", "old.example.com"} {
		_, err = s.Show(ctx, domain)
		require.ErrorIs(t, err, store.ErrNotFound, domain)
	}
	_, err = s.Set(ctx, "native.com", ingestclient.SiteChange{FormerDomains: []string{site}})
	require.ErrorIs(t, err, store.ErrTaken)
}

// A site has its settings in the JSON of programs, and empty lists where there are none.
func TestShownSite(t *testing.T) {
	t.Parallel()
	s := setupSites(t)
	ctx := enginetest.Context(t)
	shown, err := s.Show(ctx, site)
	require.NoError(t, err)
	require.Equal(t, ingestclient.Site{
		ID: shown.ID, Domain: site, TimeZone: "Europe/Berlin", FormerDomains: []string{}, Goals: map[string]string{},
		AllowedNetworks: []string{},
		Shields:         ingestclient.Shields{IPs: []string{}, Countries: []string{}, Pages: []string{}, Hostnames: []string{}},
	}, ingestclient.SiteOf(shown))

	until, err := calendar.ParseDay("2030-12-24")
	require.NoError(t, err)
	_, err = s.ChangeShields(ctx, site, ingest.Shields{
		IPs: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, Countries: []string{"DE", "ZZ"}, Pages: []string{"/admin/*"},
		Hostnames: []string{"*.example.com"},
	}, ingest.Shields{})
	require.NoError(t, err)
	_, err = s.ChangeShields(ctx, site, ingest.Shields{Pages: []string{"/x"}}, ingest.Shields{Countries: []string{"ZZ"}})
	require.NoError(t, err)
	set, err := s.Set(ctx, site, ingestclient.SiteChange{
		RateLimit: &ingest.RateLimit{Events: 600, Window: time.Minute}, AcceptUntil: &until, Props: []string{"plan"},
		FormerDomains: []string{"old.example.com"}, Goals: map[string]string{"Purchase": "EUR"},
		AllowNetworks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")},
	})
	require.NoError(t, err)
	limit := "600/60s"
	require.Equal(t, ingestclient.Site{
		ID: shown.ID, Domain: site, TimeZone: "Europe/Berlin", RateLimit: &limit, AcceptUntil: &until,
		FormerDomains: []string{"old.example.com"}, Goals: map[string]string{"Purchase": "EUR"}, Props: []string{"plan"},
		AllowedNetworks: []string{"192.0.2.0/24"},
		Shields: ingestclient.Shields{
			IPs: []string{"10.0.0.0/8"}, Countries: []string{"DE"}, Pages: []string{"/admin/*", "/x"}, Hostnames: []string{"*.example.com"},
		},
	}, ingestclient.SiteOf(set))
}

// Rules are read from texts; every fault is named with its place.
func TestParseShields(t *testing.T) {
	t.Parallel()
	rules, err := ingestclient.ParseShields(ingestclient.Shields{
		IPs: []string{"192.0.2.1", "10.0.0.0/8"}, Countries: []string{"de"}, Pages: []string{"/a"}, Hostnames: []string{"*.example.com"},
	})
	require.NoError(t, err)
	require.Equal(t, ingest.Shields{
		IPs:       []netip.Prefix{netip.MustParsePrefix("192.0.2.1/32"), netip.MustParsePrefix("10.0.0.0/8")},
		Countries: []string{"DE"}, Pages: []string{"/a"}, Hostnames: []string{"*.example.com"},
	}, rules)
	_, err = ingestclient.ParseShields(ingestclient.Shields{
		IPs: []string{"192.0.2.1", "here"}, Countries: []string{"Germany"}, Pages: []string{"a"}, Hostnames: []string{""},
	})
	require.ErrorIs(t, err, starter.ErrInvalid)
	lines := strings.Split(err.Error(), "\n")
	require.Len(t, lines, 4)
	require.Contains(t, lines[0], `entry 2: `)
	require.Contains(t, lines[1], `entry 1: `)
}

// What the warehouse knows of sites.
func TestWarehouse(t *testing.T) {
	t.Parallel()
	s := setupSites(t)
	none, err := s.Recent(enginetest.Context(t), access.Scope{}, "", "", 10, 7)
	require.NoError(t, err)
	require.Empty(t, none, "no warehouse is needed for no site")
	w, dsn := withWarehouse(t, s)
	for name, test := range map[string]func(t *testing.T, s *ingestclient.Sites, w *warehouse.Warehouse, dsn string){
		"traffic": testTraffic, "recent": testRecent, "history": testHistoryRows,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, s, w, dsn)
		})
	}
}

// Traffic is what was counted for the domains of a site, also former ones; that of all sites has its hours.
func testTraffic(t *testing.T, s *ingestclient.Sites, _ *warehouse.Warehouse, dsn string) {
	t.Helper()
	ctx := enginetest.Context(t)
	none, err := s.Show(ctx, "native.com")
	require.NoError(t, err)
	quiet, err := s.Traffic(ctx, none)
	require.NoError(t, err)
	require.Equal(t, ingestclient.Traffic{Dropped24h: map[string]uint64{}}, quiet)
	one, err := s.Set(ctx, site, ingestclient.SiteChange{FormerDomains: []string{"old.example.com"}})
	require.NoError(t, err)
	minute := time.Now().UTC().Truncate(time.Minute)
	counted := minute.Add(-2 * time.Minute)
	enginetest.ExecClickHouse(t, dsn, fmt.Sprintf(`INSERT INTO ingest_counters
		(event_timebucket, domain, site_id, metric, value) VALUES
		(%[1]d, '%[4]s', %[5]d, 'buffered', 6), (%[1]d, 'old.example.com', %[5]d, 'buffered', 4),
		(%[2]d, '%[4]s', %[5]d, 'buffered', 5), (%[2]d, '%[4]s', %[5]d, 'dropped_bot', 7),
		(%[3]d, '%[4]s', %[5]d, 'dropped_block', 9), (%[2]d, 'none.example', NULL, 'dropped_not_found', 100),
		(%[2]d, 'native.com', %[6]d, 'buffered', 20)`,
		counted.Unix(), counted.Add(-2*time.Hour).Unix(), counted.Add(-26*time.Hour).Unix(), site, one.ID, none.ID))
	got, err := s.Traffic(ctx, one)
	require.NoError(t, err)
	require.WithinDuration(t, counted, *got.LastEvent, 0)
	require.InDelta(t, 2.0, got.EventsPerMinute, 0.01)
	require.Equal(t, []any{uint64(15), map[string]uint64{"bot": 7}}, []any{got.Stored24h, got.Dropped24h})

	all, err := s.AllTraffic(ctx)
	require.NoError(t, err)
	require.InDelta(t, 2.0, all.EventsPerMinute, 0.01)
	require.Equal(t, []any{uint64(35), map[string]uint64{"bot": 7, "not_found": 100}}, []any{all.Stored24h, all.Dropped24h})
	byHour := map[time.Time][2]uint64{}
	for _, h := range all.Hours {
		if h.Stored+h.Dropped > 0 {
			byHour[h.From] = [2]uint64{h.Stored, h.Dropped}
		}
	}
	require.Equal(t, map[time.Time][2]uint64{
		counted.Truncate(time.Hour): {10, 0}, counted.Add(-2 * time.Hour).Truncate(time.Hour): {25, 107},
	}, byHour)
}

// The writers have progress once an event log is registered.
func TestWriters(t *testing.T) {
	t.Parallel()
	s := setupSites(t)
	ctx := enginetest.Context(t)
	w, err := s.Writers(ctx)
	require.NoError(t, err)
	require.Equal(t, ingestclient.Writers{Log: []ingestclient.LogPartition{}}, w)
	require.NoError(t, s.Store.RegisterLog(ctx, ingeststore.Log{ID: "log", Partitions: 4}))
	_, err = s.Store.AcquireLeases(ctx, "holder", time.Hour)
	require.NoError(t, err)
	first := ingeststore.Range{Partition: 1, First: 1, Last: 3, FencingToken: 1}
	require.NoError(t, s.Store.DecideRange(ctx, first))
	require.NoError(t, s.Store.MarkRange(ctx, first, ingeststore.Summary{Events: 3, Poisoned: 1}))
	require.NoError(t, s.Store.DecideRange(ctx, ingeststore.Range{Partition: 2, First: 1, Last: 3, FencingToken: 1}))
	w, err = s.Writers(ctx)
	require.NoError(t, err)
	require.Equal(t, []int64{4, 1, 1}, []int64{w.Partitions, w.Open, w.Rejected})
	require.WithinDuration(t, time.Now(), *w.WrittenAt, time.Minute)
	require.WithinDuration(t, time.Now(), *w.OpenSince, time.Minute)
}

// Sites are listed with the visitors of their last days, up to the present one of their time zones.
func testRecent(t *testing.T, s *ingestclient.Sites, w *warehouse.Warehouse, dsn string) {
	t.Helper()
	ctx := enginetest.Context(t)
	one, err := s.Show(ctx, site)
	require.NoError(t, err)
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	present := calendar.DayOf(time.Now().In(berlin))
	enginetest.ExecClickHouse(t, dsn, fmt.Sprintf(`INSERT INTO imported_visitors (site_id, import_id, date, visitors)
		SELECT %d, 5, toDate('%s') - number, 100 + number FROM numbers(40) WHERE number != 1`, one.ID, present-2))
	require.NoError(t, w.Show(ctx, uint64(one.ID), 5, 0))
	recent, err := s.Recent(ctx, access.AllSites(), "", "", 10, 7)
	require.NoError(t, err)
	require.Len(t, recent, 2)
	first, last := present-41, present-2
	require.Equal(t, ingestclient.RecentHistory{
		Site: site, TimeZone: "Europe/Berlin", FirstDay: &first, LastDay: &last, From: present - 6, To: present,
		Days: []ingestclient.RecentDay{
			{Day: present - 6, Visitors: 104},
			{Day: present - 5, Visitors: 103},
			{Day: present - 4, Visitors: 102},
			{Day: present - 2, Visitors: 100},
		},
	}, recent[0])
	require.Equal(t, "native.com", recent[1].Site)
	require.Equal(t, "2024-01-01", recent[1].NativeStart.String())
	require.Nil(t, recent[1].FirstDay)
	require.Empty(t, recent[1].Days)
	_, err = s.Imports.AddSite(ctx, importstore.NewSite{Domain: "mars.example", TimeZone: "Mars"})
	require.NoError(t, err)
	_, err = s.Recent(ctx, access.AllSites(), "", "", 10, 7)
	require.ErrorContains(t, err, `site mars.example: the time zone "Mars"`)
}
