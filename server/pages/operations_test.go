package pages_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/importview"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
	syncclient "github.com/sluicehq/sluice/starter/syncing"
)

// read reads what the API answers to GET.
func (b *bundle) read(t *testing.T, path string, into any) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.base+"/api/v1"+path, http.NoBody)
	require.NoError(t, err)
	answer, err := b.client.Do(r)
	require.NoError(t, err)
	defer func() { require.NoError(t, answer.Body.Close()) }()
	require.Equal(t, http.StatusOK, answer.StatusCode)
	require.NoError(t, json.NewDecoder(answer.Body).Decode(into))
}

// createSync adds a sync from the connection mc to the connection om, which cannot be reached.
func (b *bundle) createSync(t *testing.T) {
	t.Helper()
	p := b.send(t, http.MethodPost, "/api/v1/syncs", strings.NewReader(`{"name": "news", "list_id": "1a2d7ebf82",
		"from": {"kind": "mailchimp", "connection": "mc"}, "to": {"kind": "ometria", "connection": "om"}}`), "application/json")
	require.Equal(t, http.StatusCreated, p.status, p.html)
}

// Schedules are created with the arguments of an importer, and commanded.
func TestSchedules(t *testing.T) {
	t.Parallel()
	b := setup(t)
	form := url.Values{
		"site": {site}, "source": {"noop"}, "name": {"nightly"}, "cron": {"0 3 * * *"}, "time_zone": {"Europe/Berlin"},
		"note": {hostile}, "arg.rows": {"5"}, "type.rows": {"integer"}, "catchup": {"30"},
	}
	wrong := url.Values{}
	for name, values := range form {
		wrong[name] = values
	}
	wrong["arg.rows"], wrong["name"] = []string{"many"}, []string{hostile}
	p := b.post(t, "/new/schedule", wrong)
	require.Equal(t, http.StatusUnprocessableEntity, p.status)
	require.Contains(t, p.text, "rows : want a value of the type integer, in JSON")
	require.Contains(t, p.html, `value="0 3 * * *"`, "what was typed stays")

	p = b.post(t, "/new/schedule", form)
	require.Equal(t, "/schedules/nightly", p.path, p.text)
	require.Contains(t, p.text, hostile)
	var schedule importview.Schedule
	b.read(t, "/schedules/nightly", &schedule)
	require.Equal(t, []any{"0 3 * * *", "Europe/Berlin", 1800.0, site}, []any{
		schedule.Cron, schedule.TimeZone, schedule.CatchupSeconds, schedule.Site,
	})
	require.Contains(t, string(schedule.Args), `"rows":5`)
	require.Contains(t, b.get(t, "/schedules").text, "0 3 * * * Europe/Berlin")
	form.Set("name", "morning")
	form.Set("daily", "04:05")
	require.Contains(t, b.post(t, "/new/schedule", form).text, "a time of each day or a cron expression, not both")
	form.Del("cron")
	form.Set("daily", "4 a.m.")
	require.Contains(t, b.post(t, "/new/schedule", form).text, "want a time of the day such as 03:00")
	form.Set("daily", "04:05")
	require.Equal(t, "/schedules/morning", b.post(t, "/new/schedule", form).path)
	b.read(t, "/schedules/morning", &schedule)
	require.Equal(t, "5 4 * * *", schedule.Cron)

	require.Contains(t, b.post(t, "/schedules/nightly/pause", url.Values{"reason": {hostile}}).text, "None while it is paused.")
	b.read(t, "/schedules/nightly", &schedule)
	require.True(t, schedule.Paused)
	require.Contains(t, b.get(t, "/").text, "Schedules that need a look")
	b.post(t, "/schedules/nightly/resume", nil)
	b.read(t, "/schedules/nightly", &schedule)
	require.False(t, schedule.Paused)
	p = b.get(t, "/schedules/nightly?from=2021-01-01T00:00&to=2021-01-03T00:00")
	require.Contains(t, p.text, "It would run 2 times")
	p = b.get(t, "/schedules/nightly?from="+url.QueryEscape(hostile))
	require.Contains(t, p.text, "want a time such as 2026-01-31T03:00")

	p = b.post(t, "/schedules/nightly/delete", nil)
	require.Equal(t, "/schedules", p.path, p.text)
	require.Equal(t, http.StatusNotFound, b.get(t, "/schedules/nightly").status)
}

// Secrets of connections go in and never come out, and what uses a connection keeps it.
func TestConnectionsAndSyncs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	secret := strings.Repeat("s3cret", 5)
	for name, kind := range map[string]string{"mc": "mailchimp", "om": "ometria"} {
		form := url.Values{
			"kind": {kind}, "name": {name}, "arg.endpoint": {"http://127.0.0.1:1/"}, "type.endpoint": {"string"},
			"secret.api_key": {secret + "-us21"}, "arg.account": {hostile}, "type.account": {"string"},
		}
		p := b.post(t, "/new/connection", form)
		require.NotContains(t, p.html, secret)
		if p.status != http.StatusOK {
			form.Set("arg.account", "shop")
			p = b.post(t, "/new/connection", form)
		}
		require.Equal(t, "/connections/"+name, p.path, p.text)
	}
	p := b.post(t, "/new/connection", url.Values{"kind": {"mailchimp"}, "name": {"mc"}, "secret.api_key": {secret + "-us21"}})
	require.Equal(t, http.StatusConflict, p.status)
	require.NotContains(t, p.html, secret)

	p = b.post(t, "/connections/om/secrets", url.Values{"secret.api_key": {"another-secret-key"}})
	require.Equal(t, "/connections/om", p.path, p.text)
	var info connections.Info
	b.read(t, "/connections/om", &info)
	require.EqualValues(t, 2, info.Version)
	p = b.post(t, "/connections/om/pause", url.Values{"reason": {hostile}})
	require.Contains(t, p.text, hostile)
	require.Contains(t, b.get(t, "/connections").text, "paused")

	b.editConnection(t, secret)
	b.createSync(t)
	require.Contains(t, b.get(t, "/connections/om").text, "sync news")
	p = b.post(t, "/connections/om/delete", nil)
	require.Equal(t, http.StatusConflict, p.status)
	require.Contains(t, p.text, "named by sync news")

	page := b.get(t, "/syncs/news")
	form := url.Values{"etag": {page.field(t, "etag")}, "set.worker_count": {"3"}, "was.worker_count": {""}}
	require.Equal(t, "/syncs/news", b.post(t, "/syncs/news/settings", form).path)
	var sync syncclient.Sync
	b.read(t, "/syncs/news", &sync)
	require.EqualValues(t, 3, sync.Settings["worker_count"])
	form.Set("set.worker_count", "4")
	require.Equal(t, http.StatusPreconditionFailed, b.post(t, "/syncs/news/settings", form).status)
	require.Contains(t, b.post(t, "/syncs/news/pause", url.Values{"reason": {hostile}}).text, hostile)
	b.read(t, "/syncs/news", &sync)
	require.True(t, sync.Paused)
	require.Contains(t, b.get(t, "/").text, "1 paused")
	for _, path := range []string{"/syncs", "/syncs/news/runs", "/syncs/news/rejects", "/locks", "/notifications"} {
		require.Equal(t, http.StatusOK, b.get(t, path).status, path)
	}
}

// editConnection changes the settings of the connection om, whose secrets stay, and replaces a secret.
func (b *bundle) editConnection(t *testing.T, secret string) {
	t.Helper()
	const path = "/connections/om/edit"
	p := b.get(t, path)
	require.Equal(t, http.StatusOK, p.status, p.text)
	require.Contains(t, p.html, `value="http://127.0.0.1:1/"`, "the field has the setting")
	form := url.Values{
		"etag": {p.field(t, "etag")}, "kind": {"ometria"}, "arg.endpoint": {hostile}, "type.endpoint": {"string"},
		"secret.api_key": {secret + "-new"},
	}
	p = b.post(t, path, form)
	require.Equal(t, http.StatusUnprocessableEntity, p.status, p.text)
	require.NotContains(t, p.html, secret, "a secret is never shown")
	form.Set("arg.endpoint", "http://127.0.0.1:2/")
	form.Del("secret.api_key")
	require.Equal(t, "/connections/om", b.post(t, path, form).path)
	var info connections.Info
	b.read(t, "/connections/om", &info)
	require.Contains(t, string(info.Settings), "http://127.0.0.1:2/")
	require.Equal(t, []string{"api_key"}, info.Secrets, "it stays")
	p = b.post(t, path, form)
	require.Equal(t, http.StatusPreconditionFailed, p.status, "the connection has changed since")
	form.Set("etag", b.get(t, path).field(t, "etag"))
	form.Set("secret.api_key", secret+"-new")
	require.Equal(t, "/connections/om", b.post(t, path, form).path)
	before := info.Version
	b.read(t, "/connections/om", &info)
	require.Equal(t, before+1, info.Version)
	viewer := b.token(t, "viewer", map[string]any{"all_sites": true})
	form.Set("etag", `"*"`)
	require.Equal(t, http.StatusForbidden, b.post(t, path, form, viewer...).status)
	require.NotContains(t, b.send(t, http.MethodGet, "/connections/om", nil, "", viewer...).html, "Edit settings")
}

// Shields are added and removed one by one, and the page of the ingestion has the numbers of the API.
func TestShieldsAndIngestion(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := "/sites/" + site + "/shields"
	p := b.post(t, path+"/add", url.Values{"kind": {"pages"}, "rules": {"/admin/*\r\n" + "/" + hostile}})
	require.Contains(t, p.text, "/admin/*", p.text)
	if p.status != http.StatusOK {
		p = b.post(t, path+"/add", url.Values{"kind": {"pages"}, "rules": {"/admin/*\r\n/x"}})
	}
	require.Equal(t, http.StatusOK, p.status, p.text)
	p = b.post(t, path+"/add", url.Values{"kind": {"ips"}, "rules": {hostile}})
	require.Equal(t, http.StatusUnprocessableEntity, p.status)
	var shields ingestclient.Shields
	b.read(t, path, &shields)
	require.Len(t, shields.Pages, 2)
	require.Empty(t, shields.IPs)
	b.post(t, path+"/remove", url.Values{"kind": {"pages"}, "rules": {"/admin/*"}})
	b.read(t, path, &shields)
	require.Len(t, shields.Pages, 1)
	require.Equal(t, http.StatusUnprocessableEntity, b.post(t, path+"/add", url.Values{"kind": {"x"}, "rules": {"y"}}).status)

	var writers ingestclient.Writers
	b.read(t, "/ingestion", &writers)
	require.Len(t, writers.Log, 1)
	p = b.get(t, "/ingestion")
	require.Contains(t, p.text, fmt.Sprintf("Partition %d", writers.Log[0].Partition))
	require.Contains(t, p.text, "No event was dropped in the last 24 hours.")

	at := time.Now().UTC().Add(-10 * time.Minute).Truncate(time.Minute).Unix()
	enginetest.ExecClickHouse(t, b.Settings.Warehouse.DSN, fmt.Sprintf(`INSERT INTO ingest_counters
		(event_timebucket, domain, site_id, metric, value) VALUES
		(%d, 'a.example', 1, 'buffered', 1200), (%d, 'b.example', 2, 'buffered', 34), (%d, 'a.example', 1, 'dropped_bot', 1007),
		(%d, 'c.example', 0, 'dropped_not_found', 5), (%d, 'a.example', 1, 'buffered', 999)`, at, at, at, at, at-25*60*60))
	require.Contains(t, b.get(t, path).text, "0 events dropped in 24 hours")
	var traffic ingestclient.AllTraffic
	b.read(t, "/ingestion/traffic", &traffic)
	require.EqualValues(t, 1234, traffic.Stored24h, "the older one does not count")
	require.Equal(t, map[string]uint64{"bot": 1007, "not_found": 5}, traffic.Dropped24h)
	var stored, dropped uint64
	for _, hour := range traffic.Hours {
		stored, dropped = stored+hour.Stored, dropped+hour.Dropped
	}
	require.Equal(t, []uint64{1234, 1012}, []uint64{stored, dropped})
	require.LessOrEqual(t, len(traffic.Hours), 25)
	p = b.get(t, "/ingestion")
	require.Contains(t, p.text, "1,234 events stored in 24 hours")
	require.Contains(t, p.text, "bot 1,007 not found 5")
	require.Contains(t, b.get(t, "/").text, "1,012 dropped in 24 hours")
}
