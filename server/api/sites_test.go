package api_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
	importstore "github.com/sluicehq/sluice/store/importing"
)

func TestSites(t *testing.T) {
	t.Parallel()
	b := setup(t)
	added := b.do(t, "admin-all", http.MethodPost, "/sites", map[string]any{
		"domain": "New.example", "timezone": "Europe/Berlin", "native_start": "2026-01-31", "contacts": []string{"ann@example.com"},
	})
	require.Equal(t, http.StatusCreated, added.status, string(added.body))
	require.Equal(t, "/api/v1/sites/new.example", added.header.Get("Location"))
	var site ingestclient.ListedSite
	added.decode(t, &site)
	require.Equal(t, "Europe/Berlin", site.TimeZone)
	require.Equal(t, "2026-01-31", site.NativeStart.String())
	b.do(t, "admin-all", http.MethodPost, "/sites", map[string]any{"domain": "new.example"}).problem(t, "taken")
	p := b.do(t, "admin-all", http.MethodPost, "/sites", map[string]any{
		"domain": "no domain", "timezone": "Mars", "contacts": []string{"nobody"},
	}).problem(t, "invalid")
	require.Len(t, p.Errors, 3)

	var list struct {
		Items []ingestclient.ListedSite
		Next  string
	}
	var domains []string
	for path := "/sites?limit=1"; path != ""; path = list.Next {
		list.Next = ""
		b.ok(t, "viewer-all", http.MethodGet, path, nil, &list)
		require.Len(t, list.Items, 1)
		domains = append(domains, list.Items[0].Domain)
	}
	require.Equal(t, []string{foreign, "new.example", own}, domains)
	for as, want := range map[string]int{"viewer-own": 1, "viewer-none": 0} {
		b.ok(t, as, http.MethodGet, "/sites", nil, &list)
		require.Len(t, list.Items, want, as)
	}
}

func TestSiteSettings(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := "/sites/" + own
	shown := b.ok(t, "viewer-own", http.MethodGet, path, nil, nil)
	change := map[string]any{
		"blocked": true, "rate_limit": "600/60s", "accept_until": "2030-12-24", "goals": map[string]string{"Purchase": "EUR"},
		"allow_networks": []string{"192.0.2.1"}, "props": []string{"plan"},
	}
	b.do(t, "admin-own", http.MethodPatch, path, change).problem(t, "precondition-required")
	set := b.do(t, "admin-own", http.MethodPatch, path, change, "If-Match", shown.header.Get("Etag"))
	var site ingestclient.Site
	set.decode(t, &site)
	require.True(t, site.Blocked)
	require.Equal(t, "600/60s", *site.RateLimit)
	require.Equal(t, "2030-12-24", site.AcceptUntil.String())
	require.Equal(t, map[string]string{"Purchase": "EUR"}, site.Goals)
	require.Equal(t, []string{"192.0.2.1/32"}, site.AllowedNetworks)
	b.do(t, "admin-own", http.MethodPatch, path, change, "If-Match", shown.header.Get("Etag")).problem(t, "precondition-failed")
	again := b.do(t, "admin-own", http.MethodPatch, path, map[string]any{"rate_limit": "none", "accept_until": "none", "all_props": true},
		"If-Match", set.header.Get("Etag"))
	site = ingestclient.Site{}
	again.decode(t, &site)
	require.Nil(t, site.RateLimit)
	require.Nil(t, site.AcceptUntil)
	require.Nil(t, site.Props)
	for pointer, body := range map[string]any{
		"#/rate_limit": map[string]any{"rate_limit": "many"}, "#/accept_until": map[string]any{"accept_until": "soon"},
		"#/allow_networks":        map[string]any{"allow_networks": []string{"x"}},
		"#/remove_allow_networks": map[string]any{"remove_allow_networks": []string{"x"}},
	} {
		p := b.do(t, "admin-own", http.MethodPatch, path, body, "If-Match", "*").problem(t, "invalid")
		require.Equal(t, pointer, p.Errors[0].Pointer)
	}
	b.do(t, "admin-own", http.MethodPatch, path, map[string]any{"remove_goals": []string{"Signup"}}, "If-Match", "*").
		problem(t, "conflict")
	b.do(t, "admin-own", http.MethodPatch, path, map[string]any{"timezone": "Mars"}, "If-Match", "*").problem(t, "invalid")

	var traffic ingestclient.Traffic
	b.ok(t, "viewer-own", http.MethodGet, path+"/traffic", nil, &traffic)
	require.Zero(t, traffic.Stored24h)
	var writers ingestclient.Writers
	b.ok(t, "viewer-all", http.MethodGet, "/ingestion", nil, &writers)
	require.Zero(t, writers.Partitions)
}

func TestShields(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := "/sites/" + own + "/shields"
	var shields ingestclient.Shields
	b.ok(t, "admin-own", http.MethodPatch, path, map[string]any{"add": map[string]any{
		"ips": []string{"10.0.0.0/8"}, "countries": []string{"de", "ZZ"}, "pages": []string{"/admin/*"},
	}}, nil)
	b.ok(t, "admin-own", http.MethodPatch, path, map[string]any{
		"add": map[string]any{"hostnames": []string{"*.example.com"}}, "remove": map[string]any{"countries": []string{"ZZ"}},
	}, nil)
	b.ok(t, "viewer-own", http.MethodGet, path, nil, &shields)
	require.Equal(t, ingestclient.Shields{
		IPs: []string{"10.0.0.0/8"}, Countries: []string{"DE"}, Pages: []string{"/admin/*"}, Hostnames: []string{"*.example.com"},
	}, shields)
	b.do(t, "admin-own", http.MethodPatch, path, map[string]any{"remove": map[string]any{"pages": []string{"/none"}}}).
		problem(t, "conflict")
	for _, part := range []string{"add", "remove"} {
		p := b.do(t, "admin-own", http.MethodPatch, path, map[string]any{part: map[string]any{"countries": []string{"Germany"}}}).
			problem(t, "invalid")
		require.Equal(t, "#/"+part, p.Errors[0].Pointer)
	}
}

// Locks and notifications have the sites of imports.
func TestLocks(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ctx := enginetest.Context(t)
	for _, site := range []string{own, foreign} {
		imp, err := b.Starter.CreateImport(ctx, starter.Request{Site: site, Source: "noop"})
		require.NoError(t, err)
		_, err = b.Store.Imports.AcquireLocks(ctx, imp.ID, "run", importstore.LockLimits{})
		require.NoError(t, err)
	}
	var list struct {
		Items []starter.Lock
		Next  string
	}
	for as, want := range map[string]int{"viewer-all": 2, "viewer-own": 1, "viewer-none": 0} {
		b.ok(t, as, http.MethodGet, "/locks", nil, &list)
		require.Len(t, list.Items, want, as)
	}
	b.ok(t, "viewer-all", http.MethodGet, "/locks?limit=1", nil, &list)
	require.Len(t, list.Items, 1)
	first := list.Items[0]
	require.Equal(t, "held", first.State)
	b.ok(t, "viewer-all", http.MethodGet, list.Next, nil, &list)
	require.NotEqual(t, first.Resource, list.Items[0].Resource)
	b.ok(t, "viewer-own", http.MethodGet, "/locks?resource="+first.Resource, nil, &list)
	require.Len(t, list.Items, map[bool]int{true: 1}[first.Site == own])
}
