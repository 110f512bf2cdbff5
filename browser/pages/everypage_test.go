package pages_test

import (
	"encoding/json"
	"net/http"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/browser/browsertest"
	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/server/pages"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// axe is the script that checks accessibility.
const axe = "../npm/node_modules/axe-core/axe.min.js"

// violation is what axe has found.
type violation struct {
	ID, Impact, Help string
	Nodes            []struct{ Target, HTML any }
}

// violations are the serious and critical findings of axe about the page. Other colours change the contrast only.
func (r *reader) violations(script, scheme string) []violation {
	r.t.Helper()
	options := `{ resultTypes: ["violations"] }`
	if scheme == "dark" {
		options = `{ resultTypes: ["violations"], runOnly: ["color-contrast"] }`
	}
	text := browsertest.Evaluate[string](r.Tab, script+`;
		axe.run(document, `+options+`).then((found) => JSON.stringify(found.violations
			.filter((v) => ["serious", "critical"].includes(v.impact))
			.map((v) => ({ ID: v.id, Impact: v.impact, Help: v.help,
				Nodes: v.nodes.map((n) => ({ Target: n.target, HTML: n.html })) }))))`)
	var found []violation
	require.NoError(r.t, json.Unmarshal([]byte(text), &found))
	return found
}

// plantSome adds a connection, an event with a job, a schedule, a sync and a flow, and returns the paths of their pages.
func (s *suite) plantSome(t *testing.T, site string) []string {
	t.Helper()
	s.addWebhook(t, "every-page", startEndpoint(t, http.StatusBadRequest), signingSecret('e'))
	post[any](t, s, "/sites/"+site+"/schedules", map[string]any{"name": "every-page", "source": "noop", "cron": "0 3 * * *"})
	event := post[struct {
		EventID string `json:"event_id"`
		Jobs    []string
	}](t, s, "/events", map[string]any{
		"source": "every-page", "name": "order.paid", "to": []map[string]string{{"destination": "webhook", "action": "post"}},
		"data": map[string]any{"connection": "every-page", "type": "order.paid", "data": map[string]int{"order": 1}},
	})
	job := "/jobs/" + event.Jobs[0]
	polltest.Until(t, func(c *polltest.Check) {
		require.Equal(c, deliverystore.JobDiscarded, get[struct{ State string }](c, s, job).State)
	}, wait, poll)
	post[any](t, s, "/flows/apply", map[string]string{"flows": `{"flows": [{"name": "every-page",
		"from": {"source": "nowhere", "event": "x"},
		"to": [{"destination": "log", "action": "write", "data": {"text": "'x'"}}]}]}`})
	sync := s.plantSync(t, "every-page", joined, packed(100)...)
	return []string{
		"/connections/every-page", "/connections/every-page/edit", "/schedules/every-page", "/schedules/every-page/edit", "/events/" + event.EventID, job,
		job + "/edit", "/jobs/commands?command=replay&destination=webhook&state=discarded",
		"/jobs/commands/done?command=replay&changed=1", "/flows/every-page", "/flows/edit?flow=every-page",
		sync, sync + "/runs", sync + "/rejects", sync + "/held",
	}
}

// requireEveryPage fails the test unless the paths are of all pages of the server: a page that is added is looked at.
func requireEveryPage(t *testing.T, visited []string) {
	t.Helper()
	mux := http.NewServeMux()
	for _, path := range pages.Paths() {
		mux.Handle("GET "+path, http.NotFoundHandler())
	}
	seen := map[string]bool{}
	for _, path := range visited {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, path, http.NoBody)
		require.NoError(t, err)
		_, pattern := mux.Handler(r)
		seen[strings.TrimPrefix(pattern, "GET ")] = true
	}
	for _, path := range pages.Paths() {
		require.True(t, seen[path], "no path of this test is of the page %s", path)
	}
}

// everyForm are forms whose answers are pages of their own, beside those of Paths.
func everyForm(site string) []form {
	return []form{
		{path: "/new/site", fields: map[string]string{"Domain": "no domain"}, button: "Add site"},
		{path: "/sites/" + site + "/settings", fields: map[string]string{"What a new key is for": "shop"}, button: "Create a key"},
		{path: "/ingestion/try?site=" + site, button: "Try it"},
		{
			path: "/ingestion/try?site=" + site, button: "Try it",
			fields: map[string]string{"Site": strings.Repeat("m", 60) + ".example"},
		},
		{path: "/imports/new?site=" + site + "&source=noop", button: "Dry run"},
		{path: "/flows/edit?flow=every-page", button: "Check and show changes"},
		{path: "/flows/edit?flow=every-page", button: "Test"},
		{path: "/flows/edit", fields: map[string]string{"Flows": "flows:\n  - name: 1 a\n    to: x"}, button: "Check and show changes"},
		{path: "/events/purge", fields: map[string]string{"Received before (UTC)": "2001-01-01T00:00"}, button: "Count them"},
		{path: "/connections/every-page", button: "Test"},
	}
}

// form is a form that a test fills in and sends. Fields are by their labels.
type form struct {
	path, button string
	fields       map[string]string
}

// fill opens the page of a form, fills it in and sends it. Only the server checks what is typed.
func (r *reader) fill(f form) {
	r.t.Helper()
	r.visit(f.path)
	browsertest.Evaluate[bool](r.Tab, `(() => { for (const f of document.forms) f.noValidate = true; return true; })()`)
	for label, text := range f.fields {
		r.choose(label, text)
	}
	r.click(f.button)
}

// requireFit fails the test if the page is wider than the screen, has not one title or a fault of accessibility.
func (r *reader) requireFit(script, scheme, path string) {
	r.t.Helper()
	wide := browsertest.Evaluate[int](r.Tab, "document.documentElement.scrollWidth - innerWidth")
	assert.LessOrEqual(r.t, wide, 0, "%s is wider than the screen", path)
	assert.Equal(r.t, 1, browsertest.Evaluate[int](r.Tab, `document.querySelectorAll("h1").length`), path)
	assert.Empty(r.t, r.violations(script, scheme), path)
}

// responseStatus is JavaScript that returns the status of the answer with the page.
const responseStatus = `performance.getEntriesByType("navigation")[0].responseStatus`

// Every page fits its width, has no serious fault of accessibility, and loads nothing that its policy refuses.
func TestEveryPage(t *testing.T) {
	s := setup(t)
	script, err := os.ReadFile(axe)
	require.NoError(t, err, "run `make browser` first")
	site := s.site(t)
	first := s.administrator(t, widths[1])
	first.importFile(site, export(t, "%d"), reviewed)
	first.awaitText("It waits for a decision")
	imported := first.path()
	paths := browsertest.Evaluate[[]string](first.Tab, navigation)
	require.Greater(t, len(paths), 10, "the navigation")
	paths = append(paths,
		"/imports/new", "/imports/new?site="+site+"&source=csv", "/imports/new?site="+site+"&source=noop",
		imported, imported+"/review", imported+"/rejects", imported+"/parts", "/sites/"+site, "/sites/"+site+"/shields",
		"/sites/"+site+"/settings", "/new/site", "/new/sync", "/new/schedule", "/new/schedule?site="+site+"&source=noop",
		"/new/connection", "/new/connection?kind=webhook", "/destinations/webhook",
		"/destinations/webhook/actions/post", "/events/new", "/events/purge", "/ingestion/try", "/flows/edit",
		"/imports?status=failed", "/login", "/setup", "/account")
	paths = append(paths, s.plantSome(t, site)...)
	requireEveryPage(t, paths)
	for _, width := range widths {
		for _, scheme := range []string{"light", "dark"} {
			t.Run(strconv.FormatInt(width, 10)+" "+scheme, func(t *testing.T) {
				r := s.administrator(t, width)
				r.scheme(scheme)
				for _, path := range paths {
					r.visit(path)
					assert.Equal(t, http.StatusOK, browsertest.Evaluate[int](r.Tab, responseStatus), path)
					r.requireFit(string(script), scheme, path)
				}
				for _, path := range []string{"/imports/999999", "/nowhere"} {
					r.visit(path)
					assert.Equal(t, http.StatusNotFound, browsertest.Evaluate[int](r.Tab, responseStatus), path)
					r.requireFit(string(script), scheme, path)
				}
				for _, f := range everyForm(site) {
					r.fill(f)
					r.requireFit(string(script), scheme, f.button+" at "+f.path)
				}
				// Pages that do not exist, and forms that were refused.
				r.requireNoFaults(http.StatusNotFound, http.StatusUnprocessableEntity)
			})
		}
	}
}
