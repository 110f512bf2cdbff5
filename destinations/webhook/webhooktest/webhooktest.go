// Package webhooktest runs an endpoint for tests that checks signatures with the
// library of the Standard Webhooks specification and keeps what it was sent.
package webhooktest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
)

// Secret is the key of every endpoint.
var Secret = "whsec_" + base64.StdEncoding.EncodeToString([]byte("hunter2-S3cret-hunter2-S3cret!!!"))

// Event is an event that came, its signature checked.
type Event struct {
	ID     string
	Body   string
	Header http.Header
	// Type and Data are what the body holds.
	Type      string          `json:"type"`
	Timestamp time.Time       `json:"timestamp"`
	Data      json.RawMessage `json:"data"`
}

// Receiver is an endpoint.
type Receiver struct {
	// URL is where it listens.
	URL string

	tb     testing.TB
	answer http.HandlerFunc
	mu     sync.Mutex
	events []Event
	came   chan struct{}
}

// Start runs an endpoint until the end of the test. answer, if not nil, writes the answer
// to an event, whose body it can read; otherwise that is 204.
func Start(tb testing.TB, answer http.HandlerFunc) *Receiver {
	tb.Helper()
	r := &Receiver{tb: tb, answer: answer, came: make(chan struct{})}
	server := httptest.NewServer(r)
	tb.Cleanup(server.Close)
	r.URL = server.URL
	return r
}

// Connection is a connection that leads to the endpoint.
func (r *Receiver) Connection(name string) connections.Connection {
	settings, err := json.Marshal(map[string]string{"url": r.URL + "/hook"})
	require.NoError(r.tb, err)
	return connections.Connection{
		Name: name, Kind: "webhook", Settings: settings, Secrets: map[string]string{"signing_secret": Secret},
	}
}

// ServeHTTP takes an event.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		http.Error(w, "cut off", http.StatusBadRequest)
		return
	}
	verifier, err := standardwebhooks.NewWebhook(Secret)
	if err == nil {
		err = verifier.Verify(body, request.Header)
	}
	event := Event{ID: request.Header.Get(standardwebhooks.HeaderWebhookID), Body: string(body), Header: request.Header}
	if err == nil {
		err = json.Unmarshal(body, &event)
	}
	if err != nil {
		r.tb.Errorf("an event that is none came: %s", err)
		http.Error(w, "not for me", http.StatusUnauthorized)
		return
	}
	r.mu.Lock()
	r.events = append(r.events, event)
	close(r.came)
	r.came = make(chan struct{})
	r.mu.Unlock()
	if r.answer != nil {
		request.Body = io.NopCloser(bytes.NewReader(body))
		r.answer(w, request)
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// Events returns what has come so far.
func (r *Receiver) Events() []Event {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]Event(nil), r.events...)
}

// Await waits until that many events have come.
func (r *Receiver) Await(tb testing.TB, n int) []Event {
	tb.Helper()
	for {
		r.mu.Lock()
		events, came := append([]Event(nil), r.events...), r.came
		r.mu.Unlock()
		if len(events) >= n {
			return events
		}
		select {
		case <-came:
		case <-time.After(30 * time.Second):
			require.FailNowf(tb, "events are missing", "want %d, got %d", n, len(events))
		}
	}
}
