// Package pages_test looks at the pages of the server in a real browser, and does with them what people do: everything
// is found by the labels that people see.
package pages_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/browser/browsertest"
	"github.com/sluicehq/sluice/browser/sluicetest"
	"github.com/sluicehq/sluice/internal/polltest"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
)

// wait bounds what a test waits for, on a busy machine too, and poll is how often it looks.
const (
	wait = time.Minute
	poll = 50 * time.Millisecond
)

// The widths of a phone and of a desk.
var widths = []int64{390, 1280}

// reader is a person at a browser.
type reader struct {
	*browsertest.Tab
	t    *testing.T
	base string
}

// open opens a tab of a width at the server.
func open(t *testing.T, sluice *sluicetest.System, browser *browsertest.Browser, width int64) *reader {
	t.Helper()
	r := &reader{Tab: browser.Open(t, browser.Agent), t: t, base: "http://" + sluice.Server}
	r.Run(chromedp.EmulateViewport(width, 900))
	return r
}

// visit opens a page.
func (r *reader) visit(path string) {
	r.t.Helper()
	r.Run(chromedp.Navigate(r.base + path))
}

// find is JavaScript that finds the visible element with a text: a link, a button, or the summary of what is closed.
const find = `((text) => [...document.querySelectorAll("main a, main button, main summary, nav a")].find(
	(e) => e.checkVisibility() && !(e.tagName === "SUMMARY" && e.parentElement.open) &&
		e.textContent.trim().replace(/\s+/g, " ") === text))`

// click clicks what has the text, and waits for the page that follows, if one does.
func (r *reader) click(text string) {
	r.t.Helper()
	r.awaitTrue(fmt.Sprintf("!!%s(%q)", find, text), "something with the text "+strconv.Quote(text))
	before := browsertest.Evaluate[float64](r.Tab, "performance.timeOrigin")
	leads := browsertest.Evaluate[bool](r.Tab, fmt.Sprintf(`(() => { const e = %s(%q);
		const leads = e.tagName !== "SUMMARY"; e.click(); return leads; })()`, find, text))
	if leads {
		r.awaitTrue(fmt.Sprintf("performance.timeOrigin !== %v && document.readyState === 'complete'", before),
			"the page after "+strconv.Quote(text))
	}
}

// awaitTrue waits until an expression is true, also while a page is being replaced.
func (r *reader) awaitTrue(expression, what string) {
	r.t.Helper()
	polltest.Until(r.t, func(c *polltest.Check) {
		is, err := browsertest.TryEvaluate[bool](r.Tab, expression)
		require.NoError(c, err, what)
		require.True(c, is, "%s; the page says: %s", what, r.text())
	}, wait, poll)
}

// choose sets the field with a label.
func (r *reader) choose(label, value string) {
	r.t.Helper()
	found := browsertest.Evaluate[bool](r.Tab, fmt.Sprintf(`((label, value) => {
		const l = [...document.querySelectorAll("label")].find(
			(l) => l.checkVisibility() && l.textContent.trim().startsWith(label));
		const field = l && (l.control ?? l.querySelector("input, select, textarea"));
		if (!field) return false;
		if (field.tagName === "SELECT") {
			const option = [...field.options].find((o) => o.textContent.trim() === value || o.value === value);
			if (!option) return false;
			value = option.value;
		}
		field.value = value;
		field.dispatchEvent(new Event("input", { bubbles: true }));
		return true;
	})(%q, %q)`, label, value))
	require.True(r.t, found, "the field %q with the value %q; the page says: %s", label, value, r.text())
}

// pageText is JavaScript that returns what a person reads of the page, with single spaces.
const pageText = `(document.querySelector("main")?.innerText ?? "").replace(/\s+/g, " ")`

// text returns what a person reads of the page, or why that is unknown: the page may be being replaced.
func (r *reader) text() string {
	r.t.Helper()
	text, err := browsertest.TryEvaluate[string](r.Tab, pageText)
	if err != nil {
		return err.Error()
	}
	return text
}

// awaitText waits until the page has a text.
func (r *reader) awaitText(text string) {
	r.t.Helper()
	r.awaitTrue(fmt.Sprintf("%s.includes(%q)", pageText, text),
		"the text "+strconv.Quote(text))
}

// path returns the path of the page.
func (r *reader) path() string {
	r.t.Helper()
	return browsertest.Evaluate[string](r.Tab, "location.pathname")
}

// scheme shows pages in dark or light colours.
func (r *reader) scheme(name string) {
	r.t.Helper()
	r.Run(chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: name}},
		})
		return err
	}))
}

// export writes an export of ten days, with a row that cannot be loaded, and returns its path.
func export(t *testing.T) string {
	t.Helper()
	var out strings.Builder
	out.WriteString("date,visitors,pageviews,bounces,visits,visit_duration\n")
	for day := 1; day <= 10; day++ {
		fmt.Fprintf(&out, "2026-01-%02d,%d,%d,1,%d,60\n", day, 1000+day, 2000+day, 1200+day)
	}
	out.WriteString("2026-01-05,many,1,0,1,1\n")
	file := filepath.Join(t.TempDir(), "imported_visitors_20260101_20260110.csv")
	require.NoError(t, os.WriteFile(file, []byte(out.String()), 0o600))
	return file
}

// importFile imports an export by the pages alone, up to the page of the import.
func (r *reader) importFile(site, file, review string) {
	r.t.Helper()
	r.visit("/")
	r.visit("/imports")
	r.click("New import")
	r.choose("Site", site)
	r.choose("Source", "CSV export")
	r.click("Continue")
	r.Run(chromedp.SetUploadFiles(chromedp.CSS(`input[type="file"]`), []string{file}))
	r.click("Upload")
	r.awaitText(filepath.Base(file))
	r.choose("Review", review)
	r.click("Dry run")
	r.awaitText("The import would succeed")
	r.awaitText("line 12")
	r.click("Start import")
	r.awaitText("Log")
}

// importedVisitors returns the visitors of the visible imports of a site.
func importedVisitors(t require.TestingT, sluice *sluicetest.System, site string) uint64 {
	var rows []struct {
		Visitors uint64 `ch:"visitors"`
	}
	require.NoError(t, sluice.Select(&rows,
		"SELECT sum(visitors) AS visitors FROM history_visitors WHERE domain = ? AND origin = 'imported'", site))
	require.Len(t, rows, 1)
	return rows[0].Visitors
}

// A file becomes a chart, and is undone; another one is accepted by a reviewer. Both widths do the same.
func TestImports(t *testing.T) {
	sluice, browser := sluicetest.Connect(t), browsertest.Start(t)
	file := export(t)
	for _, width := range widths {
		t.Run(strconv.FormatInt(width, 10), func(t *testing.T) {
			site := sluice.AddSite(t, ingestclient.SiteChange{}).Domain
			r := open(t, sluice, browser, width)
			r.importFile(site, file, "rows become visible at once")
			r.awaitText("completed")
			r.awaitText("10 rows loaded of 11 read")
			require.EqualValues(t, 10055, importedVisitors(t, sluice, site))
			imported := r.path()
			r.click("rejected rows")
			r.awaitText("12 visitors not a whole number")
			r.visit("/sites/" + site)
			r.awaitText("10,055 visitors from 2026-01-01 to 2026-01-10")
			for day := 1; day <= 10; day++ {
				r.awaitTrue(fmt.Sprintf(`[...document.querySelectorAll("figure.chart svg title")].some(
					(t) => t.textContent.includes("1,%03d"))`, day), "the number of a day in the chart")
			}
			r.visit(imported)
			r.click("Undo this import")
			r.click("Undo this import")
			require.Equal(t, "/imports", r.path())
			polltest.Until(t, func(c *polltest.Check) { require.Zero(c, importedVisitors(c, sluice, site)) }, wait, poll)

			r.importFile(site, file, "rows become visible once a reviewer has accepted them")
			r.awaitText("It waits for a decision")
			require.Zero(t, importedVisitors(t, sluice, site), "rows in review are invisible")
			reviewed := r.path()
			r.visit("/reviews")
			r.click(strings.TrimPrefix(reviewed, "/imports/"))
			r.awaitText("Visitors beside those of the site")
			r.click("Accept")
			r.awaitText("completed")
			require.EqualValues(t, 10055, importedVisitors(t, sluice, site))
			for _, fault := range r.Faults() {
				require.Equal(t, `console.error: "[object Event]"`, fault, "more than the end of a stream, which htmx reports")
			}
		})
	}
}
