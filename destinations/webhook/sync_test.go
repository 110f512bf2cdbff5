package webhook_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
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

// An endpoint that cannot be reached, or that cuts its answer off, may take the records later; what is wrong with the
// connection or the records is not retried.
func TestSyncWriterWithoutAnswer(t *testing.T) {
	t.Parallel()
	kind := webhook.NewKind(outbound.Loopback())
	var halves atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.URL.Path == "/cut":
			w.Header().Set("Content-Length", "100")
			w.WriteHeader(http.StatusInternalServerError)
			panic(http.ErrAbortHandler)
		case r.URL.Path == "/taken":
			w.Header().Set("Content-Length", "100")
			panic(http.ErrAbortHandler)
		case halves.Add(1) == 1:
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		default:
			w.WriteHeader(http.StatusServiceUnavailable)
		}
	}))
	t.Cleanup(server.Close)
	for name, test := range map[string]struct {
		address, key string
		records      []json.RawMessage
		class        sync.Class
		want         string
	}{
		"nothing listens":        {"http://127.0.0.1:1/hook", secret(), texts(`1`), sync.ClassUnavailable, "reach the endpoint"},
		"an answer that is cut":  {server.URL + "/cut", secret(), texts(`1`), sync.ClassUnavailable, "endpoint"},
		"halves that come later": {server.URL, secret(), texts(`1`, `2`), sync.ClassUnavailable, "the endpoint answered 503 Service Unavailable"},
		"no key": {
			server.URL, "whsec_c2hvcnQ=", texts(`1`), sync.ClassPermanent,
			"the webhook's signing_secret: want whsec_ and 24 to 64 bytes in base64",
		},
		"no JSON": {server.URL, secret(), texts(`1`, `{`), sync.ClassPermanent, "the records are not valid JSON"},
	} {
		w, err := kind.OpenWriter(connections.Connection{
			Name: "crm", Kind: "webhook", Settings: json.RawMessage(`{"url": "` + test.address + `"}`),
			Secrets: map[string]string{outbound.SecretSigning: test.key},
		}, sync.TargetOptions{Items: 10}, synctest.Budgets{})
		require.NoError(t, err)
		outcomes, err := w.Write(t.Context(), test.records)
		require.ErrorContains(t, err, test.want, name)
		require.Equal(t, test.class, sync.ClassOf(err), "%s: %v", name, err)
		for _, o := range outcomes {
			require.Equal(t, sync.StateUnsent, o.State, name)
		}
	}
}

// Records that wait for a connection of the account are not sent after the end of the activity.
func TestSyncWriterWaits(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w, err := webhook.NewKind(outbound.Loopback()).OpenWriter(connections.Connection{
		Name: "crm", Kind: "webhook", Settings: json.RawMessage(`{"url": "http://127.0.0.1:1"}`),
	}, sync.TargetOptions{Items: 10}, synctest.Exhausted{})
	require.NoError(t, err)
	outcomes, err := w.Write(ctx, texts(`1`))
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, sync.ClassUnavailable, sync.ClassOf(err))
	require.Equal(t, []sync.Outcome{{State: sync.StateUnsent}}, outcomes)
}
