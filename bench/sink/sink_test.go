package sink_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/bench/sink"
)

// setup starts a sink.
func setup(t *testing.T) sink.Client {
	t.Helper()
	server := httptest.NewServer(sink.NewServer())
	t.Cleanup(server.Close)
	return sink.Client{URL: server.URL}
}

// post posts a body to a lane, signed or not, and returns the status.
func post(ctx context.Context, c sink.Client, lane, body string, signed bool) (int, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.Hook(lane), strings.NewReader(body))
	if err != nil {
		return 0, err
	}
	if signed {
		request.Header.Set("webhook-id", "job")
		request.Header.Set("webhook-signature", "v1,x")
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, err
	}
	return response.StatusCode, response.Body.Close()
}

func job(no int) string { return fmt.Sprintf(`{"type":"bench","data":{"no":%d,"x":1}}`, no) }

func TestTakes(t *testing.T) {
	t.Parallel()
	c := setup(t)
	before := time.Now().UnixNano()
	for _, no := range []int{7, 8, 7, 7} {
		code, err := post(t.Context(), c, "a", job(no), true)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, code)
	}
	n, err := c.Wait(t.Context(), 2, time.Minute)
	require.NoError(t, err)
	require.Equal(t, 2, n.Jobs)
	require.Equal(t, 2, n.Doubles)
	require.GreaterOrEqual(t, n.Last, before)
	all, err := c.Arrivals(t.Context())
	require.NoError(t, err)
	slices.SortFunc(all, func(a, b sink.Arrival) int { return int(a.No - b.No) })
	require.Len(t, all, 2)
	require.EqualValues(t, 7, all[0].No)
	require.Less(t, all[0].At, all[1].At, "the first time counts")
	require.Equal(t, n.Last, all[1].At)

	require.NoError(t, c.Reset(t.Context(), sink.Behaviour{}))
	n, err = c.Wait(t.Context(), 1, time.Millisecond)
	require.NoError(t, err, "elapsed time is not an error")
	require.Equal(t, sink.Counts{}, n)
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	c := setup(t)
	for name, tc := range map[string]struct {
		body   string
		signed bool
	}{
		"not signed": {job(1), false},
		"no number":  {`{"data":{"no":"x"}}`, true},
		"no job":     {`{}`, true},
	} {
		code, err := post(t.Context(), c, "a", tc.body, tc.signed)
		require.NoError(t, err, name)
		require.Equal(t, http.StatusBadRequest, code, name)
	}
	n, err := c.Counts(t.Context())
	require.NoError(t, err)
	require.Equal(t, sink.Counts{Refused: 3}, n)
}

// A lane that hangs takes nothing, and the others continue.
func TestHangs(t *testing.T) {
	t.Parallel()
	c := setup(t)
	require.NoError(t, c.Reset(t.Context(), sink.Behaviour{Hang: []string{"b"}, Delay: map[string]time.Duration{"c": time.Millisecond}}))
	ctx, cancel := context.WithCancel(t.Context())
	hung := make(chan error, 1)
	go func() {
		_, err := post(ctx, c, "b", job(1), true)
		hung <- err
	}()
	for _, lane := range []string{"a", "c"} {
		code, err := post(t.Context(), c, lane, job(int(lane[0])), true)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, code)
	}
	require.Eventually(t, func() bool {
		n, err := c.Counts(t.Context())
		return err == nil && n.Hung == 1
	}, time.Minute, time.Millisecond)
	cancel()
	require.ErrorIs(t, <-hung, context.Canceled)
	n, err := c.Counts(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, n.Jobs)
}

// What an earlier case has left behind is taken, so that it does not come again.
func TestStrays(t *testing.T) {
	t.Parallel()
	c := setup(t)
	require.NoError(t, c.Reset(t.Context(), sink.Behaviour{From: 10, Hang: []string{"b"}}))
	for _, lane := range []string{"a", "b"} {
		code, err := post(t.Context(), c, lane, job(9), true)
		require.NoError(t, err)
		require.Equal(t, http.StatusOK, code)
	}
	_, err := post(t.Context(), c, "a", job(10), true)
	require.NoError(t, err)
	n, err := c.Counts(t.Context())
	require.NoError(t, err)
	require.Equal(t, 2, n.Strays)
	require.Equal(t, 1, n.Jobs)
}

func TestServe(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.NoError(t, sink.Serve(ctx, "127.0.0.1:0"))
	require.Error(t, sink.Serve(t.Context(), "nowhere:-1"))
}
