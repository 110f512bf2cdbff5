package api_test

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/importview"
	"github.com/sluicehq/sluice/server/api"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// received is an event that a client has received.
type received struct {
	name, id, data string
}

// subscription is an open stream.
type subscription struct {
	status int
	events chan received
	close  func()
}

// subscribe opens a stream.
func (b *bundle) subscribe(t *testing.T, url, as, path, lastEventID string) *subscription {
	t.Helper()
	ctx, cancel := context.WithCancel(enginetest.Context(t))
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url+api.Prefix+path, http.NoBody)
	require.NoError(t, err)
	r.Header.Set("Authorization", "Bearer "+as)
	if lastEventID != "" {
		r.Header.Set("Last-Event-ID", lastEventID)
	}
	response, err := http.DefaultClient.Do(r) //nolint:bodyclose // the goroutine closes it
	require.NoError(t, err)
	s := &subscription{status: response.StatusCode, events: make(chan received, 1000), close: cancel}
	go func() {
		defer close(s.events)
		defer func() { _ = response.Body.Close() }() //nolint:errcheck // the stream has ended
		var e received
		lines := bufio.NewScanner(response.Body)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			field, value, _ := strings.Cut(lines.Text(), ": ")
			switch field {
			case "event":
				e.name = value
			case "id":
				e.id = value
			case "data":
				e.data = value
			case "":
				if e != (received{}) {
					s.events <- e
				}
				e = received{}
			}
		}
	}()
	return s
}

// next returns the next event of a type; others are dropped. The test fails if the stream ends before.
func (s *subscription) next(t *testing.T, name string) received {
	t.Helper()
	timeout := time.After(30 * time.Second)
	for {
		select {
		case e, open := <-s.events:
			require.True(t, open, "the stream has ended before an event %s", name)
			if e.name == name {
				return e
			}
		case <-timeout:
			require.FailNow(t, "no event "+name)
		}
	}
}

// rest returns the events until the stream ends.
func (s *subscription) rest(t *testing.T) []received {
	t.Helper()
	var all []received
	timeout := time.After(time.Minute)
	for {
		select {
		case e, open := <-s.events:
			if !open {
				return all
			}
			all = append(all, e)
		case <-timeout:
			require.FailNow(t, "the stream does not end")
		}
	}
}

// until skips events until one holds a condition about an import.
func (s *subscription) until(t *testing.T, holds func(i importview.Import) bool) received {
	t.Helper()
	for {
		e := s.next(t, "import")
		var imp importview.Import
		require.NoError(t, json.Unmarshal([]byte(e.data), &imp))
		if holds(imp) {
			return e
		}
	}
}

// The stream of an import begins with its state, has its parts, lines and rows, and ends with it. It can be resumed at
// another server without a gap.
func TestStreamImport(t *testing.T) {
	t.Parallel()
	b := withWorker(t)
	_, second := b.serve(t)
	id := b.start(t, map[string]any{"rows": 300, "parts": 6, "delay": "150ms"})
	path := fmt.Sprintf("/imports/%d/stream", id)
	first := b.subscribe(t, b.url, "viewer-own", path, "")
	require.Equal(t, http.StatusOK, first.status)
	first.until(t, func(i importview.Import) bool { return i.ID == id })
	line := first.next(t, "feedback")
	first.close()

	resumed := b.subscribe(t, second, "viewer-own", path, line.id)
	var lines []int32
	parts, last := map[int32]importview.Part{}, importview.Import{}
	events := resumed.rest(t)
	for _, e := range events {
		switch e.name {
		case "feedback":
			var f importview.Feedback
			require.NoError(t, json.Unmarshal([]byte(e.data), &f))
			lines = append(lines, f.Seq)
		case "part":
			var p importview.Part
			require.NoError(t, json.Unmarshal([]byte(e.data), &p))
			parts[p.Part] = p
		case "import":
			require.NoError(t, json.Unmarshal([]byte(e.data), &last))
		}
	}
	require.Equal(t, received{"end", "end", fmt.Sprintf(`{"id":%d}`, id)}, events[len(events)-1])
	require.Equal(t, importstore.StatusCompleted, last.Status)
	require.EqualValues(t, 300, last.RowsLoaded)
	require.Len(t, parts, 6)
	for _, p := range parts {
		require.Equal(t, importstore.PartDone, p.Status)
	}
	var want []int32
	for _, f := range readPages[importview.Feedback](t, b, fmt.Sprintf("/imports/%d/feedback", id)) {
		if fmt.Sprint(f.Seq) > line.id {
			want = append(want, f.Seq)
		}
	}
	require.Equal(t, want, lines, "every line after the last event, once")

	require.Equal(t, http.StatusNoContent, b.subscribe(t, b.url, "viewer-own", path, "end").status)
	again := b.subscribe(t, b.url, "viewer-own", path, "").rest(t)
	require.Equal(t, "end", again[len(again)-1].name, "an import that has ended is sent and ends the stream")
}

// The stream of all imports has the changes of all workers, on the sites of the principal, and can be resumed.
func TestStreamImports(t *testing.T) {
	t.Parallel()
	b := withWorker(t)
	_, second := b.serve(t)
	limited := b.subscribe(t, b.url, "viewer-own", "/imports/stream", "")
	all := b.subscribe(t, second, "viewer-all", "/imports/stream", "")
	var others importview.Import
	b.ok(t, "operator-all", http.MethodPost, "/sites/"+foreign+"/imports", startBody(map[string]any{"rows": 1}), &others)
	b.Wait(t, others.ID)
	id := b.start(t, map[string]any{"rows": 5})
	b.Wait(t, id)
	all.until(t, func(i importview.Import) bool { return i.ID == others.ID && i.Status == importstore.StatusCompleted })
	for {
		e := limited.next(t, "import")
		var imp importview.Import
		require.NoError(t, json.Unmarshal([]byte(e.data), &imp))
		require.Equal(t, id, imp.ID, "imports of other sites are not streamed")
		if imp.Status == importstore.StatusCompleted {
			limited.close()
			resumed := b.subscribe(t, second, "viewer-own", "/imports/stream", e.id)
			resumed.until(t, func(i importview.Import) bool { return i.ID == id })
			break
		}
	}
	b.ok(t, "operator-own", http.MethodDelete, fmt.Sprintf("/imports/%d", id), nil, nil)
	require.JSONEq(t, fmt.Sprintf(`{"id":%d}`, id), all.next(t, "deleted").data)
}

// Streams are bounded, end with the credentials' role, and with the server.
func TestStreamLimits(t *testing.T) {
	t.Parallel()
	b := setup(t, func(c *api.Config) { c.MaxStreams = 2 })
	open := []*subscription{
		b.subscribe(t, b.url, "viewer-own", "/imports/stream", ""), b.subscribe(t, b.url, "viewer-own", "/imports/stream", ""),
	}
	b.do(t, "viewer-own", http.MethodGet, "/imports/stream", nil).problem(t, "busy")
	open[0].close()
	open[0].rest(t)
	require.Eventually(t, func() bool {
		s := b.subscribe(t, b.url, "viewer-own", "/imports/stream", "")
		defer s.close()
		return s.status == http.StatusOK
	}, 30*time.Second, 20*time.Millisecond)
	b.api.EndStreams()
	open[1].rest(t)
	b.do(t, "viewer-own", http.MethodGet, "/imports/stream", nil).problem(t, "busy")
}

// While the store is away streams stay open, and continue afterwards.
func TestStreamWithoutStore(t *testing.T) {
	t.Parallel()
	b := withWorker(t)
	s := b.subscribe(t, b.url, "viewer-own", "/imports/stream", "")
	b.exec(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ILIKE 'listen%sluice_imports%' AND datname = current_database()")
	s.next(t, "resync")
	id := b.start(t, map[string]any{"rows": 1})
	s.until(t, func(i importview.Import) bool { return i.ID == id && i.Status == importstore.StatusCompleted })
}

// The end of an import that loads reaches the streams even if its notification is lost.
func TestStreamWithoutNotification(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var imp importview.Import
	b.ok(t, "operator-own", http.MethodPost, "/sites/"+own+"/imports",
		map[string]any{"source": "noop", "check_timeout_seconds": 0}, &imp)
	s := b.subscribe(t, b.url, "viewer-own", "/imports/stream", "")
	s.next(t, "")
	for _, status := range []string{importstore.StatusRunning, importstore.StatusCompleted} {
		// A replica executes no triggers.
		b.exec(t, fmt.Sprintf(`DO $$ BEGIN
			PERFORM set_config('session_replication_role', 'replica', true);
			UPDATE imports SET status = '%s' WHERE id = %d;
		END $$`, status, imp.ID))
		s.until(t, func(i importview.Import) bool { return i.ID == imp.ID && i.Status == status })
	}
}
