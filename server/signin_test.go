package server_test

import (
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/server/api"
	"github.com/sluicehq/sluice/store"
	accessstore "github.com/sluicehq/sluice/store/access"
)

// browserOf is a browser with the cookie of a server. It follows no redirect.
type browserOf struct {
	*running
	cookie string
}

// visited is what a browser got.
type visited struct {
	status         int
	location, page string
}

// open sends a request; a form that is nil is a GET.
func (b *browserOf) open(t *testing.T, path string, form url.Values) visited {
	t.Helper()
	method, body := http.MethodGet, io.Reader(http.NoBody)
	if form != nil {
		method, body = http.MethodPost, strings.NewReader(form.Encode())
	}
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+b.Server.Listen+path, body)
	require.NoError(t, err)
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if b.cookie != "" {
		r.Header.Set("Cookie", api.SessionCookie+"="+b.cookie)
	}
	response, err := http.DefaultTransport.RoundTrip(r)
	require.NoError(t, err)
	page, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	for _, cookie := range response.Cookies() {
		require.True(t, cookie.HttpOnly)
		require.Equal(t, http.SameSiteLaxMode, cookie.SameSite)
		b.cookie = cookie.Value
	}
	return visited{response.StatusCode, response.Header.Get("Location"), string(page)}
}

// People set a server up, sign in and out and change their password on pages, without JavaScript.
func TestPeopleSignInOnPages(t *testing.T) {
	t.Parallel()
	const password, next = "correct horse battery", "another horse battery"
	c := newSettings(t)
	var links printed
	r := start(t, c, true, withAPI([]string{"TEMPORAL_ADDRESS=127.0.0.1:1"}), links.tune)
	secret := links.link(t, r)
	b := &browserOf{running: r}
	require.Equal(t, visited{http.StatusSeeOther, "/login", ""}, b.open(t, "/", nil).withoutPage())
	require.Contains(t, b.open(t, "/setup", nil).page, "Create the first administrator")

	form := url.Values{"secret": {links.links[0]}, "name": {"ann"}, "password": {password}, "again": {password + "x"}}
	got := b.open(t, "/setup", form)
	require.Equal(t, http.StatusUnprocessableEntity, got.status)
	require.Contains(t, got.page, "the two passwords differ")
	require.NotContains(t, got.page, password)
	form.Set("again", password)
	require.Equal(t, visited{http.StatusSeeOther, "/", ""}, b.open(t, "/setup", form).withoutPage())
	require.Contains(t, b.open(t, "/", nil).page, `<a href="/account">ann</a>`)
	require.Contains(t, b.open(t, "/account", nil).page, "all sites")

	ended := b.cookie
	require.Equal(t, visited{http.StatusSeeOther, "/login", ""}, b.open(t, "/logout", url.Values{}).withoutPage())
	require.Empty(t, b.cookie)
	b.cookie = ended
	require.Equal(t, visited{http.StatusSeeOther, "/login?next=%2Fimports%3Fstatus%3Dfailed", ""},
		b.open(t, "/imports?status=failed", nil).withoutPage())

	form = url.Values{"name": {"ann"}, "password": {"wrong"}, "next": {"/imports?status=failed"}}
	got = b.open(t, "/login", form)
	require.Equal(t, http.StatusUnauthorized, got.status)
	require.Contains(t, got.page, "wrong password")
	require.Contains(t, got.page, `value="ann"`)
	require.Contains(t, got.page, `value="/imports?status=failed"`)
	form.Set("password", password)
	require.Equal(t, visited{http.StatusSeeOther, "/imports?status=failed", ""}, b.open(t, "/login", form).withoutPage())

	other := &browserOf{running: r, cookie: b.cookie}
	form = url.Values{"present": {"wrong"}, "password": {next}, "again": {next}}
	got = b.open(t, "/account/password", form)
	require.Equal(t, http.StatusUnprocessableEntity, got.status)
	require.Contains(t, got.page, "not the present password")
	form.Set("present", password)
	require.Equal(t, visited{http.StatusSeeOther, "/account?changed", ""}, b.open(t, "/account/password", form).withoutPage())
	require.Contains(t, b.open(t, "/account?changed", nil).page, "The password was changed")
	require.Equal(t, "/login?next=%2Faccount", other.open(t, "/account", nil).location)

	s, err := store.Open(enginetest.Context(t), store.Config{DSN: c.Store.DSN})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	entries, err := accessstore.New(s).Audit(enginetest.Context(t), accessstore.AuditFilter{}, accessstore.Page{})
	require.NoError(t, err)
	var operations []string
	for _, e := range entries {
		require.Equal(t, []string{"ann", "account", "page", "127.0.0.1"}, []string{e.Who, e.Kind, e.Door, e.Address})
		operations = append(operations, e.Operation)
	}
	require.Equal(t, []string{
		"account.change_password", "account.login", "account.logout", "account.login", "account.setup",
	}, operations)
	for _, text := range []string{secret, password, next, b.cookie, ended} {
		require.NotContains(t, r.log.String(), text)
	}
}

func (v visited) withoutPage() visited { return visited{v.status, v.location, ""} }
