package app

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The command says where it listens and what to type, answers there, and ends with its
// context, also while an answer hangs.
func TestFakeGA4(t *testing.T) {
	t.Parallel()
	out, in := io.Pipe()
	dev := New(Hooks{Stdout: in, Stderr: in})
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		err := dev.RunContext(ctx,
			[]string{"sluice-dev", "fake", "ga4", "--listen", "127.0.0.1:0", "--days", "3", "--rows-per-day", "2"})
		if closeErr := in.Close(); err == nil {
			err = closeErr
		}
		ended <- err
	}()
	lines := bufio.NewScanner(out)
	require.True(t, lines.Scan())
	url, rest, found := strings.Cut(strings.TrimPrefix(lines.Text(), "Google Analytics 4, without Google, at "), ". Ctrl-C")
	require.True(t, found, lines.Text())
	require.Equal(t, " stops it.", rest)
	said := ""
	for !strings.Contains(said, "curl -X DELETE "+url) {
		require.True(t, lines.Scan(), said)
		said += lines.Text() + "\n"
	}
	require.Contains(t, said, "--set endpoint="+url)
	require.Contains(t, said, "sluice import start google_analytics_4")

	call := func(ctx context.Context, method, path, body string) (*http.Response, error) {
		req, err := http.NewRequestWithContext(ctx, method, url+path, strings.NewReader(body))
		if err != nil {
			return nil, err
		}
		return http.DefaultClient.Do(req)
	}
	res, err := call(t.Context(), http.MethodPost, "/v1beta/properties/428685906:runReport", "{}")
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	require.Equal(t, http.StatusUnauthorized, res.StatusCode)
	res, err = call(t.Context(), http.MethodPost, "/control/faults", `{"hang": true}`)
	require.NoError(t, err)
	require.NoError(t, res.Body.Close())
	hung := make(chan error, 1)
	go func() {
		res, err := call(context.WithoutCancel(t.Context()), http.MethodPost, "/token", "")
		if err == nil {
			err = res.Body.Close()
		}
		hung <- err
	}()
	cancel()
	require.NoError(t, <-ended)
	require.Error(t, <-hung)
}

func TestFakeGA4Usage(t *testing.T) {
	t.Parallel()
	for args, says := range map[string]string{
		"--days 0": "want 1 or more", "--rows-per-day -1": "want 1 or more", "--quota-hour -1": "0 or more",
		"--data /nowhere": "no recorded reports", "--time-zone Mars/Olympus": "time zone", "--listen 127.0.0.1:99999": "listen",
	} {
		_, err := call(t, append([]string{"fake", "ga4"}, strings.Fields(args)...)...)
		require.ErrorContains(t, err, says, args)
	}
}
