package server_test

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/server"
	"github.com/sluicehq/sluice/store"
	accessstore "github.com/sluicehq/sluice/store/access"
)

// printed collects the setup links of a server.
type printed struct {
	mu    sync.Mutex
	links []string
}

func (p *printed) tune(c *server.Config) {
	c.SetupLink = func(address string) error {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.links = append(p.links, address)
		return nil
	}
}

// link waits for a link and returns its secret.
func (p *printed) link(t *testing.T, r *running) (secret string) {
	t.Helper()
	polltest.Until(t, func(c *polltest.Check) {
		p.mu.Lock()
		defer p.mu.Unlock()
		require.Len(c, p.links, 1)
	}, 20*time.Second, 10*time.Millisecond)
	u, err := url.Parse(p.links[0])
	require.NoError(t, err)
	require.Equal(t, []string{"http", r.Server.Listen, "/setup", ""}, []string{u.Scheme, u.Host, u.Path, u.RawQuery})
	require.Len(t, u.Fragment, 43)
	return u.Fragment
}

// Servers that start without any account print links, each of which creates the first administrator.
func TestSetupLink(t *testing.T) {
	t.Parallel()
	c := newSettings(t)
	api := withAPI([]string{"TEMPORAL_ADDRESS=127.0.0.1:1"})
	var ours, theirs printed
	r := start(t, c, true, api, ours.tune)
	other := c
	fresh := settingsFor(t, c.Store.DSN)
	other.Server.Listen, other.Server.HealthListen = fresh.Server.Listen, fresh.Server.HealthListen
	second := start(t, other, false, api, theirs.tune)
	first, next := ours.link(t, r), theirs.link(t, second)
	require.NotEqual(t, first, next)

	body, err := json.Marshal(map[string]string{"secret": next, "name": "ann", "password": "correct horse battery"})
	require.NoError(t, err)
	// Either server takes either link, also from another machine.
	status, text := r.call(t, http.MethodPost, "/api/v1/setup", string(body), "Host", "sluice.example")
	require.Equal(t, http.StatusCreated, status, text)
	body, err = json.Marshal(map[string]string{"secret": first, "name": "eve", "password": "correct horse battery"})
	require.NoError(t, err)
	status, text = second.call(t, http.MethodPost, "/api/v1/setup", string(body))
	require.Equal(t, http.StatusUnauthorized, status, text)
	second.stop(t)
	r.stop(t)
	for _, log := range []string{r.log.String(), second.log.String()} {
		require.Contains(t, log, "the link for the first administrator was printed")
		for _, secret := range []string{first, next} {
			require.NotContains(t, log, secret)
		}
	}

	var none printed
	r = start(t, c, true, api, none.tune)
	status, _ = r.call(t, http.MethodGet, "/api/v1/session", "")
	require.Equal(t, http.StatusUnauthorized, status)
	r.stop(t)
	require.Empty(t, none.links, "there is an account")
	require.NotContains(t, r.log.String(), "there is no account")
}

// A server that signs in people on its machine says so, and prints no link.
func TestLocalSignInIsAnnounced(t *testing.T) {
	t.Parallel()
	c := newSettings(t)
	c.Server.LocalSignIn = true
	var none printed
	r := start(t, c, true, withAPI([]string{"TEMPORAL_ADDRESS=127.0.0.1:1"}), none.tune)
	// A server is ready before it has looked for accounts.
	const announced = "everybody on this machine is an administrator"
	polltest.Until(t, func(c *polltest.Check) { require.Contains(c, r.log.String(), announced) }, time.Minute, 10*time.Millisecond)
	r.stop(t)
	require.Equal(t, 1, strings.Count(r.log.String(), announced))
	require.Empty(t, none.links)
}

// How people sign in depends on the accounts, the setting and the address.
func TestSignIn(t *testing.T) {
	t.Parallel()
	ctx := enginetest.Context(t)
	s, err := store.Open(ctx, store.Config{DSN: enginetest.MigratedStoreDSN(t)})
	require.NoError(t, err)
	t.Cleanup(s.Close)
	local := config.Server{Listen: "127.0.0.1:18000", LocalSignIn: true}
	state, err := server.SignIn(ctx, s, local)
	require.NoError(t, err)
	require.Equal(t, server.SignInState{Local: true}, state)
	for want, c := range map[string]config.Server{
		"http://127.0.0.1:18000/setup#": {Listen: "127.0.0.1:18000"},
		"http://localhost:18000/setup#": {Listen: "0.0.0.0:18000", LocalSignIn: true},
		"http://localhost:18001/setup#": {Listen: ":18001", LocalSignIn: true},
		"http://[::1]:18000/setup#":     {Listen: "[::1]:18000"},
	} {
		state, err = server.SignIn(ctx, s, c)
		require.NoError(t, err)
		require.Equal(t, want, state.Setup[:len(state.Setup)-43])
		require.False(t, state.Local || state.Accounts)
	}
	_, err = accessstore.New(s).CreateAccount(ctx, accessstore.NewAccount{
		Name: "ann", Role: access.RoleAdmin, Sites: access.AllSites(),
		// No password has this hash.
		PasswordHash: "$argon2id$v=19$m=64,t=1,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
	})
	require.NoError(t, err)
	for _, c := range []config.Server{local, {Listen: "127.0.0.1:18000"}} {
		state, err = server.SignIn(ctx, s, c)
		require.NoError(t, err)
		require.Equal(t, server.SignInState{Accounts: true}, state)
	}
}
