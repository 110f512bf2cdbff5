package cli

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/internal/enginetest"
	accessclient "github.com/sluicehq/sluice/starter/access"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
	"github.com/sluicehq/sluice/store"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// ingestSite returns a shell with a store and the site example.com.
func ingestSite(t *testing.T) shell {
	t.Helper()
	s := storeShell(t)
	s.ok(t, "site", "add", "example.com", "--timezone", "Europe/Berlin")
	return s
}

// setting returns a variable of the shell's environment.
func (s shell) setting(t *testing.T, name string) string {
	t.Helper()
	value, ok := s.variable(name)
	require.True(t, ok)
	return value
}

func TestSiteSet(t *testing.T) {
	t.Parallel()
	s := ingestSite(t)
	golden(t, "site-set", s.ok(t, "site", "set", "example.com", "--rate-limit", "600/1m", "--block",
		"--accept-until", "2026-12-24", "--former-domain", "Old.example.com", "--goal", "Purchase:EUR", "--goal", "Signup",
		"--props", "plan, author", "--allow-network", "192.0.2.0/24", "--timezone", "Europe/Paris"))
	golden(t, "site-set-again", s.ok(t, "site", "set", "example.com", "--no-rate-limit", "--unblock",
		"--accept-until", "none", "--remove-former-domain", "old.example.com", "--remove-goal", "Signup",
		"--props", "all", "--remove-allow-network", "192.0.2.0/24"))
	var view shownSiteJSON
	s.json(t, &view, "site", "set", "example.com", "--goal", "Purchase:USD")
	require.Equal(t, map[string]string{"Purchase": "USD"}, view.Goals)
	require.Nil(t, view.RateLimit)
	require.Equal(t, "Europe/Paris", view.TimeZone)
	require.Equal(t, []string{}, view.FormerDomains)

	s.ok(t, "site", "add", "shop.example.com")
	s.fails(t, "change site example.com: domain shop.example.com belongs to a site: taken already",
		"site", "set", "example.com", "--former-domain", "shop.example.com")
	s.ok(t, "site", "set", "shop.example.com", "--former-domain", "old.example.com")
	s.fails(t, "site old.example.com: taken already: see `sluice site list`", "site", "add", "old.example.com")
	s.fails(t, "change site example.com: goal \"x\" does not exist: not possible in this state",
		"site", "set", "example.com", "--remove-goal", "x")
	s.fails(t, "change site none.example: site none.example: not found: see `sluice site list`", "site", "set", "none.example", "--block")
}

// Every fault of a command line is found before anything is reached.
func TestSiteSetFaults(t *testing.T) {
	t.Parallel()
	s := offline()
	s.fails(t, "nothing to change: see `sluice site set --help`", "site", "set", "example.com")
	s.fails(t, "--block and --unblock exclude each other\n"+
		"--rate-limit: parse rate limit \"0/60s\": the number of events is not from 1 to 1000000000 "+
		"(want EVENTS/DURATION, such as 600/60s)\n"+
		"--goal: goal \"\": want the name of an event, or NAME:CURRENCY\n"+
		"--allow-network: network \"10.0.0.1/8\": it has bits beyond the network; 10.0.0.0/8 has none "+
		"(want an address or a network, such as 192.0.2.1 or 10.0.0.0/8)",
		"site", "set", "example.com", "--block", "--unblock", "--rate-limit", "0/60s", "--goal", "", "--allow-network", "10.0.0.1/8")
	s.fails(t, "rules are missing: want --ip, --country, --page or --hostname", "site", "shield", "add", "example.com")
	s.fails(t, "--country: country \"Germany\": want an ISO 3166-1 code such as DE, or ZZ for events without a country\n"+
		"--page: page \"admin\": want a path of at most 250 bytes that begins with /",
		"site", "shield", "add", "example.com", "--country", "Germany", "--page", "admin")
	s.fails(t, "not the prefix of a token: want sluice_ and 8 letters and digits", "site", "key", "revoke", "example.com", "x")
}

func TestSiteShields(t *testing.T) {
	t.Parallel()
	s := ingestSite(t)
	require.Equal(t, "No shields found. Add one with `sluice site shield add DOMAIN --ip NETWORK`.\n",
		s.ok(t, "site", "shield", "list", "example.com"))
	s.ok(t, "site", "shield", "add", "example.com", "--ip", "10.0.0.0/8", "--ip", "2001:db8::1", "--country", "de",
		"--page", "/admin/**", "--hostname", "www.Example.com")
	// What is there already stays once.
	golden(t, "site-shield", s.ok(t, "site", "shield", "add", "example.com", "--ip", "10.0.0.0/8", "--country", "ZZ"))
	require.Equal(t, s.ok(t, "site", "shield", "list", "example.com"),
		s.ok(t, "site", "shield", "add", "example.com", "--country", "zz"))
	var rules ingestclient.Shields
	s.json(t, &rules, "site", "shield", "remove", "example.com", "--country", "DE", "--ip", "2001:db8::1/128")
	require.Equal(t, ingestclient.Shields{
		IPs: []string{"10.0.0.0/8"}, Countries: []string{"ZZ"}, Pages: []string{"/admin/**"}, Hostnames: []string{"example.com"},
	}, rules)
	s.fails(t, "change site example.com: country rule DE does not exist: not possible in this state",
		"site", "shield", "remove", "example.com", "--country", "DE")
	args := []string{"site", "shield", "add", "example.com"}
	for _, name := range []string{"a", "b", "c", "d", "e", "f", "g", "h", "i", "j"} {
		args = append(args, "--hostname", name)
	}
	s.fails(t, "change site example.com: limit reached: shields have 11 hostname rules, want at most 10", args...)
}

func TestSiteKeys(t *testing.T) {
	t.Parallel()
	s := ingestSite(t)
	require.Equal(t, "No keys found. Create one with `sluice site key create example.com`.\n",
		s.ok(t, "site", "key", "list", "example.com"))
	created := s.run(t, "site", "key", "create", "example.com", "--label", "shop")
	require.Zero(t, created.code, created.err)
	secret := strings.TrimSuffix(created.out, "\n")
	prefix := secret[:15]
	require.Regexp(t, `^sluice_[a-z2-7]{8}_[A-Za-z0-9_-]{43}$`, secret)
	require.Equal(t, "created key "+prefix+" of site example.com; it is shown this once\n", created.err)
	var view struct {
		accessclient.SiteKey
		Key string `json:"key"`
	}
	s.json(t, &view, "site", "key", "create", "example.com")
	require.True(t, strings.HasPrefix(view.Key, view.Prefix+"_"))

	require.Equal(t, "revoked key "+prefix+" of site example.com\n", s.ok(t, "site", "key", "revoke", "example.com", prefix))
	list := s.ok(t, "site", "key", "list", "example.com")
	require.NotContains(t, list, secret)
	golden(t, "site-key-list", regexp.MustCompile(`sluice_[a-z2-7]{8}`).ReplaceAllString(list, "sluice_aaaaaaaa"))
	var keys []accessclient.SiteKey
	s.json(t, &keys, "site", "key", "list", "example.com")
	require.Len(t, keys, 2)
	require.NotNil(t, keys[0].RevokedAt)
	s.fails(t, "key sluice_aaaaaaaa of site example.com: not found", "site", "key", "revoke", "example.com", "sluice_aaaaaaaa")
	s.fails(t, "create a key of site none.example: site none.example: not found: see `sluice site list`",
		"site", "key", "create", "none.example")
	// A whole key is refused, and not repeated.
	r := s.run(t, "site", "key", "revoke", "example.com", secret)
	require.Equal(t, exitUsage, r.code)
	require.NotContains(t, r.err, secret[16:])
}

// Show has the settings, the counters of the last day, and the progress of the writers.
func TestSiteShow(t *testing.T) {
	t.Parallel()
	s := ingestSite(t).withWarehouse(t)
	s.fails(t, "site none.example: not found: see `sluice site list`", "site", "show", "none.example")
	golden(t, "site-show-empty", s.ok(t, "site", "show", "example.com"))

	ctx := enginetest.Context(t)
	opened, err := store.Open(ctx, store.Config{DSN: s.setting(t, "SLUICE_STORE_DSN")})
	require.NoError(t, err)
	t.Cleanup(opened.Close)
	ingestion := ingeststore.New(opened)
	require.NoError(t, ingestion.RegisterLog(ctx, ingeststore.Log{ID: "log", Partitions: 16}))
	require.Contains(t, s.ok(t, "site", "show", "example.com"), "16 partitions, nothing written yet")
	_, err = ingestion.AcquireLeases(ctx, "holder", time.Hour)
	require.NoError(t, err)
	first := ingeststore.Range{Partition: 1, First: 1, Last: 3, FencingToken: 1}
	require.NoError(t, ingestion.DecideRange(ctx, first))
	require.NoError(t, ingestion.MarkRange(ctx, first, ingeststore.Summary{Events: 3, Poisoned: 1}))
	require.NoError(t, ingestion.DecideRange(ctx, ingeststore.Range{Partition: 2, First: 1, Last: 3, FencingToken: 1}))
	s.ok(t, "site", "set", "example.com", "--former-domain", "old.example.com")
	s.ok(t, "site", "key", "create", "example.com")
	countEvents(t, s)

	text := s.ok(t, "site", "show", "example.com")
	text = regexp.MustCompile(`Last event(\s+)\S+ \S+`).ReplaceAllString(text, "Last event${1}YYYY-MM-DD HH:MM")
	golden(t, "site-show", regexp.MustCompile(`(progress|for) [^ ,]+`).ReplaceAllString(text, "${1} #s"))
	var view shownSiteJSON
	s.json(t, &view, "site", "show", "example.com")
	require.Len(t, view.Keys, 1)
	require.Equal(t, map[string]uint64{"bot": 4, "throttle": 2}, view.Traffic.Dropped24h)
	require.EqualValues(t, 15, view.Traffic.Stored24h)
	require.InDelta(t, 2.0, view.Traffic.EventsPerMinute, 0.01)
	require.EqualValues(t, 16, view.Writers.Partitions)
	require.EqualValues(t, 1, view.Writers.Open)
	require.EqualValues(t, 1, view.Writers.Rejected)
	require.NotNil(t, view.Writers.WrittenAt)

	// It has live events now: its days stay in its time zone.
	_, err = ingestion.NoteFirstEvents(ctx, map[int64]calendar.Day{1: calendar.DayOf(time.Now().UTC())})
	require.NoError(t, err)
	s.fails(t, "the time zone of site example.com stays Europe/Berlin, because its native data have days in it: "+
		"not possible in this state", "site", "set", "example.com", "--timezone", "UTC")
	s.ok(t, "site", "set", "example.com", "--timezone", "Europe/Berlin")
}

// countEvents adds counters of the site 1: 10 events in the last five whole minutes, 5 an hour ago, drops, and
// what does not count.
func countEvents(t *testing.T, s shell) {
	t.Helper()
	enginetest.ExecClickHouse(t, s.setting(t, "SLUICE_WAREHOUSE_DSN"), `INSERT INTO ingest_counters
		(event_timebucket, domain, site_id, metric, value) VALUES
		(toStartOfMinute(now()) - 120, 'example.com', 1, 'buffered', 6),
		(toStartOfMinute(now()) - 180, 'old.example.com', 1, 'buffered', 4),
		(toStartOfMinute(now()) - 3600, 'example.com', 1, 'buffered', 5),
		(toStartOfMinute(now()) - 3600, 'example.com', 1, 'dropped_bot', 4),
		(toStartOfMinute(now()) - 7200, 'example.com', 1, 'dropped_throttle', 2),
		(toStartOfMinute(now()) - 90000, 'example.com', 1, 'dropped_block', 7),
		(toStartOfMinute(now()) - 120, 'example.com', 2, 'buffered', 100),
		(toStartOfMinute(now()) - 120, 'other.example', NULL, 'dropped_not_found', 100)`)
}
