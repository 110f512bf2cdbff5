// Package pages_test looks at the pages of the server in a real browser, and does with them what people do: everything
// is found by the labels that people see.
package pages_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp"
	"github.com/dustin/go-humanize"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/browser/browsertest"
	"github.com/sluicehq/sluice/browser/sluicetest"
	ingestclient "github.com/sluicehq/sluice/starter/ingesting"
	accessstore "github.com/sluicehq/sluice/store/access"
)

// The first account, which the page of the setup link has created, and the password of all accounts.
const (
	administrator = "ada"
	password      = "correct horse battery staple"
)

// suite is the running Sluice with a browser. All tests share the system: each has sites and names of its own.
type suite struct {
	*sluicetest.System
	browser *browsertest.Browser
	base    string
	// secret is a token of an administrator.
	secret string
}

// setup connects to the running Sluice, whose first administrator the first test creates by the page for that.
func setup(t *testing.T) *suite {
	t.Helper()
	s := &suite{System: sluicetest.Connect(t), browser: browsertest.Start(t)}
	s.base = "http://" + s.Server
	s.setUp(t)
	_, secret, err := s.access().CreateToken(t.Context(), accessstore.NewToken{
		Name: "test-" + rand.Text(), Role: access.RoleAdmin, Sites: access.AllSites(), Life: time.Hour, CreatedBy: "test",
	})
	require.NoError(t, err)
	s.secret = secret.Reveal()
	return s
}

func (s *suite) access() *accessstore.Store { return accessstore.New(s.Store.Store) }

// setUp creates the first administrator by the page of a setup link, as the server prints it, unless there is one.
func (s *suite) setUp(t *testing.T) {
	t.Helper()
	link, err := s.access().CreateSetupLink(t.Context())
	if errors.Is(err, accessstore.ErrSetUp) {
		return
	}
	require.NoError(t, err)
	r := s.tab(t, widths[0])
	r.visit("/setup#" + link.Reveal())
	r.awaitText("Create the first administrator")
	require.Empty(t, browsertest.Evaluate[string](r.Tab, "location.hash"), "the secret leaves the address")
	require.NotContains(t, r.text(), "Setup link", "the script has typed the secret")
	r.choose("Name", administrator)
	r.choose("New password", password)
	r.choose("Once more", password[1:])
	r.click("Create the account")
	r.awaitText("the two passwords differ")
	r.choose("New password", password)
	r.choose("Once more", password)
	r.click("Create the account")
	r.awaitText("Needs a person")
	r.requireNoFaults(http.StatusUnprocessableEntity)
	account, err := s.access().Account(t.Context(), administrator)
	require.NoError(t, err)
	require.Equal(t, access.RoleAdmin, account.Role)
	require.True(t, account.Sites.All())

	other := s.tab(t, widths[1])
	other.visit("/setup#" + link.Reveal())
	other.choose("Name", "eve")
	other.choose("New password", password)
	other.choose("Once more", password)
	other.click("Create the account")
	other.awaitText("the setup link is unknown, used or expired")
	other.visit("/")
	require.Equal(t, "/login", other.path(), "the first account ends the sign-in by this machine")
}

// tab opens a tab of a width without a session.
func (s *suite) tab(t *testing.T, width int64) *reader {
	t.Helper()
	r := &reader{Tab: s.browser.Open(t, s.browser.Agent), t: t, base: s.base}
	r.Run(chromedp.EmulateViewport(width, 900))
	return r
}

// open opens a tab in which an account is signed in.
func (s *suite) open(t *testing.T, width int64, account string) *reader {
	t.Helper()
	r := s.tab(t, width)
	r.visit("/login")
	r.choose("Name", account)
	r.choose("Password", password)
	r.click("Sign in")
	require.Equal(t, "/", r.path(), r.text())
	return r
}

// administrator opens a tab in which the administrator is signed in.
func (s *suite) administrator(t *testing.T, width int64) *reader {
	t.Helper()
	return s.open(t, width, administrator)
}

// site adds a site and returns its domain.
func (s *suite) site(t *testing.T) string {
	t.Helper()
	return s.AddSite(t, ingestclient.SiteChange{}).Domain
}

// call sends a request to the API and returns the status and the body of the answer.
func (s *suite) call(t require.TestingT, token, method, path string, body any) (status int, answer []byte) {
	ctx, cancel := context.WithTimeout(context.Background(), wait)
	defer cancel()
	var data []byte
	if body != nil {
		var err error
		data, err = json.Marshal(body)
		require.NoError(t, err)
	}
	r, err := http.NewRequestWithContext(ctx, method, s.base+"/api/v1"+path, bytes.NewReader(data))
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+token)
	if body != nil {
		r.Header.Set("Content-Type", "application/json")
	}
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	answer, err = io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return response.StatusCode, answer
}

// get reads what the API answers.
func get[T any](t require.TestingT, s *suite, path string) (out T) {
	status, answer := s.call(t, s.secret, http.MethodGet, path, nil)
	require.Equal(t, http.StatusOK, status, "%s: %s", path, answer)
	require.NoError(t, json.Unmarshal(answer, &out))
	return out
}

// post sends an operation, which must succeed.
func post[T any](t require.TestingT, s *suite, path string, body any) (out T) {
	status, answer := s.call(t, s.secret, http.MethodPost, path, body)
	require.Less(t, status, http.StatusMultipleChoices, "%s: %s", path, answer)
	if len(answer) > 0 {
		require.NoError(t, json.Unmarshal(answer, &out))
	}
	return out
}

// grouped is a count as pages show it.
func grouped(n uint64) string { return humanize.Comma(int64(n)) }

// containsStatus tells whether the console reports an answer with a status.
func containsStatus(fault string, status int) bool {
	return strings.Contains(fault, fmt.Sprintf("status of %d", status))
}

// shoot takes a picture of the whole page into the folder that the environment variable SHOTS names, if one is named.
func shoot(r *reader, name string) {
	r.t.Helper()
	folder := os.Getenv("SHOTS")
	if folder == "" {
		return
	}
	width := browsertest.Evaluate[int](r.Tab, "innerWidth")
	picture := browsertest.Picture(r.Tab)
	require.NoError(r.t, os.WriteFile(filepath.Join(folder, fmt.Sprintf("%s-%d.png", name, width)), picture, 0o600))
}

// The page of the setup link has created the first administrator, and no second one.
func TestFirstAdministrator(t *testing.T) {
	s := setup(t)
	accounts, err := s.access().Accounts(t.Context())
	require.NoError(t, err)
	require.NotEmpty(t, accounts)
	require.Equal(t, administrator, accounts[0].Name)
	_, err = s.access().CreateSetupLink(t.Context())
	require.ErrorIs(t, err, accessstore.ErrSetUp)
	s.administrator(t, widths[0]).requireNoFaults()
}
