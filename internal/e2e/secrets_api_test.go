package e2e

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/components"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/listentest"
	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/server"
	"github.com/sluicehq/sluice/server/api"
	accessstore "github.com/sluicehq/sluice/store/access"
)

// The secrets that are planted through the API.
const (
	plantedPassword = "pl4nted-p4ssw0rd+of/an=account"
	plantedLog      = "pl4nted-t0ken-of-the-event-log"
	plantedBearer   = "sluice_plantedx_pl4ntedWr0ngBearerT0kenPl4ntedWr0ngBearerT0ken"
	plantedCookie   = "pl4nted-wr0ng-session"
	plantedURL      = "pl4nted-p4ssword-of-a-url"
	plantedField    = "pl4nted-value-of-a-wrong-field"
	plantedPayload  = "pl4nted-secret-of-an-event"
)

// plantedWebhook is the key of a connection that is added through the API.
var plantedWebhook = "whsec_" + base64.StdEncoding.EncodeToString([]byte("pl4nted-webhook-key-0f-the-API!!"))

// secretiveServer is a server with the API in a secretive system, and what clients have seen of it.
type secretiveServer struct {
	*secretive
	url, health string
	log         lockedBuffer
	stop        func()
	// token authenticates requests, once there is one.
	token string
	seen  map[string]string
}

// startServer starts a server that logs all there is to log.
func (s *secretive) startServer() *secretiveServer {
	s.t.Helper()
	v := &secretiveServer{secretive: s, seen: map[string]string{}}
	settings := s.Settings
	settings.Store.DSN, settings.Warehouse.DSN = s.storeDSN, s.warehouseDSN
	settings.Server.Listen, settings.Server.HealthListen = listentest.FreeAddress(s.t), listentest.FreeAddress(s.t)
	settings.Server.StopDelay, settings.Server.LocalSignIn, settings.Server.UploadDir = 0, true, s.t.TempDir()
	settings.Refdata.Folder, settings.EventLog.Dir = s.t.TempDir(), s.t.TempDir()
	settings.EventLog.URL, settings.EventLog.Token = "nats://"+listentest.FreeAddress(s.t), plantedLog
	settings.EventLog.Partitions, settings.EventLog.MaxMiB = 1, 64
	v.url, v.health = "http://"+settings.Server.Listen, settings.Server.HealthListen
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- server.Run(ctx, server.Config{
			Settings: settings, EmbeddedLog: true, Environ: s.Environ(),
			Components: components.Set{Importers: s.Registry, Destinations: secretiveDestinations(), Kinds: s.kinds()},
			Logger:     slog.New(slog.NewTextHandler(&v.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
		})
	}()
	stopped := false
	v.stop = func() {
		if !stopped {
			stopped = true
			cancel()
			require.NoError(s.t, <-done)
		}
	}
	s.t.Cleanup(v.stop)
	polltest.Eventually(s.t, func() bool {
		response, err := http.Get("http://" + v.health + "/readyz")
		if err != nil {
			return false
		}
		return response.Body.Close() == nil && response.StatusCode == http.StatusOK
	}, time.Minute, 50*time.Millisecond)
	return v
}

// call sends a request. header has pairs.
func (v *secretiveServer) call(method, path, body string, header ...string) (status int, text string) {
	v.t.Helper()
	ctx, cancel := context.WithTimeout(enginetest.Context(v.t), time.Minute)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, method, v.url+"/api/v1"+path, strings.NewReader(body))
	require.NoError(v.t, err)
	r.Header.Set("Content-Type", "application/json")
	if v.token != "" {
		r.Header.Set("Authorization", "Bearer "+v.token)
	}
	for i := 0; i < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
		if header[i] == "Cookie" {
			r.Header.Del("Authorization")
		}
	}
	response, err := http.DefaultClient.Do(r)
	require.NoError(v.t, err)
	data, err := io.ReadAll(response.Body)
	require.NoError(v.t, err)
	require.NoError(v.t, response.Body.Close())
	return response.StatusCode, string(data) + fmt.Sprint(response.Header)
}

// see sends a request whose answer has no secret.
func (v *secretiveServer) see(want int, method, path, body string, header ...string) string {
	v.t.Helper()
	status, text := v.call(method, path, body, header...)
	require.Equal(v.t, want, status, "%s %s: %s", method, path, text)
	v.seen[fmt.Sprintf("answer %d to %s %s", len(v.seen), method, path)] = text
	return text
}

// create sends a request whose answer has a secret once, and returns it.
func (v *secretiveServer) create(path, body string) string {
	v.t.Helper()
	status, text := v.call(http.MethodPost, path, body)
	require.Equal(v.t, http.StatusCreated, status, text)
	var created struct{ Secret string }
	require.NoError(v.t, json.NewDecoder(strings.NewReader(text)).Decode(&created))
	require.NotEmpty(v.t, created.Secret)
	return created.Secret
}

// followed is what a stream has sent.
type followed struct {
	lockedBuffer
	// ended is closed when the server has ended the stream.
	ended chan struct{}
}

// has tells whether the stream has sent a text.
func (f *followed) has(text string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return bytes.Contains(f.Bytes(), []byte(text))
}

// follow reads a stream until the server stops.
func (v *secretiveServer) follow(path string) *followed {
	v.t.Helper()
	r, err := http.NewRequestWithContext(enginetest.Context(v.t), http.MethodGet, v.url+"/api/v1"+path, http.NoBody)
	require.NoError(v.t, err)
	r.Header.Set("Authorization", "Bearer "+v.token)
	response, err := http.DefaultClient.Do(r) //nolint:bodyclose // the goroutine closes it
	require.NoError(v.t, err)
	require.Equal(v.t, http.StatusOK, response.StatusCode)
	f := &followed{ended: make(chan struct{})}
	go func() {
		defer close(f.ended)
		defer func() { _ = response.Body.Close() }() //nolint:errcheck // the stream has ended
		if _, err := io.Copy(f, response.Body); err != nil {
			_, _ = fmt.Fprintln(f, err) //nolint:errcheck // a buffer takes all
		}
	}()
	return f
}

// crawl reads everything that the API shows about what known names by parameter.
func (v *secretiveServer) crawl(known map[string]string) {
	v.t.Helper()
	response, err := http.Get(v.url + "/api/openapi.json")
	require.NoError(v.t, err)
	var document struct {
		Paths map[string]map[string]json.RawMessage
	}
	require.NoError(v.t, json.NewDecoder(response.Body).Decode(&document))
	require.NoError(v.t, response.Body.Close())
	parameter, read := regexp.MustCompile(`\{([a-z]+)\}`), 0
	for _, template := range slices.Sorted(maps.Keys(document.Paths)) {
		if document.Paths[template]["get"] == nil || strings.HasSuffix(template, "/stream") {
			continue
		}
		path := parameter.ReplaceAllStringFunc(template, func(name string) string {
			value := known[strings.Trim(name, "{}")]
			require.NotEmpty(v.t, value, "the parameter %s of %s is new: give it a value in this test", name, template)
			return value
		})
		status, text := v.call(http.MethodGet, path, "")
		require.Less(v.t, status, http.StatusInternalServerError, "%s: %s", path, text)
		if status == http.StatusOK {
			read++
		}
		v.seen["answer to GET "+path] = text
	}
	const least = 25
	require.Greater(v.t, read, least, "answers with something in them")
}

// Secrets that reach the API, in requests that succeed and in ones that fail, appear in no answer but the one that
// shows them once, in no entry of the audit, no stream, no table, no log and no metric. Secrets in the payload of an event
// are shown with the payload alone.
func TestAPISecretsStayInside(t *testing.T) {
	s := setupSecretive(t)
	stopWorker := s.StartWorker(t)
	v := s.startServer()
	secrets := planted(s.keyset)
	maps.Copy(secrets, map[string]string{
		"a password": plantedPassword, "the token of the event log": plantedLog, "a wrong token": plantedBearer,
		"a wrong session": plantedCookie, "the password in a URL": plantedURL, "a wrong field": plantedField,
		"the key of a connection": plantedWebhook,
	})
	v.token = v.create("/tokens", `{"name":"ci","role":"admin","all_sites":true}`)
	key := v.create("/sites/"+site+"/keys", `{}`)
	secrets["a token"], secrets["the key of a site"] = v.token, key
	streams := map[string]*followed{"imports": v.follow("/imports/stream"), "webhook": v.follow("/destinations/webhook/stream")}
	secrets["a session"] = v.signIn()
	v.connections()
	v.mistakes()
	event, job := v.payload()

	status, text := v.call(http.MethodPost, "/sites/"+site+"/imports", `{"source":"noop","args":{"rows":50}}`,
		"Idempotency-Key", "once")
	require.Equal(t, http.StatusCreated, status, text)
	var imp struct{ ID int64 }
	require.NoError(t, json.NewDecoder(strings.NewReader(text)).Decode(&imp))
	s.Wait(t, imp.ID)
	v.outages(imp.ID)
	v.crawl(map[string]string{
		"site": site, "import": fmt.Sprint(imp.ID), "connection": "told", "destination": "webhook", "action": "post", "job": job,
		"event": event, "flow": "none", "sync": "none", "schedule": "none", "upload": "none", "token": "ci", "account": "ann",
	})
	v.seen["metrics of the server"], v.seen["metrics of the worker"] = s.metricsAt(v.health), s.metrics()
	polltest.Eventually(t, func() bool { return streams["imports"].has(`"status":"completed"`) },
		time.Minute, 50*time.Millisecond)
	v.stop()
	stopWorker()
	for name, stream := range streams {
		<-stream.ended
		v.seen["stream "+name] = stream.String()
	}
	v.seen["log of the server"], v.seen["log of the worker"] = v.log.String(), s.log.String()
	require.Contains(t, v.seen["log of the server"], "server started")
	outside := maps.Clone(v.seen)
	s.harvestStore(v.seen)
	outside["table audit"] = v.seen["table audit"]
	require.Contains(t, outside["table audit"], "token.create")
	s.harvestWarehouse(v.seen)
	requireHidden(t, secrets, v.seen)
	for _, path := range []string{"/events/" + event, "/jobs/" + job} {
		require.Contains(t, outside["answer to GET "+path], plantedPayload, "show-event and show-job have the payload")
		delete(outside, "answer to GET "+path)
	}
	requireHidden(t, map[string]string{"the payload of an event": plantedPayload}, outside)
}

// signIn creates an account with a password, and a session of it.
func (v *secretiveServer) signIn() string {
	v.t.Helper()
	v.see(http.StatusCreated, http.MethodPost, "/accounts",
		`{"name":"ann","password":"`+plantedPassword+`","role":"admin","all_sites":true}`, "Idempotency-Key", "ann")
	v.see(http.StatusConflict, http.MethodPost, "/accounts",
		`{"name":"ann","password":"`+plantedPassword+`","role":"admin","all_sites":true}`)
	v.see(http.StatusUnprocessableEntity, http.MethodPatch, "/accounts/ann", `{"password":"`+plantedPassword[:9]+`","role":"`+plantedField+`"}`)
	v.see(http.StatusOK, http.MethodPatch, "/accounts/ann", `{"password":"`+plantedPassword+`"}`)
	store := accessstore.New(v.Store.Store)
	credential, err := store.Credential(enginetest.Context(v.t), "ann")
	require.NoError(v.t, err)
	session, err := store.CreateSession(enginetest.Context(v.t), credential, "127.0.0.1")
	require.NoError(v.t, err)
	v.see(http.StatusOK, http.MethodGet, "/accounts", "", "Cookie", api.SessionCookie+"="+session.Reveal())
	return session.Reveal()
}

// connections adds, replaces and tests connections with secrets, rightly and wrongly.
func (v *secretiveServer) connections() {
	v.t.Helper()
	good := `{"name":"hook","kind":"webhook","settings":{"url":"` + v.url + `/hook"},"secrets":{"signing_secret":"` + plantedWebhook + `"}}`
	v.see(http.StatusCreated, http.MethodPost, "/connections", good, "Idempotency-Key", "hook")
	v.see(http.StatusConflict, http.MethodPost, "/connections", good)
	v.see(http.StatusBadRequest, http.MethodPost, "/connections", good[:len(good)-3])
	v.see(http.StatusOK, http.MethodPost, "/connections/hook/test", "")
	for _, body := range []string{
		`{"kind":"webhook","settings":{"url":"` + v.url + `"},"secrets":{"other":"` + plantedField + `"}}`,
		`{"kind":"webhook","settings":{"url":"` + v.url + `"},"secrets":"` + plantedField + `"}`,
		`{"kind":"webhook","settings":{"url":"` + v.url + `","api_key":"` + plantedField + `"}}`,
		`{"kind":"webhook","settings":{"url":"https://user:` + plantedURL + `@hooks.example.com/"},"secrets":{"signing_secret":"` + plantedWebhook + `"}}`,
	} {
		v.see(http.StatusUnprocessableEntity, http.MethodPut, "/connections/hook", body, "If-Match", "*")
	}
}

// mistakes sends secrets where none belong.
func (v *secretiveServer) mistakes() {
	v.t.Helper()
	v.see(http.StatusUnauthorized, http.MethodGet, "/imports", "", "Authorization", "Bearer "+plantedBearer)
	v.see(http.StatusUnauthorized, http.MethodGet, "/imports", "", "Authorization", "Basic "+plantedBearer)
	v.see(http.StatusUnauthorized, http.MethodGet, "/imports", "", "Cookie", api.SessionCookie+"="+plantedCookie)
	v.see(http.StatusUnprocessableEntity, http.MethodGet, "/imports?limit="+plantedField, "")
	for _, args := range []string{
		`{"source":"noop","args":{"password":"` + plantedField + `"}}`, `{"source":"noop","args":{"rows":"` + plantedField + `"}}`,
		`{"source":"csv","args":{"paths":["https://user:` + plantedURL + `@files.example.com/"],"api_key":"` + plantedField + `"}}`,
		`{"source":"google_analytics_4","args":{"connection":"right","refresh_token":"` + plantedField + `"}}`,
		`{"source":"noop","password":"` + plantedField + `"}`,
	} {
		v.see(http.StatusUnprocessableEntity, http.MethodPost, "/sites/"+site+"/imports", args)
	}
	v.see(http.StatusUnprocessableEntity, http.MethodPost, "/sites/"+site+"/uploads/fetch",
		`{"url":"http://user:`+plantedURL+`@127.0.0.1:1/imported_pages_20240101_20240102.csv?token=`+plantedField+`"}`)
}

// payload sends an event with secrets, and changes that of its job. It returns their IDs.
func (v *secretiveServer) payload() (event, job string) {
	v.t.Helper()
	secret := `{"password":"` + plantedPayload + `","customer":{"api_key":"` + plantedPayload + `"}}`
	text := v.see(http.StatusCreated, http.MethodPost, "/events", `{"source":"shop","name":"order.paid",
		"data":{"connection":"told","type":"order.paid","data":`+secret+`},"context":{"session_token":"`+plantedPayload+`"},
		"to":[{"destination":"webhook","action":"post"}]}`)
	var added struct {
		EventID string `json:"event_id"`
		Jobs    []string
	}
	require.NoError(v.t, json.NewDecoder(strings.NewReader(text)).Decode(&added))
	require.Len(v.t, added.Jobs, 1)
	await := func(state string) (data json.RawMessage) {
		polltest.Eventually(v.t, func() bool {
			var job struct {
				State string
				Data  json.RawMessage
			}
			_, text := v.call(http.MethodGet, "/jobs/"+added.Jobs[0], "")
			require.NoError(v.t, json.NewDecoder(strings.NewReader(text)).Decode(&job))
			data = job.Data
			return job.State == state
		}, time.Minute, 50*time.Millisecond, "the job is not "+state)
		return data
	}
	// The endpoint fails at first, and repeats the request.
	data := await("failed")
	v.see(http.StatusUnprocessableEntity, http.MethodPatch, "/jobs/"+added.Jobs[0], `{"data":`+secret+`,"why":1}`, "If-Match", "*")
	// The answer has the payload, as show-job has.
	status, answered := v.call(http.MethodPatch, "/jobs/"+added.Jobs[0], `{"data":`+string(data)+`}`, "If-Match", "*")
	require.Equal(v.t, http.StatusOK, status, answered)
	await("succeeded")
	return added.EventID, added.Jobs[0]
}

// outages takes the databases away, one after the other, and asks for what they have.
func (v *secretiveServer) outages(imp int64) {
	v.t.Helper()
	for path, proxy := range map[string]*enginetest.Proxy{
		"/imports": v.storeProxy, fmt.Sprintf("/imports/%d/preview", imp): v.warehouseProxy,
	} {
		proxy.Cut()
		text := v.see(http.StatusServiceUnavailable, http.MethodGet, path, "")
		require.Contains(v.t, text, "/problems/unavailable")
		require.NotContains(v.t, text, "127.0.0.1", "where a database is")
		proxy.Restore()
		polltest.Eventually(v.t, func() bool {
			status, _ := v.call(http.MethodGet, path, "")
			return status == http.StatusOK
		}, time.Minute, 50*time.Millisecond)
	}
}
