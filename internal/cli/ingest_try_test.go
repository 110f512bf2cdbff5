package cli

import (
	"net/netip"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/ingesttest"
	"github.com/sluicehq/sluice/internal/enginetest"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
	"github.com/sluicehq/sluice/store"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

const (
	firefox  = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"
	japanese = "2001:218::1"
)

// trying returns a shell with the site example.com and reference data, and its store.
func trying(t *testing.T) (shell, *ingeststore.Store) {
	t.Helper()
	s := ingestSite(t)
	s.environ = append(s.environ, "SLUICE_REFDATA_FOLDER="+ingesttest.Folder(t, filepath.Join("..", ".."), nil))
	opened, err := store.Open(enginetest.Context(t), store.Config{DSN: s.setting(t, "SLUICE_STORE_DSN")})
	require.NoError(t, err)
	t.Cleanup(opened.Close)
	return s, ingeststore.New(opened)
}

func TestIngestTry(t *testing.T) {
	t.Parallel()
	s, _ := trying(t)
	// try runs a trial and looks for lines, in which a blank stands for any number of them.
	try := func(args []string, lines ...string) {
		t.Helper()
		out := s.ok(t, append([]string{
			"ingest", "try", "--site", "example.com", "--url", "https://www.example.com/pricing?utm_source=newsletter",
		}, args...)...)
		for _, line := range lines {
			require.Regexp(t, "(?m)^"+strings.ReplaceAll(regexp.QuoteMeta(line), " ", " +")+"$", out)
		}
	}
	s.ok(t, "site", "set", "example.com", "--rate-limit", "1/24h", "--goal", "Purchase:EUR", "--props", "plan")
	s.ok(t, "site", "shield", "add", "example.com", "--country", "GB")
	try([]string{
		"--user-agent", firefox, "--ip", japanese, "--name", "Purchase", "--props", "plan=team", "--props", "other=x",
		"--revenue", "10.5:USD", "--referrer", "https://news.ycombinator.com/item",
	}, "Visitor's address: "+japanese, "put_geolocation changed country_code=JP", "put_props changed meta=plan=team",
		"gate_keeper passed site example.com (1), rate limit 1/86400s not counted",
		"put_revenue changed revenue_source_amount=10.5, revenue_source_currency=USD, "+
			"revenue_reporting_amount=5.25, revenue_reporting_currency=EUR",
		"put_user_id passed not shown", "Verdict: stored", "utm_source newsletter", "hostname example.com", "meta plan=team")
	try([]string{"--user-agent", firefox, "--ip", "2.125.160.217"},
		"drop_shield_rule_country dropped site_country_blocklist: a rule of the site: see `sluice site shield list example.com`",
		"Verdict: dropped as site_country_blocklist")
	s.environ = append(s.environ, "SLUICE_INGEST_BOTS=tag")
	try([]string{"--user-agent", "Googlebot/2.1"}, "Visitor's address: not known", "meta sluice_tag=bot", "Verdict: stored",
		"put_geolocation passed no location is known of the address")
	require.Contains(t, s.ok(t, "ingest", "try", "--site", "none.example", "--url", "https://none.example/"),
		"Verdict: dropped as not_found\n")
	s.ok(t, "site", "set", "example.com", "--former-domain", "old.example.com")
	require.Contains(t, s.ok(t, "ingest", "try", "--site", "old.example.com", "--url", "https://old.example.com/"),
		"site example.com (1), rate limit 1/86400s not counted")
}

// Whatever is tried, the store stays as it is: no rate counts and no secret is made.
func TestIngestTryWritesNothing(t *testing.T) {
	t.Parallel()
	s, _ := trying(t)
	s.ok(t, "site", "set", "example.com", "--rate-limit", "1/24h")
	sql := enginetest.ConnectStore(t, s.setting(t, "SLUICE_STORE_DSN"))
	state := func() (rows [4]int64) {
		const query = `SELECT (SELECT count(*) FROM ingest_secrets), (SELECT count(*) FROM ingest_rates),
			(SELECT count(*) FROM ingest_replies), (SELECT version FROM ingest_sites_version)`
		require.NoError(t, sql.QueryRow(t.Context(), query).Scan(&rows[0], &rows[1], &rows[2], &rows[3]))
		return rows
	}
	before := state()
	for range 3 {
		var view struct {
			Status  int    `json:"status"`
			Address string `json:"address"`
			Events  []struct {
				Domain  string           `json:"domain"`
				Site    string           `json:"site"`
				Verdict string           `json:"verdict"`
				Reason  string           `json:"reason"`
				Steps   []map[string]any `json:"steps"`
				Event   map[string]any   `json:"event"`
			} `json:"events"`
			Missing []string `json:"missing_data"`
		}
		s.json(t, &view, "ingest", "try", "--site", "example.com,none.example", "--url", "https://example.com/",
			"--user-agent", firefox, "--ip", japanese, "--props", "plan=team")
		require.Equal(t, 202, view.Status)
		require.Equal(t, japanese, view.Address)
		require.Empty(t, view.Missing)
		require.Len(t, view.Events, 2)
		require.Equal(t, []string{ingestclient.VerdictStored, ingestclient.VerdictDropped}, []string{view.Events[0].Verdict, view.Events[1].Verdict})
		require.Equal(t, "not_found", view.Events[1].Reason)
		require.Nil(t, view.Events[1].Event)
		event := view.Events[0].Event
		require.Equal(t, []any{"JP", "Firefox", map[string]any{"plan": "team"}, nil}, []any{
			event["country_code"], event["browser"], event["meta"], event["utm_source"],
		})
		require.NotContains(t, event, "user_id")
		require.Len(t, view.Events[0].Steps, 20)
	}
	require.Equal(t, before, state())
}

// The site refuses a time before its first native day, as the server does.
func TestIngestTryTimestamp(t *testing.T) {
	t.Parallel()
	s, opened := trying(t)
	today := calendar.DayOf(time.Now().UTC())
	_, err := opened.NoteFirstEvents(t.Context(), map[int64]calendar.Day{1: today - 2})
	require.NoError(t, err)
	args := []string{"ingest", "try", "--site", "example.com", "--url", "https://example.com/", "--timestamp"}
	require.Contains(t, s.ok(t, append(args, (today-1).String()+"T12:00:00Z")...), "Verdict: stored\n")
	late := slices.Concat(args, []string{(today - 4).String() + "T12:00:00Z"})
	r := s.run(t, late...)
	require.Equal(t, exitRefused, r.code)
	fault := "must not be before the site's first native day, " + (today - 2).String() + ": it is on " + (today - 4).String()
	require.Equal(t, "sluice: the server would answer 400\n--timestamp: "+fault+" (want a time such as 2006-01-02T15:04:05Z07:00)\n", r.err)
	r = s.run(t, append(late, "--output", "json")...)
	require.Equal(t, exitRefused, r.code)
	require.Contains(t, r.out, `"status": 400`)
	require.Contains(t, r.out, fault)
	require.Empty(t, r.err)
}

// Every fault of a command line is found before anything is reached.
func TestIngestTryFaults(t *testing.T) {
	t.Parallel()
	s := offline()
	s.fails(t, "--site is missing: want the domain of a site (see `sluice site list`), or --body\n"+
		"--url is missing: want the address of a page, such as https://example.com/pricing\n"+
		"--props \"plan\": want NAME=VALUE, such as plan=team\n"+
		"--ip \"here\": want an IP address, such as 203.0.113.9 or 2001:db8::1\n"+
		"--header \"none\": want NAME:VALUE, such as X-Forwarded-For:203.0.113.9\n"+
		"--user-agent and --header User-Agent exclude each other",
		"ingest", "try", "--props", "plan", "--ip", "here", "--header", "none", "--header", "user-agent: a", "--user-agent", "b")
	page := []string{"ingest", "try", "--site", "example.com", "--url", "https://example.com/"}
	with := func(args ...string) []string { return append(append([]string(nil), page...), args...) }
	s.fails(t, "--ip is missing: want the address of the connection, which decides whether headers are read",
		with("--header", "X-Forwarded-For: 203.0.113.9")...)
	s.fails(t, "--revenue \"10 EUR\": want AMOUNT:CURRENCY, such as 10.50:EUR, of at most 15 digits before the point",
		with("--revenue", "10 EUR")...)
	s.fails(t, "--body and --site exclude each other: the body has all fields", with("--body", "{}")...)
	s.fails(t, "the server would answer 400\n"+
		"--name: should be at most 120 character(s) (want the name of an event, such as pageview)\n"+
		"--timestamp: must be RFC 3339 or seconds since 1970, at most 7 days old and not in the future "+
		"(want a time such as 2006-01-02T15:04:05Z07:00)\n"+
		"--url: scheme is not allowed (want the address of a page, such as https://example.com/pricing)",
		"ingest", "try", "--site", "example.com", "--url", "data:x", "--name", strings.Repeat("a", 121), "--timestamp", "yesterday")
	s.fails(t, "the server would answer 400\n--body: field request: Unable to parse request body as json",
		"ingest", "try", "--body", "hello")
	s.stdin = `{"n":"a"}`
	r := s.run(t, "ingest", "try", "--body", "-", "--output", "json")
	require.Equal(t, exitUsage, r.code)
	require.JSONEq(t, `{"status":400,"errors":{"url":["is required"]},"address":"","events":[],"missing_data":[]}`, r.out)
}

// Without reference data the event is tried all the same, and what is missing is said with its cure.
func TestIngestTryWithoutData(t *testing.T) {
	t.Parallel()
	s, _ := trying(t)
	s.environ = append(s.environ, "SLUICE_REFDATA_FOLDER="+t.TempDir())
	r := s.run(t, "ingest", "try", "--site", "example.com", "--url", "https://example.com/", "--ip", "192.0.2.1")
	require.Zero(t, r.code, r.err)
	require.Contains(t, r.out, "no location is known of the address")
	require.Contains(t, r.err, "reference data: locations: missing: events have no country; run `make refdata`")
	require.Contains(t, r.err, "reference data: referrer spam: missing: little referrer spam is recognised; run `sluice refdata update`\n")
}

// settingsFor returns the settings of the store that make a site of a case.
func settingsFor(site *ingest.Site) ingeststore.Settings {
	c := ingeststore.Settings{
		Goals: site.RevenueGoals, ShieldIPs: site.Shields.IPs, ShieldCountries: site.Shields.Countries,
		ShieldPages: site.Shields.Pages, ShieldHostnames: site.Shields.Hostnames, AllowedNetworks: []netip.Prefix{},
	}
	if !site.AcceptTrafficUntil.IsZero() {
		day := calendar.DayOf(site.AcceptTrafficUntil)
		c.AcceptUntil = &day
	}
	if limit := site.RateLimit; limit != nil {
		c.Blocked = limit.Events == 0
		if !c.Blocked {
			c.RateLimit = &ingeststore.RateLimit{Events: int32(limit.Events), Window: ingest.DefaultWindow}
		}
	}
	return c
}
