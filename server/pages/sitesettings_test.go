package pages_test

import (
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/server/api"
	accessclient "github.com/sluicehq/sluice/starter/access"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
)

const firefox = "Mozilla/5.0 (X11; Linux x86_64; rv:133.0) Gecko/20100101 Firefox/133.0"

// An event is tried step by step, the deciding step is marked, and nothing is stored.
func TestTryAnEvent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.post(t, "/sites/"+site+"/shields/add", url.Values{"kind": {"pages"}, "rules": {"/secret/*"}})
	require.Contains(t, b.get(t, "/ingestion").html, `href="/ingestion/try"`)
	p := b.get(t, "/ingestion/try?site="+site)
	require.Contains(t, p.html, `value="`+site+`"`)
	form := url.Values{
		"site": {site}, "url": {"https://" + site + "/pricing"}, "name": {"pageview"}, "user_agent": {firefox},
		"ip": {"192.0.2.9"}, "props": {"plan=" + hostile}, "amount": {"10.50"}, "currency": {"eur"},
	}
	p = b.post(t, "/ingestion/try", form)
	require.Equal(t, http.StatusOK, p.status, p.text)
	require.Contains(t, p.text, "Stored for "+site)
	require.Contains(t, p.text, "pathname /pricing")
	require.Contains(t, p.text, "browser Firefox")
	require.Contains(t, p.text, "192.0.2.9")
	require.Contains(t, p.text, "validate_clickhouse_event")
	require.Regexp(t, `(?s)<li class="passed decides" aria-current="step">\s*<span class="step">Required columns`, p.html)
	require.Len(t, regexp.MustCompile(`<code class="quiet">(drop|gate|put|maybe|validate)_?\w*</code>`).
		FindAllString(p.html, -1), 20, "every step")

	form.Set("url", "https://"+site+"/secret/plan")
	p = b.post(t, "/ingestion/try", form)
	require.Contains(t, p.text, "Dropped as site page blocklist for "+site)
	require.Contains(t, p.text, "a rule of the site")
	require.Contains(t, p.html, `href="/sites/`+site+`/shields"`)
	require.Regexp(t, `(?s)<li class="dropped decides" aria-current="step">\s*<span class="step">Shield of pages`, p.html)
	require.NotContains(t, p.text, "What would be stored")

	form.Set("site", "none.example")
	require.Contains(t, b.post(t, "/ingestion/try", form).text, "Dropped as not found for none.example")
	form.Set("url", "data:text/html,"+hostile)
	p = b.post(t, "/ingestion/try", form)
	require.Contains(t, p.text, "The server would answer 400")
	require.Contains(t, p.text, "url: scheme is not allowed")
	form.Set("ip", "<here>")
	require.Contains(t, b.post(t, "/ingestion/try", form).text, "want an IP address")
	form.Set("props", "plan")
	require.Contains(t, b.post(t, "/ingestion/try", form).text, "want NAME=VALUE in each line")

	// Nothing was written.
	sql := enginetest.ConnectStore(t, b.Settings.Store.DSN)
	var rates int64
	require.NoError(t, sql.QueryRow(t.Context(), "SELECT count(*) FROM ingest_rates").Scan(&rates))
	require.Zero(t, rates)
}

// A site is added, its settings follow the form exactly, and its keys are shown once.
func TestSiteForms(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.post(t, "/new/site", url.Values{"domain": {hostile}, "timezone": {"Mars"}, "contacts": {"nobody"}})
	require.Equal(t, http.StatusUnprocessableEntity, p.status)
	require.Contains(t, p.html, `value="Mars"`, "what was typed stays")
	p = b.post(t, "/new/site", url.Values{
		"domain": {"new.example"}, "timezone": {"Europe/Berlin"}, "contacts": {"ann@example.com\r\nbob@example.com"},
	})
	require.Equal(t, "/sites/new.example", p.path, p.text)
	var list api.List[ingestclient.ListedSite]
	b.read(t, "/sites", &list.Body)
	require.Len(t, list.Body.Items, 2)
	require.Equal(t, []string{"ann@example.com", "bob@example.com"}, list.Body.Items[1].Contacts)

	const path = "/sites/new.example/settings"
	shown := func() (s ingestclient.Site) {
		b.read(t, "/sites/new.example", &s)
		return s
	}
	form := url.Values{
		"etag": {b.get(t, path).field(t, "etag")}, "rate_limit": {"600/60s"}, "accept_until": {"2030-12-24"},
		"former_domains": {"old.example\r\nolder.example"}, "goals": {"Purchase:EUR\r\nSignup"}, "props": {"plan"},
		"allowed_networks": {"192.0.2.0/24"}, "timezone": {"Europe/Paris"}, "blocked": {"1"},
	}
	p = b.post(t, path, form)
	require.Equal(t, path, p.path, p.text)
	require.Contains(t, p.text, "The site takes no events")
	s := shown()
	require.Equal(t, []any{true, "600/60s", "2030-12-24", "Europe/Paris"}, []any{
		s.Blocked, *s.RateLimit, s.AcceptUntil.String(), s.TimeZone,
	})
	require.Equal(t, []string{"old.example", "older.example"}, s.FormerDomains)
	require.Equal(t, map[string]string{"Purchase": "EUR", "Signup": ""}, s.Goals)
	require.Equal(t, []any{[]string{"plan"}, []string{"192.0.2.0/24"}}, []any{s.Props, s.AllowedNetworks})
	require.Equal(t, http.StatusPreconditionFailed, b.post(t, path, form).status, "it has changed meanwhile")

	// The form with its values changes nothing but what differs.
	form = url.Values{
		"etag": {b.get(t, path).field(t, "etag")}, "former_domains": {"older.example"}, "goals": {"Signup:USD"},
		"all_props": {"1"}, "timezone": {"Europe/Paris"},
	}
	p = b.post(t, path, form)
	require.Equal(t, path, p.path, p.text)
	s = shown()
	require.Equal(t, []any{false, (*string)(nil), []string{"older.example"}, map[string]string{"Signup": "USD"}}, []any{
		s.Blocked, s.RateLimit, s.FormerDomains, s.Goals,
	})
	require.Nil(t, s.Props)
	require.Nil(t, s.AcceptUntil)
	require.Empty(t, s.AllowedNetworks)
	form.Set("etag", b.get(t, path).field(t, "etag"))
	form.Set("goals", hostile+"\r\n"+hostile)
	p = b.post(t, path, form)
	require.Equal(t, http.StatusUnprocessableEntity, p.status)
	require.Contains(t, p.text, "each name once")
	form.Set("goals", "")
	form.Set("rate_limit", hostile)
	p = b.post(t, path, form)
	require.Equal(t, http.StatusUnprocessableEntity, p.status)
	require.Contains(t, p.html, `name="rate_limit" maxlength="40" value="&lt;script&gt;`, "what was typed stays")

	p = b.post(t, "/sites/new.example/keys", url.Values{"label": {hostile}})
	require.Equal(t, http.StatusOK, p.status, p.text)
	var keys api.List[accessclient.SiteKey]
	b.read(t, "/sites/new.example/keys", &keys.Body)
	require.Len(t, keys.Body.Items, 1)
	require.Contains(t, p.text, keys.Body.Items[0].Prefix)
	secret := regexp.MustCompile(`<pre id="secret"[^>]*>([^<]+)</pre>`).FindStringSubmatch(p.html)
	require.Len(t, secret, 2)
	p = b.get(t, path)
	require.NotContains(t, p.html, secret[1])
	require.Contains(t, p.text, hostile)
	revoke := regexp.MustCompile(`/sites/new.example/keys/[^"]+/revoke`).FindString(p.html)
	require.Contains(t, b.post(t, revoke, nil).text, "revoked")

	viewer := b.token(t, "viewer", map[string]any{"sites": []string{"new.example"}})
	p = b.send(t, http.MethodGet, path, nil, "", viewer...)
	require.Equal(t, http.StatusOK, p.status, p.text)
	require.NotContains(t, p.html, `method="post"`)
	require.Contains(t, p.text, "Signup USD")
	require.Equal(t, http.StatusForbidden, b.post(t, "/new/site", url.Values{"domain": {"x.example"}}, viewer...).status)
}

// The numbers of a site's live events are those of the API.
func TestSiteTrafficOnItsPage(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var shown ingestclient.Site
	b.read(t, "/sites/"+site, &shown)
	at := time.Now().UTC().Add(-10 * time.Minute).Truncate(time.Minute).Unix()
	enginetest.ExecClickHouse(t, b.Settings.Warehouse.DSN, fmt.Sprintf(`INSERT INTO ingest_counters
		(event_timebucket, domain, site_id, metric, value) VALUES (%d, '%s', %d, 'buffered', 1234),
		(%d, '%s', %d, 'dropped_bot', 1007), (%d, '%s', %d, 'dropped_throttle', 5)`,
		at, site, shown.ID, at, site, shown.ID, at, site, shown.ID))
	var traffic ingestclient.Traffic
	b.read(t, "/sites/"+site+"/traffic", &traffic)
	require.EqualValues(t, 1234, traffic.Stored24h)
	p := b.get(t, "/sites/"+site+"/settings")
	require.Contains(t, p.text, "1,234 events stored in 24 hours")
	require.Contains(t, p.text, "1,012 events dropped in 24 hours 1,007 as bot 5 as throttle")
}
