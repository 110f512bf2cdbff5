package notify_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations/webhook/webhooktest"
)

// receiver takes Sluice's webhooks. seen says whether an ID was handled before, and
// remembers it.
func receiver(secret string, seen func(id string) bool, handle func(kind, site, label string)) (http.Handler, error) {
	verifier, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		return nil, err
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
		if err != nil {
			http.Error(w, "cannot read the body", http.StatusBadRequest)
			return
		}
		// Also refuses what is older than five minutes.
		if err := verifier.Verify(body, r.Header); err != nil {
			http.Error(w, "bad signature", http.StatusUnauthorized)
			return
		}
		var event struct {
			Type string `json:"type"`
			Data struct {
				Import struct {
					Site  string `json:"site"`
					Label string `json:"label"`
				} `json:"import"`
			} `json:"data"`
		}
		if err := json.Unmarshal(body, &event); err != nil {
			http.Error(w, "not an event", http.StatusBadRequest)
			return
		}
		if !seen(r.Header.Get("webhook-id")) {
			handle(event.Type, event.Data.Import.Site, event.Data.Import.Label)
		}
		w.WriteHeader(http.StatusNoContent)
	}), nil
}

// TestReceiver: what the documentation shows takes what Sluice sends, once, and nothing
// else.
func TestReceiver(t *testing.T) {
	t.Parallel()
	ids, handled := map[string]bool{}, []string{}
	handler, err := receiver(webhooktest.Secret,
		func(id string) bool {
			before := ids[id]
			ids[id] = true
			return before
		},
		func(kind, site, label string) { handled = append(handled, fmt.Sprintf("%s %s: %s", kind, site, label)) })
	require.NoError(t, err)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	c := connections.Connection{
		Name: "ops", Kind: "webhook", Settings: json.RawMessage(`{"url": "` + server.URL + `"}`),
		Secrets: map[string]string{"signing_secret": webhooktest.Secret},
	}
	for range 2 {
		require.NoError(t, sent(t, c).Error)
	}
	require.Equal(t, []string{"import.completed example.com: CSV <export>"}, handled)

	c.Secrets = map[string]string{"signing_secret": "whsec_" + strings.Repeat("QUJD", 8)}
	require.EqualError(t, sent(t, c).Error, "the endpoint answered 401 Unauthorized")
	require.Len(t, handled, 1)
	_, err = receiver("whsec_%", nil, nil)
	require.Error(t, err)
}
