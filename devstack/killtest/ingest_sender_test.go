package killtest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/ingest/eventapi"
)

// requestTimeout bounds a request: the server waits up to 30 s for its event log.
const requestTimeout = time.Minute

// maxIdle bounds the idle connections of a sender.
const maxIdle = 256

// visitedSite is a site that visitors visit.
type visitedSite struct {
	domain, zone, key string
}

// eventSender sends requests with events to the server of an ingestion. It is safe for concurrent use.
type eventSender struct {
	client *http.Client
	// url is that of the server.
	url string
	// sites take events.
	sites []visitedSite
}

// newSender adds sites and returns a sender of their events, once the server knows them and their keys.
func (i *ingestion) newSender(ctx context.Context, t *testing.T, sites ...visitedSite) *eventSender {
	t.Helper()
	s := &eventSender{
		client: &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: maxIdle}, Timeout: requestTimeout},
		url:    "http://" + i.stack.Addresses().Server,
	}
	for _, site := range sites {
		i.addSite(t, site.domain, site.zone, nil) //nolint:contextcheck // It has the context of the test.
		site.key = i.addKey(t, site.domain)       //nolint:contextcheck // It has the context of the test.
		s.sites = append(s.sites, site)
	}
	// The newest key is known last.
	header := map[string]string{"Authorization": "Bearer " + s.sites[len(s.sites)-1].key}
	poll(ctx, t, "the server to know the keys", func(ctx context.Context) bool {
		got, err := s.post(ctx, "/api/events", "\n", header)
		return err == nil && got.status == http.StatusOK
	})
	return s
}

// answer is the answer to a request.
type answer struct {
	status  int
	dropped string
	body    string
}

// errNotSent means that there was no connection, so that the request has reached no server.
var errNotSent = errors.New("not sent")

// unrepeatable is a body that the HTTP client cannot send twice: with an Idempotency-Key it would
// repeat a request whose connection broke, and that attempt would not be counted.
type unrepeatable struct{ io.Reader }

func (unrepeatable) Close() error { return nil }

// post sends a request.
func (s *eventSender) post(ctx context.Context, path, body string, header map[string]string) (answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url+path, unrepeatable{strings.NewReader(body)})
	if err != nil {
		return answer{}, err
	}
	request.ContentLength = int64(len(body))
	request.Header.Set("Content-Type", "application/json")
	for name, value := range header {
		request.Header.Set(name, value)
	}
	response, err := s.client.Do(request)
	var op *net.OpError
	if errors.As(err, &op) && op.Op == "dial" {
		return answer{}, fmt.Errorf("%w: %w", errNotSent, err)
	}
	if err != nil {
		return answer{}, err
	}
	text, err := io.ReadAll(response.Body)
	if err := errors.Join(err, response.Body.Close()); err != nil {
		return answer{}, err
	}
	return answer{response.StatusCode, response.Header.Get(eventapi.HeaderDropped), string(text)}, nil
}

// visitors is how many visitors the audience has.
const visitors = 600

// visitor is a browser at an address.
type visitor struct{ ip, agent string }

func (v visitor) header() map[string]string {
	return map[string]string{"X-Forwarded-For": v.ip, "User-Agent": v.agent}
}

// visitorOf returns the visitor of a number.
func visitorOf(n int) visitor {
	return visitor{
		ip: fmt.Sprintf("81.2.%d.%d", n/250, 1+n%250),
		agent: fmt.Sprintf("Mozilla/5.0 (X11; Linux x86_64; rv:%[1]d.0) Gecko/20100101 Firefox/%[1]d.0",
			115+n%20),
	}
}
