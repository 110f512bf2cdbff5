package ingesting_test

import (
	"context"
	"fmt"
	"net/http"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/ingesttest"
	"github.com/sluicehq/sluice/ingest/refdata"
	"github.com/sluicehq/sluice/ingest/request"
	"github.com/sluicehq/sluice/internal/ingesting"
	"github.com/sluicehq/sluice/internal/polltest"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// clock is a clock that the test moves.
type clock struct{ at atomic.Int64 }

func newClock(at time.Time) *clock {
	c := &clock{}
	c.at.Store(at.UnixNano())
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()).UTC() }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

// start runs a loop until the end of the test, or until the returned function is called.
func start(ctx context.Context, t *testing.T, run func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(ctx)
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	stop = sync.OnceFunc(func() {
		cancel()
		assert.NoError(t, <-ended)
	})
	t.Cleanup(stop)
	return stop
}

func (b *bundle) sites(t *testing.T, now func() time.Time) *ingesting.Sites {
	t.Helper()
	sites, err := ingesting.NewSites(ingesting.SitesConfig{Store: b.Store, Logger: quiet, Now: now})
	require.NoError(t, err)
	_, err = sites.Site(b.ctx, "example.com")
	require.ErrorIs(t, err, ingesting.ErrStale, "not loaded")
	start(b.ctx, t, sites.Run)
	<-sites.Ready()
	return sites
}

func (b *bundle) addSite(t *testing.T, domain string) int64 {
	t.Helper()
	var id int64
	require.NoError(t, b.sql.QueryRow(b.ctx, "INSERT INTO sites (domain) VALUES ($1) RETURNING id", domain).Scan(&id))
	return id
}

func (b *bundle) exec(t *testing.T, statement string, args ...any) {
	t.Helper()
	_, err := b.sql.Exec(b.ctx, statement, args...)
	require.NoError(t, err)
}

func (b *bundle) change(t *testing.T, domain string, change func(s *ingeststore.Settings)) {
	t.Helper()
	_, err := b.ChangeSite(b.ctx, domain, func(site *ingeststore.Site) error {
		change(&site.Settings)
		return nil
	})
	require.NoError(t, err)
}

const soon = 20 * time.Second

// eventually waits until check passes.
func eventually(t *testing.T, within time.Duration, check func(c *polltest.Check)) {
	t.Helper()
	polltest.Until(t, check, within, 5*time.Millisecond)
}

// Every change of a site is in effect once its notification has arrived.
func TestSitesFollowChanges(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.addSite(t, "example.com")
	sites := b.sites(t, nil)
	site, err := sites.Site(b.ctx, "example.com")
	require.NoError(t, err)
	require.Equal(t, &ingest.Site{
		ID: uint64(id), Domain: "example.com", Location: time.UTC, AllowIPs: []netip.Prefix{},
		Shields: ingest.Shields{IPs: []netip.Prefix{}, Countries: []string{}, Pages: []string{}, Hostnames: []string{}},
	}, site)
	_, err = sites.Site(b.ctx, "new.example")
	require.ErrorIs(t, err, ingest.ErrNoSite)

	day, err := calendar.ParseDay("2026-12-24")
	require.NoError(t, err)
	b.addSite(t, "new.example")
	b.change(t, "new.example", func(s *ingeststore.Settings) {
		s.RateLimit = &ingeststore.RateLimit{Events: 600, Window: time.Minute}
		s.AcceptUntil = &day
		s.FormerDomains = []string{"old.example"}
		s.Goals = map[string]string{"Purchase": "EUR", "Signup": ""}
		s.Props = []string{"plan"}
		s.AllowedNetworks = []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
		s.ShieldIPs = []netip.Prefix{netip.MustParsePrefix("2001:db8::/32")}
		s.ShieldCountries, s.ShieldPages, s.ShieldHostnames = []string{"DE"}, []string{"/a/*"}, []string{"*.example"}
	})
	want := ingest.Site{
		Domain: "new.example", AcceptTrafficUntil: time.Date(2026, 12, 24, 0, 0, 0, 0, time.UTC),
		RateLimit:    &ingest.RateLimit{Events: 600, Window: time.Minute},
		RevenueGoals: map[string]string{"Purchase": "EUR"}, Props: []string{"plan"},
		AllowIPs: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")},
		Shields: ingest.Shields{
			IPs: []netip.Prefix{netip.MustParsePrefix("2001:db8::/32")}, Countries: []string{"DE"},
			Pages: []string{"/a/*"}, Hostnames: []string{"*.example"},
		},
	}
	for _, domain := range []string{"new.example", "old.example"} {
		eventually(t, soon, func(c *polltest.Check) {
			site, err := sites.Site(b.ctx, domain)
			require.NoError(c, err)
			got := *site
			got.ID, got.Location = 0, nil
			require.Equal(c, want, got)
		})
	}

	b.change(t, "new.example", func(s *ingeststore.Settings) { s.Blocked, s.FormerDomains = true, nil })
	eventually(t, soon, func(c *polltest.Check) {
		_, err := sites.Site(b.ctx, "old.example")
		require.ErrorIs(c, err, ingest.ErrNoSite)
		site, err := sites.Site(b.ctx, "new.example")
		require.NoError(c, err)
		require.Equal(c, &ingest.RateLimit{}, site.RateLimit)
	})
	// The first event ends the days that a sender may still fill.
	row, err := b.FindSite(b.ctx, "example.com")
	require.NoError(t, err)
	_, err = b.NoteFirstEvents(b.ctx, map[int64]calendar.Day{row.ID: day})
	require.NoError(t, err)
	eventually(t, soon, func(c *polltest.Check) {
		site, err := sites.Site(b.ctx, "example.com")
		require.NoError(c, err)
		require.NotNil(c, site.NativeStart)
		require.Equal(c, day, *site.NativeStart)
	})
	// A domain that is freed may go to another site, and a site that is deleted is gone.
	b.change(t, "example.com", func(s *ingeststore.Settings) { s.FormerDomains = []string{"old.example"} })
	b.exec(t, "UPDATE sites SET domain = 'renamed.example' WHERE domain = 'new.example'")
	eventually(t, soon, func(c *polltest.Check) {
		site, err := sites.Site(b.ctx, "old.example")
		require.NoError(c, err)
		require.Equal(c, "example.com", site.Domain)
		_, err = sites.Site(b.ctx, "new.example")
		require.ErrorIs(c, err, ingest.ErrNoSite)
		site, err = sites.Site(b.ctx, "renamed.example")
		require.NoError(c, err)
		require.Equal(c, "renamed.example", site.Domain)
	})
	b.exec(t, "DELETE FROM sites WHERE domain = 'renamed.example'")
	eventually(t, soon, func(c *polltest.Check) {
		_, err := sites.Site(b.ctx, "renamed.example")
		require.ErrorIs(c, err, ingest.ErrNoSite)
	})
	require.Equal(t, 1, sites.Len())
}

// One site is found by a query as by a server, also by a former domain.
func TestStoredSites(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.addSite(t, "example.com")
	b.exec(t, "UPDATE sites SET time_zone = 'Europe/Berlin', native_start = '2026-01-02'")
	b.change(t, "example.com", func(s *ingeststore.Settings) {
		s.FormerDomains, s.ShieldPages = []string{"old.example"}, []string{"/a/*"}
	})
	stored := ingesting.StoredSites{Store: b.Store}
	sites := b.sites(t, nil)
	for _, domain := range []string{"example.com", "old.example"} {
		want, err := sites.Site(b.ctx, domain)
		require.NoError(t, err)
		got, err := stored.Site(b.ctx, domain)
		require.NoError(t, err)
		require.Equal(t, "Europe/Berlin", got.Location.String())
		require.Equal(t, want, got)
	}
	_, err := stored.Site(b.ctx, "none.example")
	require.ErrorIs(t, err, ingest.ErrNoSite)
	b.exec(t, "UPDATE sites SET time_zone = 'Mars/Olympus'")
	_, err = stored.Site(b.ctx, "example.com")
	require.ErrorContains(t, err, "the settings of site example.com are invalid; servers take no events of it: load the time zone")
}

// A change without a notification is found by the version, and one that came while the connection was
// lost by loading all sites again.
func TestSitesMissNoChange(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.addSite(t, "a.example")
	b.addSite(t, "b.example")
	sites := b.sites(t, nil)
	blocked := func(c require.TestingT, domain string) bool {
		site, err := sites.Site(b.ctx, domain)
		require.NoError(c, err)
		return site.RateLimit != nil
	}
	// Nothing is notified, as behind some poolers. The next notification shows the gap.
	silently := func(domain string) {
		b.exec(t, "ALTER TABLE ingest_sites DISABLE TRIGGER ingest_sites_note_change")
		b.exec(t, "UPDATE ingest_sites SET blocked = true FROM sites WHERE site_id = id AND domain = $1", domain)
		b.exec(t, "UPDATE ingest_sites_version SET version = version + 1")
		b.exec(t, "ALTER TABLE ingest_sites ENABLE TRIGGER ingest_sites_note_change")
	}
	silently("a.example")
	require.False(t, blocked(t, "a.example"))
	b.change(t, "b.example", func(s *ingeststore.Settings) { s.Props = []string{"x"} })
	eventually(t, soon, func(c *polltest.Check) { require.True(c, blocked(c, "a.example")) })
	// Without another one, the version does within 15 s.
	silently("b.example")
	began := time.Now()
	eventually(t, 2*soon, func(c *polltest.Check) { require.True(c, blocked(c, "b.example")) })
	t.Logf("a lost notification was found after %s", time.Since(began))

	// The connection is lost, and while it is not there a site is unblocked.
	b.exec(t, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE datname = current_database() AND query LIKE 'LISTEN%' OR query LIKE 'SELECT clock_timestamp%'`)
	b.change(t, "a.example", func(s *ingeststore.Settings) { s.Blocked = false })
	eventually(t, soon, func(c *polltest.Check) { require.False(c, blocked(c, "a.example")) })
}

// While PostgreSQL is away, sites are known for an hour and keys for five minutes.
func TestSitesBecomeStale(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.addSite(t, "a.example")
	_, secret, err := b.CreateKey(b.ctx, "a.example", "")
	require.NoError(t, err)
	clock := newClock(time.Now())
	sites, err := ingesting.NewSites(ingesting.SitesConfig{Store: b.Store, Logger: quiet, Now: clock.now})
	require.NoError(t, err)
	require.Zero(t, sites.Age())
	stop := start(b.ctx, t, sites.Run)
	<-sites.Ready()
	senders := b.senders(t, sites)
	stop()
	require.Zero(t, sites.Age())
	at := func(age time.Duration) (siteErr, keyErr error) {
		clock.advance(age)
		_, siteErr = sites.Site(b.ctx, "a.example")
		_, keyErr = senders.Authorise(requestWith("Bearer " + secret.Reveal()))
		return siteErr, keyErr
	}
	siteErr, keyErr := at(4 * time.Minute)
	require.Equal(t, 4*time.Minute, sites.Age())
	require.NoError(t, siteErr)
	require.NoError(t, keyErr)
	siteErr, keyErr = at(2 * time.Minute)
	require.NoError(t, siteErr)
	require.ErrorIs(t, keyErr, ingesting.ErrStale)
	require.NotContains(t, keyErr.Error(), secret.Reveal())
	// A request without a key is not affected.
	sender, err := senders.Authorise(requestWith(""))
	require.NoError(t, err)
	require.Nil(t, sender)
	siteErr, keyErr = at(time.Hour)
	require.ErrorIs(t, siteErr, ingesting.ErrStale)
	require.ErrorIs(t, keyErr, ingesting.ErrStale)
}

func requestWith(authorization string) *http.Request {
	r := &http.Request{Header: http.Header{}}
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	return r
}

func (b *bundle) senders(t *testing.T, sites *ingesting.Sites) *ingesting.Senders {
	t.Helper()
	senders, err := ingesting.NewSenders(ingesting.SendersConfig{Store: b.Store, Sites: sites, Logger: quiet})
	require.NoError(t, err)
	return senders
}

// A key works until it is revoked, and its use is noted.
func TestSenders(t *testing.T) {
	t.Parallel()
	b := setup(t)
	id := b.addSite(t, "a.example")
	sites := b.sites(t, nil)
	senders := b.senders(t, sites)
	stop := start(b.ctx, t, senders.Run)
	key, secret, err := b.CreateKey(b.ctx, "a.example", "shop")
	require.NoError(t, err)
	authorised := func(c require.TestingT, header string) bool {
		sender, err := senders.Authorise(requestWith(header))
		require.NoError(c, err)
		if sender != nil {
			require.Equal(c, key.Prefix, sender.ID)
			require.EqualValues(c, id, sender.SiteID)
		}
		return sender != nil
	}
	eventually(t, soon, func(c *polltest.Check) { require.True(c, authorised(c, "Bearer "+secret.Reveal())) })
	require.True(t, authorised(t, "bearer  "+secret.Reveal()))
	for _, wrong := range []string{
		"", "Bearer", "Bearer ", secret.Reveal(), "Basic " + secret.Reveal(), "Bearer " + key.Prefix,
		"Bearer " + secret.Reveal() + "x", "Bearer " + secret.Reveal()[:58],
	} {
		require.False(t, authorised(t, wrong))
	}
	_, err = b.RevokeKey(b.ctx, "a.example", key.Prefix)
	require.NoError(t, err)
	began := time.Now()
	eventually(t, soon, func(c *polltest.Check) { require.False(c, authorised(c, "Bearer "+secret.Reveal())) })
	t.Logf("a revoked key was refused after %s", time.Since(began))
	stop()
	keys, err := b.Keys(b.ctx, "a.example")
	require.NoError(t, err)
	require.Len(t, keys, 1)
	require.WithinDuration(t, time.Now(), *keys[0].LastUsedAt, time.Minute)
}

// 10,000 sites with 30 shields of each kind fit into memory, and are found without a query. No other test runs
// beside it, because it measures the heap.
func TestManySites(t *testing.T) {
	b := setup(t)
	const n = 10_000
	// Without triggers, each of which would write the version.
	b.exec(t, "SET session_replication_role = replica")
	b.exec(t, "INSERT INTO sites (domain) SELECT 'site' || i || '.example' FROM generate_series(1, $1::integer) i", n)
	b.exec(t, `INSERT INTO ingest_sites (site_id, shield_ips, shield_countries, shield_pages, shield_hostnames) SELECT id,
		ARRAY(SELECT ('10.' || id % 256 || '.' || i || '.0/24')::cidr FROM generate_series(1, 30) i),
		ARRAY(SELECT 'A' || chr(64 + i % 26 + 1) FROM generate_series(1, 30) i),
		ARRAY(SELECT '/private/' || id || '/' || i || '/**' FROM generate_series(1, 30) i),
		ARRAY(SELECT '*.host' || i || '.example' FROM generate_series(1, 10) i) FROM sites`)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	began := time.Now()
	sites := b.sites(t, nil)
	loaded := time.Since(began)
	runtime.GC()
	runtime.ReadMemStats(&after)
	require.Equal(t, n, sites.Len())
	perSite := (float64(after.HeapAlloc) - float64(before.HeapAlloc)) / n
	began = time.Now()
	for i := range 200_000 {
		_, err := sites.Site(b.ctx, fmt.Sprintf("site%d.example", i+1))
		if i < n {
			require.NoError(t, err)
		} else {
			require.ErrorIs(t, err, ingest.ErrNoSite)
		}
	}
	t.Logf("%d sites were loaded in %s and take %.0f bytes each; 200,000 look-ups took %s",
		n, loaded, perSite, time.Since(began))
	require.Less(t, perSite, 16384.0)
	requireShielded(t, sites, n)
	runtime.KeepAlive(sites)
}

// requireShielded sends an event to each site whose page the last of its rules blocks.
func requireShielded(t *testing.T, sites ingest.Sites, n int) {
	t.Helper()
	pipeline, err := ingest.New(ingesttest.Config(sites, refdata.Builtin(), &ingesttest.Buffer{}))
	require.NoError(t, err)
	for i := range n {
		domain := fmt.Sprintf("site%d.example", i+1)
		site, err := sites.Site(t.Context(), domain)
		require.NoError(t, err)
		r, err := request.Parse(request.Input{
			UserAgent: browser, RemoteIP: netip.MustParseAddr("192.0.2.1"), Now: time.Now(),
			Body: fmt.Appendf(nil, `{"n":"pageview","u":"https://a.host10.example/private/%d/30/x","d":%q}`, site.ID, domain),
		})
		require.NoError(t, err)
		result, err := pipeline.BuildAndBuffer(t.Context(), r)
		require.NoError(t, err)
		require.Len(t, result.Dropped, 1)
		require.Equal(t, ingest.DropSitePageBlocklist, result.Dropped[0].DropReason)
	}
}
