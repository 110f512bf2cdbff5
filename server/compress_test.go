package server_test

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/server/api"
)

// accept sends a request that accepts an encoding, and returns the status, the header and the decoded body of
// the answer.
func (r *running) accept(t *testing.T, path, encoding string) (int, http.Header, []byte) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+r.Server.Listen+path, http.NoBody)
	require.NoError(t, err)
	request.Header.Set("Accept-Encoding", encoding)
	response, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	body := io.Reader(response.Body)
	if response.Header.Get("Content-Encoding") == "gzip" {
		body, err = gzip.NewReader(response.Body)
		require.NoError(t, err)
	}
	data, err := io.ReadAll(body)
	require.NoError(t, err)
	return response.StatusCode, response.Header, data
}

// startAPI runs a server with the REST API and its pages.
func startAPI(t *testing.T) *running {
	t.Helper()
	s := enginetest.NewSystem(t, importers.NewRegistry(noop.New()))
	s.AddSite(t, domain)
	return start(t, apiSettings(t, s), true, withAPI(s.Environ()))
}

// Answers are compressed for clients that accept it, unless they are small.
func TestAnswersAreCompressed(t *testing.T) {
	t.Parallel()
	r := startAPI(t)
	for path, media := range map[string]string{
		"/": "text/html; charset=utf-8", api.DocumentPath: "application/vnd.oai.openapi+json;version=3.1", api.DocsPath: "text/html; charset=utf-8",
	} {
		status, plain, whole := r.accept(t, path, "identity")
		require.Equal(t, http.StatusOK, status, path)
		require.Empty(t, plain.Get("Content-Encoding"), path)
		require.Equal(t, "Accept-Encoding", plain.Get("Vary"), path)
		_, packed, data := r.accept(t, path, "gzip, br, zstd")
		require.Equal(t, "gzip", packed.Get("Content-Encoding"), path)
		require.Equal(t, media, packed.Get("Content-Type"), path)
		require.Equal(t, string(whole), string(data), path)
		require.Equal(t, plain.Get("Etag"), packed.Get("Etag"), path)
	}
	_, small, data := r.accept(t, api.Prefix+"/session", "gzip")
	require.Empty(t, small.Get("Content-Encoding"))
	require.True(t, json.Valid(data), string(data))
}

// A stream of events is not compressed: each event reaches the client at once.
func TestStreamsAreNotCompressed(t *testing.T) {
	t.Parallel()
	r := startAPI(t)
	request, err := http.NewRequestWithContext(
		t.Context(), http.MethodGet, "http://"+r.Server.Listen+api.Prefix+"/imports/stream", http.NoBody)
	require.NoError(t, err)
	request.Header.Set("Accept-Encoding", "gzip")
	response, err := http.DefaultTransport.RoundTrip(request)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Equal(t, "text/event-stream", response.Header.Get("Content-Type"))
	require.Empty(t, response.Header.Get("Content-Encoding"))
}
