package googleanalytics4

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/sluicehq/sluice/connections"
)

// The ways to authenticate.
const (
	// AuthRefreshToken uses a person's consent: an OAuth client and a refresh token.
	AuthRefreshToken = "refresh_token"
	// AuthServiceAccount uses the key of a service account of a Google Cloud project.
	AuthServiceAccount = "service_account"
)

// The names of the secrets.
const (
	SecretClientSecret      = "client_secret"
	SecretRefreshToken      = "refresh_token"
	SecretServiceAccountKey = "service_account_key"
)

// Settings are the settings of a connection without its secrets.
type Settings struct {
	// Auth is AuthRefreshToken, the default, or AuthServiceAccount.
	Auth string `json:"auth" default:"refresh_token" usage:"refresh_token or service_account"`
	// ClientID is the OAuth client's ID. Required for AuthRefreshToken, and refused otherwise.
	ClientID string `json:"client_id,omitempty" usage:"ID of the OAuth client; required for refresh_token"`
	// Endpoint is a base URL that replaces all of Google's, for tests and offline work:
	// https, or http to loopback. Defaults to Google's.
	Endpoint string `json:"endpoint,omitempty" usage:"base URL that replaces Google's, for trials with a fake"`
}

func parseSettings(raw json.RawMessage) (Settings, error) {
	s := Settings{}
	if err := connections.DecodeSettings(raw, &s); err != nil {
		return Settings{}, err
	}
	var faults []error
	switch s.Auth {
	case "", AuthRefreshToken:
		s.Auth = AuthRefreshToken
		if s.ClientID == "" {
			faults = append(faults,
				errors.New(`setting "client_id": want the OAuth client's ID, which a refresh token requires`))
		}
	case AuthServiceAccount:
		if s.ClientID != "" {
			faults = append(faults, errors.New(`setting "client_id": want none for a service account`))
		}
	default:
		faults = append(faults, fmt.Errorf(`setting "auth": want %q or %q`, AuthRefreshToken, AuthServiceAccount))
	}
	endpoint, err := normalEndpoint(s.Endpoint)
	if err != nil {
		faults = append(faults, err)
	}
	s.Endpoint = endpoint
	if err := errors.Join(faults...); err != nil {
		return Settings{}, err
	}
	return s, nil
}

// normalEndpoint returns a base URL without a slash at its end. The URL receives credentials and
// must therefore be encrypted or local.
func normalEndpoint(given string) (string, error) {
	if given == "" {
		return "", nil
	}
	u, err := url.Parse(given)
	if err != nil || u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.ForceQuery || u.Fragment != "" {
		return "", errors.New(`setting "endpoint": want a base URL such as https://example.com, without user, "?" and "#"`)
	}
	ip := net.ParseIP(u.Hostname())
	local := u.Hostname() == "localhost" || ip != nil && ip.IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !local) {
		return "", errors.New(`setting "endpoint": want https; plain http is allowed for loopback only`)
	}
	return strings.TrimRight(u.String(), "/"), nil
}

// endpoints are the base URLs of requests.
type endpoints struct{ data, admin, token string }

func (s Settings) endpoints() endpoints {
	if s.Endpoint != "" {
		return endpoints{data: s.Endpoint, admin: s.Endpoint, token: s.Endpoint + "/token"}
	}
	return endpoints{ //nolint:gosec // G101: addresses, not credentials
		data:  "https://analyticsdata.googleapis.com",
		admin: "https://analyticsadmin.googleapis.com",
		// Also for service accounts, whose key file names a token_uri that is ignored.
		token: "https://oauth2.googleapis.com/token",
	}
}
