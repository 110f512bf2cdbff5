package pages_test

import (
	"encoding/json"
	"os"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/browser/browsertest"
	"github.com/sluicehq/sluice/browser/sluicetest"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
)

// axe is the script that checks accessibility.
const axe = "../npm/node_modules/axe-core/axe.min.js"

// violation is what axe has found.
type violation struct {
	ID, Impact, Help string
	Nodes            []struct{ Target, HTML any }
}

// violations are the serious and critical findings of axe about the page.
func (r *reader) violations(script string) []violation {
	r.t.Helper()
	text := browsertest.Evaluate[string](r.Tab, script+`;
		axe.run(document, { resultTypes: ["violations"] }).then((found) => JSON.stringify(found.violations
			.filter((v) => ["serious", "critical"].includes(v.impact))
			.map((v) => ({ ID: v.id, Impact: v.impact, Help: v.help,
				Nodes: v.nodes.map((n) => ({ Target: n.target, HTML: n.html })) }))))`)
	var found []violation
	require.NoError(r.t, json.Unmarshal([]byte(text), &found))
	return found
}

// Every page fits its width, has no serious fault of accessibility, and loads nothing that its policy refuses.
func TestEveryPage(t *testing.T) {
	sluice, browser := sluicetest.Connect(t), browsertest.Start(t)
	script, err := os.ReadFile(axe)
	require.NoError(t, err, "run `make browser` first")
	site := sluice.AddSite(t, ingestclient.SiteChange{}).Domain
	first := open(t, sluice, browser, widths[1])
	first.importFile(site, export(t), "rows become visible once a reviewer has accepted them")
	first.awaitText("It waits for a decision")
	imported := first.path()
	first.visit("/")
	paths := browsertest.Evaluate[[]string](first.Tab, `[...document.querySelectorAll(".side nav a")].map((a) => a.pathname)`)
	require.Greater(t, len(paths), 10, "the navigation")
	paths = append(paths,
		"/imports/new", "/imports/new?site="+site+"&source=csv", "/imports/new?site="+site+"&source=noop",
		imported, imported+"/review", imported+"/rejects", "/sites/"+site, "/sites/"+site+"/shields", "/new/schedule",
		"/new/connection", "/destinations/webhook", "/imports?status=failed", "/imports/999999", "/nowhere", "/login", "/account")
	for _, width := range widths {
		for _, scheme := range []string{"light", "dark"} {
			t.Run(strconv.FormatInt(width, 10)+" "+scheme, func(t *testing.T) {
				r := open(t, sluice, browser, width)
				r.scheme(scheme)
				for _, path := range paths {
					r.visit(path)
					wide := browsertest.Evaluate[int](r.Tab, "document.documentElement.scrollWidth - innerWidth")
					require.LessOrEqual(t, wide, 0, "%s is wider than the screen", path)
					require.Equal(t, 1, browsertest.Evaluate[int](r.Tab, `document.querySelectorAll("h1").length`), path)
					require.Empty(t, r.violations(string(script)), path)
				}
				for _, fault := range r.Faults() {
					// The browser reports the status of the pages that do not exist.
					require.Contains(t, fault, "status of 404", fault)
				}
			})
		}
	}
}
