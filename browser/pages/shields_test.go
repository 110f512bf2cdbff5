package pages_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/polltest"
)

// sendEvent sends the event of a page of a site as the tracker does, and returns why it was dropped, "" if it was not.
func (s *suite) sendEvent(t require.TestingT, site, url, name string, props map[string]string) string {
	ctx, cancel := s.Context()
	defer cancel()
	data, err := json.Marshal(map[string]any{"name": name, "url": url, "domain": site, "props": props})
	require.NoError(t, err)
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, s.base+"/api/event", bytes.NewReader(data))
	require.NoError(t, err)
	r.Header.Set("User-Agent", s.browser.Agent)
	// A visitor from elsewhere: addresses of this machine are of no country.
	r.Header.Set("X-Forwarded-For", "81.2.69.142")
	answer, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, answer.Body.Close())
	require.Equal(t, http.StatusAccepted, answer.StatusCode)
	_, reason, _ := strings.Cut(answer.Header.Get("X-Sluice-Dropped"), "=")
	return reason
}

// droppedBy counts the dropped events of a site in the warehouse by their reason.
func (s *suite) droppedBy(t require.TestingT, site, reason string) uint64 {
	return get[struct {
		Dropped map[string]uint64 `json:"dropped_24h"`
	}](t, s, "/sites/"+site+"/traffic").Dropped[reason]
}

// A shield is added, and the page counts the event that it drops.
func TestShield(t *testing.T) {
	s := setup(t)
	atWidths(t, func(t *testing.T, width int64) {
		t.Helper()
		site, r := s.site(t), s.administrator(t, width)
		secret := "https://" + site + "/admin/users"
		require.Empty(t, s.sendEvent(t, site, secret, "pageview", nil), "there is no shield yet")
		r.openSite(site)
		r.click("Shields")
		r.awaitText("Events of pages with these paths are dropped")
		r.choose("Add pages", "/admin/*")
		r.click("Add pages")
		r.awaitText("/admin/*")
		shields := get[struct{ Pages []string }](t, s, "/sites/"+site+"/shields")
		require.Equal(t, []string{"/admin/*"}, shields.Pages)

		// Servers follow within a second.
		sent := uint64(0)
		polltest.Until(t, func(c *polltest.Check) {
			reason := s.sendEvent(c, site, secret, "pageview", nil)
			if reason != "" {
				sent++
			}
			require.Equal(c, "site_page_blocklist", reason)
		}, wait, poll)
		require.EqualValues(t, 1, sent)
		require.Empty(t, s.sendEvent(t, site, "https://"+site+"/shop", "pageview", nil), "other pages are counted")
		r.reload(`[...document.querySelectorAll("main section")].some((e) => e.textContent.includes("/admin/*") &&
			e.textContent.includes("1 event dropped in 24 hours"))`, "the number of dropped events")
		require.Equal(t, sent, s.droppedBy(t, site, "site_page_blocklist"))
		r.shoot("shields")
		r.open("Ingestion")
		r.awaitText("site page blocklist")
		r.shoot("ingestion")
		r.requireNoFaults()
	})
}
