// Package tracker_test runs Plausible's tracker, unchanged, in a real browser, and looks at the rows that its
// events have become.
package tracker_test

import (
	"net/http"
	"testing"
	"time"

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
	poll = 20 * time.Millisecond
)

// answers waits for n answers to a method.
func answers(t *testing.T, tab *browsertest.Tab, endpoint, method string, n int) []browsertest.Answer {
	t.Helper()
	var found []browsertest.Answer
	polltest.Until(t, func(c *polltest.Check) {
		found = nil
		for _, answer := range tab.Answers(endpoint) {
			if answer.Method == method {
				found = append(found, answer)
			}
		}
		require.GreaterOrEqual(c, len(found), n, "messages of the pages: %q", tab.Faults())
	}, wait, poll)
	return found
}

// requireStored waits until n events are stored, and none was dropped.
func requireStored(t *testing.T, tab *browsertest.Tab, endpoint string, n int) {
	t.Helper()
	for _, answer := range answers(t, tab, endpoint, http.MethodPost, n) {
		require.Equal(t, http.StatusAccepted, answer.Status)
		require.Empty(t, answer.Header.Get("X-Sluice-Dropped"))
	}
}

func click(selector chromedp.CSS) chromedp.Action[chromedp.Void] { return chromedp.Click(selector) }

func visible(selector chromedp.CSS) chromedp.Action[chromedp.Void] {
	return chromedp.WaitVisible(selector)
}

func TestTracker(t *testing.T) {
	sluice, browser := sluicetest.Connect(t), browsertest.Start(t)

	t.Run("a visit becomes a session with its events", func(t *testing.T) {
		visit(t, sluice, browser)
	})
	t.Run("a page of another host sends JSON and reads the answer", func(t *testing.T) {
		crossOrigin(t, sluice, browser)
	})
	t.Run("a browser without a window is a bot", func(t *testing.T) {
		headless(t, sluice, browser)
	})
}

// scrollDown scrolls and returns how deep, in percent, once the tracker knows.
const scrollDown = `new Promise((done) => {
	document.addEventListener('scroll', () => {
		done(Math.round((scrollY + innerHeight) / document.documentElement.scrollHeight * 100))
	}, { once: true })
	scrollTo(0, 1800)
})`

// visit comes from another page, uses everything that the shop has, and leaves by a link.
func visit(t *testing.T, sluice *sluicetest.System, browser *browsertest.Browser) {
	t.Helper()
	site := sluice.AddSite(t, ingestclient.SiteChange{Goals: map[string]string{"Purchase": "EUR"}})
	web, tab := serve(t, site.Domain, sluice.Server), browser.Open(t, browser.Agent)

	tab.Run(chromedp.Navigate(web.News), click("#shop"), visible("#subscribe"))
	requireStored(t, tab, web.Endpoint, 1)
	tab.Run(click("#subscribe"), click("#buy"), click("#prices"), click("#ask"))
	requireStored(t, tab, web.Endpoint, 5)
	depth := browsertest.Evaluate[uint8](tab, scrollDown)
	require.Greater(t, depth, uint8(30))
	require.Less(t, depth, uint8(90))
	tab.Run(click("#pricing"))
	requireStored(t, tab, web.Endpoint, 7)
	tab.Run(click("#partner"), visible("#offer"))

	// The browser sends the last events after it has left the page.
	polltest.Until(t, func(c *polltest.Check) {
		require.Len(c, events(c, sluice, site.ID), 7)
		require.Len(c, engagements(c, sluice, site.ID), 2)
	}, wait, poll)
	require.Empty(t, tab.Faults())
	none, host := map[string]string{}, site.Domain
	require.ElementsMatch(t, []event{
		{Name: "pageview", Hostname: host, Pathname: "/", Props: none},
		{Name: "Signup", Hostname: host, Pathname: "/", Props: map[string]string{"plan": "pro", "seats": "3"}},
		{Name: "Purchase", Hostname: host, Pathname: "/", Props: none, Amount: 1299.95, Currency: "EUR"},
		{Name: "File Download", Hostname: host, Pathname: "/", Props: map[string]string{"url": web.Prices}},
		{Name: "Form: Submission", Hostname: host, Pathname: "/", Props: map[string]string{"path": "/"}},
		{Name: "pageview", Hostname: host, Pathname: "/pricing", Props: none},
		{Name: "Outbound Link: Click", Hostname: host, Pathname: "/pricing", Props: map[string]string{"url": web.Partner}},
	}, events(t, sluice, site.ID))

	of := engagements(t, sluice, site.ID)
	require.Equal(t, "/", of[0].Pathname)
	require.Equal(t, depth, of[0].ScrollDepth)
	require.Equal(t, "/pricing", of[1].Pathname)
	require.Equal(t, depth, of[1].ScrollDepth, "the address has changed, and the page has not moved")
	require.Positive(t, of[0].Time)
	require.Positive(t, of[1].Time)

	from := visitor{
		Referrer: "news.example", Source: "news.example", Campaign: "spring", Channel: "Referral", Screen: "Desktop",
		System: systemName(), Browser: "Chrome", Version: browser.Version(),
	}
	require.Equal(t, []visitor{from}, visitors(t, sluice, site.ID))
	require.Equal(t, []session{{
		Hostname: host, EntryPage: "/", ExitPage: "/pricing", Pageviews: 2, Events: 7, visitor: from,
	}}, sessions(t, sluice, site.ID))
	require.Empty(t, answers(t, tab, web.Endpoint, http.MethodOptions, 0), "the tracker needs no preflight")
}

// reply is an answer as a page sees it.
type reply struct {
	Status       int
	Text         string
	Count, Drops string
}

// sendJSON sends an event in JSON, which takes a preflight, for a site and for one that does not exist.
const sendJSON = `(async () => {
	const { domain, endpoint } = document.documentElement.dataset
	const response = await fetch(endpoint, {
		method: 'POST',
		headers: { 'Content-Type': 'application/json' },
		body: JSON.stringify({ name: 'Sent', url: location.href, domain: domain + ',nowhere.example' }),
	})
	return {
		Status: response.status, Text: await response.text(),
		Count: response.headers.get('x-plausible-dropped'), Drops: response.headers.get('x-sluice-dropped'),
	}
})()`

func crossOrigin(t *testing.T, sluice *sluicetest.System, browser *browsertest.Browser) {
	t.Helper()
	site := sluice.AddSite(t, ingestclient.SiteChange{})
	web, tab := serve(t, site.Domain, sluice.Server), browser.Open(t, browser.Agent)
	tab.Run(chromedp.Navigate(web.Shop))
	requireStored(t, tab, web.Endpoint, 1)
	require.Empty(t, answers(t, tab, web.Endpoint, http.MethodOptions, 0))
	require.Equal(t, reply{http.StatusAccepted, "ok", "1", "nowhere.example=not_found"},
		browsertest.Evaluate[reply](tab, sendJSON))
	preflights := answers(t, tab, web.Endpoint, http.MethodOptions, 1)
	require.Len(t, preflights, 1)
	require.Equal(t, http.StatusNoContent, preflights[0].Status)
	require.Empty(t, tab.Faults())
	polltest.Until(t, func(c *polltest.Check) {
		require.Contains(c, events(c, sluice, site.ID), event{
			Name: "Sent", Hostname: site.Domain, Pathname: "/", Props: map[string]string{},
		})
	}, wait, poll)
}

// headless: the server drops the events of a browser that says that it has no window, and says so.
func headless(t *testing.T, sluice *sluicetest.System, browser *browsertest.Browser) {
	t.Helper()
	site := sluice.AddSite(t, ingestclient.SiteChange{})
	web, tab := serve(t, site.Domain, sluice.Server), browser.Open(t, browser.HeadlessAgent)
	tab.Run(chromedp.Navigate(web.Shop))
	for _, answer := range answers(t, tab, web.Endpoint, http.MethodPost, 1) {
		require.Equal(t, http.StatusAccepted, answer.Status)
		require.Equal(t, "1", answer.Header.Get("X-Plausible-Dropped"))
		require.Equal(t, site.Domain+"=bot", answer.Header.Get("X-Sluice-Dropped"))
	}
	require.Empty(t, tab.Faults())
}
