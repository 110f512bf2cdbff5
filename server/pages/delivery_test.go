package pages_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"html"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// field returns the value of a hidden field of a page.
func (p page) field(t *testing.T, name string) string {
	t.Helper()
	found := regexp.MustCompile(`name="` + name + `" value="([^"]*)"`).FindStringSubmatch(p.html)
	require.Len(t, found, 2, "the page has no field %s: %s", name, p.text)
	return html.UnescapeString(found[1])
}

// sendToWebhook sends an event to the webhook with the form, and returns the ID of its job.
func (b *bundle) sendToWebhook(t *testing.T, key string) string {
	t.Helper()
	data, err := json.Marshal(map[string]any{
		"connection": "ops", "type": "order.paid", "data": map[string]any{"note": hostile, "api_key": "not-to-be-shown"},
	})
	require.NoError(t, err)
	p := b.post(t, "/events/new", url.Values{
		"key": {b.get(t, "/events/new").field(t, "key")}, "source": {"shop"}, "name": {hostile}, "data": {string(data)},
		"context": {"{}"}, "idempotency_key": {key}, "to": {"webhook/post"},
	})
	require.Equal(t, http.StatusOK, p.status, p.text)
	require.Contains(t, p.text, hostile)
	require.NotContains(t, p.html, "not-to-be-shown")
	job := regexp.MustCompile(`href="/jobs/([0-9a-f-]{36})"`).FindStringSubmatch(p.html)
	require.Len(t, job, 2, p.text)
	return job[1]
}

// jobs counts the jobs in a state.
func (b *bundle) jobs(t *testing.T, state string) int64 {
	t.Helper()
	n, err := b.Store.Deliveries.CountJobs(t.Context(), deliverystore.JobFilter{States: []string{state}})
	require.NoError(t, err)
	return n
}

// Commands to many jobs are counted first; a form that is sent again does nothing; and a payload is edited as it was
// seen.
func TestJobsAreCommandedByPages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.post(t, "/destinations/webhook/pause", url.Values{"reason": {hostile}})
	require.Equal(t, "/destinations/webhook", p.path, p.text)
	require.Contains(t, p.text, "It is paused: its jobs wait.")
	first := b.sendToWebhook(t, hostile)
	second := b.sendToWebhook(t, "2")
	p = b.post(t, "/events/new", url.Values{"source": {"shop"}, "to": {"webhook/post"}, "data": {"[1"}})
	require.Equal(t, http.StatusUnprocessableEntity, p.status)
	require.Contains(t, p.text, "want a JSON object")

	p = b.get(t, "/jobs?destination=webhook&source=shop")
	require.Contains(t, p.text, "all 2 acknowledged 2 awaiting 0")
	require.Contains(t, p.html, first)
	require.Contains(t, b.get(t, "/jobs?state=held").text, "No job matches these filters")
	p = b.get(t, "/jobs?created_after=yesterday")
	require.Equal(t, http.StatusUnprocessableEntity, p.status)
	require.Contains(t, p.text, "want a time such as")
	require.Equal(t, http.StatusUnprocessableEntity, b.get(t, "/jobs/commands?command=lose").status)

	const hold = "/jobs/commands?command=hold&destination=webhook"
	p = b.get(t, hold)
	require.Contains(t, p.text, "Hold 2 jobs")
	require.Contains(t, p.html, `action="/jobs/commands?command=hold&amp;destination=webhook"`)
	require.Contains(t, p.html, `href="/jobs?destination=webhook"`)
	require.Zero(t, b.jobs(t, deliverystore.JobHeld), "the page changes nothing")
	p = b.post(t, hold, url.Values{"most": {"1"}})
	require.Equal(t, http.StatusConflict, p.status)
	require.Zero(t, b.jobs(t, deliverystore.JobHeld), "more jobs match than were shown")
	p = b.post(t, hold, url.Values{"most": {"2"}, "reason": {hostile}})
	require.Contains(t, p.path, "/jobs/commands/done?")
	require.Contains(t, p.text, "2 jobs")
	require.EqualValues(t, 2, b.jobs(t, deliverystore.JobHeld))
	require.Contains(t, b.get(t, "/jobs/"+first).text, "held: "+hostile)

	p = b.get(t, "/jobs/commands?command=release&id="+first)
	require.Contains(t, p.text, "Release 1 job")
	p = b.post(t, "/jobs/commands?command=release&id="+first, url.Values{"most": {"1"}, "key": {p.field(t, "key")}})
	require.Contains(t, p.text, "1 job")
	require.EqualValues(t, 1, b.jobs(t, deliverystore.JobHeld))

	// A replay that is sent twice adds jobs once.
	replay := url.Values{"key": {"a-key-of-a-page"}}
	p = b.post(t, "/jobs/"+first+"/replay", replay)
	require.Equal(t, http.StatusOK, p.status, p.text)
	require.Contains(t, p.text, "Replay of "+first)
	require.Equal(t, p.path, b.post(t, "/jobs/"+first+"/replay", replay).path)
	n, err := b.Store.Deliveries.CountJobs(t.Context(), deliverystore.JobFilter{})
	require.NoError(t, err)
	require.EqualValues(t, 3, n)

	edit := "/jobs/" + second + "/edit"
	p = b.get(t, edit)
	require.Contains(t, p.html, "not-to-be-shown", "what is edited is shown")
	etag := p.field(t, "etag")
	form := url.Values{"etag": {etag}, "context": {"{}"}, "data": {"{\n  \"a\" 1}"}}
	p = b.post(t, edit, form)
	require.Equal(t, http.StatusUnprocessableEntity, p.status)
	require.Contains(t, p.text, "line 2, column 7")
	require.Contains(t, p.text, `"a" 1}`, "what was typed is still there")
	form.Set("data", `{"connection":"ops","type":"order.paid","data":{"note":"corrected"}}`)
	p = b.post(t, edit, form)
	require.Equal(t, "/jobs/"+second, p.path, p.text)
	job, err := b.Store.Deliveries.Job(t.Context(), second)
	require.NoError(t, err)
	require.JSONEq(t, form.Get("data"), string(job.Data))
	require.Equal(t, deliverystore.JobAwaiting, job.State)
	require.Contains(t, p.text, "edited and retried")
	require.NotContains(t, p.html, "not-to-be-shown", "earlier payloads are hidden, too")
	require.Equal(t, http.StatusPreconditionFailed, b.post(t, edit, form).status, "the state is another one by now")

	p = b.post(t, "/jobs/"+second+"/cancel", url.Values{})
	require.Equal(t, http.StatusOK, p.status, p.text)
	require.EqualValues(t, 1, b.jobs(t, deliverystore.JobCancelled))
	require.Equal(t, http.StatusConflict, b.post(t, "/jobs/"+second+"/cancel", url.Values{}).status)
	require.Equal(t, http.StatusNotFound, b.get(t, "/jobs/none").status)
	require.Equal(t, http.StatusNotFound, b.get(t, "/events/none").status)
}

// token makes a token, and returns the header of its requests.
func (b *bundle) token(t *testing.T, role string, scope map[string]any) []string {
	t.Helper()
	body := map[string]any{"name": role + "-of-the-test", "role": role}
	maps.Copy(body, scope)
	data, err := json.Marshal(body)
	require.NoError(t, err)
	p := b.send(t, http.MethodPost, "/api/v1/tokens", bytes.NewReader(data), "application/json")
	require.Equal(t, http.StatusCreated, p.status, p.html)
	var made struct{ Secret string }
	require.NoError(t, json.Unmarshal([]byte(p.html), &made))
	return []string{"Authorization", "Bearer " + made.Secret}
}

// addWebhook adds a connection of the webhook.
func (b *bundle) addWebhook(t *testing.T, name string) {
	t.Helper()
	data, err := json.Marshal(map[string]any{
		"name": name, "kind": "webhook", "settings": map[string]any{"url": "http://127.0.0.1:9/"},
		"secrets": map[string]string{
			"signing_secret": "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte("k"), 32)),
		},
	})
	require.NoError(t, err)
	p := b.send(t, http.MethodPost, "/api/v1/connections", bytes.NewReader(data), "application/json")
	require.Equal(t, http.StatusCreated, p.status, p.html)
}

// A page has the buttons of its reader, and a form of another one is refused.
func TestDeliveryPagesFollowTheRole(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.post(t, "/destinations/webhook/pause", url.Values{})
	job := b.sendToWebhook(t, "1")
	viewer := b.token(t, "viewer", map[string]any{"all_sites": true})
	own := b.token(t, "operator", map[string]any{"sites": []string{site}})
	for _, path := range []string{
		"/jobs", "/jobs/" + job, "/destinations", "/destinations/webhook", "/destinations/webhook/actions/post", "/events",
		"/flows",
	} {
		p := b.send(t, http.MethodGet, path, nil, "", viewer...)
		require.Equal(t, http.StatusOK, p.status, "%s: %s", path, p.text)
		require.NotContains(t, p.html, `method="post"`, path)
		require.NotContains(t, p.html, `action="/jobs/commands"`, path)
		require.Equal(t, http.StatusForbidden, b.send(t, http.MethodGet, path, nil, "", own...).status, path)
	}
	require.NotContains(t, b.send(t, http.MethodGet, "/", nil, "", own...).html, `href="/jobs"`)
	require.NotContains(t, b.send(t, http.MethodGet, "/jobs/"+job+"/edit", nil, "", viewer...).html, "not-to-be-shown")
	for path, form := range map[string]url.Values{
		"/jobs/" + job + "/cancel": {}, "/jobs/commands?command=cancel": {"most": {"1"}}, "/destinations/webhook/resume": {},
		"/events/new": {"source": {"shop"}},
	} {
		require.Equal(t, http.StatusForbidden, b.post(t, path, form, viewer...).status, path)
	}
	p := b.post(t, "/flows/edit/apply", url.Values{"flows": {pageFlow}}, viewer...)
	require.Contains(t, p.text, "The role does not allow the operation")
	require.JSONEq(t, `{"items":[]}`, b.api(t, "/flows"))
	require.EqualValues(t, 1, b.jobs(t, deliverystore.JobAcknowledged))
}

// A destination shows what it needs, and its settings are edited as they were seen.
func TestDestinationPages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.post(t, "/destinations/webhook/pause", url.Values{})
	b.sendToWebhook(t, "1")
	p := b.get(t, "/destinations")
	require.Contains(t, p.text, "The connection ops does not exist, and 1 job waits.")
	require.Contains(t, p.html, `/jobs?destination=webhook&amp;state=acknowledged`)
	p = b.get(t, "/destinations/webhook")
	require.Contains(t, p.text, "1 job is due")

	const action = "/destinations/webhook/actions/post"
	p = b.get(t, action)
	form := url.Values{
		"etag": {p.field(t, "etag")}, "realtime": {"true"}, "interval": {"@every 10m"}, "time_zone": {"UTC"},
		"rate_per_second": {"2.5"}, "concurrency": {"4"},
	}
	p = b.post(t, action, form)
	require.Equal(t, "/destinations/webhook", p.path, p.text)
	require.Contains(t, p.text, "2.5 per second")
	settings, err := b.Store.Deliveries.Settings(t.Context(), "webhook")
	require.NoError(t, err)
	require.NotNil(t, settings["post"].Rate)
	require.InDelta(t, 2.5, *settings["post"].Rate, 0)
	require.Nil(t, settings["post"].Concurrency, "an unchanged setting keeps following the program")
	form.Set("rate_per_second", "3")
	p = b.post(t, action, form)
	require.Equal(t, http.StatusPreconditionFailed, p.status)
	form.Set("rate_per_second", "fast")
	p = b.post(t, action, form)
	require.Equal(t, http.StatusUnprocessableEntity, p.status)
	require.Contains(t, p.html, `value="fast"`, "what was typed is still there")

	b.addWebhook(t, "ops")
	p = b.get(t, "/destinations/webhook")
	require.NotContains(t, p.text, "does not exist")
	p = b.post(t, "/destinations/webhook/connections/ops/pause", url.Values{"reason": {hostile}})
	require.Contains(t, p.text, "The connection ops is paused.")
	require.Contains(t, p.text, hostile)
	require.Contains(t, p.html, `<button>Resume</button>`)
	p = b.post(t, "/destinations/webhook/connections/ops/resume", url.Values{})
	require.NotContains(t, p.text, "The connection ops is paused.")
	require.Equal(t, http.StatusNotFound, b.post(t, "/destinations/webhook/connections/none/pause", url.Values{}).status)

	b.post(t, "/destinations/webhook/actions/post/pause", url.Values{})
	p = b.post(t, "/destinations/webhook/resume", url.Values{})
	require.NotContains(t, p.text, "It is paused")
	require.Equal(t, http.StatusNotFound, b.get(t, "/destinations/none").status)
	require.Equal(t, http.StatusNotFound, b.get(t, "/destinations/webhook/actions/none").status)
}

const pageFlow = `flows:
  - name: paid
    description: <script>alert(1)</script>
    from: {source: shop, event: order.paid}
    when: data.total > 10
    to:
      - destination: log
        action: write
        data: {text: '"paid"'}
`

// Flows are checked with line and column, compared, tested and applied.
func TestFlowPages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	require.Contains(t, b.get(t, "/flows").text, "There are no flows yet")
	p := b.post(t, "/flows/edit/diff", url.Values{"flows": {
		"flows:\r\n  - name: paid\r\n    to:\r\n      - destination: log\r\n        action: " + hostile + "\r\n",
	}})
	require.Equal(t, http.StatusOK, p.status)
	require.Contains(t, p.text, "Line 5, column 17:")
	p = b.post(t, "/flows/edit/diff", url.Values{"flows": {"flows: [\n"}})
	require.Contains(t, p.text, "Line 1, column")

	p = b.post(t, "/flows/edit/diff", url.Values{"flows": {pageFlow}})
	require.Contains(t, p.text, "paid added")
	require.JSONEq(t, `{"items":[]}`, b.api(t, "/flows"), "nothing is applied")
	test := url.Values{"flows": {pageFlow}, "source": {"shop"}, "name": {"order.paid"}, "data": {`{"total": 11}`}}
	p = b.post(t, "/flows/edit/test", test)
	require.Contains(t, p.text, "paid to log/write job")
	require.Contains(t, p.text, `"text": "paid"`)
	test.Set("data", `{"total": 9}`)
	require.Contains(t, b.post(t, "/flows/edit/test", test).text, "condition not met")
	test.Set("data", `{"total" 9}`)
	require.Contains(t, b.post(t, "/flows/edit/test", test).text, "line 1, column 10")

	p = b.post(t, "/flows/edit/apply", url.Values{"flows": {pageFlow}})
	require.Contains(t, p.text, "Applied")
	p = b.get(t, "/flows/paid")
	require.Contains(t, p.text, "version 1")
	require.Contains(t, p.text, "when: data.total > 10")
	p = b.get(t, "/flows/edit?flow=paid")
	require.Contains(t, p.text, "event: order.paid")
	p = b.post(t, "/flows/edit/diff", url.Values{"flows": {pageFlow}})
	require.Contains(t, p.text, "paid unchanged")

	// An event that the flow fails for is kept, and is replayed.
	p = b.post(t, "/events/new", url.Values{"source": {"shop"}, "name": {"order.paid"}, "data": {"{}"}})
	require.Contains(t, p.text, "1 flow failed for this event")
	p = b.get(t, "/flows/paid")
	require.Contains(t, p.text, "1 event is kept because the flow failed")
	p = b.post(t, "/flows/paid/replay", url.Values{})
	require.Contains(t, p.text, "0 new jobs; the flow has failed again for 1 event, which stays kept")
	require.Equal(t, http.StatusNotFound, b.get(t, "/flows/none").status)
	p = b.post(t, "/flows/edit/apply", url.Values{"flows": {"flows: []"}, "prune": {"true"}})
	require.Contains(t, p.text, "paid removed")
	require.JSONEq(t, `{"items":[]}`, b.api(t, "/flows"))
}
