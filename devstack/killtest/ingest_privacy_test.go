package killtest_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/devstack/stack"
	"github.com/sluicehq/sluice/ingest/eventapi"
	"github.com/sluicehq/sluice/starter"
	importstore "github.com/sluicehq/sluice/store/importing"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
)

// The addresses and user agents of the privacy test begin with these texts, which are nowhere else.
const (
	probeV4    = "203.0.113."
	probeV6    = "2001:db8:5ca1:ab1e:"
	probeAgent = "Privacyprobe"
	// shieldedV4 is an address in a network that the site blocks. The rule is the operator's and is stored.
	shieldedV4 = "198.51.100.77"
	// controlProp is a property that is stored.
	controlProp = "control-7f3a9c"
)

// probe is a request of the privacy test.
type probe struct {
	name   string
	header map[string]string
	body   string
	// status is the answer's, dropped its reason.
	status  int
	dropped string
	// batch sends it to /api/events.
	batch bool
}

// TestPrivacy sends events from addresses that are recognisable, in each header and in both forms, with user
// agents that are recognisable. Some are dropped, some rejected, some sent while processes are killed. Afterwards
// neither an address nor a user agent is in the files, tables, histories, metrics and logs of any process,
// with logs of the level debug.
func TestPrivacy(t *testing.T) {
	t.Parallel()
	i := newIngestion(t, map[string]string{
		"SLUICE_LOG_LEVEL": "debug", "SLUICE_EVENTLOG_PARTITIONS": "1", "SLUICE_INGEST_FLUSH_INTERVAL": "50ms",
	})
	ctx := bounded(t)
	const domain = "privacy-control.example"
	s := i.newSender(ctx, t, visitedSite{domain: domain, zone: "UTC"})
	key := s.sites[0].key
	i.shield(ctx, t, s, domain)
	for _, p := range probes(domain, key) {
		path := "/api/event"
		if p.batch {
			path = "/api/events"
		}
		got, err := s.post(ctx, path, p.body, p.header)
		require.NoError(t, err, p.name)
		assert.Equal(t, p.status, got.status, "%s: %s", p.name, got.body)
		_, reason, _ := strings.Cut(got.dropped, "=")
		assert.Equal(t, p.dropped, reason, p.name)
	}
	i.probeFaults(ctx, t, s, domain, key)
	i.awaitSnapshot(ctx, t, s, domain)
	i.importOne(ctx, t, domain)

	h := newHaystack(probeV4, probeV6, strings.TrimSuffix(strings.ReplaceAll(probeV6, ":db8:", ":0db8:"), ":"), probeAgent,
		shieldedV4, string(netip.MustParseAddr(probeV6 + ":1").AsSlice()[:8]))
	data, at := i.stack.DataDir(), i.stack.Addresses()
	h.clickHouse(ctx, t, i.system, controlProp)
	h.postgres(ctx, t, i, domain)
	h.histories(ctx, t, i.system, domain)
	h.page(ctx, t, "metrics of the server", "http://"+at.ServerHealth+"/metrics", "sluice_ingest_buffered_total")
	h.page(ctx, t, "metrics of the worker", "http://"+at.Worker+"/metrics", "sluice_ingest_rows_total")
	for dir, control := range map[string]string{
		"eventlog": controlProp, "postgres": domain, "clickhouse": "acquisition_channel", "temporal": domain,
		"logs": "events were not buffered",
	} {
		h.folder(t, dir, data+"/"+dir, control)
	}
	h.requireNone(t, "ClickHouse", "PostgreSQL", "snapshots", "histories", "metrics of the server", "metrics of the worker",
		"eventlog", "postgres", "clickhouse", "temporal", "logs")
	t.Logf("searched %d MiB", h.bytes>>20)
}

// shield adds shields to the site of the probes, and waits until the server knows them.
func (i *ingestion) shield(ctx context.Context, t *testing.T, s *eventSender, domain string) {
	t.Helper()
	_, err := i.kept.ChangeSite(ctx, domain, func(site *ingeststore.Site) error {
		site.Settings.ShieldIPs = []netip.Prefix{netip.MustParsePrefix("198.51.100.0/24")}
		site.Settings.ShieldPages = []string{"/private/**"}
		return nil
	})
	require.NoError(t, err)
	poll(ctx, t, "the server to know the shields of "+domain, func(ctx context.Context) bool {
		got, err := s.post(ctx, "/api/event", probeBody(domain, "/private/page"), visitorOf(0).header())
		return err == nil && strings.HasSuffix(got.dropped, "=site_page_blocklist")
	})
}

func probeBody(domain, path string) string {
	return fmt.Sprintf(`{"n":"pageview","u":"https://%s%s","d":%q,"p":{"kind":%q}}`, domain, path, domain, controlProp)
}

// probes returns requests with addresses and user agents in each place from which the server reads them.
func probes(domain, key string) (all []probe) {
	n := 0
	agent := func() string {
		n++
		return fmt.Sprintf("Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0 %s/%d", probeAgent, n)
	}
	add := func(p probe, header ...string) {
		p.header = map[string]string{"User-Agent": agent()}
		for at := 0; at < len(header); at += 2 {
			p.header[header[at]] = header[at+1]
		}
		if p.status == 0 {
			p.status = http.StatusAccepted
		}
		if p.body == "" {
			p.body = probeBody(domain, "/page")
		}
		all = append(all, p)
	}
	for at, ip := range []string{probeV4 + "10", probeV6 + ":10", "::ffff:" + probeV4 + "11"} {
		name := fmt.Sprint("address ", at)
		for _, header := range []string{"X-Plausible-IP", "CF-Connecting-IP", "B-Forwarded-For", "X-Forwarded-For"} {
			add(probe{name: name + " in " + header}, header, ip)
		}
		add(probe{name: name + " in Forwarded"}, "Forwarded", `for="[`+ip+`]:4711";proto=https`)
		add(probe{name: name + " in a list"}, "X-Forwarded-For", ip+", "+probeV4+"12, 127.0.0.1")
	}
	from := []string{"X-Forwarded-For", probeV4 + "20"}
	add(probe{name: "a bot", dropped: "bot"}, append(from, "User-Agent", "Googlebot/2.1 (+http://www.google.com/bot.html) "+probeAgent)...)
	add(probe{name: "an unknown site", dropped: "not_found", body: probeBody("unknown.example", "/")}, from...)
	add(probe{name: "a shielded page", dropped: "site_page_blocklist", body: probeBody(domain, "/private/a")}, from...)
	add(probe{name: "a shielded address", dropped: "site_ip_blocklist"}, "X-Forwarded-For", shieldedV4)
	add(probe{name: "a threat", dropped: "threat_ip"}, append(from, "X-Plausible-IP-Type", "threat_ip")...)
	bad := func(name, body string, header ...string) {
		add(probe{name: name, body: body, status: http.StatusBadRequest}, append(from, header...)...)
	}
	bad("no JSON", "{"+probeV4+"21")
	bad("no name", fmt.Sprintf(`{"u":"https://%s/","d":%q}`, domain, domain))
	bad("a field of authorised senders", fmt.Sprintf(`{"n":"a","u":"https://%s/","ip":"%s22","user_agent":%q}`, domain, probeV4, agent()))
	add(probe{name: "a long body", body: strings.Repeat(" ", 1_000_001), status: http.StatusRequestEntityTooLarge}, from...)
	add(probe{name: "the address itself", status: http.StatusOK}, append(from, "X-Debug-Request", "true")...)
	add(probe{name: "no key", batch: true, status: http.StatusUnauthorized}, append(from, "Authorization", "Bearer sluice_none")...)
	for name, ip := range map[string]string{"v4": probeV4 + "30", "v6": probeV6 + ":30", "none": probeV4 + "999"} {
		body := fmt.Sprintf(`{"n":"pageview","u":"https://%s/page","d":%q,"p":{"kind":%q},"ip":%q,"user_agent":%q}`+"\n", domain, domain,
			controlProp, ip, agent())
		add(probe{name: "a batch, " + name, batch: true, status: http.StatusOK, body: body}, append(from,
			"Authorization", "Bearer "+key, eventapi.HeaderIdempotencyKey, name)...)
	}
	return all
}

// impatience is how long a sender waits that gives up before it has an answer.
const impatience = 100 * time.Millisecond

// probeFaults sends probes while the event log, PostgreSQL and ClickHouse are away, so that processes log errors
// about events, and waits until they are ready again.
func (i *ingestion) probeFaults(ctx context.Context, t *testing.T, s *eventSender, domain, key string) {
	t.Helper()
	header := map[string]string{
		"User-Agent": probeAgent + "/faults", "X-Forwarded-For": probeV4 + "40", "Authorization": "Bearer " + key,
	}
	for _, victim := range []stack.Component{stack.ComponentEventLog, stack.ComponentPostgres, stack.ComponentClickHouse} {
		require.NoError(t, i.stack.Kill(victim))
		failed := false
		for n := range 10 {
			header[eventapi.HeaderIdempotencyKey] = fmt.Sprint(victim, n)
			sending, cancel := context.WithTimeout(ctx, impatience)
			got, err := s.post(sending, "/api/event", probeBody(domain, "/page"), header)
			cancel()
			require.NotErrorIs(t, err, errNotSent, "the server is away")
			failed = failed || err != nil || got.status == http.StatusServiceUnavailable
		}
		// Without ClickHouse the log takes events.
		assert.True(t, failed || victim == stack.ComponentClickHouse, "an event fails while %s is away", victim)
		require.NoError(t, i.stack.WaitReady(ctx, victim))
	}
}

// awaitSnapshot sends events until the writer has saved its open sessions, and waits until all are written.
func (i *ingestion) awaitSnapshot(ctx context.Context, t *testing.T, s *eventSender, domain string) {
	t.Helper()
	header := map[string]string{"User-Agent": probeAgent + "/snapshot Firefox/133.0", "X-Forwarded-For": probeV6 + ":50"}
	poll(ctx, t, "a snapshot", func(ctx context.Context) bool {
		got, err := s.post(ctx, "/api/event", probeBody(domain, "/page"), header)
		var saved int
		dbErr := i.db.QueryRow(ctx, "SELECT count(*) FROM ingest_checkpoints WHERE snapshot IS NOT NULL").Scan(&saved)
		return err == nil && got.status == http.StatusAccepted && dbErr == nil && saved > 0
	})
	i.awaitWritten(ctx, t, i.kept)
}

// importOne runs an import of the site, so that there is a history.
func (i *ingestion) importOne(ctx context.Context, t *testing.T, domain string) {
	t.Helper()
	imp, err := i.starter.StartImport(ctx, starter.Request{Site: domain, Source: "noop", Args: json.RawMessage(`{"rows": 10}`)})
	require.NoError(t, err)
	poll(ctx, t, "the import", func(ctx context.Context) bool {
		now, err := i.store.Imports.Import(ctx, imp.ID)
		return err == nil && importstore.Ended(now.Status)
	})
}
