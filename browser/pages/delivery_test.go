package pages_test

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/polltest"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// signingSecret returns a secret of a webhook, made of a letter.
func signingSecret(letter byte) string {
	return "whsec_" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{letter}, 32))
}

// endpoint is the server that a webhook leads to.
type endpoint struct {
	url string
	// says is the body of its answers.
	says string

	mu       sync.Mutex
	status   int
	requests []received
}

// received is a request that an endpoint has received.
type received struct {
	header http.Header
	body   []byte
	status int
}

// startEndpoint runs an endpoint that answers with a status.
func startEndpoint(t *testing.T, status int) *endpoint {
	t.Helper()
	e := &endpoint{status: status}
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	e.url = server.URL + "/hook"
	return e
}

// ServeHTTP answers a request.
func (e *endpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the client has gone
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.requests = append(e.requests, received{header: r.Header, body: body, status: e.status})
	w.WriteHeader(e.status)
	_, _ = io.WriteString(w, e.says) //nolint:errcheck // the client may have gone
}

// answer changes the status of the answers.
func (e *endpoint) answer(status int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.status = status
}

// with returns the requests that were answered with a status.
func (e *endpoint) with(status int) []received {
	e.mu.Lock()
	defer e.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(e.requests), func(r received) bool { return r.status != status })
}

// addWebhook adds a connection that leads to an endpoint.
func (s *suite) addWebhook(t *testing.T, name string, e *endpoint, secret string) {
	t.Helper()
	post[any](t, s, "/connections", map[string]any{
		"name": name, "kind": "webhook", "settings": map[string]string{"url": e.url},
		"secrets": map[string]string{"signing_secret": secret},
	})
}

// jobs counts the jobs of a source in a state.
func (s *suite) jobs(t require.TestingT, source, state string) int64 {
	ctx, cancel := s.Context()
	defer cancel()
	n, err := s.Store.Deliveries.CountJobs(ctx, deliverystore.JobFilter{
		States: []string{state}, Event: &deliverystore.EventFilter{Sources: []string{source}},
	})
	require.NoError(t, err)
	return n
}

// An endpoint has refused the jobs of a destination, which were discarded. They are replayed once it takes them: the page
// says how many before.
func TestReplay(t *testing.T) {
	s := setup(t)
	atWidths(t, func(t *testing.T, width int64) {
		t.Helper()
		e := startEndpoint(t, http.StatusBadRequest)
		name := fmt.Sprintf("orders-%d", width)
		s.addWebhook(t, name, e, signingSecret('a'))
		const events = 3
		for i := range events {
			post[any](t, s, "/events", map[string]any{
				"source": name, "name": "order.paid", "to": []map[string]string{{"destination": "webhook", "action": "post"}},
				"data": map[string]any{"connection": name, "type": "order.paid", "data": map[string]int{"order": i}},
			})
		}
		polltest.Until(t, func(c *polltest.Check) {
			require.EqualValues(c, events, s.jobs(c, name, deliverystore.JobDiscarded))
		}, wait, poll)
		require.Len(t, e.with(http.StatusBadRequest), events)

		r := s.administrator(t, width)
		r.open("Destinations")
		r.click("Webhook")
		r.click("Correct and retry")
		r.choose("Source", name)
		r.click("Filter")
		r.awaitText("discarded 3")
		r.awaitText("400 Bad Request")
		e.answer(http.StatusOK)
		r.click("Replay")
		r.awaitText("Replay 3 jobs")
		r.awaitText("Each becomes a new job of the same event")
		r.shoot("replay-count")
		require.EqualValues(t, events, s.jobs(t, name, deliverystore.JobDiscarded), "the page changes nothing")
		require.Empty(t, e.with(http.StatusOK))
		r.click("Replay 3 jobs")
		r.awaitText("Replay: done")
		r.shoot("replay-done")
		polltest.Until(t, func(c *polltest.Check) {
			require.EqualValues(c, events, s.jobs(c, name, deliverystore.JobSucceeded))
		}, wait, poll)
		require.EqualValues(t, events, s.jobs(t, name, deliverystore.JobDiscarded), "the old jobs do not change")
		var orders []int
		for _, request := range e.with(http.StatusOK) {
			var body struct {
				Data struct{ Order int }
			}
			require.NoError(t, json.Unmarshal(request.body, &body))
			orders = append(orders, body.Data.Order)
		}
		slices.Sort(orders)
		require.Equal(t, []int{0, 1, 2}, orders)
		r.click("Back to the jobs")
		r.click("succeeded 3")
		r.shoot("replayed")
		r.requireNoFaults()
	})
}

// requireSigned fails the test unless a request is signed with one secret and not with the other.
func requireSigned(t *testing.T, request received, secret, other string) {
	t.Helper()
	for key, signed := range map[string]bool{secret: true, other: false} {
		webhook, err := standardwebhooks.NewWebhook(key)
		require.NoError(t, err)
		err = webhook.Verify(request.body, request.header)
		require.Equal(t, signed, err == nil, "%v", err)
	}
}

// A secret is replaced, and the next call is signed with the new one.
func TestRotateSecret(t *testing.T) {
	s := setup(t)
	before, after := signingSecret('b'), signingSecret('c')
	atWidths(t, func(t *testing.T, width int64) {
		t.Helper()
		e := startEndpoint(t, http.StatusNoContent)
		name := fmt.Sprintf("alerts-%d", width)
		s.addWebhook(t, name, e, before)
		r := s.administrator(t, width)
		r.open("Connections")
		r.click(name)
		r.click("Test")
		r.awaitText("The connection works")
		requireSigned(t, e.with(http.StatusNoContent)[0], before, after)

		version := func() int64 { return get[struct{ Version int64 }](t, s, "/connections/"+name).Version }
		was := version()
		r.click("Rotate")
		r.choose("New value", after)
		r.click("Replace the secret")
		require.NotContains(t, r.text(), after)
		require.Equal(t, was+1, version())
		r.click("Test")
		r.awaitText("The connection works")
		r.shoot("rotated")
		requests := e.with(http.StatusNoContent)
		require.Len(t, requests, 2)
		requireSigned(t, requests[1], after, before)
		r.requireNoFaults()
	})
}
