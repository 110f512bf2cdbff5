package pages_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/browser/browsertest"
	"github.com/sluicehq/sluice/internal/fakemailchimp"
	"github.com/sluicehq/sluice/internal/fakeometria"
	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/store"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// hostile are texts that call an undefined function if a page takes them for markup, a script, a template, an
// address or an attribute: the browser reports that.
var hostile = []string{
	`<script>pwned(1)</script>`,
	`"><script>pwned(2)</script>`,
	`'><img src=x onerror=pwned(3)>`,
	`<svg onload=pwned(4)>`,
	`</title><script>pwned(5)</script>`,
	`</textarea><script>pwned(6)</script>`,
	`" onfocus="pwned(7)" autofocus x="`,
	`javascript:pwned(8)`,
	`{{printf "pwned(9)"}}`,
	`<a href="javascript:pwned(10)">x</a>`,
	`]]><script>pwned(11)</script>`,
	`<iframe srcdoc="<script>parent.pwned(12)</script>">`,
	`<math><style><img src=x onerror=pwned(13)></style>`,
	`&lt;script&gt;pwned(14)&lt;/script&gt;`,
	`<!--><script>pwned(15)//-->`,
	`<div hx-get="/x" hx-trigger="load" hx-on:click="pwned(16)">`,
	`<form action="/tokens" method="post"><button>pwned(17)`,
}

// packed returns the texts as few ones of at most a number of bytes.
func packed(most int) (all []string) {
	for _, text := range hostile {
		if last := len(all) - 1; last >= 0 && len(all[last])+1+len(text) <= most {
			all[last] += " " + text
			continue
		}
		all = append(all, text)
	}
	return all
}

// joined is all texts in one.
var joined = strings.Join(hostile, " ")

// injected is JavaScript that returns what has come into the page from a text.
const injected = `[...document.querySelectorAll(
		"[onerror], [onload], [onfocus], [srcdoc], iframe, math, img[src=x], a[href^='javascript:'], [hx-get='/x'], main style")]
	.concat([...document.scripts].filter((s) => !s.src.startsWith(location.origin + "/assets/")))
	.concat([...document.forms].filter((f) => /pwned/.test(f.outerHTML) && f.getAttribute("action") === "/tokens" &&
		!f.querySelector("[name=role]")))
	.map((e) => e.outerHTML)`

// unread is JavaScript that returns which texts a person cannot read on the page: in the text, also where it is closed,
// and in fields.
const unread = `((texts) => {
	const plain = (text) => text.replace(/\s+/g, " ");
	const all = plain(document.querySelector("main").textContent) + " " +
		[...document.querySelectorAll("main input, main textarea")].map((e) => plain(e.value)).join(" ");
	return texts.filter((text) => !all.includes(plain(text)));
})`

// assertHarmless fails the test if a text has become more than a text, or cannot be read.
func (r *reader) assertHarmless(path string, texts []string) {
	r.t.Helper()
	assert.Empty(r.t, browsertest.Evaluate[[]string](r.Tab, injected), path)
	encoded, err := json.Marshal(append([]string{}, texts...))
	require.NoError(r.t, err)
	assert.Empty(r.t, browsertest.Evaluate[[]string](r.Tab, unread+"("+string(encoded)+")"), "%s says: %s", path, r.text())
}

// shownAt are the texts that pages must show by their paths.
type shownAt map[string][]string

// add adds texts to a page.
func (s shownAt) add(path string, texts ...string) { s[path] = append(s[path], texts...) }

// table returns a CSV file.
func table(t *testing.T, rows ...[]string) []byte {
	t.Helper()
	var out bytes.Buffer
	writer := csv.NewWriter(&out)
	require.NoError(t, writer.WriteAll(rows))
	return out.Bytes()
}

// archive returns an export whose cells have the texts: names of pages and sources, and values that are no numbers.
func archive(t *testing.T) []byte {
	t.Helper()
	visitors := [][]string{strings.Split(header, ",")}
	// An import fails if more than half of the rows are rejected.
	for day := 1; day <= 20; day++ {
		visitors = append(visitors, []string{fmt.Sprintf("2026-01-%02d", day), "5", "9", "1", "6", "60"})
	}
	pages := [][]string{{"date", "hostname", "page", "visitors", "pageviews", "visits"}}
	sources := [][]string{{"date", "source", "visitors", "visits", "pageviews"}}
	for i, text := range hostile {
		visitors = append(visitors, []string{"2026-01-01", text, "1", "1", "1", "1"})
		pages = append(pages, []string{"2026-01-01", "a.example", "/" + text, strconv.Itoa(100 - i), "9", "5"})
		sources = append(sources, []string{"2026-01-01", text, strconv.Itoa(100 - i), "5", "9"})
	}
	var out bytes.Buffer
	writer := zip.NewWriter(&out)
	for name, rows := range map[string][][]string{"visitors": visitors, "pages": pages, "sources": sources} {
		file, err := writer.Create("imported_" + name + "_20260101_20260120.csv")
		require.NoError(t, err)
		_, err = file.Write(table(t, rows...))
		require.NoError(t, err)
	}
	require.NoError(t, writer.Close())
	return out.Bytes()
}

// uploaded uploads a file by the API and returns its ID.
func (s *suite) uploaded(t *testing.T, site, name string, content []byte) string {
	t.Helper()
	var form bytes.Buffer
	writer := multipart.NewWriter(&form)
	part, err := writer.CreateFormFile("file", name)
	require.NoError(t, err)
	_, err = part.Write(content)
	require.NoError(t, err)
	require.NoError(t, writer.Close())
	ctx, cancel := context.WithTimeout(t.Context(), wait)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+"/api/v1/sites/"+site+"/uploads?source=csv", &form)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+s.secret)
	r.Header.Set("Content-Type", writer.FormDataContentType())
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusCreated, response.StatusCode, string(answer))
	var upload struct{ ID string }
	require.NoError(t, json.Unmarshal(answer, &upload))
	return upload.ID
}

// beginImport starts an import by the API, and returns its path.
func (s *suite) beginImport(t *testing.T, site string, request map[string]any) string {
	t.Helper()
	return fmt.Sprintf("/imports/%d", post[struct{ ID int64 }](t, s, "/sites/"+site+"/imports", request).ID)
}

// awaitStatus waits until an import has a status.
func (s *suite) awaitStatus(t *testing.T, path, status string) {
	t.Helper()
	polltest.Until(t, func(c *polltest.Check) { require.Equal(c, status, importStatus(c, s, path)) }, wait, poll)
}

// plantImports plants texts in labels, names of files, cells, reasons and notes.
func (s *suite) plantImports(t *testing.T, site string, shown shownAt) {
	t.Helper()
	waiting := map[string]string{}
	for i, label := range packed(200) {
		day := fmt.Sprintf("2021-01-%02d", i+1) // one import claims a day
		waiting[s.beginImport(t, site, map[string]any{
			"source": "noop", "label": label, "review": true, "args": map[string]any{
				"rows": 1, "start_date": day, "end_date": day, "data": map[string]string{"finding": joined},
			},
		})] = label
	}
	for path, label := range waiting {
		s.awaitStatus(t, path, "in_review")
		shown.add(path, label, joined)
		shown.add(path+"/review", label, inJSON(t, joined))
		shown.add("/imports?site="+site, label)
		shown.add("/reviews?all=true&site="+site, label, joined)
		post[any](t, s, path+"/decision", map[string]string{"verdict": "declined", "reason": joined})
	}
	for path := range waiting {
		s.awaitStatus(t, path, "declined")
	}
	loaded := s.beginImport(t, site, map[string]any{
		"source": "csv", "upload": s.uploaded(t, site, "export.zip", archive(t)), "review": false,
	})
	s.awaitStatus(t, loaded, "completed")
	shown.add(loaded+"/rejects", hostile...)
	var pages []string
	for _, text := range hostile {
		pages = append(pages, "/"+text)
	}
	shown.add("/sites/"+site, pages[:10]...)
	shown.add("/sites/"+site, hostile[:10]...)
	shown.add(loaded + "/parts")
	schedule := "/schedules/hostile"
	post[any](t, s, "/sites/"+site+"/schedules", map[string]any{
		"name": "hostile", "source": "noop", "every_seconds": 86400, "note": joined, "paused": true, "label": packed(200)[0],
	})
	shown.add(schedule, joined, packed(200)[0])
	shown.add(schedule+"/edit", joined, packed(200)[0])
	shown.add("/schedules", joined)
	for _, page := range pages {
		status, answer := s.call(t, s.secret, http.MethodPatch, "/sites/"+site+"/shields",
			map[string]any{"add": map[string]any{"pages": []string{page}}})
		require.Equal(t, http.StatusOK, status, string(answer))
		shown.add("/audit?operation=site.shield.change&site="+site, inJSON(t, page))
	}
	shown.add("/sites/"+site+"/shields", pages...)
}

// plantSites plants texts in the names, the settings and the keys of sites. The API refuses such names; the store has
// no rule against them, except that none has a quote, which the counters of the warehouse rely on.
func (s *suite) plantSites(t *testing.T, site string, shown shownAt) {
	t.Helper()
	for _, text := range []string{hostile[0], hostile[3], hostile[6], hostile[13], hostile[15]} {
		added, err := s.Store.Imports.AddSite(t.Context(), importstore.NewSite{Domain: strings.ToLower(text), TimeZone: "UTC"})
		if err != nil {
			require.ErrorIs(t, err, store.ErrTaken, "another run of the test has added it")
			added.Domain = strings.ToLower(text)
		}
		path := "/sites/" + url.PathEscape(added.Domain)
		shown.add(path, added.Domain)
		shown.add(path+"/shields", added.Domain)
		shown.add("/sites", added.Domain)
	}
	goals, path := map[string]string{}, "/sites/"+site
	for _, text := range packed(100) {
		goals[text] = ""
		post[any](t, s, path+"/keys", map[string]string{"label": text})
	}
	change, err := json.Marshal(map[string]any{"goals": goals, "props": packed(100)})
	require.NoError(t, err)
	s.patch(t, path, change)
	shown.add(path+"/settings", append(packed(100), hostile...)...)
}

// patch edits any state of a resource.
func (s *suite) patch(t *testing.T, path string, change []byte) {
	t.Helper()
	ctx, cancel := s.Context()
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodPatch, s.base+"/api/v1"+path, bytes.NewReader(change))
	require.NoError(t, err)
	r.Header = http.Header{"Authorization": {"Bearer " + s.secret}, "Content-Type": {"application/json"}, "If-Match": {"*"}}
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode, string(answer))
}

// plantFlows plants texts in a flow, and in its failure on an event.
func (s *suite) plantFlows(t *testing.T, shown shownAt) {
	t.Helper()
	text, err := json.Marshal(map[string]any{"flows": []any{map[string]any{
		"name": "hostile", "from": map[string]string{"source": "hostile-flow", "event": "x"},
		"when": "data.text != " + strconv.Quote(joined),
		"to": []any{map[string]any{
			"destination": "log", "action": "write",
			"data": map[string]string{"text": strconv.Quote(joined) + ` + string(int(data.text))`},
		}},
	}}})
	require.NoError(t, err)
	post[any](t, s, "/flows/apply", map[string]string{"flows": string(text)})
	post[any](t, s, "/events", map[string]any{
		"source": "hostile-flow", "name": "x", "data": map[string]string{"text": packed(200)[0]},
	})
	polltest.Until(t, func(c *polltest.Check) {
		require.EqualValues(c, 1, get[struct {
			Kept int64 `json:"kept_events"`
		}](c, s, "/flows/hostile").Kept)
	}, wait, poll)
	// Texts have no quotes here, which YAML escapes.
	shown.add("/flows/hostile", hostile[0], hostile[3], hostile[4])
	shown.add("/flows/edit?flow=hostile", hostile[0], hostile[3], hostile[4])
	shown.add("/flows/edit?all=true", hostile[0], hostile[3], hostile[4])
	shown.add("/flows", "hostile")
}

// plantAnswers plants texts in what other services answer to a test of a connection.
func (s *suite) plantAnswers(t *testing.T, r *reader) {
	t.Helper()
	problem, err := json.Marshal(map[string]any{"status": 400, "type": joined, "title": joined, "detail": joined, "message": joined})
	require.NoError(t, err)
	service := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/problem+json")
		w.Header().Set("Retry-After", hostile[0])
		w.WriteHeader(http.StatusBadRequest)
		_, err := w.Write(problem)
		assert.NoError(t, err)
	}))
	t.Cleanup(service.Close)
	for name, connection := range map[string]map[string]any{
		"answer-mailchimp": {
			"kind": "mailchimp", "settings": map[string]string{"endpoint": service.URL + "/3.0"},
			"secrets": map[string]string{"api_key": fakemailchimp.Key},
		},
		"answer-ometria": {
			"kind": "ometria", "settings": map[string]string{"endpoint": service.URL + "/v2"},
			"secrets": map[string]string{"api_key": fakeometria.Key},
		},
		"answer-webhook": {
			"kind": "webhook", "settings": map[string]string{"url": service.URL},
			"secrets": map[string]string{"signing_secret": signingSecret('x')},
		},
	} {
		connection["name"] = name
		post[any](t, s, "/connections", connection)
		r.visit("/connections/" + name)
		r.click("Test")
		r.awaitText("The connection does not work")
		r.assertHarmless("the test of "+name, nil)
	}
}

// plantDeliveries plants texts in events, jobs, flows, connections and reasons.
func (s *suite) plantDeliveries(t *testing.T, shown shownAt) {
	t.Helper()
	e := startEndpoint(t, http.StatusBadRequest)
	e.says = joined
	e.url += "?" + url.QueryEscape(joined)
	s.addWebhook(t, "hostile", e, signingSecret('h'))
	shown.add("/connections/hostile", e.url)
	shown.add("/connections/hostile/edit", e.url)
	var jobs []string
	for i, text := range packed(100) {
		added := post[struct {
			EventID string `json:"event_id"`
			Jobs    []string
		}](t, s, "/events", map[string]any{
			"source": text, "name": text, "version": "", "to": []map[string]string{{"destination": "webhook", "action": "post"}},
			"context": map[string]string{"agent": joined}, "idempotency_key": fmt.Sprint("hostile ", i, joined[:200]),
			"data": map[string]any{"connection": "hostile", "type": "order.paid", "data": map[string]string{text: joined}},
		})
		jobs = append(jobs, added.Jobs...)
		encoded := inJSON(t, joined)
		shown.add("/events/"+added.EventID, text, encoded)
		shown.add("/jobs/"+added.Jobs[0], encoded, inJSON(t, text))
		if i == 0 {
			shown.add("/jobs/"+added.Jobs[0]+"/edit", encoded)
		}
		shown.add("/events", text)
	}
	polltest.Until(t, func(c *polltest.Check) {
		for _, id := range jobs {
			require.Equal(c, deliverystore.JobDiscarded, get[struct{ State string }](c, s, "/jobs/"+id).State)
		}
	}, wait, poll)
	post[any](t, s, "/jobs/retry", map[string]any{"ids": jobs[:1], "reason": joined})
	shown.add("/jobs/"+jobs[0], joined)
	post[any](t, s, "/connections/hostile/pause", map[string]string{"reason": joined})
	shown.add("/connections/hostile", joined)
}

// inJSON returns a text as pages show it within JSON.
func inJSON(t *testing.T, text string) string {
	t.Helper()
	var out strings.Builder
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	require.NoError(t, encoder.Encode(text))
	return strings.TrimSpace(out.String())
}

// Texts from outside stay texts on every page, whatever is in them and wherever they come from.
func TestHostileTexts(t *testing.T) {
	s := setup(t)
	site, shown := s.site(t), shownAt{}
	s.plantImports(t, site, shown)
	s.plantDeliveries(t, shown)
	s.plantSites(t, site, shown)
	s.plantFlows(t, shown)
	sync := s.plantSync(t, "hostile", joined, packed(100)...)
	shown.add(sync, joined)
	shown.add(sync+"/runs", joined)
	shown.add(sync+"/rejects", hostile...)
	shown.add(sync+"/held", hostile...)
	shown.add("/syncs", joined)
	// Those of the other site are dropped by its shields. One visitor has the source of the first page.
	live := s.site(t)
	for _, text := range hostile {
		address := "https://" + live + "/" + url.PathEscape(text) + "?utm_source=" + url.QueryEscape(text)
		require.Empty(t, s.sendEvent(t, live, address, "pageview", map[string]string{text[:min(len(text), 20)]: text}))
	}
	polltest.Until(t, func(c *polltest.Check) {
		require.EqualValues(c, len(hostile), get[history](c, s, "/sites/"+live+"/history?metric=pageviews").Total)
	}, wait, poll)
	shown.add("/sites/"+live, hostile[0])
	// What an address has is shown in the filters, or in the problem.
	query := url.QueryEscape(joined[:90])
	for _, path := range []string{
		"/imports?site=" + query, "/imports?source=" + query, "/jobs?source=" + query, "/events?name=" + query,
		"/audit?who=" + query, "/sites/" + site + "?metric=" + query, "/jobs/commands?command=" + query,
		"/imports?status=" + query, "/imports/" + url.PathEscape(hostile[0]), "/sites/" + url.PathEscape(hostile[2]),
		"/" + url.PathEscape(hostile[3]), "/login?next=" + url.QueryEscape(hostile[7]), "/flows/" + url.PathEscape(hostile[0]),
		"/connections/" + url.PathEscape(hostile[1]), "/new/connection?kind=" + query, "/imports/new?site=" + query,
		"/syncs/" + url.PathEscape(hostile[0]), "/ingestion/try?site=" + query, "/events/purge?state=" + query,
		"/jobs/commands/done?command=replay&changed=" + query, "/setup?next=" + query, "/new/site?domain=" + query,
		"/new/sync?from=" + query, "/new/schedule?site=" + query, "/events/new?source=" + query,
		"/destinations/" + url.PathEscape(hostile[0]), "/destinations/webhook/actions/post?reason=" + query,
		"/destinations/webhook?x=" + query, "/account?x=" + query, "/jobs/commands/done?command=replay&changed=1&name=" + query,
	} {
		shown.add(path)
	}
	r := s.administrator(t, widths[1])
	for _, path := range browsertest.Evaluate[[]string](r.Tab, navigation) {
		shown.add(path)
	}
	requireEveryPage(t, slices.Collect(maps.Keys(shown)))
	for path, texts := range shown {
		r.visit(path)
		r.assertHarmless(path, texts)
	}
	s.plantAnswers(t, r)
	s.refuseForms(t, r, site)
	r.requireNoFaults(http.StatusNotFound, http.StatusUnprocessableEntity, http.StatusBadRequest)
}

// navigation is JavaScript that returns the paths of the navigation.
const navigation = `[...document.querySelectorAll(".side nav a")].map((a) => a.pathname)`

// refuseForms types the texts into fields that take no such text: the page shows them again, with the problem.
func (s *suite) refuseForms(t *testing.T, r *reader, site string) {
	t.Helper()
	for _, f := range []form{
		{"/tokens", "Create the token", map[string]string{"Name": joined[:90], "Or these sites": joined[:200]}},
		{"/accounts", "Create the account", map[string]string{
			"Name": joined[:90], "New password": password, "Once more": password,
		}},
		{"/new/connection?kind=webhook", "Add connection", map[string]string{
			"Name": joined[:60], "url": joined, "signing_secret": joined,
		}},
		{"/new/schedule?site=" + site + "&source=noop", "Create schedule", map[string]string{
			"Name": joined[:60], "Or by a cron expression": joined[:150], "Label": packed(200)[1],
		}},
		{"/flows/edit", "Check and show changes", map[string]string{"Flows": "flows:\n  - name: '" + joined + "'\n    when: " + joined}},
		{"/imports/new?site=" + site + "&source=noop", "Dry run", map[string]string{"rows": joined, "Label": packed(200)[2]}},
		{"/sites/" + site + "/shields", "Add countries", map[string]string{"Add countries": joined}},
		{"/new/site", "Add site", map[string]string{"Domain": joined[:200], "Time zone of its days": joined[:60]}},
		{"/new/sync", "Create and run", map[string]string{
			"Name": joined[:50], "List or table": joined[:90], "From": "mailchimp:hostile-mailchimp", "To": "ometria:hostile-ometria",
		}},
		{"/sites/" + site + "/settings", "Save", map[string]string{"Former domains": joined, "Rate limit": hostile[0]}},
		{"/ingestion/try?site=" + site, "Try it", map[string]string{
			"URL of the page": joined, "Referrer": joined, "User agent": joined,
		}},
		{"/schedules/hostile/edit", "Save", map[string]string{"Arguments of the importer": joined}},
		{"/events/purge", "Count them", map[string]string{"Only these sources": joined}},
		{"/events/new", "Send", map[string]string{"Source": packed(100)[0], "Data": joined}},
	} {
		r.fill(f)
		var typed []string
		for label, text := range f.fields {
			if strings.Contains(text, "pwned") && label != "signing_secret" {
				typed = append(typed, text)
			}
		}
		r.assertHarmless(f.path, typed)
	}
	// A file that no import could read is refused with its name.
	name := `'><img src=x onerror=pwned(3)>.csv`
	file := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, table(t, []string{joined}), 0o600))
	r.visit("/imports/new?site=" + site + "&source=csv")
	r.Run(chromedp.SetUploadFiles(chromedp.CSS(`input[type="file"]`), []string{file}))
	r.click("Upload")
	r.assertHarmless("/imports/new/upload", []string{name})
}
