package api_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/server/api"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
)

// Filters select what they say, together, and pages of one item continue what they select.
func TestListFilters(t *testing.T) {
	t.Parallel()
	b := withWorker(t)
	polltest.Until(t, func(c *polltest.Check) {
		require.Len(c, readPagesAs[deliveryclient.Destination](t, b, "viewer-all", "/destinations?state=healthy"), 5)
	}, time.Minute, 50*time.Millisecond)
	b.ok(t, "operator-all", http.MethodPost, "/destinations/log/pause", nil, nil)
	b.ok(t, "admin-all", http.MethodPost, "/flows/apply", map[string]any{"flows": flowOfShop}, nil)
	for _, token := range []map[string]any{
		{"name": "filter-own", "role": "operator", "sites": []string{own}},
		{"name": "filter-foreign", "role": "viewer", "sites": []string{foreign}},
		{"name": "filter-ended", "role": "viewer", "all_sites": true},
	} {
		b.ok(t, "admin-all", http.MethodPost, "/tokens", token, nil)
	}
	b.ok(t, "admin-all", http.MethodDelete, "/tokens/filter-ended", nil, nil)
	for name, role := range map[string]string{"filter-ann": "admin", "filter-bob": "viewer"} {
		b.ok(t, "admin-all", http.MethodPost, "/accounts", map[string]any{
			"name": name, "password": "correct horse battery staple", "role": role, "all_sites": true,
		}, nil)
	}
	b.ok(t, "admin-all", http.MethodPatch, "/accounts/filter-bob", map[string]bool{"disabled": true}, nil)

	names := map[string]func(path string) []string{
		"/destinations":   listed(t, b, func(d deliveryclient.Destination) string { return d.Name }),
		"/flows":          listed(t, b, func(f deliveryclient.Flow) string { return f.Name }),
		"/tokens":         listed(t, b, func(token api.Token) string { return token.Name }),
		"/accounts":       listed(t, b, func(a api.Account) string { return a.Name }),
		"/sites":          listed(t, b, func(s ingestclient.ListedSite) string { return s.Domain }),
		"/site-histories": listed(t, b, func(s ingestclient.RecentHistory) string { return s.Site }),
	}
	for _, c := range []struct {
		path, query string
		want        []string
	}{
		{"/destinations", "state=paused", []string{"log"}},
		{"/destinations", "state=paused&text=web", []string{}},
		{"/destinations", "text=WEBH", []string{"webhook"}},
		{"/destinations", "state=unhealthy", []string{}},
		{"/flows", "text=PAI", []string{"paid"}},
		{"/flows", "text=log/write&state=active", []string{"paid"}},
		{"/flows", "state=disabled", []string{}},
		{"/tokens", "text=filter-&state=valid", []string{"filter-foreign", "filter-own"}},
		{"/tokens", "text=filter-&state=revoked", []string{"filter-ended"}},
		{"/tokens", "text=filter-&role=viewer", []string{"filter-ended", "filter-foreign"}},
		{"/tokens", "text=filter-&site=" + own, []string{"filter-ended", "filter-own"}},
		{"/tokens", "text=filter-&state=expired", []string{}},
		{"/accounts", "text=filter-", []string{"filter-ann", "filter-bob"}},
		{"/accounts", "state=disabled", []string{"filter-bob"}},
		{"/accounts", "role=admin&text=filter", []string{"filter-ann"}},
		{"/sites", "text=" + url.QueryEscape(foreign[:4]), []string{foreign}},
		{"/site-histories", "text=" + url.QueryEscape(foreign[:4]), []string{foreign}},
		{"/sites", "text=nowhere", []string{}},
	} {
		require.Equal(t, c.want, names[c.path](c.path+"?limit=1&"+c.query), "%s?%s", c.path, c.query)
	}
	for _, path := range []string{"/destinations", "/flows", "/tokens", "/accounts", "/syncs"} {
		b.do(t, "admin-all", http.MethodGet, path+"?state=none", nil).problem(t, "invalid")
	}
	b.do(t, "admin-all", http.MethodGet, "/tokens?role=none", nil).problem(t, "invalid")
}

// listed returns a function that reads the names of a list page by page.
func listed[T any](t *testing.T, b *bundle, nameOf func(T) string) func(path string) []string {
	t.Helper()
	return func(path string) []string {
		names := []string{}
		for path != "" {
			var page struct {
				Items []T
				Next  string
			}
			b.ok(t, "admin-all", http.MethodGet, path, nil, &page)
			for _, item := range page.Items {
				names = append(names, nameOf(item))
			}
			path = strings.TrimPrefix(page.Next, api.Prefix)
		}
		return names
	}
}
