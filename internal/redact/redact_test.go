package redact_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/redact"
)

// Values of secrets are replaced at every depth; everything else stays as it is.
func TestJSON(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"Password":"a","list":[{"api-key":1},{"apikey":{"x":1}}],"html":"<b>&"}`: `{"Password":"[redacted]",` +
			`"html":"<b>&","list":[{"api-key":"[redacted]"},{"apikey":"[redacted]"}]}`,
		`{"secret":null,"token":"","Authorization":"Bearer x","key":"k"}`: `{"Authorization":"[redacted]","key":"k",` +
			`"secret":null,"token":""}`,
		`{"secret_names":["api_key"],"webhookSignature":"s","Set-Cookie":"c"}`: `{"Set-Cookie":"[redacted]",` +
			`"secret_names":["api_key"],"webhookSignature":"[redacted]"}`,
		`{"url":"https://ann:hunter2@example.com/x","bad":"https://ann:hunter2@%zz/","text":"see https://b:c@x.example, or a@b://c"}`: `{` +
			`"bad":"https://[redacted]@%zz/","text":"see https://[redacted]@x.example, or a@b://c","url":"https://ann:xxxxx@example.com/x"}`,
		`{"n":12345678901234567890,"f":1.50}`:             `{"n":12345678901234567890,"f":1.50}`,
		`{"n":12345678901234567890,"f":1.50,"token":"x"}`: `{"f":1.50,"n":12345678901234567890,"token":"[redacted]"}`,
		`[1.50,"token"]`: `[1.50,"token"]`, `{}`: `{}`, `null`: `null`, ``: ``,
	} {
		got, err := redact.JSON(json.RawMessage(text))
		require.NoError(t, err, text)
		require.Equal(t, want, string(got))
	}
	_, err := redact.JSON(json.RawMessage(`{"password":`))
	require.ErrorContains(t, err, "redact secrets")
}

func TestIsSecret(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"password", "PASSWD", "passphrase", "client_secret", "token", "access_token", "token_hash", "Authorization",
		"authorisation", "cookie", "credentials", "signature", "api_key", "X-Api-Key", "privateKey", "access-key", "sealed", "dsn",
	} {
		require.True(t, redact.IsSecret(name), name)
	}
	for _, name := range []string{"name", "key", "secret_names", "keys", "dsn_of", "pass", "author", "import_id"} {
		require.False(t, redact.IsSecret(name), name)
	}
}

// Texts and names of fields are changed by the function, secrets are not.
func TestValue(t *testing.T) {
	t.Parallel()
	got := redact.Value(map[string]any{"a": "b", "c": []any{"d", true}, "token": "e"}, strings.ToUpper)
	require.Equal(t, map[string]any{"A": "B", "C": []any{"D", true}, "TOKEN": redact.Replacement}, got)
}
