package pages_test

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/browser/browsertest"
	"github.com/sluicehq/sluice/internal/polltest"
)

// wait bounds what a test waits for, on a busy machine too, and poll is how often it looks.
const (
	wait = time.Minute
	poll = 50 * time.Millisecond
)

// The widths of a phone and of a desk.
var widths = []int64{390, 1280}

// atWidths runs a test at each width.
func atWidths(t *testing.T, run func(t *testing.T, width int64)) {
	t.Helper()
	for _, width := range widths {
		t.Run(strconv.FormatInt(width, 10), func(t *testing.T) { run(t, width) })
	}
}

// reader is a person at a browser.
type reader struct {
	*browsertest.Tab
	t    *testing.T
	base string
}

// at returns the reader at another server.
func (r *reader) at(base string) *reader { return &reader{Tab: r.Tab, t: r.t, base: base} }

// visit opens a page.
func (r *reader) visit(path string) {
	r.t.Helper()
	r.Run(chromedp.Navigate(r.base + path))
}

// find is JavaScript that finds the visible element with a text: a link, a button, or the summary of what is closed. It
// is in the row, the entry or the section that has the text near, unless that is empty.
const find = `((text, near) => {
	const plain = (e) => e.textContent.trim().replace(/\s+/g, " ");
	return [...document.querySelectorAll("main a, main button, main summary, nav a, header a, header summary")].find(
		(e) => e.checkVisibility() && !(e.tagName === "SUMMARY" && e.parentElement.open) && plain(e) === text &&
			(!near || e.closest("tr, li, section")?.textContent.includes(near)));
})`

// click clicks what has the text, and waits for the page that follows, if one does.
func (r *reader) click(text string) {
	r.t.Helper()
	r.clickNear(text, "")
}

// clickNear is click for what is in the row, the entry or the section with another text.
func (r *reader) clickNear(text, near string) {
	r.t.Helper()
	what := fmt.Sprintf("%q near %q", text, near)
	r.awaitTrue(fmt.Sprintf("!!%s(%q, %q)", find, text, near), what)
	before := browsertest.Evaluate[float64](r.Tab, "performance.timeOrigin")
	leads := browsertest.Evaluate[bool](r.Tab, fmt.Sprintf(`(() => { const e = %s(%q, %q);
		const leads = e.tagName !== "SUMMARY"; e.click(); return leads; })()`, find, text, near))
	if leads {
		r.awaitTrue(fmt.Sprintf("performance.timeOrigin !== %v && document.readyState === 'complete'", before),
			"the page after "+what)
	}
}

// open opens a page of the navigation, which is behind a button on a phone.
func (r *reader) open(page string) {
	r.t.Helper()
	if browsertest.Evaluate[bool](r.Tab, fmt.Sprintf(`!!%s("Menu", "")`, find)) {
		r.click("Menu")
	}
	r.click(page)
}

// openSite opens the page of a site by the list of sites, which has pages.
func (r *reader) openSite(domain string) {
	r.t.Helper()
	r.open("Sites")
	for browsertest.Evaluate[bool](r.Tab, fmt.Sprintf(`!%s(%q, "") && !!%s("More", "")`, find, domain, find)) {
		r.click("More")
	}
	r.click(domain)
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

// reload reloads the page until an expression is true of it, as a person does who waits for something.
func (r *reader) reload(expression, what string) {
	r.t.Helper()
	polltest.Until(r.t, func(c *polltest.Check) {
		r.Run(chromedp.Reload())
		is, err := browsertest.TryEvaluate[bool](r.Tab, expression)
		require.NoError(c, err, what)
		require.True(c, is, "%s; the page says: %s", what, r.text())
	}, wait, poll)
}

// choose sets the visible field with a label; the fields of filters, which have the names of columns, come last.
func (r *reader) choose(label, value string) {
	r.t.Helper()
	found := browsertest.Evaluate[bool](r.Tab, fmt.Sprintf(`((label, value) => {
		const all = [...document.querySelectorAll("label")].filter(
			(l) => l.checkVisibility() && l.textContent.trim().startsWith(label));
		const l = all.find((l) => !l.closest(".filters")) ?? all[0];
		const field = l && (l.control ?? l.querySelector("input, select, textarea"));
		if (!field) return false;
		if (field.type === "checkbox") {
			if (field.checked !== (value === "yes")) field.click();
			return true;
		}
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

// says is JavaScript that tells whether the page has a text.
func says(text string) string { return fmt.Sprintf("%s.includes(%q)", pageText, text) }

// awaitText waits until the page has a text.
func (r *reader) awaitText(text string) {
	r.t.Helper()
	r.awaitTrue(says(text), "the text "+strconv.Quote(text))
}

// path returns the path of the page.
func (r *reader) path() string {
	r.t.Helper()
	return browsertest.Evaluate[string](r.Tab, "location.pathname")
}

// plotted waits until the chart of the page has these figures in the titles of its periods.
func (r *reader) plotted(figures ...string) {
	r.t.Helper()
	for _, figure := range figures {
		r.awaitTrue(fmt.Sprintf(`[...document.querySelectorAll("figure.chart svg title")].some(
			(t) => t.textContent.includes(%q))`, figure), "the figure "+figure+" in the chart")
	}
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

// streamEnd is what the console has when a stream of the server ends, which htmx reports.
const streamEnd = `console.error: "[object Event]"`

// requireNoFaults fails the test if pages have reported more than the end of a stream and the answers of the allowed
// statuses, which are refused forms and missing pages.
func (r *reader) requireNoFaults(allowed ...int) {
	r.t.Helper()
	for _, fault := range r.Faults() {
		expected := fault == streamEnd
		for _, status := range allowed {
			expected = expected || containsStatus(fault, status)
		}
		require.True(r.t, expected, fault)
	}
}

// shoot takes a picture of the page into the folder that the environment variable SLUICE_SHOTS names, for people who
// look at what they change.
func (r *reader) shoot(name string) {
	r.t.Helper()
	shoot(r, name)
}
