package pages_test

import (
	"net/http"
	"net/url"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"
)

// An administrator creates and revokes tokens, creates, changes and disables accounts, and reads the audit.
func TestAccessPages(t *testing.T) {
	t.Parallel()
	b := setup(t)
	p := b.post(t, "/tokens", url.Values{"name": {"ci"}, "role": {"operator"}, "days": {"x"}, "sites": {site}})
	require.Equal(t, http.StatusUnprocessableEntity, p.status)
	require.Contains(t, p.text, "want a whole number of days")
	p = b.post(t, "/tokens", url.Values{"name": {"ci"}, "role": {"operator"}, "days": {"30"}, "sites": {site}})
	require.Equal(t, http.StatusOK, p.status, p.text)
	secret := regexp.MustCompile(`sluice_[A-Za-z0-9]+_[\w-]+`).FindString(p.html)
	require.NotEmpty(t, secret)
	p = b.send(t, http.MethodGet, "/api/v1/session", nil, "", "Authorization", "Bearer "+secret)
	require.Contains(t, p.html, `"sites":["`+site+`"]`)
	p = b.get(t, "/tokens")
	require.NotContains(t, p.html, secret)
	require.Contains(t, p.text, "operator "+site+" valid ends")
	revoke := regexp.MustCompile(`/tokens/[^"]+/revoke`).FindString(p.html)
	require.Contains(t, b.post(t, revoke, url.Values{}).text, "revoked")

	account := url.Values{
		"name": {"ann"}, "role": {"admin"}, "all_sites": {"yes"}, "password": {"correct horse battery"}, "again": {"other"},
	}
	require.Contains(t, b.post(t, "/accounts", account).text, "the two passwords differ")
	account.Set("again", account.Get("password"))
	// The first account ends the sign-in by this machine.
	require.Contains(t, b.post(t, "/accounts", account).path, "/login")
	// A login leads to no other server.
	login := url.Values{"name": {"ann"}, "password": {account.Get("password")}, "next": {"//evil.example/x"}}
	p = b.post(t, "/login?next=https://evil.example/", login)
	require.Equal(t, "/", p.path, p.text)
	require.Contains(t, b.get(t, "/login?next=https://evil.example/").html, `name="next" value="/"`)
	account.Set("name", "bob")
	require.Contains(t, b.post(t, "/accounts", account).text, "bob admin all sites enabled never")
	p = b.post(t, "/accounts/bob", url.Values{"role": {"viewer"}, "sites": {site}})
	require.Contains(t, p.text, "bob viewer "+site+" enabled never")
	require.Contains(t, b.post(t, "/accounts/bob/disable", url.Values{}).text, "bob viewer "+site+" disabled")
	require.Contains(t, b.post(t, "/accounts/bob/enable", url.Values{}).text, "bob viewer "+site+" enabled")
	p = b.post(t, "/accounts/ann/disable", url.Values{})
	require.Equal(t, http.StatusConflict, p.status, "the last administrator")
	require.Contains(t, p.html, `<a href="/accounts" aria-current="page">`, "the page of the form")
	require.Equal(t, "no-store", p.header.Get("Cache-Control"))
	require.Contains(t, p.header.Get("Content-Security-Policy"), "frame-ancestors 'none'")

	p = b.get(t, "/audit?operation=account.set")
	require.Contains(t, p.text, "ann account account.set account bob Before and after")
	require.Contains(t, p.text, "page 127.0.0.1")
	require.NotContains(t, p.html, "argon2id")
	require.Contains(t, b.get(t, "/audit?who=nobody").text, "No change matches these filters")
	require.Contains(t, b.get(t, "/audit?until=2020-01-31").text, "No change matches these filters")
	require.Equal(t, http.StatusUnprocessableEntity, b.get(t, "/audit?since=yesterday").status)

	// A reader sees none of it.
	b.post(t, "/logout", url.Values{})
	account.Set("name", "bob")
	p = b.post(t, "/login", url.Values{"name": {"bob"}, "password": {account.Get("password")}})
	require.NotContains(t, p.html, `href="/tokens"`)
	for _, path := range []string{"/tokens", "/accounts", "/audit"} {
		require.Equal(t, http.StatusForbidden, b.get(t, path).status, path)
	}
}
