package api_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"regexp"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/importview"
	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/server/api"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// stalled is the answer to a client that takes nothing more after a number of writes, until it is released.
type stalled struct {
	header  http.Header
	after   int
	blocked chan struct{}
	release chan struct{}

	mu   sync.Mutex
	text bytes.Buffer
}

// Header returns the header.
func (s *stalled) Header() http.Header { return s.header }

// WriteHeader does nothing.
func (*stalled) WriteHeader(int) {}

// SetWriteDeadline does nothing: the client takes the answer in time, or the test ends before.
func (*stalled) SetWriteDeadline(time.Time) error { return nil }

// Flush does nothing.
func (*stalled) Flush() {}

// Write keeps what the client takes.
func (s *stalled) Write(p []byte) (int, error) {
	s.after--
	if s.after == 0 {
		close(s.blocked)
		<-s.release
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

// A subscriber that takes nothing is dropped. Others, of the same import and of all imports, receive each change, and the
// dropped one resumes where it was.
func TestSlowSubscriber(t *testing.T) {
	t.Parallel()
	b := withWorker(t)
	// While the clock is ahead, whatever has waited has waited for too long.
	var ahead atomic.Int64
	b.api.SetClock(func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) })
	id := b.start(t, map[string]any{"rows": 3 * api.MaxWaiting, "parts": 3 * api.MaxWaiting, "delay": "20ms"})
	path := fmt.Sprintf("/imports/%d/stream", id)
	slow := &stalled{
		header: http.Header{}, after: 2, blocked: make(chan struct{}), release: make(chan struct{}),
	}
	ctx, cancel := context.WithCancel(enginetest.Context(t))
	defer cancel()
	r := httptest.NewRequestWithContext(ctx, http.MethodGet, "http://sluice"+api.Prefix+path, http.NoBody)
	r.Header.Set("Authorization", "Bearer viewer-own")
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.api.ServeHTTP(slow, r)
	}()
	<-slow.blocked
	healthy, all := b.subscribe(t, b.url, "viewer-own", path, ""), b.subscribe(t, b.url, "viewer-own", "/imports/stream", "")
	done := map[int32]bool{}
	last := ""
	polltest.Eventually(t, func() bool {
		select {
		case e := <-healthy.events:
			last = e.name
			var part importview.Part
			if e.name == "part" {
				require.NoError(t, json.Unmarshal([]byte(e.data), &part))
				done[part.Part] = part.Status == importstore.PartDone
			}
		case <-time.After(10 * time.Millisecond):
			// The healthy subscriber has taken everything.
			ahead.Add(int64(api.MaxLag))
		}
		return last == "end"
	}, 2*time.Minute, time.Microsecond)
	require.Len(t, done, 3*api.MaxWaiting)
	for part, is := range done {
		require.True(t, is, "part %d", part)
	}
	all.until(t, func(i importview.Import) bool { return i.ID == id && i.Status == importstore.StatusCompleted })
	require.Contains(t, b.log.String(), "its client takes events too slowly")

	close(slow.release)
	select {
	case <-ended:
	case <-time.After(time.Minute):
		require.FailNow(t, "the stream of the slow subscriber does not end")
	}
	require.NotContains(t, slow.text.String(), "event: end", "it was dropped before the end")
	taken := regexp.MustCompile(`(?m)^id: (.*)$`).FindAllStringSubmatch(slow.text.String(), -1)
	require.NotEmpty(t, taken)
	resumed := b.subscribe(t, b.url, "viewer-own", path, taken[len(taken)-1][1]).rest(t)
	require.Equal(t, "end", resumed[len(resumed)-1].name)
}
