package clickhouse_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations/clickhouse"
)

// What a connection may reach is decided when it is dialled, and a password is not sent in clear
// over a network.
func TestGuard(t *testing.T) {
	t.Parallel()
	test := func(settings config.Connections, url, password string) error {
		c := connections.Connection{Name: "dwh", Kind: clickhouse.KindName, Secrets: map[string]string{}}
		if password != "" {
			c.Secrets["password"] = password
		}
		c.Settings = json.RawMessage(`{"url": "` + url + `"}`)
		_, err := clickhouse.Kind{Guard: settings.Guard(clickhouse.KindName)}.Test(t.Context(), c)
		return err
	}
	err := test(config.Connections{Addresses: "clickhouse=public"}, "http://127.0.0.1:1", "")
	require.ErrorContains(t, err, "the address 127.0.0.1 is not allowed for connections of kind clickhouse")
	err = test(config.Connections{}, "http://198.51.100.1", "hunter2")
	require.ErrorContains(t, err, "a secret would be sent in clear to 198.51.100.1")
	require.NotContains(t, err.Error(), "hunter2")
	require.ErrorContains(t, test(config.Connections{}, "https://169.254.169.254", ""), "the address 169.254.169.254 is not allowed")
}
