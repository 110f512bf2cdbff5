package sluice

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	devstack "github.com/sluicehq/sluice/devstack/app"
)

// What became of each event is counted: nothing is lost in the totals.
func TestTraffic(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	got := map[string]int{}
	names := map[string]int{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Name   string `json:"n"`
			Domain string `json:"d"`
		}
		if json.NewDecoder(r.Body).Decode(&body) != nil || body.Domain != "demo.example" || r.Header.Get("X-Forwarded-For") == "" {
			w.WriteHeader(http.StatusBadRequest)
			return
		}
		mu.Lock()
		defer mu.Unlock()
		names[body.Name]++
		switch n := got["sent"]; {
		case n > 0 && n%7 == 0:
			got["failed"]++
			w.WriteHeader(http.StatusServiceUnavailable)
		case n%5 == 4:
			got["bot"]++
			w.Header().Set("X-Sluice-Dropped", "demo.example=bot")
			w.WriteHeader(http.StatusAccepted)
		default:
			got["accepted"]++
			w.WriteHeader(http.StatusAccepted)
		}
		got["sent"]++
	}))
	defer server.Close()
	var out bytes.Buffer
	all, err := sendTraffic(t.Context(), devstack.Traffic{
		URL: server.URL, Site: "demo.example", Rate: 200, Duration: 1500 * time.Millisecond, Seed: 1,
	}, &out)
	require.NoError(t, err)
	require.Equal(t, map[string]int{
		"sent": all.sent, "accepted": all.accepted, "failed": all.failed, "bot": all.dropped["bot"],
	}, got)
	require.Positive(t, all.accepted)
	require.Equal(t, all.sent, all.accepted+all.failed+all.dropped["bot"])
	require.LessOrEqual(t, all.sent+all.late, 301)
	require.Positive(t, all.p99())
	require.Contains(t, out.String(), "total     "+all.line())
	for _, name := range []string{"pageview", "engagement", "Signup"} {
		require.Positive(t, names[name], name)
	}
}

// Visitors view several pages, and the same seed makes the same ones.
func TestVisitors(t *testing.T) {
	t.Parallel()
	a, b := newVisitors("demo.example", 7), newVisitors("demo.example", 7)
	hits := map[string]int{}
	for range 5000 {
		h := a.next()
		require.Equal(t, h, b.next())
		hits[h.ip]++
	}
	require.Greater(t, len(hits), 500)
	require.Less(t, len(hits), 2500, "most have several hits")
}

func TestTrafficNeedsASite(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("X-Sluice-Dropped", "nope.example=not_found")
		w.WriteHeader(http.StatusAccepted)
	}))
	defer server.Close()
	err := traffic(t.Context(), devstack.Traffic{URL: server.URL, Site: "nope.example", Rate: 1, Seed: 1}, &bytes.Buffer{})
	require.EqualError(t, err, "the server knows no site nope.example: add it with `sluice site add nope.example`")
	server.Close()
	err = traffic(t.Context(), devstack.Traffic{URL: server.URL, Site: "nope.example", Rate: 1, Seed: 1}, &bytes.Buffer{})
	require.ErrorContains(t, err, "Start it on this machine with `sluice-dev up`")
}
