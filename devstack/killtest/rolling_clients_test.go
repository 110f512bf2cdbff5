package killtest_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sluicehq/sluice/ingest/eventapi"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// An ordinary client repeats a request up to rollingTries times, after rollingPause, at the other server.
const (
	rollingTries = 100
	rollingPause = 100 * time.Millisecond
)

// errStatus is an answer that an ordinary client takes for an error.
var errStatus = errors.New("unexpected answer")

// ask sends a request to one server, and repeats it at the other one after a broken connection, a 502 or 503, or while
// another server still answers it. n spreads requests over the servers.
func (r *rolling) ask(ctx context.Context, n int, method, path, body string, header map[string]string, into any) error {
	var last error
	for try := range rollingTries {
		if try > 0 {
			r.repeated.Add(1)
			if !pauseFor(ctx, rollingPause) {
				return context.Cause(ctx)
			}
		}
		status, text, err := r.once(ctx, r.urls[(n+try)%len(r.urls)], method, path, body, header)
		switch {
		case err != nil:
			last = err
		case status == http.StatusBadGateway, status == http.StatusServiceUnavailable,
			status == http.StatusConflict && strings.Contains(text, "/problems/idempotency-busy"),
			status == http.StatusConflict && strings.HasPrefix(path, "/api/events"):
			last = fmt.Errorf("%w: %d %s", errStatus, status, text)
		case status >= http.StatusMultipleChoices:
			return fmt.Errorf("%s %s: %w: %d %s", method, path, errStatus, status, text)
		case into == nil:
			return nil
		default:
			return json.Unmarshal([]byte(text), into)
		}
	}
	return fmt.Errorf("%s %s: after %d tries: %w", method, path, rollingTries, last)
}

// once sends a request to a server.
func (*rolling) once(
	ctx context.Context, url, method, path, body string, header map[string]string,
) (status int, text string, err error) {
	ctx, cancel := context.WithTimeout(ctx, requestTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, url+path, unrepeatable{strings.NewReader(body)})
	if err != nil {
		return 0, "", err
	}
	if request.ContentLength = int64(len(body)); body == "" {
		request.Body = http.NoBody
	}
	request.Header.Set("Content-Type", "application/json")
	for name, value := range header {
		request.Header.Set(name, value)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", err
	}
	data, err := io.ReadAll(response.Body)
	return response.StatusCode, string(data), errors.Join(err, response.Body.Close())
}

// repeated calls a client until load ends. What is under way then is finished.
func repeatedly(load context.Context, pace time.Duration, one func(n int) error) error {
	for n := 0; load.Err() == nil; n++ {
		if err := one(n); err != nil {
			return err
		}
		pauseFor(load, pace)
	}
	return nil
}

// startImports starts an import after the other, each into a site of its own.
func (r *rolling) startImports(ctx, load context.Context) error {
	return repeatedly(load, 10*rollingPace, func(n int) error {
		domain := fmt.Sprintf("rolling-%d.example", n)
		key := map[string]string{"Idempotency-Key": domain}
		err := r.ask(ctx, n, http.MethodPost, "/api/v1/sites", `{"domain":"`+domain+`"}`, key, nil)
		if err != nil {
			return err
		}
		var imp struct{ ID int64 }
		body := fmt.Sprintf(`{"source":"noop","args":{"rows":%d,"parts":2,"delay":"50ms"}}`, r.rows)
		key = map[string]string{"Idempotency-Key": "import-" + domain}
		err = r.ask(ctx, n+1, http.MethodPost, "/api/v1/sites/"+domain+"/imports", body, key, &imp)
		if err != nil {
			return err
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.imports = append(r.imports, imp.ID)
		r.started.Add(1)
		return nil
	})
}

// sendOrders sends events to the endpoint.
func (r *rolling) sendOrders(ctx, load context.Context) error {
	return repeatedly(load, rollingPace, func(n int) error {
		body := fmt.Sprintf(`{"source":"shop","name":"order.paid","idempotency_key":"order-%[1]d",
			"data":{"connection":"shop","type":"order.paid","data":{"number":%[1]d}},
			"to":[{"destination":"webhook","action":"post"}]}`, n)
		var added struct{ Jobs []string }
		err := r.ask(ctx, n, http.MethodPost, "/api/v1/events", body, nil, &added)
		if err == nil && len(added.Jobs) != 1 {
			err = fmt.Errorf("%w: order %d has the jobs %v", errStatus, n, added.Jobs)
		}
		if err != nil {
			return err
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.orders = append(r.orders, n)
		r.ordered.Add(1)
		return nil
	})
}

// sendPageviews sends live events, in batches of two under an Idempotency-Key.
func (r *rolling) sendPageviews(ctx, load context.Context) error {
	return repeatedly(load, rollingPace, func(n int) error {
		const size = 2
		first, who := r.ledger.begin(size), visitorOf(n%visitors)
		var body strings.Builder
		for i := range size {
			fmt.Fprintf(&body, `{"n":"pageview","u":"https://%[1]s/k/%[2]d","d":%[1]q,"p":{"id":"%[2]d"},"ip":%[3]q,"user_agent":%[4]q}`+"\n",
				rollingSite, first+i, who.ip, who.agent)
		}
		header := map[string]string{
			"Authorization": "Bearer " + r.key, eventapi.HeaderIdempotencyKey: "pageviews-" + strconv.Itoa(first),
		}
		for try := range rollingTries {
			status, text, err := r.once(ctx, r.urls[(n+try)%len(r.urls)], http.MethodPost, "/api/events", body.String(), header)
			if err == nil && status == http.StatusOK && strings.Count(text, `"accepted"`) == size {
				r.ledger.acknowledge(first, first+1)
				r.paged.Add(1)
				return nil
			}
			again := err != nil || status == http.StatusServiceUnavailable || status == http.StatusConflict
			if !again || try == rollingTries-1 {
				return fmt.Errorf("live events: %w: %d %s %w", errStatus, status, text, err)
			}
			r.repeated.Add(1)
			if !pauseFor(ctx, rollingPause) {
				return context.Cause(ctx)
			}
		}
		return nil
	})
}

// readLists reads lists, page by page.
func (r *rolling) readLists(ctx, load context.Context) error {
	return repeatedly(load, rollingPace, func(n int) error {
		path := []string{"/api/v1/imports?limit=5", "/api/v1/jobs?limit=20", "/api/v1/events?limit=20", "/api/v1/sites"}[n%4]
		for page := 0; path != "" && page < 3; page++ {
			var list struct{ Next string }
			if err := r.ask(ctx, n+page, http.MethodGet, path, "", nil, &list); err != nil {
				return err
			}
			path = list.Next
		}
		r.lists.Add(1)
		return nil
	})
}

// followImports follows the stream of all imports, from one server to the other, until following ends.
func (r *rolling) followImports(ctx, following context.Context) error {
	last := ""
	return repeatedly(following, rollingPause, func(n int) error {
		request, err := http.NewRequestWithContext(following, http.MethodGet, r.urls[n%len(r.urls)]+"/api/v1/imports/stream", http.NoBody)
		if err != nil {
			return err
		}
		if last != "" {
			request.Header.Set("Last-Event-ID", last)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			// The server is not there: the next one is.
			r.repeated.Add(1)
			return nil
		}
		defer func() { _ = response.Body.Close() }() //nolint:errcheck // the stream has ended
		switch response.StatusCode {
		case http.StatusOK:
			r.streams.Add(1)
		case http.StatusServiceUnavailable:
			r.repeated.Add(1)
			return nil
		default:
			return fmt.Errorf("stream of imports: %w: %d", errStatus, response.StatusCode)
		}
		return r.readStream(ctx, response.Body, &last)
	})
}

// readStream notes the events of a stream until it ends or breaks.
func (r *rolling) readStream(ctx context.Context, body io.Reader, last *string) error {
	lines, name := bufio.NewScanner(body), ""
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		field, value, _ := strings.Cut(lines.Text(), ": ")
		switch field {
		case "event":
			name = value
		case "id":
			*last = value
		case "data":
			var imp followedImport
			if err := json.Unmarshal([]byte(value), &imp); err != nil {
				return err
			}
			switch name {
			case "import":
				r.note(imp)
			case "resync":
				var list struct{ Items []followedImport }
				if err := r.ask(ctx, 0, http.MethodGet, "/api/v1/imports?limit=200", "", nil, &list); err != nil {
					return err
				}
				r.note(list.Items...)
			}
		}
	}
	return nil
}

// followedImport is an import as the stream has it.
type followedImport struct {
	ID     int64
	Status string
}

func (r *rolling) note(imports ...followedImport) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, imp := range imports {
		r.followed[imp.ID] = imp.Status
	}
	r.changes.Add(1)
}

// requireFollowed waits until the stream has had the end of each import.
func (r *rolling) requireFollowed(ctx context.Context, t *testing.T) {
	t.Helper()
	poll(ctx, t, "the ends of all imports in the stream", func(context.Context) bool {
		r.mu.Lock()
		defer r.mu.Unlock()
		for _, id := range r.imports {
			if r.followed[id] != importstore.StatusCompleted {
				return false
			}
		}
		return true
	})
}
