package api_test

import (
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/server/api"
	accessclient "github.com/sluicehq/sluice/starter/access"
	accessstore "github.com/sluicehq/sluice/store/access"
)

const password = "correct horse battery"

// account creates an account of the site own.
func (b *bundle) account(t *testing.T, name string, role access.Role) {
	t.Helper()
	ctx := access.With(enginetest.Context(t), access.CLI("root"))
	_, err := accessclient.New(b.Store.Store).CreateAccount(ctx, accessclient.NewAccount{
		Name: name, Password: password, Role: role, Sites: access.Sites(own),
	})
	require.NoError(t, err)
}

// cookieOf returns the cookie that an answer sets.
func cookieOf(t *testing.T, a answer) *http.Cookie {
	t.Helper()
	cookies := (&http.Response{Header: a.header}).Cookies()
	require.Len(t, cookies, 1, string(a.body))
	require.Equal(t, api.SessionCookie, cookies[0].Name)
	return cookies[0]
}

// logIn signs in and returns the header with the cookie.
func (b *bundle) logIn(t *testing.T, name, password string) (header []string) {
	t.Helper()
	a := b.do(t, "", http.MethodPost, "/session", map[string]string{"name": name, "password": password})
	require.Equal(t, http.StatusOK, a.status, string(a.body))
	return []string{"Cookie", api.SessionCookie + "=" + cookieOf(t, a).Value}
}

func TestSessions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.account(t, "ann", access.RoleViewer)
	login := map[string]string{"name": "ann", "password": password}
	a := b.do(t, "", http.MethodPost, "/session", login)
	require.Equal(t, http.StatusOK, a.status, string(a.body))
	cookie := cookieOf(t, a)
	require.Equal(t, http.Cookie{
		Name: api.SessionCookie, Value: cookie.Value, Path: "/", MaxAge: 7 * 24 * 60 * 60, HttpOnly: true,
		SameSite: http.SameSiteLaxMode, Raw: cookie.Raw,
	}, *cookie)
	require.Len(t, cookie.Value, 43)
	require.NotContains(t, string(a.body), cookie.Value)
	secure := b.do(t, "", http.MethodPost, "/session", login, "X-Forwarded-Proto", "https")
	require.True(t, cookieOf(t, secure).Secure)

	header := []string{"Cookie", api.SessionCookie + "=" + cookie.Value}
	a = b.do(t, "", http.MethodGet, "/session", nil, header...)
	var session api.Session
	a.decode(t, &session)
	require.WithinDuration(t, time.Now().Add(accessstore.SessionIdle), *session.ExpiresAt, time.Minute)
	session.ExpiresAt = nil
	require.Equal(t, api.Session{Name: "ann", Kind: "account", Role: "viewer", Scope: api.Scope{Sites: []string{own}}}, session)
	require.Equal(t, http.StatusOK, b.do(t, "", http.MethodGet, "/imports", nil, header...).status)
	require.Equal(t, http.StatusForbidden, b.do(t, "", http.MethodGet, "/tokens", nil, header...).status)
	cross := b.do(t, "", http.MethodPost, "/session", login, "Sec-Fetch-Site", "cross-site")
	cross.problem(t, "cross-origin")

	a = b.do(t, "", http.MethodDelete, "/session", nil, header...)
	require.Equal(t, http.StatusNoContent, a.status, string(a.body))
	require.Negative(t, cookieOf(t, a).MaxAge)
	b.do(t, "", http.MethodGet, "/session", nil, header...).problem(t, "unauthenticated")

	// A token says who it is, and has neither a session nor a password.
	b.ok(t, "ingest-own", http.MethodGet, "/session", nil, &session)
	require.Equal(t, api.Session{Name: "ingest-own", Kind: "token", Role: "ingest", Scope: api.Scope{Sites: []string{own}}}, session)
	b.do(t, "admin-all", http.MethodDelete, "/session", nil).problem(t, "conflict")
	change := map[string]string{"present": password, "password": password}
	b.do(t, "admin-all", http.MethodPut, "/session/password", change).problem(t, "conflict")
	require.NotContains(t, b.log.String(), password)
	require.NotContains(t, b.log.String(), cookie.Value)
}

// The answer does not tell an unknown account, a disabled one and a wrong password apart, and comes late after too many.
func TestLoginsAreLimited(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.account(t, "ann", access.RoleViewer)
	b.account(t, "off", access.RoleViewer)
	b.ok(t, "admin-all", http.MethodPatch, "/accounts/off", map[string]bool{"disabled": true}, nil)
	var answers []string
	for _, body := range []map[string]string{
		{"name": "ann", "password": "wrong"},
		{"name": "off", "password": password},
		{"name": "nobody", "password": password},
		{"name": "No Name", "password": password},
		{"name": "", "password": ""},
	} {
		a := b.do(t, "", http.MethodPost, "/session", body)
		require.Equal(t, http.StatusUnauthorized, a.status)
		require.Empty(t, a.header.Get("Set-Cookie"))
		p := a.problem(t, "unauthenticated")
		answers = append(answers, p.Title+" "+p.Detail)
	}
	for _, other := range answers[1:] {
		require.Equal(t, answers[0], other)
	}
	var late answer
	for range accessstore.MaxAccountAttempts {
		late = b.do(t, "", http.MethodPost, "/session", map[string]string{"name": "ann", "password": "wrong"})
	}
	late.problem(t, "too-many-attempts")
	wait, err := strconv.Atoi(late.header.Get("Retry-After"))
	require.NoError(t, err)
	require.Positive(t, wait)
	require.LessOrEqual(t, wait, int(accessstore.AttemptWindow.Seconds()))
	require.Equal(t, 5+accessstore.MaxAccountAttempts, strings.Count(b.log.String(), "sign-in refused"))
	require.NotContains(t, b.log.String(), "nobody")
}

func TestChangePassword(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.account(t, "ann", access.RoleViewer)
	header, other := b.logIn(t, "ann", password), b.logIn(t, "ann", password)
	const next = "another horse battery"
	for pointer, body := range map[string]map[string]string{
		"#/present": {"present": next, "password": next}, "#/password": {"present": password, "password": "short"},
	} {
		p := b.do(t, "", http.MethodPut, "/session/password", body, header...).problem(t, "invalid")
		require.Equal(t, pointer, p.Errors[0].Pointer)
	}
	a := b.do(t, "", http.MethodPut, "/session/password", map[string]string{"present": password, "password": next}, header...)
	require.Equal(t, http.StatusOK, a.status, string(a.body))
	for _, ended := range [][]string{header, other} {
		b.do(t, "", http.MethodGet, "/session", nil, ended...).problem(t, "unauthenticated")
	}
	renewed := b.do(t, "", http.MethodGet, "/session", nil, "Cookie", api.SessionCookie+"="+cookieOf(t, a).Value)
	require.Equal(t, http.StatusOK, renewed.status)
	b.logIn(t, "ann", next)
}

func TestSetUp(t *testing.T) {
	t.Parallel()
	b := setup(t)
	link, err := accessstore.New(b.Store.Store).CreateSetupLink(enginetest.Context(t))
	require.NoError(t, err)
	body := map[string]string{"secret": "x", "name": "ann", "password": password}
	b.do(t, "", http.MethodPost, "/setup", body).problem(t, "unauthenticated")
	body["secret"], body["password"] = link.Reveal(), "short"
	b.do(t, "", http.MethodPost, "/setup", body).problem(t, "invalid")
	body["password"] = password
	a := b.do(t, "", http.MethodPost, "/setup", body)
	require.Equal(t, http.StatusCreated, a.status, string(a.body))
	header := []string{"Cookie", api.SessionCookie + "=" + cookieOf(t, a).Value}
	require.Equal(t, http.StatusOK, b.do(t, "", http.MethodGet, "/tokens", nil, header...).status)
	body["name"] = "eve"
	b.do(t, "", http.MethodPost, "/setup", body).problem(t, "unauthenticated")
	require.NotContains(t, b.log.String(), link.Reveal())
}

// The door of a change is the page that has made the request.
func TestPagesAreADoor(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.account(t, "ann", access.RoleOperator)
	header := b.logIn(t, "ann", password)
	body := `{"name":"nightly","source":"noop","cron":"0 3 * * *"}`
	w := b.page(t, http.MethodPost, "/sites/"+own+"/schedules", body, header...)
	require.Equal(t, http.StatusCreated, w.Code, w.Body.String())
	entries, err := accessstore.New(b.Store.Store).Audit(enginetest.Context(t), accessstore.AuditFilter{Operation: "schedule.create"},
		accessstore.Page{})
	require.NoError(t, err)
	require.Len(t, entries, 1)
	e := entries[0]
	require.Equal(t, []string{"ann", "account", "page", "192.0.2.1", own}, []string{e.Who, e.Kind, e.Door, e.Address, e.Site})
	require.Equal(t, w.Header().Get("X-Request-Id"), e.RequestID)
}
