package webhook_test

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/outbound"
	"github.com/sluicehq/sluice/notify/channel"
	"github.com/sluicehq/sluice/notify/webhook"
	"github.com/sluicehq/sluice/notify/webhook/webhooktest"
	"github.com/sluicehq/sluice/store"
)

// opener opens one connection, under any name.
type opener connections.Connection

func (o opener) Open(context.Context, string) (connections.Connection, error) {
	return connections.Connection(o), nil
}

func message() channel.Message {
	return channel.Message{DeliveryID: 7, Target: "ops", Announcement: store.Announcement{
		ID: "imp_3_0_completed", Event: store.EventCompleted, OccurredAt: time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC),
		Import: store.AnnouncedImport{ID: 3, Site: "example.com", Label: "CSV <export>", RowsLoaded: 5},
	}}
}

func sender(c connections.Connection) *webhook.Sender {
	return webhook.New(opener(c), outbound.Loopback())
}

func TestSend(t *testing.T) {
	t.Parallel()
	r := webhooktest.Start(t, nil)
	s := sender(r.Connection("ops"))
	for range 2 {
		require.NoError(t, s.Send(t.Context(), message()))
	}
	events := r.Events()
	require.Len(t, events, 2)
	require.Equal(t, events[0].Body, events[1].Body, "a repetition says the same")
	require.Equal(t, events[0].ID, events[1].ID)
	require.Equal(t, "imp_3_0_completed", events[0].ID)
	require.Equal(t, "import.completed", events[0].Type)
	require.Equal(t, message().Announcement.OccurredAt, events[0].Timestamp)
	require.Equal(t, "application/json", events[0].Header.Get("Content-Type"))
	var data store.Announcement
	require.NoError(t, json.Unmarshal(events[0].Data, &data))
	require.Equal(t, message().Announcement, data)
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
	require.NoError(t, sender(c).Send(t.Context(), message()))
	event := r.Await(t, 1)[0]
	require.Len(t, strings.Fields(event.Header.Get(standardwebhooks.HeaderWebhookSignature)), 2)
	verifier, err := standardwebhooks.NewWebhook(c.Secrets["signing_secret"])
	require.NoError(t, err)
	require.NoError(t, verifier.Verify([]byte(event.Body), event.Header))
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]struct {
		text      string
		permanent bool
	}{
		200: {}, 202: {}, 204: {},
		301: {"the endpoint answered 301 Moved Permanently: redirects are not followed", true},
		307: {"the endpoint answered 307 Temporary Redirect: redirects are not followed", true},
		400: {"the endpoint answered 400 Bad Request", true},
		401: {"the endpoint answered 401 Unauthorized", true},
		404: {"the endpoint answered 404 Not Found", true},
		408: {"the endpoint answered 408 Request Timeout", false},
		410: {"the endpoint answered 410 Gone: it is gone for good", true},
		429: {"the endpoint answered 429 Too Many Requests", false},
		500: {"the endpoint answered 500 Internal Server Error", false},
		503: {"the endpoint answered 503 Service Unavailable", false},
		599: {"the endpoint answered 599 (unknown)", false},
	} {
		r := webhooktest.Start(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(code)
		})
		err := sender(r.Connection("ops")).Send(t.Context(), message())
		if want.text == "" {
			require.NoError(t, err, code)
		} else {
			require.EqualError(t, err, want.text)
			require.Equal(t, want.permanent, channel.IsPermanent(err), code)
			require.Zero(t, channel.Wait(err))
		}
		require.Len(t, r.Events(), 1, "the redirect was followed")
	}
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"120": 2 * time.Minute, "999999999999": 24 * time.Hour, "-5": 0, "soon": 0, "": 0,
		time.Now().Add(-time.Hour).UTC().Format(http.TimeFormat): 0,
		time.Now().Add(time.Hour).UTC().Format(http.TimeFormat):  time.Hour,
	} {
		r := webhooktest.Start(t, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", text)
			w.WriteHeader(http.StatusServiceUnavailable)
		})
		err := sender(r.Connection("ops")).Send(t.Context(), message())
		require.Error(t, err)
		require.InDelta(t, want, channel.Wait(err), float64(5*time.Second), text)
	}
}

func TestSlowAndEndlessAnswers(t *testing.T) {
	t.Parallel()
	released := make(chan struct{})
	slow := webhooktest.Start(t, func(http.ResponseWriter, *http.Request) { <-released })
	t.Cleanup(func() { close(released) })
	s := sender(slow.Connection("ops"))
	webhook.SetTimeout(s, 200*time.Millisecond)
	require.EqualError(t, s.Send(t.Context(), message()), "the endpoint did not answer within 200ms")

	// An endless answer is not read to its end: the sender would run into its timeout.
	endless := webhooktest.Start(t, func(w http.ResponseWriter, r *http.Request) {
		line := []byte(strings.Repeat("x", 1<<16))
		for r.Context().Err() == nil {
			if _, err := w.Write(line); err != nil {
				return
			}
		}
	})
	require.NoError(t, sender(endless.Connection("ops")).Send(t.Context(), message()))
}

func TestWhereWebhooksMayLead(t *testing.T) {
	t.Parallel()
	r := webhooktest.Start(t, nil)
	c := r.Connection("ops")
	public := config.Default().Connections.Guard("webhook")
	err := webhook.New(opener(c), public).Send(t.Context(), message())
	require.ErrorContains(t, err, "the address 127.0.0.1 is not allowed for connections of kind webhook")
	// `sluice connection test` posts by the same rules.
	_, err = webhook.NewKind(public).Test(t.Context(), c)
	require.ErrorContains(t, err, "the address 127.0.0.1 is not allowed for connections of kind webhook")
	secure := httptest.NewTLSServer(r)
	t.Cleanup(secure.Close)
	for _, host := range []string{secure.URL, strings.Replace(secure.URL, "127.0.0.1", "localhost", 1)} {
		c.Settings = json.RawMessage(`{"url": "` + host + `/hunter2"}`)
		err = webhook.New(opener(c), public).Send(t.Context(), message())
		require.ErrorContains(t, err, "is not allowed for connections of kind webhook")
		require.NotContains(t, err.Error(), "hunter2")
		// Where it may lead, a certificate must be one that can be trusted.
		err = webhook.New(opener(c), outbound.Loopback()).Send(t.Context(), message())
		require.ErrorContains(t, err, "certificate")
		require.NotContains(t, err.Error(), "hunter2", "the address may be a secret")
		require.False(t, channel.IsPermanent(err))
	}
	require.Empty(t, r.Events())
}

// What an operator can mend is no reason to give up, and the key is in no error.
func TestBadConnections(t *testing.T) {
	t.Parallel()
	r := webhooktest.Start(t, nil)
	for want, change := range map[string]func(c *connections.Connection){
		"the connection ops is of kind mailchimp: want webhook": func(c *connections.Connection) { c.Kind = "mailchimp" },
		`settings of the webhook: setting "url": want`:          func(c *connections.Connection) { c.Settings = nil },
		"the webhook's signing_secret: want whsec_ and 24 to 64 bytes in base64": func(c *connections.Connection) {
			c.Secrets = map[string]string{"signing_secret": "hunter2-S3cret"}
		},
		"the webhook's previous_signing_secret: want whsec_": func(c *connections.Connection) {
			c.Secrets["previous_signing_secret"] = "whsec_aHVudGVyMg=="
		},
	} {
		c := r.Connection("ops")
		change(&c)
		err := sender(c).Send(t.Context(), message())
		require.ErrorContains(t, err, want)
		require.False(t, channel.IsPermanent(err))
		require.NotContains(t, err.Error(), "hunter2")
		require.NotContains(t, err.Error(), "aHVudGVy")
	}
	err := webhook.New(connections.None{}, outbound.Loopback()).Send(t.Context(), message())
	require.ErrorIs(t, err, connections.ErrNotFound)
	require.Empty(t, r.Events())
}

func TestUnwanted(t *testing.T) {
	t.Parallel()
	r := webhooktest.Start(t, nil)
	c := r.Connection("ops")
	c.Settings = json.RawMessage(`{"url": "` + r.URL + `", "events": ["failed"]}`)
	require.ErrorIs(t, sender(c).Send(t.Context(), message()), channel.ErrUnwanted)
	m := message()
	m.Announcement.Event = store.EventFailed
	require.NoError(t, sender(c).Send(t.Context(), m))
	require.Len(t, r.Events(), 1)
}

func TestKind(t *testing.T) {
	t.Parallel()
	kind := webhook.NewKind(outbound.Loopback())
	require.Equal(t, []string{"webhook"}, connections.NewRegistry(kind).Names())
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
