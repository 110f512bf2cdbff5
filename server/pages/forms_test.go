package pages_test

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/importview"
	syncclient "github.com/sluicehq/sluice/starter/syncing"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// with returns a form with other values, given as name, value.
func with(form url.Values, pairs ...string) url.Values {
	changed := maps.Clone(form)
	for pair := range slices.Chunk(pairs, 2) {
		changed[pair[0]] = []string{pair[1]}
	}
	return changed
}

// A schedule is edited as it was seen, and what its form does not have stays.
func TestScheduleIsEdited(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.send(t, http.MethodPost, "/api/v1/sites/"+site+"/schedules", strings.NewReader(`{"name": "nightly", "source": "noop",
		"args": {"rows": 5}, "cron": "0 3 * * *", "time_zone": "Europe/Berlin", "notify": ["ann@example.com"], "review": true,
		"rows_per_second": 7, "parallelism": 3, "label": "Nightly", "jitter_seconds": 90}`), "application/json")
	require.Equal(t, http.StatusCreated, p.status, p.html)
	const path = "/schedules/nightly/edit"
	p = b.get(t, path)
	for _, value := range []string{`value="0 3 * * *"`, `value="Europe/Berlin"`, `value="1m30s"`, `value="ann@example.com"`, `value="7"`} {
		require.Contains(t, p.html, value)
	}
	form := url.Values{
		"etag": {p.field(t, "etag")}, "every": {"150s"}, "time_zone": {"UTC"}, "overlap": {"allow"}, "jitter": {"1m30s"},
		"args": {`{"rows": 6}`}, "label": {hostile}, "review": {"no"}, "notify": {"bob@example.com, cy@example.com"},
		"rows_per_second": {"8"}, "catchup": {"30"}, "pause_after_failures": {"0"}, "note": {hostile},
	}
	require.Contains(t, b.post(t, path, with(form, "args", `{"rows" 6}`)).text, "line 1, column 9")
	require.Contains(t, b.post(t, path, with(form, "every", "soon")).text, "want a whole number of minutes")
	refused := b.post(t, path, with(form, "time_zone", hostile, "cron", "0 4 * * *", "every", ""))
	require.Equal(t, http.StatusUnprocessableEntity, refused.status)
	require.Contains(t, refused.html, `value="0 4 * * *"`, "what was typed stays")

	p = b.post(t, path, form)
	require.Equal(t, "/schedules/nightly", p.path, p.text)
	require.Contains(t, p.text, hostile)
	var s importview.Schedule
	b.read(t, "/schedules/nightly", &s)
	require.Equal(t, []any{"", 150.0, "allow", 90.0, 1800.0, 0, hostile, hostile, int64(8), false}, []any{
		s.Cron, s.EverySeconds, s.Overlap, s.JitterSeconds, s.CatchupSeconds, s.PauseAfterFailures, s.Note, s.Label,
		s.RowsPerSecond, *s.Review,
	})
	require.Equal(t, []string{"bob@example.com", "cy@example.com"}, s.Notify)
	require.Equal(t, 3, *s.Settings.Parallelism, "it is not in the form")
	require.Contains(t, string(s.Args), `"rows":6`)
	require.Equal(t, http.StatusPreconditionFailed, b.post(t, path, form).status, "it has changed meanwhile")
}

// A sync is created with a form between connections that a sync can read and write.
func TestSyncIsCreated(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.Contains(t, b.get(t, "/new/sync").text, "A sync needs a connection to read from")
	for name, kind := range map[string]string{"mc": "mailchimp", "om": "ometria"} {
		b.post(t, "/new/connection", url.Values{
			"kind": {kind}, "name": {name}, "arg.endpoint": {"http://127.0.0.1:1/"}, "type.endpoint": {"string"},
			"secret.api_key": {"a-secret-key-us21"},
		})
	}
	b.addWebhook(t, "ops")
	p := b.get(t, "/new/sync")
	require.Contains(t, p.html, "<option>mailchimp:mc</option>")
	require.Equal(t, 1, strings.Count(p.html, "<option>webhook:ops</option>"), "it can be written, and not read")
	form := url.Values{
		"name": {"news"}, "from": {"mailchimp:mc"}, "to": {"ometria:om"}, "list_id": {"1a2d7ebf82"}, "every": {"30m"},
		"set.deletions": {"ignore"}, "set.force_optin": {"true"}, "set.alarm_after": {"7"},
	}
	for field, wrong := range map[string]string{
		"name": hostile, "every": "0.5s", "list_id": "", "set.max_missing": hostile, "from": hostile,
	} {
		refused := b.post(t, "/new/sync", with(form, field, wrong))
		require.Equal(t, http.StatusUnprocessableEntity, refused.status, "%s: %s", field, refused.text)
		require.Contains(t, refused.html, `value="7"`, "what was typed stays")
	}
	p = b.post(t, "/new/sync", form)
	require.Equal(t, "/syncs/news", p.path, p.text)
	var s syncclient.Sync
	b.read(t, "/syncs/news", &s)
	require.Equal(t, []any{"mailchimp:mc", "ometria:om", "1a2d7ebf82", int64(1800)}, []any{s.From, s.To, s.List, s.EverySeconds})
	require.Equal(t, []any{"ignore", true, 7.0}, []any{
		s.Settings["deletions"], s.Settings["force_optin"], s.Settings["alarm_after"],
	})
	require.Equal(t, http.StatusConflict, b.post(t, "/new/sync", form).status, "the name is taken")
	require.Contains(t, b.get(t, "/syncs/news/held").text, "The target holds none.")
}

// Old events are counted first, and then deleted.
func TestEventsArePurged(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.post(t, "/destinations/webhook/pause", url.Values{})
	job := b.sendToWebhook(t, "1")
	b.sendToWebhook(t, "2")
	b.post(t, "/jobs/"+job+"/cancel", url.Values{})
	later := time.Now().UTC().Add(time.Hour).Format("2006-01-02T15:04")
	form := url.Values{"received_before": {later}, "state": {"cancelled"}, "sources": {"shop\r\n" + hostile}}
	require.Contains(t, b.get(t, "/events").html, `href="/events/purge"`)
	require.Contains(t, b.post(t, "/events/purge/count", with(form, "received_before", hostile)).text, "want a time such as")
	require.Contains(t, b.post(t, "/events/purge/count", with(form, "state", hostile)).text, "expected value to be one of")
	require.Contains(t, b.post(t, "/events/purge/count", with(form, "sources", "other")).text, "No event would be deleted")
	p := b.post(t, "/events/purge/count", form)
	require.Contains(t, p.text, "1 event would be deleted")
	require.Contains(t, p.text, hostile, "what was typed stays")
	require.EqualValues(t, 1, b.jobs(t, deliverystore.JobCancelled), "nothing is deleted yet")
	viewer := b.token(t, "operator", map[string]any{"all_sites": true})
	require.Equal(t, http.StatusForbidden, b.post(t, "/events/purge", form, viewer...).status)

	p = b.post(t, "/events/purge", form)
	require.Contains(t, p.text, "Deleted 1 event with 1 job and")
	require.Zero(t, b.jobs(t, deliverystore.JobCancelled))
	require.EqualValues(t, 1, b.jobs(t, deliverystore.JobAcknowledged), "the other one stays")
	require.Equal(t, http.StatusNotFound, b.get(t, "/jobs/"+job).status)
}

// flowOfImports makes jobs of ends and rows of imports.
const flowOfImports = `flows:
  - name: ends
    from: {import: csv, event: import.completed}
    to: [{destination: log, action: write, data: {text: 'data.status'}}]
`

// Flows are tested on what an import says, and only flows whose changes were shown are applied.
func TestFlowsAreTestedOnImports(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.get(t, "/flows/edit")
	require.NotContains(t, p.html, `formaction="/flows/edit/apply"`, "the changes come first")
	require.Contains(t, p.html, `<option value="imported_pages">`)
	test := url.Values{"flows": {flowOfImports}, "sample": {"import"}, "importer": {"csv"}, "what": {"completed"}}
	p = b.post(t, "/flows/edit/test", test)
	require.Contains(t, p.text, "ends to log/write job")
	require.Contains(t, p.text, `"text": "completed"`)
	require.Contains(t, b.post(t, "/flows/edit/test", with(test, "what", "imported_pages")).text, "not for this event")
	require.Contains(t, b.post(t, "/flows/edit/test", with(test, "what", hostile)).text, "unknown imported table")

	p = b.post(t, "/flows/edit/diff", url.Values{"flows": {flowOfImports}})
	require.Contains(t, p.html, `formaction="/flows/edit/apply"`)
	seal := p.field(t, "seal")
	p = b.post(t, "/flows/edit/apply", url.Values{"flows": {flowOfImports}, "prune": {"true"}, "seal": {seal}})
	require.Contains(t, p.text, "Nothing was applied")
	require.JSONEq(t, `{"items":[]}`, b.api(t, "/flows"))
	p = b.post(t, "/flows/edit/apply", url.Values{"flows": {flowOfImports}, "seal": {seal}})
	require.Contains(t, p.text, "Applied")
	require.Contains(t, b.api(t, "/flows"), `"name":"ends"`)
}
