package googleanalytics4

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"

	"golang.org/x/oauth2"
	"golang.org/x/oauth2/jwt"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/importers"
)

// scope is the requested permission: to read reports.
const scope = "https://www.googleapis.com/auth/analytics.readonly"

// fetcher requests a new access token.
type fetcher func(ctx context.Context) (*oauth2.Token, error)

// newFetcher returns the fetcher for the connection's credentials. Its errors name missing settings
// and secrets, never values.
func newFetcher(s Settings, c connections.Connection, transport http.RoundTripper) (fetcher, error) {
	client := &http.Client{Transport: transport, CheckRedirect: noRedirects}
	if s.Auth == AuthServiceAccount {
		key, err := parseKey(c.Secrets[SecretServiceAccountKey])
		if err != nil {
			return nil, importers.Permanent(importers.ClassAccess, err)
		}
		conf := &jwt.Config{
			Email: key.ClientEmail, PrivateKey: []byte(key.PrivateKey), PrivateKeyID: key.PrivateKeyID,
			Scopes: []string{scope}, TokenURL: s.endpoints().token,
		}
		return func(ctx context.Context) (*oauth2.Token, error) {
			return conf.TokenSource(context.WithValue(ctx, oauth2.HTTPClient, client)).Token()
		}, nil
	}
	for _, name := range []string{SecretClientSecret, SecretRefreshToken} {
		if c.Secrets[name] == "" {
			return nil, importers.Permanent(importers.ClassAccess, fmt.Errorf("the connection has no secret %q", name))
		}
	}
	conf := &oauth2.Config{
		ClientID: s.ClientID, ClientSecret: c.Secrets[SecretClientSecret],
		Endpoint: oauth2.Endpoint{TokenURL: s.endpoints().token, AuthStyle: oauth2.AuthStyleInParams},
	}
	refresh := &oauth2.Token{RefreshToken: c.Secrets[SecretRefreshToken]}
	return func(ctx context.Context) (*oauth2.Token, error) {
		return conf.TokenSource(context.WithValue(ctx, oauth2.HTTPClient, client), refresh).Token()
	}, nil
}

// serviceAccountKey has the used fields of a service account's key file.
type serviceAccountKey struct {
	Type         string `json:"type"`
	ClientEmail  string `json:"client_email"`
	PrivateKey   string `json:"private_key"`
	PrivateKeyID string `json:"private_key_id"`
}

var errKey = errors.New("the secret \"service_account_key\" is not the JSON file of a service account's key: " +
	"create one in the Google Cloud console (IAM, Service accounts, Keys) and store the whole file")

func parseKey(raw string) (serviceAccountKey, error) {
	var key serviceAccountKey
	if err := json.Unmarshal([]byte(raw), &key); err != nil {
		return serviceAccountKey{}, errKey // the cause would quote the key
	}
	block, _ := pem.Decode([]byte(key.PrivateKey))
	if key.Type != AuthServiceAccount || key.ClientEmail == "" || block == nil {
		return serviceAccountKey{}, errKey
	}
	return key, nil
}

// noRedirects stops at redirects, because requests carry credentials.
func noRedirects(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
