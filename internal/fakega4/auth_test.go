package fakega4_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2/jwt"

	"github.com/sluicehq/sluice/internal/fakega4"
)

func TestRefreshTokens(t *testing.T) {
	t.Parallel()
	c := start(t, fakega4.Config{})
	good := url.Values{
		"grant_type": {"refresh_token"}, "client_id": {fakega4.ClientID}, "client_secret": {fakega4.ClientSecret},
		"refresh_token": {fakega4.RefreshToken},
	}
	for field, tc := range map[string]struct {
		code int
		want string
	}{
		"client_id": {http.StatusUnauthorized, "invalid_client"}, "client_secret": {http.StatusUnauthorized, "invalid_client"},
		"refresh_token": {http.StatusBadRequest, "invalid_grant"}, "grant_type": {http.StatusBadRequest, "unsupported_grant_type"},
	} {
		form := url.Values{}
		for k, v := range good {
			form[k] = v
		}
		form.Set(field, "wrong")
		code, body := c.grant(t, form)
		require.Equal(t, tc.code, code)
		require.Equal(t, tc.want, text(t, body, "error"))
		require.NotEmpty(t, text(t, body, "error_description"))
	}
	c.RevokeConsent()
	code, body := c.grant(t, good)
	require.Equal(t, http.StatusBadRequest, code)
	require.Equal(t, "Token has been expired or revoked.", text(t, body, "error_description"))
	require.Equal(t, "UNAUTHENTICATED", c.refused(t, byDate("sessions")).Status)
}

// account reads a service account's key as Google's libraries do.
func account(t *testing.T, c *client) *jwt.Config {
	t.Helper()
	raw, err := c.ServiceAccountKey()
	require.NoError(t, err)
	var key map[string]string
	require.NoError(t, json.Unmarshal(raw, &key))
	return &jwt.Config{
		Email: key["client_email"], PrivateKey: []byte(key["private_key"]), PrivateKeyID: key["private_key_id"],
		Scopes: []string{fakega4.Scope}, TokenURL: c.URL + "/token",
	}
}

func TestServiceAccounts(t *testing.T) {
	t.Parallel()
	c, other := start(t, fakega4.Config{}), start(t, fakega4.Config{})
	token, err := account(t, c).TokenSource(context.Background()).Token()
	require.NoError(t, err)
	c.token = token.AccessToken
	require.NotEmpty(t, c.report(t, byDate("sessions")).Rows)
	require.InDelta(t, 3599, time.Until(token.Expiry).Seconds(), 60)

	foreign := account(t, other)
	foreign.TokenURL = c.URL + "/token"
	for name, tc := range map[string]struct {
		spoil func(conf *jwt.Config)
		says  string
	}{
		"another's key": {func(conf *jwt.Config) { *conf = *foreign }, "Invalid JWT Signature"},
		"another name":  {func(conf *jwt.Config) { conf.Email = "x@example.com" }, "account not found"},
		"another scope": {func(conf *jwt.Config) { conf.Scopes = []string{"x"} }, "scope"},
		"for another":   {func(conf *jwt.Config) { conf.Audience = "https://example.com" }, "audience"},
		"too long":      {func(conf *jwt.Config) { conf.Expires = 2 * time.Hour }, "short-lived"},
	} {
		conf := account(t, c)
		tc.spoil(conf)
		_, err := conf.TokenSource(context.Background()).Token()
		require.ErrorContains(t, err, tc.says, name)
		require.ErrorContains(t, err, "invalid_grant", name)
	}
	for _, assertion := range []string{"", "a.b", "a.b.c", "a.b.!"} {
		code, body := c.grant(t, url.Values{
			"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion},
		})
		require.Equal(t, http.StatusBadRequest, code)
		require.Equal(t, "invalid_grant", text(t, body, "error"))
	}
}

func TestTokensExpire(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	now := noon
	c := start(t, fakega4.Config{TokenTTL: time.Minute, Now: func() time.Time {
		mu.Lock()
		defer mu.Unlock()
		return now
	}})
	require.NotEmpty(t, c.report(t, byDate("sessions")).Rows)
	mu.Lock()
	now = noon.Add(time.Minute)
	mu.Unlock()
	require.Equal(t, "UNAUTHENTICATED", c.refused(t, byDate("sessions")).Status)
	c.token = "ya29.invalid"
	require.Equal(t, http.StatusUnauthorized, c.refused(t, byDate("sessions")).Code)
}
