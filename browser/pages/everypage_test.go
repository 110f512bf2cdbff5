package pages_test

import (
	"encoding/json"
	"net/http"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/browser/browsertest"
	"github.com/sluicehq/sluice/internal/polltest"
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

// plantSome adds a connection, an event with a job, a schedule and a flow, and returns the paths of their pages.
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
	return []string{
		"/connections/every-page", "/schedules/every-page", "/events/" + event.EventID, job, job + "/edit",
		"/jobs/commands?command=replay&destination=webhook&state=discarded",
	}
}

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
		imported, imported+"/review", imported+"/rejects", "/sites/"+site, "/sites/"+site+"/shields", "/new/schedule",
		"/new/schedule?site="+site+"&source=noop", "/new/connection", "/new/connection?kind=webhook", "/destinations/webhook",
		"/destinations/webhook/actions/post", "/events/new", "/flows/edit", "/imports?status=failed", "/imports/999999",
		"/nowhere", "/login", "/account")
	paths = append(paths, s.plantSome(t, site)...)
	for _, width := range widths {
		for _, scheme := range []string{"light", "dark"} {
			t.Run(strconv.FormatInt(width, 10)+" "+scheme, func(t *testing.T) {
				r := s.administrator(t, width)
				r.scheme(scheme)
				for _, path := range paths {
					r.visit(path)
					wide := browsertest.Evaluate[int](r.Tab, "document.documentElement.scrollWidth - innerWidth")
					require.LessOrEqual(t, wide, 0, "%s is wider than the screen", path)
					require.Equal(t, 1, browsertest.Evaluate[int](r.Tab, `document.querySelectorAll("h1").length`), path)
					require.Empty(t, r.violations(string(script), scheme), path)
				}
				// The pages that do not exist.
				r.requireNoFaults(http.StatusNotFound)
			})
		}
	}
}
