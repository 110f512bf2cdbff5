package webhook_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/destinationtest"
	"github.com/sluicehq/sluice/destinations/webhook"
	"github.com/sluicehq/sluice/destinations/webhook/webhooktest"
	"github.com/sluicehq/sluice/internal/outbound"
)

// one loads one job by a connection.
func one(t *testing.T, c connections.Connection) destinations.Then {
	t.Helper()
	o := destinationtest.Opener{Name: "ops", Kind: c.Kind, Settings: c.Settings, Secrets: c.Secrets}
	return deliver(t, webhook.New(outbound.Loopback()), o, destinations.QueuedJob{
		ID: "a", Data: json.RawMessage(`{"connection": "ops", "type": "x", "data": 1}`),
	})[0]
}

// Receivers that know only the key before are served as well.
func TestPreviousSecret(t *testing.T) {
	t.Parallel()
	r := webhooktest.Start(t, nil)
	c := r.Connection("ops")
	c.Secrets = map[string]string{
		"previous_signing_secret": webhooktest.Secret,
		"signing_secret":          "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("new ", 8))),
	}
	require.NoError(t, one(t, c).Error)
	event := r.Await(t, 1)[0]
	require.Len(t, strings.Fields(event.Header.Get(standardwebhooks.HeaderWebhookSignature)), 2)
	verifier, err := standardwebhooks.NewWebhook(c.Secrets["signing_secret"])
	require.NoError(t, err)
	require.NoError(t, verifier.Verify([]byte(event.Body), event.Header))
}

// An error that an operator can fix discards no job, and no error contains the key.
func TestBadConnections(t *testing.T) {
	t.Parallel()
	r := webhooktest.Start(t, nil)
	for want, change := range map[string]func(c *connections.Connection){
		"the connection ops is of kind mailchimp: want webhook": func(c *connections.Connection) { c.Kind = "mailchimp" },
		`settings of the webhook ops: setting "url": want`:      func(c *connections.Connection) { c.Settings = nil },
		"the webhook's signing_secret: want whsec_ and 24 to 64 bytes in base64": func(c *connections.Connection) {
			c.Secrets = map[string]string{"signing_secret": "hunter2-S3cret"}
		},
		"the webhook's previous_signing_secret: want whsec_": func(c *connections.Connection) {
			c.Secrets["previous_signing_secret"] = "whsec_aHVudGVyMg=="
		},
	} {
		c := r.Connection("ops")
		change(&c)
		then := one(t, c)
		require.ErrorContains(t, then.Error, want)
		require.False(t, then.ForceDiscard)
		require.NotContains(t, then.Error.Error(), "hunter2")
		require.NotContains(t, then.Error.Error(), "aHVudGVy")
	}
	require.Empty(t, r.Events())
}

// An endpoint is notified of the events that its settings name, of all without any.
func TestWants(t *testing.T) {
	t.Parallel()
	for settings, want := range map[string]bool{
		`{"url": "https://b.com"}`: true, `{"url": "https://b.com", "events": ["failed"]}`: true,
		`{"url": "https://b.com", "events": ["import.failed"]}`: true, `{"url": "https://b.com", "events": ["completed"]}`: false,
	} {
		got, err := webhook.Wants(json.RawMessage(settings), "failed")
		require.NoError(t, err)
		require.Equal(t, want, got, settings)
	}
	_, err := webhook.Wants(nil, "failed")
	require.Error(t, err)
}

func TestKind(t *testing.T) {
	t.Parallel()
	kind := webhook.NewKind(outbound.Loopback())
	require.Equal(t, []string{"webhook"}, connections.NewRegistry(kind).Names())
	require.Equal(t, []string{
		"webhook: Webhook", "url: string, required", "events: list of strings", "signing_secret: secret, required",
		"previous_signing_secret: secret",
	}, destinationtest.Described(kind))
	for text, want := range map[string]string{
		`{"url": "https://example.com/a?b=c"}`:                                               `{"url":"https://example.com/a?b=c"}`,
		`{"url": "http://127.0.0.1:80", "events": ["import.failed", "completed", "failed"]}`: `{"url":"http://127.0.0.1:80","events":["completed","failed"]}`,
	} {
		got, err := kind.ParseSettings(json.RawMessage(text))
		require.NoError(t, err)
		require.JSONEq(t, want, string(got))
		again, err := kind.ParseSettings(got)
		require.NoError(t, err)
		require.Equal(t, string(got), string(again))
	}
	for text, want := range map[string]string{
		``:                                   `setting "url": want an address such as https://example.com/hooks/sluice`,
		`{"url": "ftp://hunter2/"}`:          `setting "url": want an address such as https://example.com/hooks/sluice`,
		`{"url": "https://"}`:                `setting "url": want an address such as https://example.com/hooks/sluice`,
		`{"url": "https://a b\u0000"}`:       `setting "url": want an address such as https://example.com/hooks/sluice`,
		`{"url": "https://u:hunter2@b.com"}`: `without user and password`,
		`{"url": "https://b.com/#hunter2"}`:  `without a part behind #`,
		`{"url": "https://b.com", "events": ["failed", "hunter2"]}`: `setting "events": number 2 is not an event: the events are completed, unchanged, failed`,
		`{"url": "https://b.com", "uri": "hunter2"}`:                `unknown setting "uri"`,
	} {
		_, err := kind.ParseSettings(json.RawMessage(text))
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

// A malformed key is refused when it is set.
func TestSecretsAreChecked(t *testing.T) {
	t.Parallel()
	for _, spec := range webhook.NewKind(outbound.Loopback()).Secrets() {
		require.NoError(t, spec.Check(webhooktest.Secret), spec.Name)
		for _, malformed := range []string{"hunter2", "whsec_hunter2", "whsec_aHVudGVyMg==", webhooktest.Secret + "!"} {
			require.EqualError(t, spec.Check(malformed), "want whsec_ and 24 to 64 bytes in base64")
		}
	}
}

func TestTestEvent(t *testing.T) {
	t.Parallel()
	kind := webhook.NewKind(outbound.Loopback())
	r := webhooktest.Start(t, nil)
	report, err := kind.Test(t.Context(), r.Connection("ops"))
	require.NoError(t, err)
	require.Equal(t, []string{"a signed test event was sent", "the endpoint answered 204 No Content"}, report.Lines)
	event := r.Events()[0]
	require.Equal(t, "test", event.Type)
	require.JSONEq(t, `{"connection": "ops"}`, string(event.Data))
	require.True(t, strings.HasPrefix(event.ID, "test_"))

	away := webhooktest.Start(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) })
	_, err = kind.Test(t.Context(), away.Connection("ops"))
	require.EqualError(t, err, "the endpoint answered 403 Forbidden")
	_, err = webhook.NewKind(config.Default().Connections.Guard("webhook")).Test(t.Context(), r.Connection("ops"))
	require.ErrorContains(t, err, "is not allowed for connections of kind webhook")
	_, err = kind.Test(t.Context(), connections.Connection{})
	require.Error(t, err)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("stopped"))
	_, err = kind.Test(ctx, r.Connection("ops"))
	require.ErrorContains(t, err, "reach the endpoint")
}
