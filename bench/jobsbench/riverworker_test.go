package jobsbench

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/riverqueue/river"
	"github.com/riverqueue/river/rivertype"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/bench/sink"
)

func riverJob(lane string) *river.Job[riverArgs] {
	return &river.Job[riverArgs]{
		JobRow: &rivertype.JobRow{ID: 7, CreatedAt: time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)},
		Args:   riverArgs{Lane: lane, Type: jobType, Data: jobData(42)},
	}
}

// River posts what Sluice's destination posts, and signs it.
func TestPosterSigns(t *testing.T) {
	t.Parallel()
	verifier, err := standardwebhooks.NewWebhook(signingSecret)
	require.NoError(t, err)
	type posted struct {
		path, id, body string
		err            error
	}
	got := make(chan posted, 1)
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = verifier.Verify(body, r.Header)
		}
		got <- posted{path: r.URL.Path, id: r.Header.Get("webhook-id"), body: string(body), err: err}
	}))
	t.Cleanup(server.Close)
	p := newPoster(newRiverSetup("", false, sink.Client{URL: server.URL}))
	require.NoError(t, p.Work(t.Context(), riverJob("3")))
	one := <-got
	require.NoError(t, one.err)
	require.Equal(t, "/hooks/3", one.path)
	require.Equal(t, "7", one.id)
	require.True(t, strings.HasPrefix(one.body, `{"type":"order.created","timestamp":"2026-02-01T12:00:00Z","data":{"no":42,`), one.body)
}

func TestPosterToSink(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(sink.NewServer())
	t.Cleanup(server.Close)
	c := sink.Client{URL: server.URL}
	p := newPoster(newRiverSetup("", true, c))
	require.NoError(t, p.Work(t.Context(), riverJob(laneAll)))
	all, err := c.Arrivals(t.Context())
	require.NoError(t, err)
	require.Len(t, all, 1)
	require.EqualValues(t, 42, all[0].No)
	bad := riverJob(laneAll)
	bad.Args.Data = []byte(`{}`)
	require.ErrorContains(t, p.Work(t.Context(), bad), "400 Bad Request")
}

func TestRiverQueues(t *testing.T) {
	t.Parallel()
	setup := newRiverSetup("", false, sink.Client{})
	require.Equal(t, map[string]river.QueueConfig{river.QueueDefault: {MaxWorkers: 100}}, riverQueues(setup))
	setup.Lanes = true
	queues := riverQueues(setup)
	require.Len(t, queues, lanes)
	for no := range int64(2 * lanes) {
		require.Contains(t, queues, insertOpts(laneOf(no)).Queue)
	}
	require.Nil(t, insertOpts(laneAll))
}
