package cli

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/internal/components"
	"github.com/sluicehq/sluice/worker"
)

// The test of a connection dials only addresses that deliveries may dial, on the worker and
// locally: a webhook cannot reach a database in the worker's network.
func TestConnectionTestIsGuarded(t *testing.T) {
	t.Parallel()
	reached := make(chan string, 100)
	internal := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { reached <- r.URL.String() }))
	t.Cleanup(internal.Close)
	system, s := systemWithoutWorker(t)
	s, _ = withKinds(t, s)
	s.kinds = nil
	s.environ = append(s.environ, "TOKEN=whsec_"+strings.Repeat("c2VjcmV0", 5), "SLUICE_CONNECTIONS_ADDRESSES=clickhouse=private")
	s.ok(t, "connection", "add", "hook", "--kind", "webhook", "--set", "url="+internal.URL, "--secret", "signing_secret=env:TOKEN")
	s.ok(t, "connection", "add", "ga", "--kind", "google_analytics_4", "--set", "endpoint="+internal.URL, "--set", "client_id=x",
		"--secret", "client_secret=env:TOKEN", "--secret", "refresh_token=env:TOKEN")
	s.ok(t, "connection", "add", "dwh", "--kind", "clickhouse", "--set", "url="+internal.URL)
	system.Tune = func(cfg *worker.Config) {
		cfg.Settings.Connections.Addresses = "clickhouse=private"
		cfg.Settings.Connections.KeysetFile, _ = s.variable("SLUICE_CONNECTIONS_KEYSET_FILE")
		cfg.Connections = components.Stock(cfg.Settings).Kinds
	}
	system.StartWorker(t)
	for name, kind := range map[string]string{"hook": "webhook", "ga": "google_analytics_4", "dwh": "clickhouse"} {
		for _, args := range [][]string{{"connection", "test", name, "--local"}, {"connection", "test", name}} {
			r := s.run(t, args...)
			require.NotZero(t, r.code, args)
			require.Contains(t, r.err, "the address 127.0.0.1 is not allowed for connections of kind "+kind, args)
		}
	}
	require.Empty(t, reached)
}

// variable returns a variable of the shell's environment.
func (s shell) variable(name string) (value string, found bool) {
	for _, entry := range s.environ {
		if text, ok := strings.CutPrefix(entry, name+"="); ok {
			value, found = text, true
		}
	}
	return value, found
}

// Each kind of connection that there is has a rule, and so have uploads.
func TestEveryKindHasARule(t *testing.T) {
	t.Parallel()
	kinds := slices.Sorted(slices.Values(append(components.Stock(config.Config{}).Kinds.Names(), "upload")))
	for _, name := range kinds {
		settings := config.Default()
		settings.Connections.Addresses = name + "=public"
		require.NoError(t, settings.Validate(), name)
	}
	settings := config.Default()
	settings.Connections.Addresses = "nope=public"
	require.ErrorContains(t, settings.Validate(), strings.Join(kinds, ", "))
}
