package webhook_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations/webhook"
	"github.com/sluicehq/sluice/internal/outbound"
	"github.com/sluicehq/sluice/sync"
	"github.com/sluicehq/sluice/sync/synctest"
)

// syncWriter returns a writer to an endpoint.
func syncWriter(t *testing.T, endpoint http.Handler, items int) sync.Writer {
	t.Helper()
	server := httptest.NewServer(endpoint)
	t.Cleanup(server.Close)
	settings, err := json.Marshal(map[string]any{"url": server.URL + path})
	require.NoError(t, err)
	w, err := webhook.NewKind(outbound.Loopback()).OpenWriter(connections.Connection{
		Name: "crm", Kind: "webhook", Settings: settings, Secrets: map[string]string{outbound.SecretSigning: secret()},
	}, sync.TargetOptions{Items: items}, synctest.Budgets{})
	require.NoError(t, err)
	return w
}

func texts(all ...string) []json.RawMessage {
	records := make([]json.RawMessage, len(all))
	for i, text := range all {
		records[i] = json.RawMessage(text)
	}
	return records
}

// Records are posted in signed arrays, and receivers know a repetition by its ID.
func TestSyncWriter(t *testing.T) {
	t.Parallel()
	r := &receiver{}
	w := syncWriter(t, r, 2)
	for range 2 {
		outcomes, err := w.Write(t.Context(), texts(`{"id":1}`, `{"id":2}`, `{"id":3}`))
		require.NoError(t, err)
		for _, o := range outcomes {
			require.Equal(t, sync.StateDelivered, o.State)
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	require.Len(t, r.events, 2)
	var first struct {
		Type string           `json:"type"`
		Data []map[string]int `json:"data"`
	}
	require.NoError(t, json.Unmarshal([]byte(r.events[0].body), &first))
	require.Equal(t, "sync.records", first.Type)
	require.Equal(t, []map[string]int{{"id": 1}, {"id": 2}}, first.Data)
}

// A record that the endpoint refuses is rejected alone; one that is too large is not sent.
func TestSyncWriterRejects(t *testing.T) {
	t.Parallel()
	w := syncWriter(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil || strings.Contains(string(body), "bad") {
			w.WriteHeader(http.StatusUnprocessableEntity)
		}
	}), 100)
	large := `"` + strings.Repeat("x", webhook.MaxData) + `"`
	outcomes, err := w.Write(t.Context(), texts(`1`, `"bad"`, `3`, large, `5`))
	require.NoError(t, err)
	states := make([]sync.State, len(outcomes))
	for i, o := range outcomes {
		states[i] = o.State
	}
	require.Equal(t, []sync.State{
		sync.StateDelivered, sync.StateRejected, sync.StateDelivered, sync.StateRejected, sync.StateDelivered,
	}, states)
	require.Contains(t, outcomes[1].Reason, "422")
	require.Contains(t, outcomes[3].Reason, "want at most 262144")
}

// Other answers are about the endpoint: nothing is rejected.
func TestSyncWriterFails(t *testing.T) {
	t.Parallel()
	for status, want := range map[int]sync.Class{
		401: sync.ClassPermanent, 404: sync.ClassPermanent, 410: sync.ClassPermanent, 302: sync.ClassPermanent,
		429: sync.ClassThrottled, 503: sync.ClassUnavailable, 500: sync.ClassUnknown,
	} {
		w := syncWriter(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "7")
			w.WriteHeader(status)
		}), 100)
		outcomes, err := w.Write(t.Context(), texts(`1`, `2`))
		require.Equal(t, want, sync.ClassOf(err), "%d: %v", status, err)
		require.NotContains(t, err.Error(), "T0ken")
		require.Equal(t, sync.StateUnsent, outcomes[0].State)
		if status == 429 {
			require.Equal(t, 7*time.Second, sync.RetryAfter(err))
		}
	}
	_, err := webhook.NewKind(outbound.Loopback()).OpenWriter(connections.Connection{Name: "crm", Kind: "smtp"}, sync.TargetOptions{}, synctest.Budgets{})
	require.ErrorContains(t, err, "want webhook")
}
