package eventapi_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/ingest"
	"github.com/sluicehq/sluice/ingest/eventapi"
	"github.com/sluicehq/sluice/ingest/ingesttest"
	"github.com/sluicehq/sluice/ingest/refdata"
	"github.com/sluicehq/sluice/ingest/request"
)

// browser is the user agent of all requests. That of Go's client is a bot's.
const browser = "Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0"

const pageview = `{"n":"pageview","u":"https://case.example/"}`

// nativeStart is the first native day of the site native.example.
func nativeStart() calendar.Day { return calendar.DayOf(time.Now().UTC()) - 2 }

// bundle is a real server with two sites.
type bundle struct {
	buffer *ingesttest.Buffer
	log    *bytes.Buffer
	url    string
}

func setup(t *testing.T, change func(c *eventapi.Config)) *bundle {
	t.Helper()
	b := &bundle{buffer: &ingesttest.Buffer{}, log: &bytes.Buffer{}}
	native := nativeStart()
	sites := ingesttest.Sites{
		ingesttest.SiteDomain: {ID: 1, Domain: ingesttest.SiteDomain, Shields: ingest.Shields{Pages: []string{"/blocked"}}},
		"native.example":      {ID: 2, Domain: "native.example", NativeStart: &native},
	}
	pipeline, err := ingest.New(ingesttest.Config(sites, refdata.Builtin(), b.buffer))
	require.NoError(t, err)
	c := eventapi.Config{
		Pipeline: pipeline, Logger: slog.New(slog.NewTextHandler(b.log, nil)), Replies: &ingesttest.Replies{},
		Authorise: authorise,
	}
	if change != nil {
		change(&c)
	}
	handler, err := eventapi.New(c)
	require.NoError(t, err)
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	b.url = server.URL
	return b
}

// head is an answer without its body.
type head struct {
	StatusCode int
	Header     http.Header
}

// send sends a request with headers "Name: value" and returns the answer and its body.
func (b *bundle) send(t *testing.T, method, path, body string, headers ...string) (head, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, b.url+path, strings.NewReader(body))
	require.NoError(t, err)
	r.Header.Set("User-Agent", browser)
	for _, header := range headers {
		name, value, _ := strings.Cut(header, ": ")
		r.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	answer, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	return head{StatusCode: response.StatusCode, Header: response.Header}, string(answer)
}

const secret = "Authorization: Bearer secret"

func TestConfig(t *testing.T) {
	t.Parallel()
	_, err := eventapi.New(eventapi.Config{ReadTimeout: -1, BufferTimeout: -1, Proxies: make(request.Proxies, 1)})
	for _, fault := range []string{"pipeline is missing", "logger is missing", "read timeout is -1ns", "buffer timeout is -1ns", "invalid network"} {
		require.ErrorContains(t, err, fault)
	}
}

func TestPreflight(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	response, _ := b.send(t, http.MethodOptions, "/api/event", "", "Access-Control-Request-Headers: content-type", "Origin: https://a.b")
	require.Equal(t, http.StatusNoContent, response.StatusCode)
	require.Equal(t, "*", response.Header.Get("Access-Control-Allow-Origin"))
	require.Equal(t, "content-type", response.Header.Get("Access-Control-Allow-Headers"))
	require.Contains(t, response.Header.Get("Access-Control-Allow-Methods"), "POST")
	response, _ = b.send(t, http.MethodOptions, "/api/event", "")
	require.Equal(t, "Content-Type", response.Header.Get("Access-Control-Allow-Headers"))
	response, _ = b.send(t, http.MethodGet, "/api/event", "")
	require.Equal(t, http.StatusMethodNotAllowed, response.StatusCode)
}

func TestDroppedNamesDomainAndReason(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	response, answer := b.send(t, http.MethodPost, "/api/event",
		`{"n":"pageview","u":"https://case.example/blocked","d":"case.example,x\r\nset-cookie: a=b,y=z"}`, "Content-Type: text/plain")
	require.Equal(t, []any{http.StatusAccepted, "ok"}, []any{response.StatusCode, answer})
	require.Equal(t, "3", response.Header.Get("X-Plausible-Dropped"))
	require.Equal(t, "case.example=site_page_blocklist,x%0D%0Aset-cookie%3A+a%3Db=not_found,y%3Dz=not_found", response.Header.Get("X-Sluice-Dropped"))
	require.Empty(t, response.Header.Get("Set-Cookie"))
	require.Contains(t, response.Header.Get("Access-Control-Expose-Headers"), "X-Sluice-Dropped")
	require.Empty(t, b.buffer.Events())
}

func TestDebugShowsTheAddress(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *eventapi.Config) { c.Proxies = request.Proxies{netip.MustParsePrefix("127.0.0.0/8")} })
	response, answer := b.send(t, http.MethodPost, "/api/event", pageview, "X-Debug-Request: true", "X-Forwarded-For: 203.0.113.9, 198.51.100.7")
	require.Equal(t, []any{http.StatusOK, "198.51.100.7"}, []any{response.StatusCode, answer})
	require.Empty(t, b.buffer.Events())
}

func TestBodiesThatAreTooLongOrTooSlow(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *eventapi.Config) { c.ReadTimeout = 50 * time.Millisecond })
	response, answer := b.send(t, http.MethodPost, "/api/event", strings.Repeat(" ", request.MaxBody+1))
	require.Equal(t, http.StatusRequestEntityTooLarge, response.StatusCode)
	require.JSONEq(t, `{"errors":{"request":["should be at most 1000000 bytes"]}}`, answer)

	reader, writer := io.Pipe()
	defer func() { require.NoError(t, writer.Close()) }()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url+"/api/event", reader)
	require.NoError(t, err)
	slow, err := http.DefaultClient.Do(r)
	require.NoError(t, err)
	require.NoError(t, slow.Body.Close())
	require.Equal(t, http.StatusBadRequest, slow.StatusCode)
	require.Empty(t, b.buffer.Events())
}

// A browser does not wait for a log that is away: its answer comes in time.
func TestBufferTimeout(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *eventapi.Config) { c.Pipeline, c.BufferTimeout = hanging{}, 20*time.Millisecond })
	for path, headers := range map[string][]string{"/api/event": nil, "/api/events": {secret}} {
		response, _ := b.send(t, http.MethodPost, path, pageview, headers...)
		require.Equal(t, http.StatusServiceUnavailable, response.StatusCode, path)
		require.Equal(t, "5", response.Header.Get("Retry-After"), path)
	}
}

// Without the log's acknowledgement there is no 202.
func TestUnavailable(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	b.buffer.Fail(errors.New("the log is full"))
	for range 5 {
		response, answer := b.send(t, http.MethodPost, "/api/event", pageview)
		require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
		require.Equal(t, "5", response.Header.Get("Retry-After"))
		require.JSONEq(t, `{"errors":{"request":["not buffered, send it again"]}}`, answer)
	}
	response, _ := b.send(t, http.MethodPost, "/api/events", pageview, secret)
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	require.Contains(t, b.log.String(), "the log is full")
	require.LessOrEqual(t, strings.Count(b.log.String(), "\n"), 3, "an outage does not fill the log")
	b.buffer.Fail(nil)
	response, _ = b.send(t, http.MethodPost, "/api/event", pageview)
	require.Equal(t, http.StatusAccepted, response.StatusCode)
	require.Len(t, b.buffer.Events(), 1)
}

func TestTimestampsOfAuthorisedSenders(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	at := time.Now().Add(-6 * 24 * time.Hour).UTC().Truncate(time.Second)
	past := `{"n":"pageview","u":"https://case.example/","timestamp":"` + at.Format(time.RFC3339) + `"}`
	response, answer := b.send(t, http.MethodPost, "/api/event", past)
	require.Equal(t, http.StatusBadRequest, response.StatusCode)
	require.Contains(t, answer, "timestamp")
	response, _ = b.send(t, http.MethodPost, "/api/event", past, secret)
	require.Equal(t, http.StatusAccepted, response.StatusCode)
	require.Equal(t, at, b.buffer.Events()[0].ClickHouseEvent.Timestamp)
}

// A time before the first native day of a site is refused, a line of a batch alone.
func TestTimestampsBeforeNativeData(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	const other = "Authorization: Bearer other"
	first := nativeStart()
	event := func(at time.Time) string {
		return `{"n":"pageview","u":"https://native.example/","timestamp":"` + at.Format(time.RFC3339) + `"}`
	}
	before := event(first.Time().Add(-time.Second))
	fault := request.Errors{"timestamp": {
		"must not be before the site's first native day, " + first.String() + ": it is on " + (first - 1).String(),
	}}
	response, answer := b.send(t, http.MethodPost, "/api/event", before, other)
	require.Equal(t, http.StatusBadRequest, response.StatusCode)
	want, err := json.Marshal(map[string]any{"errors": fault})
	require.NoError(t, err)
	require.JSONEq(t, string(want), answer)
	response, answer = b.send(t, http.MethodPost, "/api/events", before+"\n"+event(first.Time())+"\n"+before, other)
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, []eventapi.LineResult{
		{Line: 1, Status: eventapi.LineInvalid, Errors: fault},
		{Line: 2, Status: eventapi.LineAccepted, Buffered: 1},
		{Line: 3, Status: eventapi.LineInvalid, Errors: fault},
	}, lines(t, answer))
	require.Len(t, b.buffer.Events(), 1)
	require.Equal(t, first, b.buffer.Events()[0].ClickHouseEvent.Day)
	// The key of another site learns nothing about this one.
	response, _ = b.send(t, http.MethodPost, "/api/event", before, secret)
	require.Equal(t, http.StatusAccepted, response.StatusCode)
	require.Equal(t, "native.example=not_found", response.Header.Get(eventapi.HeaderDropped))
}

// A key says nothing about another site, and a sender that cannot be known now can try again.
func TestSenders(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	const other = "Authorization: Bearer other"
	response, answer := b.send(t, http.MethodPost, "/api/events", pageview, other)
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, []eventapi.LineDrop{{Domain: ingesttest.SiteDomain, Reason: ingest.DropNotFound}}, lines(t, answer)[0].Dropped)
	response, _ = b.send(t, http.MethodPost, "/api/event", pageview, other)
	require.Equal(t, http.StatusAccepted, response.StatusCode)
	require.Equal(t, ingesttest.SiteDomain+"=not_found", response.Header.Get(eventapi.HeaderDropped))
	require.Empty(t, b.buffer.Events())

	for _, path := range []string{"/api/event", "/api/events"} {
		response, _ = b.send(t, http.MethodPost, path, pageview, "Authorization: Bearer away")
		require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
		require.NotEmpty(t, response.Header.Get("Retry-After"))
	}
	require.Empty(t, b.buffer.Events())
	require.Contains(t, b.log.String(), "the store is away")
}

// A request that panics leaves its key free.
func TestPanicFreesTheKey(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *eventapi.Config) { c.Pipeline = &panicking{next: c.Pipeline} })
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url+"/api/event",
		strings.NewReader(`{"n":"panic","u":"https://case.example/"}`))
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer secret")
	r.Header.Set(eventapi.HeaderIdempotencyKey, "k")
	_, err = http.DefaultClient.Do(r) //nolint:bodyclose // the connection ends without an answer
	require.Error(t, err)
	response, _ := b.send(t, http.MethodPost, "/api/event", pageview, secret, eventapi.HeaderIdempotencyKey+": k")
	require.Equal(t, http.StatusAccepted, response.StatusCode)
	require.Len(t, b.buffer.Events(), 1)
}

func lines(t *testing.T, answer string) []eventapi.LineResult {
	t.Helper()
	var all []eventapi.LineResult
	for line := range strings.Lines(answer) {
		var result eventapi.LineResult
		require.NoError(t, json.Unmarshal([]byte(line), &result))
		all = append(all, result)
	}
	return all
}

func TestBatch(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	response, _ := b.send(t, http.MethodPost, "/api/events", pageview)
	require.Equal(t, http.StatusUnauthorized, response.StatusCode)
	require.Equal(t, "Bearer", response.Header.Get("WWW-Authenticate"))

	at := strconv.FormatInt(time.Now().Unix()-3600, 10)
	response, answer := b.send(t, http.MethodPost, "/api/events", strings.Join([]string{
		`{"n":"first","u":"https://case.example/","timestamp":` + at + `,"ip":"198.51.100.7","user_agent":"` + browser + `"}`, "",
		`{"n":"second"}`, `no json`, `{"n":"third","u":"https://case.example/blocked"}`, `{"n":"fourth","u":"https://case.example/","d":"case.example,x.y"}`,
	}, "\n"), secret)
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, "application/x-ndjson; charset=utf-8", response.Header.Get("Content-Type"))
	require.Equal(t, []eventapi.LineResult{
		{Line: 1, Status: eventapi.LineAccepted, Buffered: 1},
		{Line: 3, Status: eventapi.LineInvalid, Errors: request.Errors{"url": {"is required"}}},
		{Line: 4, Status: eventapi.LineInvalid, Errors: request.Errors{"request": {"Unable to parse request body as json"}}},
		{Line: 5, Status: eventapi.LineAccepted, Dropped: []eventapi.LineDrop{{Domain: "case.example", Reason: ingest.DropSitePageBlocklist}}},
		{Line: 6, Status: eventapi.LineAccepted, Buffered: 1, Dropped: []eventapi.LineDrop{{Domain: "x.y", Reason: ingest.DropNotFound}}},
	}, lines(t, answer))
	events := b.buffer.Events()
	require.Len(t, events, 2)
	require.Equal(t, []string{"first", "fourth"}, []string{events[0].ClickHouseEvent.Name, events[1].ClickHouseEvent.Name})
	require.Equal(t, at, strconv.FormatInt(events[0].ClickHouseEvent.Timestamp.Unix(), 10))

	response, _ = b.send(t, http.MethodPost, "/api/events", strings.Repeat("{}\n", eventapi.MaxLines+1), secret)
	require.Equal(t, http.StatusRequestEntityTooLarge, response.StatusCode)
}

// A batch is buffered in parts; after a part that fails no later one is tried.
func TestBatchFailsInTheMiddle(t *testing.T) {
	t.Parallel()
	failing := &failAfter{left: 1}
	b := setup(t, func(c *eventapi.Config) {
		failing.next = c.Pipeline
		c.Pipeline = failing
	})
	response, answer := b.send(t, http.MethodPost, "/api/events", strings.Repeat(pageview+"\n", 1200), secret)
	require.Equal(t, http.StatusOK, response.StatusCode)
	count := map[string]int{}
	for _, result := range lines(t, answer) {
		count[result.Status]++
	}
	require.Equal(t, map[string]int{eventapi.LineAccepted: 500, eventapi.LineFailed: 700}, count)
	require.Len(t, b.buffer.Events(), 500)
	require.Equal(t, 2, failing.calls)
}

func TestIdempotency(t *testing.T) {
	t.Parallel()
	b := setup(t, nil)
	const key = "Idempotency-Key: order-1"
	response, _ := b.send(t, http.MethodPost, "/api/event", pageview, key)
	require.Equal(t, http.StatusUnauthorized, response.StatusCode)
	blocked := `{"n":"a","u":"https://case.example/","d":"case.example,x.y"}`
	for range 3 {
		response, answer := b.send(t, http.MethodPost, "/api/event", blocked, key, secret)
		require.Equal(t, []any{http.StatusAccepted, "ok", "x.y=not_found"}, []any{response.StatusCode, answer, response.Header.Get("X-Sluice-Dropped")})
	}
	require.Len(t, b.buffer.Events(), 1)
	response, _ = b.send(t, http.MethodPost, "/api/event", pageview, key, secret)
	require.Equal(t, http.StatusUnprocessableEntity, response.StatusCode)
	response, _ = b.send(t, http.MethodPost, "/api/event", pageview, "Idempotency-Key: "+strings.Repeat("k", 256), secret)
	require.Equal(t, http.StatusBadRequest, response.StatusCode)

	// A request that failed can be sent again with its key.
	b.buffer.Fail(errors.New("full"))
	response, _ = b.send(t, http.MethodPost, "/api/events", pageview, "Idempotency-Key: 2", secret)
	require.Equal(t, http.StatusServiceUnavailable, response.StatusCode)
	b.buffer.Fail(nil)
	for range 2 {
		response, _ = b.send(t, http.MethodPost, "/api/events", pageview, "Idempotency-Key: 2", secret)
		require.Equal(t, http.StatusOK, response.StatusCode)
	}
	require.Len(t, b.buffer.Events(), 2)

	without := setup(t, func(c *eventapi.Config) { c.Replies = nil })
	response, _ = without.send(t, http.MethodPost, "/api/event", pageview, key, secret)
	require.Equal(t, http.StatusNotImplemented, response.StatusCode)
	require.Empty(t, without.buffer.Events())
}

func TestIdempotencyInProgress(t *testing.T) {
	t.Parallel()
	started, release := make(chan struct{}), make(chan struct{})
	b := setup(t, func(c *eventapi.Config) {
		c.Pipeline = &waiting{next: c.Pipeline, started: started, release: release}
	})
	done := make(chan string)
	go func() {
		defer close(done)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, b.url+"/api/event", strings.NewReader(pageview))
		if err != nil {
			done <- err.Error()
			return
		}
		r.Header.Set("Idempotency-Key", "3")
		r.Header.Set("User-Agent", browser)
		r.Header.Set("Authorization", "Bearer secret")
		response, err := http.DefaultClient.Do(r)
		if err != nil {
			done <- err.Error()
			return
		}
		done <- fmt.Sprint(response.StatusCode, response.Body.Close())
	}()
	<-started
	response, _ := b.send(t, http.MethodPost, "/api/event", pageview, "Idempotency-Key: 3", secret)
	require.Equal(t, http.StatusConflict, response.StatusCode)
	close(release)
	require.Equal(t, "202 <nil>", <-done)
	require.Len(t, b.buffer.Events(), 1)
}
