package googleanalytics4

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/internal/fakega4"
	"github.com/sluicehq/sluice/internal/fakega4/fakega4test"
	"github.com/sluicehq/sluice/internal/outbound"
)

func TestSettings(t *testing.T) {
	t.Parallel()
	kind := ConnectionKind(outbound.Loopback())
	require.NotPanics(t, func() { connections.NewRegistry(kind) })
	require.Equal(t, Name, kind.Name())
	require.NotEmpty(t, kind.Label())
	for given, want := range map[string]string{
		`{"client_id": "x"}`:         `{"auth": "refresh_token", "client_id": "x"}`,
		`{"auth":"service_account"}`: `{"auth": "service_account"}`,
		`{"auth": "service_account", "endpoint": "https://ga.example.com/"}`: `{"auth": "service_account", "endpoint": "https://ga.example.com"}`,
		`{"client_id": "x", "endpoint": "http://127.0.0.1:18899"}`:           `{"auth": "refresh_token", "client_id": "x", "endpoint": "http://127.0.0.1:18899"}`,
		`{"client_id": "x", "endpoint": "http://[::1]:1/base"}`:              `{"auth": "refresh_token", "client_id": "x", "endpoint": "http://[::1]:1/base"}`,
	} {
		got, err := kind.ParseSettings(json.RawMessage(given))
		require.NoError(t, err, given)
		require.JSONEq(t, want, string(got))
		again, err := kind.ParseSettings(got)
		require.NoError(t, err)
		require.JSONEq(t, want, string(again))
	}
	for given, says := range map[string]string{
		``:                             `"client_id"`,
		`{"auth": "planted"}`:          `"auth"`,
		`{"client_secret": "planted"}`: `unknown setting "client_secret"`,
		`{"auth": "service_account", "client_id": "x"}`:                `"client_id"`,
		`{"client_id": "x", "endpoint": "http://ga.example.com"}`:      "want https",
		`{"client_id": "x", "endpoint": "ftp://127.0.0.1"}`:            "want https",
		`{"client_id": "x", "endpoint": "https://u:planted@x.com"}`:    "want a base URL",
		`{"client_id": "x", "endpoint": "https://x.com/?key=planted"}`: "want a base URL",
		`{"client_id": "x", "endpoint": "planted"}`:                    "want a base URL",
		`{"client_id": "x", "endpoint": "https://%zz"}`:                "want a base URL",
	} {
		_, err := kind.ParseSettings(json.RawMessage(given))
		require.ErrorContains(t, err, says, given)
		require.NotContains(t, err.Error(), "planted")
	}
}

// Without an endpoint of its own, a connection leads to Google over TLS, and so does one
// whose key names another place to get tokens.
func TestEndpoints(t *testing.T) {
	t.Parallel()
	e := Settings{}.endpoints()
	for _, url := range []string{e.data, e.admin, e.token} {
		require.True(t, strings.HasPrefix(url, "https://") && strings.Contains(url, ".googleapis.com"), url)
	}
	require.Equal(t, endpoints{data: "https://x", admin: "https://x", token: "https://x/token"},
		Settings{Endpoint: "https://x"}.endpoints())
}

func TestConnectionTest(t *testing.T) {
	t.Parallel()
	fake := fakega4test.Start(t, fakega4.Config{})
	kind := ConnectionKind(outbound.Loopback())
	for _, conn := range []connections.Connection{fake.Connection(t, "one"), fake.ServiceAccount(t, "two")} {
		report, err := kind.Test(t.Context(), conn)
		require.NoError(t, err)
		require.Equal(t, []string{
			"access granted", "2 properties visible",
			"properties/428685906 Example shop (Account 28425170)", "properties/428685907 Empty property (Account 28425170)",
		}, report.Lines)
	}
	require.Equal(t, 4, fake.Requests("accountSummaries"), "two pages each")
	list, err := New(Config{Guard: outbound.Loopback()}).Properties(t.Context(), fake.Connection(t, "one"))
	require.NoError(t, err)
	require.Equal(t, Property{Name: "properties/428685906", DisplayName: "Example shop", Account: "Account 28425170"}, list[0])

	fake.Inject(fakega4.Fault{Method: "accountSummaries", Status: 403, Reason: "SERVICE_DISABLED", Times: 1})
	_, err = kind.Test(t.Context(), fake.Connection(t, "one"))
	require.ErrorContains(t, err, "an API is not enabled")
	require.Equal(t, outcome{class: importers.ClassAccess}, outcomeOf(err))
	_, err = kind.Test(t.Context(), connections.Connection{Name: "three", Kind: Name, Settings: json.RawMessage(`{"client_id": "x"}`)})
	require.ErrorContains(t, err, `no secret "client_secret"`)

	fake.RevokeConsent()
	_, err = kind.Test(t.Context(), fake.Connection(t, "one"))
	require.ErrorContains(t, err, "no longer accepts")
}
