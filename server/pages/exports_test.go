package pages_test

import (
	"encoding/csv"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
)

// rows reads a file of a list.
func (p page) rows(t *testing.T) [][]string {
	t.Helper()
	require.Equal(t, http.StatusOK, p.status, p.html)
	require.Equal(t, "text/csv; charset=utf-8; header=present", p.header.Get("Content-Type"))
	rows, err := csv.NewReader(strings.NewReader(p.html)).ReadAll()
	require.NoError(t, err)
	return rows
}

// Each list is a file of what the API lists, with the filters of its page.
func TestListsAreExported(t *testing.T) {
	t.Parallel()
	b := setup(t)
	imp, err := b.Starter.CreateImport(enginetest.Context(t), starter.Request{
		Site: site, Source: "noop", Label: "=HYPERLINK(1)", By: hostile,
	})
	require.NoError(t, err)
	b.Wait(t, imp.ID)
	b.post(t, "/destinations/webhook/pause", url.Values{})
	b.sendToWebhook(t, "1")
	b.addWebhook(t, "ops")
	b.post(t, "/flows/edit/apply", url.Values{"flows": {pageFlow}})
	b.post(t, "/new/schedule", url.Values{"site": {site}, "source": {"noop"}, "name": {"nightly"}, "cron": {"0 3 * * *"}})
	token := b.token(t, "operator", map[string]any{"sites": []string{site}})

	for _, path := range []string{
		"/imports", fmt.Sprintf("/imports/%d/parts", imp.ID), fmt.Sprintf("/imports/%d/rejects", imp.ID), "/reviews?all=true",
		"/schedules", "/sites", "/destinations", "/jobs", "/events", "/flows", "/syncs", "/connections", "/notifications",
		"/locks", "/accounts", "/tokens", "/audit",
	} {
		list, _, _ := strings.Cut(path, "?")
		shown := b.get(t, path)
		require.Equal(t, http.StatusOK, shown.status, path)
		var of struct{ Items []map[string]json.RawMessage }
		b.read(t, path+map[bool]string{true: "&", false: "?"}[strings.Contains(path, "?")]+"limit=200", &of)
		if len(of.Items) > 0 {
			require.Contains(t, shown.html, `href="/export`+list, "the page of %s links its file", path)
		}
		rows := b.get(t, "/export"+path).rows(t)
		require.Len(t, rows, 1+len(of.Items), path)
		for i, item := range of.Items {
			for at, column := range rows[0] {
				var text string
				if json.Unmarshal(item[column], &text) != nil {
					text = string(item[column])
				}
				require.Contains(t, []string{text, "'" + text}, rows[1+i][at], "%s, row %d, %s", path, i, column)
			}
			for name := range item {
				require.Contains(t, rows[0], name, "%s has a column for each field", path)
			}
		}
	}
	rows := b.get(t, "/export/imports").rows(t)
	require.Contains(t, rows[1], "'=HYPERLINK(1)", "no formula")
	require.Len(t, b.get(t, "/export/imports?site=none.example").rows(t), 1, "the filters count")
	require.Len(t, b.get(t, "/export/jobs?state=held").rows(t), 1)
	// The pages and the files of these lists have the same filters.
	for path, found := range map[string]int{
		"/destinations?text=webh": 1, "/destinations?state=paused": 1, "/destinations?text=none": 0,
		"/flows?text=PAID": 1, "/flows?state=disabled": 0, "/syncs?state=late": 0,
		"/tokens?role=operator&state=valid": 1, "/tokens?site=" + site: 1, "/tokens?state=revoked": 0,
		"/accounts?state=disabled": 0, "/connections?text=OPS&state=healthy": 1, "/connections?state=open": 0,
		"/sites?text=demo": 1, "/sites?text=none": 0,
	} {
		list, _, _ := strings.Cut(path, "?")
		shown := b.get(t, path)
		require.Equal(t, http.StatusOK, shown.status, shown.text)
		require.Equal(t, found == 0, strings.Contains(shown.text, "matches th"), "%s: %s", path, shown.text)
		require.Equal(t, found > 0, strings.Contains(shown.html, `href="/export`+strings.ReplaceAll(path, "&", "&amp;")+`"`) ||
			strings.Contains(shown.html, `href="/export`+list+"?"), "the link of the file has the filters of %s", path)
		require.Len(t, b.get(t, "/export"+path).rows(t), 1+found, path)
		require.Equal(t, http.StatusUnprocessableEntity, b.get(t, list+"?text="+strings.Repeat("x", 300)).status, path)
	}
	b.requireFilters(t, map[string]int{
		"/schedules?text=NIGHT&state=active&source=noop&site=" + site: 1, "/schedules?state=paused": 0, "/schedules?source=csv": 0,
	})
	require.Equal(t, http.StatusUnprocessableEntity, b.get(t, "/export/jobs?created_after=soon").status)
	require.Equal(t, http.StatusForbidden, b.send(t, http.MethodGet, "/export/jobs", nil, "", token...).status)
	require.Equal(t, http.StatusNotFound, b.get(t, "/export/imports/404/parts").status)
	p := b.get(t, "/export/imports")
	require.Equal(t, `attachment; filename="imports.csv"`, p.header.Get("Content-Disposition"))
	require.Equal(t, "no-store", p.header.Get("Cache-Control"))
}

// requireFilters fails the test unless the page of a list, and its file, have so many items under filters, and the page
// says when they match nothing.
func (b *bundle) requireFilters(t *testing.T, found map[string]int) {
	t.Helper()
	for path, want := range found {
		list, _, _ := strings.Cut(path, "?")
		shown := b.get(t, path)
		require.Equal(t, http.StatusOK, shown.status, shown.text)
		require.Equal(t, want == 0, strings.Contains(shown.text, "matches th"), "%s: %s", path, shown.text)
		require.Equal(t, want == 0, strings.Contains(shown.html, `<a class="button" href="`+list+`">Show all`), path)
		require.Equal(t, want > 0, strings.Contains(shown.html, `href="/export`+list+"?"), "the link of the file of %s", path)
		require.Len(t, b.get(t, "/export"+path).rows(t), 1+want, path)
	}
}

// requireSyncFilters fails the test unless the lists of the sync members, which has one run with one rejected record, have
// filters.
func (b *bundle) requireSyncFilters(t *testing.T) {
	t.Helper()
	b.requireFilters(t, map[string]int{
		"/syncs/members/runs?status=succeeded&kind=full": 1, "/syncs/members/runs?status=failed": 0,
		"/syncs/members/rejects?text=BYTES&stage=write&state=rejected": 1, "/syncs/members/rejects?stage=map": 0,
		"/syncs/members/rejects?state=retry_requested": 0, "/syncs/members/held?held_after=2026-01-01T00%3A00": 0,
	})
	for _, path := range []string{"runs?status=x", "rejects?stage=x", "rejects?state=x", "held?held_before=soon"} {
		require.Equal(t, http.StatusUnprocessableEntity, b.get(t, "/syncs/members/"+path).status, path)
	}
}
