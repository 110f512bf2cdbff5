package server_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/internal/components"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/server"
	"github.com/sluicehq/sluice/server/api"
)

// withAPI adds the REST API to a server.
func withAPI(environ []string) func(c *server.Config) {
	return func(c *server.Config) {
		c.Components, c.Environ = components.Set{
			Importers: importers.NewRegistry(noop.New()), Destinations: destinations.NewRegistry(), Kinds: connections.NewRegistry(),
		}, environ
	}
}

// call sends a request to the API of a server.
func (r *running) call(t *testing.T, method, path, body string, header ...string) (status int, text string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, "http://"+r.Server.Listen+path, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/json")
	for i := 0; i < len(header); i += 2 {
		if header[i] == "Host" {
			request.Host = header[i+1]
		}
		request.Header.Set(header[i], header[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer func() { require.NoError(t, response.Body.Close()) }()
	data, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return response.StatusCode, string(data)
}

// apiSettings are those of a server on the store and the warehouse of a system.
func apiSettings(t *testing.T, s *enginetest.System) config.Config {
	t.Helper()
	c := settingsFor(t, s.Settings.Store.DSN)
	c.Warehouse.DSN = s.Settings.Warehouse.DSN
	c.Server.LocalSignIn = true
	return c
}

// The API is served beside the events. People on the machine are signed in, others are not.
func TestRESTAPI(t *testing.T) {
	t.Parallel()
	s := enginetest.NewSystem(t, importers.NewRegistry(noop.New()))
	s.AddSite(t, domain)
	s.StartWorker(t)
	r := start(t, apiSettings(t, s), true, withAPI(s.Environ()))
	status, text := r.call(t, http.MethodPost, "/api/v1/sites/"+domain+"/imports", `{"source":"noop","args":{"rows":2}}`)
	require.Equal(t, http.StatusCreated, status, text)
	var imp struct {
		ID          int64
		RequestedBy string `json:"requested_by"`
	}
	require.NoError(t, json.Unmarshal([]byte(text), &imp))
	require.Equal(t, "local", imp.RequestedBy)
	s.Wait(t, imp.ID)

	for name, header := range map[string][]string{
		"another name":     {"Host", "sluice.example"},
		"through a proxy":  {"X-Forwarded-For", "203.0.113.7"},
		"an unknown token": {"Authorization", "Bearer slc_unknown"},
		"another scheme":   {"Authorization", "Basic YTpi"},
	} {
		status, text := r.call(t, http.MethodGet, "/api/v1/imports", "", header...)
		require.Equal(t, http.StatusUnauthorized, status, "%s: %s", name, text)
	}
	status, text = r.call(t, http.MethodPost, "/api/v1/imports/1/pause", "", "Sec-Fetch-Site", "cross-site")
	require.Equal(t, http.StatusForbidden, status, text)
	status, _ = r.call(t, http.MethodGet, "/api/openapi.json", "", "Host", "sluice.example")
	require.Equal(t, http.StatusOK, status, "the document is open")
	status, text = r.call(t, http.MethodGet, "/api/v1/session", "", "Cookie", api.SessionCookie+"=lost")
	require.Equal(t, http.StatusOK, status, text)
	require.JSONEq(t, `{"name":"local","kind":"local","role":"admin","all_sites":true,"expires_at":null}`, text)
	_, text = r.get(t, "/metrics")
	require.Contains(t, text, `sluice_http_requests_total{code="201",route="/api/v1"} 1`)
}

// Without the setting, and without Temporal, nothing but events, health and the document is open.
func TestRESTAPIAway(t *testing.T) {
	t.Parallel()
	c := newSettings(t)
	r := start(t, c, true, withAPI([]string{"TEMPORAL_ADDRESS=127.0.0.1:1"}))
	status, text := r.call(t, http.MethodGet, "/api/v1/imports", "")
	require.Equal(t, http.StatusUnauthorized, status, text)
	response, err := r.post(t.Context(), "203.0.113.7", browser, pageview("/"))
	require.NoError(t, err)
	require.Equal(t, http.StatusAccepted, response.StatusCode)
	r.stop(t)

	c.Server.LocalSignIn = true
	r = start(t, c, true, withAPI([]string{"TEMPORAL_ADDRESS=127.0.0.1:1"}))
	status, text = r.call(t, http.MethodGet, "/api/v1/imports", "")
	require.Equal(t, http.StatusOK, status, text)
	status, text = r.call(t, http.MethodPost, "/api/v1/sites/"+domain+"/imports", `{"source":"noop"}`)
	require.Equal(t, http.StatusServiceUnavailable, status, text)
	require.Contains(t, text, "/problems/unavailable")
	require.NotContains(t, text, "127.0.0.1:1")
	r.stop(t)

	c.Server.API = false
	r = start(t, c, true, withAPI(nil))
	status, _ = r.call(t, http.MethodGet, "/api/openapi.json", "")
	require.Equal(t, http.StatusNotFound, status)
}

// A graceful stop ends streams, and with them the server.
func TestStopEndsStreams(t *testing.T) {
	t.Parallel()
	s := enginetest.NewSystem(t, importers.NewRegistry(noop.New()))
	s.AddSite(t, domain)
	r := start(t, apiSettings(t, s), true, withAPI(s.Environ()))
	request, err := http.NewRequestWithContext(enginetest.Context(t), http.MethodGet, "http://"+r.Server.Listen+"/api/v1/imports/stream", http.NoBody)
	require.NoError(t, err)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, response.StatusCode)
	begun := time.Now()
	r.stop(t)
	require.Less(t, time.Since(begun), 20*time.Second)
	_, err = io.Copy(io.Discard, response.Body)
	require.NoError(t, err, "the stream has ended, and was not cut off")
	require.NoError(t, response.Body.Close())
}
