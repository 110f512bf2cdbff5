package fakefault_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/fakefault"
)

func call(t *testing.T, method, url, body string) (code int, text string, header http.Header, err error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return 0, "", nil, err
	}
	raw, err := io.ReadAll(response.Body)
	require.NoError(t, response.Body.Close())
	return response.StatusCode, string(raw), response.Header, err
}

func TestFaults(t *testing.T) {
	t.Parallel()
	var faults fakefault.Faults
	var applied atomic.Int64
	mux := http.NewServeMux()
	mux.HandleFunc("/control/faults", faults.Control)
	mux.HandleFunc("/a", faults.Wrap("a", func(w http.ResponseWriter, _ *http.Request) {
		applied.Add(1)
		_, err := w.Write([]byte("a good answer"))
		if err != nil {
			t.Error(err)
		}
	}))
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)

	code, _, _, err := call(t, http.MethodPost, server.URL+"/control/faults",
		`[{"method":"a","skip":1,"times":1,"status":429,"type":"text/plain","body":"slow","retry_after":7},{"method":"b","status":500}]`)
	require.NoError(t, err)
	require.Equal(t, http.StatusNoContent, code)
	_, text, _, err := call(t, http.MethodGet, server.URL+"/a", "")
	require.NoError(t, err)
	require.Equal(t, "a good answer", text)
	code, text, header, err := call(t, http.MethodGet, server.URL+"/a", "")
	require.NoError(t, err)
	require.Equal(t, "slow text/plain 7", strings.Join(
		[]string{text, header.Get("Content-Type"), header.Get("Retry-After")}, " "))
	require.Equal(t, http.StatusTooManyRequests, code)
	require.EqualValues(t, 1, applied.Load())

	faults.Inject(fakefault.Fault{Cut: true, Times: 1}, fakefault.Fault{Drop: true, Apply: true, Times: 2})
	_, text, _, err = call(t, http.MethodGet, server.URL+"/a", "")
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, "a good", text)
	_, _, _, err = call(t, http.MethodPost, server.URL+"/a", "x")
	require.Error(t, err)
	require.EqualValues(t, 3, applied.Load())
	require.Equal(t, 4, faults.Calls("a"))
	faults.Clear()
	faults.Inject(fakefault.Fault{Hang: true, HangSeconds: 0.01, Times: 1})
	_, _, _, err = call(t, http.MethodPost, server.URL+"/a", "x")
	require.ErrorIs(t, err, io.EOF)
	require.EqualValues(t, 3, applied.Load())

	code, _, _, err = call(t, http.MethodDelete, server.URL+"/control/faults", "")
	require.NoError(t, err)
	require.Equal(t, http.StatusNoContent, code)
	_, text, _, err = call(t, http.MethodGet, server.URL+"/a", "")
	require.NoError(t, err)
	require.Equal(t, "a good answer", text)
	for method, want := range map[string]int{http.MethodPost: http.StatusBadRequest, http.MethodGet: http.StatusMethodNotAllowed} {
		code, _, _, err = call(t, method, server.URL+"/control/faults", "x")
		require.NoError(t, err)
		require.Equal(t, want, code)
	}
}

func TestFaultsOfPrograms(t *testing.T) {
	t.Parallel()
	var faults fakefault.Faults
	server := httptest.NewServer(faults.Wrap("a", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusAccepted)
	}))
	t.Cleanup(server.Close)
	faults.Inject(
		fakefault.Fault{Times: 1, Delay: 20 * time.Millisecond},
		fakefault.Fault{Times: 1, Answer: func(w http.ResponseWriter, r *http.Request) {
			http.Error(w, "no "+r.Method, http.StatusTeapot)
		}},
	)
	begun := time.Now()
	code, _, _, err := call(t, http.MethodGet, server.URL, "")
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, code, "a slow call succeeds")
	require.GreaterOrEqual(t, time.Since(begun), 20*time.Millisecond)

	code, text, _, err := call(t, http.MethodGet, server.URL, "")
	require.NoError(t, err)
	require.Equal(t, http.StatusTeapot, code)
	require.Equal(t, "no GET\n", text)
}
