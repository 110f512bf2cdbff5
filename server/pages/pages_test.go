package pages_test

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// Every answer has the header fields that keep a page from being framed, cached, and fed with other scripts.
func TestHeaders(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for _, path := range []string{"/", "/imports", "/imports/4711", "/nowhere", "/login"} {
		h := b.get(t, path).header
		require.Equal(t, "no-store", h.Get("Cache-Control"), path)
		require.Equal(t, "DENY", h.Get("X-Frame-Options"), path)
		require.Equal(t, "nosniff", h.Get("X-Content-Type-Options"), path)
		policy := h.Get("Content-Security-Policy")
		require.Contains(t, policy, "default-src 'none'", path)
		require.Contains(t, policy, "frame-ancestors 'none'", path)
		require.NotContains(t, policy, "unsafe", path)
	}
	p := b.get(t, "/nowhere")
	require.Equal(t, http.StatusNotFound, p.status)
	require.Contains(t, p.text, "choose one from the navigation")
	require.Equal(t, http.StatusNotFound, b.get(t, "/imports/4711").status)
	require.Equal(t, http.StatusNotFound, b.get(t, "/api/nowhere").status)
}

// The files that a page names exist, and are kept by browsers.
func TestAssets(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.get(t, "/")
	files := regexp.MustCompile(`(?:src|href)="(/assets/[^"]+)"`).FindAllStringSubmatch(p.html, -1)
	require.GreaterOrEqual(t, len(files), 3)
	for _, file := range files {
		found := b.get(t, file[1])
		require.Equal(t, http.StatusOK, found.status, file[1])
		require.Contains(t, found.header.Get("Cache-Control"), "immutable")
	}
	require.NotRegexp(t, `<script(?: defer)?>|<style|\sstyle=|\son[a-z]+=`, p.html, "inline script or style")
	require.Equal(t, http.StatusNotFound, b.get(t, "/assets/sluice.000000000000.css").status)
}

// A form of another site changes nothing.
func TestForeignForms(t *testing.T) {
	t.Parallel()
	b := setup(t)
	form := url.Values{"site": {site}, "source": {"noop"}}
	for _, header := range [][]string{
		{"Sec-Fetch-Site", "cross-site"}, {"Sec-Fetch-Site", "same-site"}, {"Origin", "https://evil.example"},
	} {
		for _, path := range []string{"/imports/new", "/login", "/logout", "/setup", "/tokens", "/sites/" + site + "/shields/add"} {
			require.Equal(t, http.StatusForbidden, b.post(t, path, form, header...).status, "%s %s", path, header)
		}
	}
	require.JSONEq(t, `{"items":[]}`, b.api(t, "/imports"))
	p := b.post(t, "/imports/new", form, "Sec-Fetch-Site", "same-origin")
	require.Equal(t, http.StatusOK, p.status, p.text)
	// A name that is not of this machine is not signed in, however it resolves.
	p = b.send(t, http.MethodGet, "/imports", nil, "", "X-Forwarded-For", "203.0.113.7")
	require.Contains(t, p.path, "/login?next=%2Fimports")
}
