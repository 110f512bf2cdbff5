package webhook_test

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/destinationtest"
	"github.com/sluicehq/sluice/destinations/webhook"
	"github.com/sluicehq/sluice/internal/outbound"
)

const key = "hunter2-S3cret-hunter2-S3cret!!!"

// path is in the address, and a secret like the key.
const path = "/hooks/T0ken-in-the-path"

// receiver takes events whose signature is right.
type receiver struct {
	mu     sync.Mutex
	events []received
}

type received struct {
	id, body string
	header   http.Header
}

// ServeHTTP takes an event.
func (r *receiver) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	verifier, verr := standardwebhooks.NewWebhook(secret())
	if err := errors.Join(err, verr); err != nil {
		http.Error(w, "broken", http.StatusInternalServerError)
		return
	}
	if verifier.Verify(body, request.Header) != nil {
		http.Error(w, "not for me", http.StatusUnauthorized)
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	id := request.Header.Get(standardwebhooks.HeaderWebhookID)
	if !slices.ContainsFunc(r.events, func(e received) bool { return e.id == id }) {
		r.events = append(r.events, received{id: id, body: string(body), header: request.Header})
	}
}

func (r *receiver) ids(testing.TB) (all []string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, e := range r.events {
		all = append(all, e.id)
	}
	return all
}

func secret() string { return "whsec_" + base64.StdEncoding.EncodeToString([]byte(key)) }

func event(data string) destinations.Event { return destinations.Event{Data: json.RawMessage(data)} }

// subject is the destination with an endpoint that misbehaves.
func subject(tb testing.TB, fault destinationtest.Fault) (destinationtest.Subject, *receiver) {
	tb.Helper()
	r := &receiver{}
	s := destinationtest.Subject{
		Destination: webhook.New(outbound.Loopback()), Action: "post", Delivered: r.ids,
		Connections: opener(destinationtest.ServeHTTP(tb, fault, r) + path),
	}
	for i := range 12 {
		s.Events = append(s.Events, event(fmt.Sprintf(`{"connection": "ops", "type": "order.created", "data": {"no": %d}}`, i)))
	}
	return s, r
}

// opener opens a webhook to an address.
func opener(address string) connections.Opener {
	return destinationtest.Opener{
		Name: "ops", Kind: "webhook", Settings: json.RawMessage(fmt.Sprintf(`{"url": %q}`, address)),
		Secrets: map[string]string{"signing_secret": secret()},
	}
}

func TestConformance(t *testing.T) {
	t.Parallel()
	cfg := destinationtest.Config{
		New: func(tb testing.TB) destinationtest.Subject { tb.Helper(); s, _ := subject(tb, ""); return s },
		BadEvents: []destinations.Event{
			event(`{}`), event(`{"connection": "ops", "type": "x"}`), event(`{"connection": "ops", "data": 1}`),
			event(`{"connection": "` + path + `", "type": "x", "data": 1}`), event(`{"connection": "ops", "type": "x", "data": 1, "url": "x"}`),
			event(`{"connection": "ops", "type": "x", "data": "` + strings.Repeat("x", webhook.MaxData) + `"}`),
		},
		Secrets: []string{key, secret(), "T0ken-in-the-path"},
		Faults:  map[destinationtest.Fault]func(tb testing.TB) destinationtest.Subject{},
	}
	cfg.Inapplicable = map[destinationtest.Fault]string{
		destinationtest.FaultImpostor: "every answer 2xx is a success, as the specification says",
		destinationtest.FaultUnready:  "an endpoint lacks nothing that an operator would add",
	}
	for _, fault := range destinationtest.Faults() {
		if cfg.Inapplicable[fault] != "" {
			continue
		}
		cfg.Faults[fault] = func(tb testing.TB) destinationtest.Subject { tb.Helper(); s, _ := subject(tb, fault); return s }
	}
	destinationtest.Run(t, cfg)
}

// What is sent is what the specification recommends, and the same at every attempt.
func TestRequest(t *testing.T) {
	t.Parallel()
	s, r := subject(t, "")
	sent := time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)
	job := destinations.QueuedJob{ID: "job-1", Data: s.Events[0].Data, SentAt: sent, CreatedAt: sent.Add(time.Hour)}
	deliver(t, s.Destination, s.Connections, job)
	require.Len(t, r.events, 1)
	require.Equal(t, "job-1", r.events[0].id)
	require.JSONEq(t, `{"type": "order.created", "timestamp": "2026-02-01T12:00:00Z", "data": {"no": 0}}`, r.events[0].body)
	require.Equal(t, "application/json", r.events[0].header.Get("Content-Type"))
	require.Contains(t, r.events[0].header.Get("User-Agent"), "Sluice/")
	job.ID, job.SentAt = "job-2", time.Time{}
	deliver(t, s.Destination, s.Connections, job)
	require.Contains(t, r.events[1].body, "2026-02-01T13:00:00Z")
}

func deliver(t *testing.T, d destinations.Destination, c connections.Opener, jobs ...destinations.QueuedJob) []destinations.Then {
	t.Helper()
	var mu sync.Mutex
	var all []destinations.Then
	q := &destinations.Queue{Events: []destinations.QueuedEvent{{Jobs: jobs}}}
	d.Actions()[0].Load(t.Context(), &destinations.Toolkit{Connections: c}, q, func(then destinations.Then) {
		mu.Lock()
		defer mu.Unlock()
		all = append(all, then)
	})
	require.Len(t, all, len(jobs))
	return all
}

// What is wrong with an event is said at once, without its values.
func TestRefusedEvents(t *testing.T) {
	t.Parallel()
	action := webhook.New(outbound.Loopback()).Actions()[0]
	long := strings.Repeat("x", webhook.MaxType+1)
	for data, want := range map[string]string{
		`{"connection": "ops", "type": "", "data": 1}`:             `field "type" of the data: want 1 to 200 bytes`,
		`{"connection": "ops", "type": "` + long + `", "data": 1}`: `field "type" of the data: want 1 to 200 bytes`,
		`{"connection": "` + key + `", "type": "", "data": "` + strings.Repeat("x", webhook.MaxData) + `"}`: `field "connection" of the data: ` +
			`want the name of a connection; field "type" of the data: want 1 to 200 bytes; field "data" of the data: want 1 to 262144 bytes of JSON`,
	} {
		_, err := action.Marshal(t.Context(), nil, event(data))
		require.EqualError(t, err, want, "%.80s", data)
	}
	job, err := action.Marshal(t.Context(), nil, event(`{"connection": "ops", "type": "`+long[1:]+`", "data": null}`))
	require.NoError(t, err)
	require.JSONEq(t, `{"connection": "ops", "type": "`+long[1:]+`", "data": null}`, string(job.Data))
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for code, want := range map[int]struct {
		text    string
		discard bool
		wait    time.Duration
	}{
		200: {}, 202: {}, 204: {},
		301: {text: "the endpoint answered 301 Moved Permanently: redirects are not followed"},
		307: {text: "the endpoint answered 307 Temporary Redirect: redirects are not followed"},
		400: {text: "the endpoint answered 400 Bad Request", discard: true},
		401: {text: "the endpoint answered 401 Unauthorized", wait: time.Minute},
		403: {text: "the endpoint answered 403 Forbidden", wait: time.Minute},
		404: {text: "the endpoint answered 404 Not Found", wait: time.Minute},
		408: {text: "the endpoint answered 408 Request Timeout", wait: time.Minute},
		409: {text: "the endpoint answered 409 Conflict", wait: time.Minute},
		410: {text: "the endpoint answered 410 Gone: it is permanently gone"},
		413: {text: "the endpoint answered 413 Request Entity Too Large", discard: true},
		422: {text: "the endpoint answered 422 Unprocessable Entity", discard: true},
		425: {text: "the endpoint answered 425 Too Early", wait: time.Minute},
		429: {text: "the endpoint answered 429 Too Many Requests", wait: time.Minute},
		500: {text: "the endpoint answered 500 Internal Server Error", wait: time.Minute},
		599: {text: "the endpoint answered 599 (unknown)", wait: time.Minute},
	} {
		asked := 0
		address := destinationtest.ServeHTTP(t, "", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			asked++
			w.Header().Set("Location", "/elsewhere")
			w.Header().Set("Retry-After", "60")
			w.WriteHeader(code)
		}))
		then := deliver(t, webhook.New(outbound.Loopback()), opener(address), destinations.QueuedJob{
			ID: "a", Data: json.RawMessage(`{"connection": "ops", "type": "x", "data": null}`),
		})[0]
		require.Equal(t, 1, asked, "the redirect was followed")
		require.Equal(t, want.discard, then.ForceDiscard, code)
		require.Equal(t, want.wait, then.RetryAfter, code)
		if want.text == "" {
			require.NoError(t, then.Error)
		} else {
			require.EqualError(t, then.Error, want.text)
			require.Equal(t, code == http.StatusGone, errors.Is(then.Error, destinations.ErrGone), code)
		}
	}
}

// No job reaches the network of Sluice, by name or by address.
func TestPublicAddressesOnly(t *testing.T) {
	t.Parallel()
	d := webhook.New(config.Default().Connections.Guard("webhook"))
	for address, want := range map[string]string{
		"http://93.184.215.14/hook":     "a secret would be sent in clear to 93.184.215.14",
		"https://127.0.0.1:1/hook":      "is not allowed for connections of kind webhook",
		"https://localhost:1/hook":      "is not allowed for connections of kind webhook",
		"https://[::1]:1/hook":          "is not allowed for connections of kind webhook",
		"https://169.254.169.254/hook":  "is not allowed for connections of kind webhook",
		"https://[::ffff:10.0.0.1]:443": "is not allowed for connections of kind webhook",
		"https://0.0.0.0/hook":          "is not allowed for connections of kind webhook",
	} {
		then := deliver(t, d, opener(address), destinations.QueuedJob{
			ID: "a", Data: json.RawMessage(`{"connection": "ops", "type": "x", "data": 1}`),
		})[0]
		require.ErrorContains(t, then.Error, want, address)
		require.Equal(t, destinations.ErrorClassOperator, destinations.ClassOf(then.Error), address)
		require.False(t, then.ForceDiscard)
	}
}

// An endpoint that does not answer costs a load three attempts, not one for each job; the
// jobs of another endpoint are delivered all the same.
func TestSilence(t *testing.T) {
	t.Parallel()
	good := &receiver{}
	c := destinationtest.Openers{
		"ops":  opener(destinationtest.ServeHTTP(t, "", good)),
		"dead": opener(destinationtest.ServeHTTP(t, destinationtest.FaultHanging, good)),
	}
	var jobs []destinations.QueuedJob
	for i := range 60 {
		name := "dead"
		if i%3 == 0 {
			name = "ops"
		}
		jobs = append(jobs, destinations.QueuedJob{
			ID: fmt.Sprint(i), Data: json.RawMessage(fmt.Sprintf(`{"connection": %q, "type": "x", "data": 1}`, name)),
		})
	}
	all := deliver(t, webhook.NewImpatient(outbound.Loopback(), 2*time.Second), c, jobs...)
	require.Len(t, good.ids(t), 20)
	tried, untried := 0, 0
	for _, then := range all {
		switch {
		case then.Error == nil:
		case then.Untried:
			untried++
			require.EqualError(t, then.Error, "the endpoint does not answer: the endpoint did not respond within 2s")
		default:
			tried++
		}
	}
	require.LessOrEqual(t, tried, 16)
	require.Equal(t, 40, tried+untried)
}
