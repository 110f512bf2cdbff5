// Package fakega4test starts a fake of Google Analytics for a test, and connects to it.
package fakega4test

import (
	"context"
	"encoding/json"
	"net/http/httptest"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/fakega4"
)

// Fake is a fake that listens.
type Fake struct {
	*fakega4.Server
	// URL is its base URL, for the setting "endpoint" of a connection.
	URL string
}

// Start starts a fake on a port of its own, which is closed when the test ends.
func Start(tb testing.TB, cfg fakega4.Config) *Fake {
	tb.Helper()
	fake, err := fakega4.New(cfg)
	require.NoError(tb, err)
	server := httptest.NewServer(fake)
	tb.Cleanup(server.Close)
	return &Fake{Server: fake, URL: server.URL}
}

// Connection returns a connection to the fake by refresh token.
func (f *Fake) Connection(tb testing.TB, name string) connections.Connection {
	tb.Helper()
	return connections.Connection{
		Name: name, Kind: "google_analytics_4",
		Settings: settings(tb, map[string]string{"auth": "refresh_token", "client_id": fakega4.ClientID, "endpoint": f.URL}),
		Secrets: map[string]string{
			"client_secret": fakega4.ClientSecret, "refresh_token": fakega4.RefreshToken,
		},
	}
}

// ServiceAccount returns a connection to the fake by the key of a service account.
func (f *Fake) ServiceAccount(tb testing.TB, name string) connections.Connection {
	tb.Helper()
	key, err := f.ServiceAccountKey()
	require.NoError(tb, err)
	return connections.Connection{
		Name: name, Kind: "google_analytics_4",
		Settings: settings(tb, map[string]string{"auth": "service_account", "endpoint": f.URL}),
		Secrets:  map[string]string{"service_account_key": string(key)},
	}
}

func settings(tb testing.TB, fields map[string]string) json.RawMessage {
	tb.Helper()
	raw, err := json.Marshal(fields)
	require.NoError(tb, err)
	return raw
}

// Opener opens connections that are held in memory.
type Opener []connections.Connection

// Open returns the connection of that name, or connections.ErrNotFound.
func (o Opener) Open(ctx context.Context, name string) (connections.Connection, error) {
	if err := ctx.Err(); err != nil {
		return connections.Connection{}, err
	}
	for _, c := range o {
		if c.Name == name {
			return c, nil
		}
	}
	return connections.Connection{}, connections.ErrNotFound
}

var _ connections.Opener = Opener(nil)
