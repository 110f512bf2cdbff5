package api_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/server/api"
	connectclient "github.com/sluicehq/sluice/starter/connecting"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// Secrets go in and never come out.
func TestConnections(t *testing.T) {
	t.Parallel()
	b := setup(t)
	secret := "whsec_" + strings.Repeat("QUJD", 8)
	body := map[string]any{
		"name": "ops", "kind": "webhook", "settings": map[string]any{"url": "https://hooks.example.com/a"},
		"secrets": map[string]string{"signing_secret": secret},
	}
	added := b.do(t, "admin-all", http.MethodPost, "/connections", body)
	require.Equal(t, http.StatusCreated, added.status, string(added.body))
	require.Equal(t, "/api/v1/connections/ops", added.header.Get("Location"))
	b.do(t, "admin-all", http.MethodPost, "/connections", body).problem(t, "taken")
	for _, wrong := range []map[string]any{
		{"name": "Ops", "kind": "webhook"},
		{"name": "x", "kind": "none"},
		{"name": "x", "kind": "webhook"},
		{"name": "notify", "kind": "smtp"},
		{"name": "x", "kind": "webhook", "settings": body["settings"], "secrets": map[string]string{"other": secret}},
	} {
		b.do(t, "admin-all", http.MethodPost, "/connections", wrong).problem(t, "invalid")
	}
	for _, malformed := range []string{"hunter2-S3cret", "whsec_aHVudGVyMg==", strings.TrimPrefix(secret, "whsec_")} {
		refused := b.do(t, "admin-all", http.MethodPost, "/connections", map[string]any{
			"name": "x", "kind": "webhook", "settings": body["settings"],
			"secrets": map[string]string{"signing_secret": secret, "previous_signing_secret": malformed},
		})
		refused.problem(t, "invalid")
		require.Contains(t, string(refused.body),
			"the secret previous_signing_secret is malformed: want whsec_ and 24 to 64 bytes in base64")
		require.NotContains(t, string(refused.body), malformed)
		b.do(t, "admin-all", http.MethodPatch, "/connections/ops/secrets",
			map[string]any{"secrets": map[string]string{"signing_secret": malformed}}).problem(t, "invalid")
	}
	shown := b.do(t, "viewer-all", http.MethodGet, "/connections/ops", nil)
	var info connections.Info
	shown.decode(t, &info)
	require.Equal(t, []string{"signing_secret"}, info.Secrets)
	require.Equal(t, `"1"`, shown.header.Get("Etag"))

	replaced := map[string]any{
		"kind": "webhook", "settings": map[string]any{"url": "https://hooks.example.com/b"},
		"secrets": map[string]string{"signing_secret": secret, "previous_signing_secret": secret},
	}
	b.do(t, "admin-all", http.MethodPut, "/connections/ops", replaced).problem(t, "precondition-required")
	after := b.do(t, "admin-all", http.MethodPut, "/connections/ops", replaced, "If-Match", shown.header.Get("Etag"))
	require.Equal(t, http.StatusOK, after.status, string(after.body))
	info = connections.Info{}
	after.decode(t, &info)
	require.Len(t, info.Secrets, 2)
	require.Contains(t, string(info.Settings), "/b")
	b.do(t, "admin-all", http.MethodPut, "/connections/ops", replaced, "If-Match", shown.header.Get("Etag")).
		problem(t, "precondition-failed")
	b.do(t, "admin-all", http.MethodPut, "/connections/ops", map[string]any{"kind": "smtp"}, "If-Match", "*").problem(t, "invalid")
	b.do(t, "admin-all", http.MethodPut, "/connections/none", replaced, "If-Match", "*").problem(t, "not-found")
	kept := b.do(t, "admin-all", http.MethodPut, "/connections/ops", map[string]any{
		"kind": "webhook", "settings": map[string]any{"url": "https://hooks.example.com/c"}, "keep_secrets": true,
	}, "If-Match", after.header.Get("Etag"))
	require.Equal(t, http.StatusOK, kept.status, string(kept.body))
	info = connections.Info{}
	kept.decode(t, &info)
	require.Equal(t, []string{"previous_signing_secret", "signing_secret"}, info.Secrets)
	require.Contains(t, string(info.Settings), "/c")
	b.do(t, "admin-all", http.MethodPut, "/connections/ops",
		map[string]any{"kind": "webhook", "settings": map[string]any{"url": "https://hooks.example.com/c"}}, "If-Match", "*").
		problem(t, "invalid")

	changed := b.do(t, "admin-all", http.MethodPatch, "/connections/ops/secrets",
		map[string]any{"secrets": map[string]string{"signing_secret": "whsec_" + strings.Repeat("REVG", 8)}})
	require.Equal(t, http.StatusOK, changed.status, string(changed.body))
	require.Equal(t, `"4"`, changed.header.Get("Etag"))
	require.NotContains(t, string(changed.body), "REVG")
	for _, wrong := range []map[string]string{{}, {"other": "x"}} {
		b.do(t, "admin-all", http.MethodPatch, "/connections/ops/secrets", map[string]any{"secrets": wrong}).
			problem(t, "invalid")
	}

	var kinds struct{ Items []api.ConnectionKind }
	b.ok(t, "viewer-all", http.MethodGet, "/connection-kinds", nil, &kinds)
	at := slices.IndexFunc(kinds.Items, func(k api.ConnectionKind) bool { return k.Name == "webhook" })
	require.GreaterOrEqual(t, at, 0)
	require.Equal(t, "Webhook", kinds.Items[at].Label)
	require.Equal(t, api.ConnectionSetting{
		Name: "url", Type: "string", Required: true, Usage: "https address that events are posted to",
	}, kinds.Items[at].Settings[0])
	require.Equal(t, "signing_secret", kinds.Items[at].Secrets[0].Name)
	require.True(t, kinds.Items[at].Secrets[0].Required)
	require.Len(t, readPagesAs[connections.Info](t, b, "viewer-all", "/connections?kind=webhook"), 1)
	require.Empty(t, readPagesAs[connections.Info](t, b, "viewer-all", "/connections?kind=mailchimp"))
	require.Len(t, readPagesAs[connections.Info](t, b, "viewer-all", "/connections?text=OP&state=healthy"), 1)
	require.Empty(t, readPagesAs[connections.Info](t, b, "viewer-all", "/connections?state=paused"))
	require.Empty(t, readPagesAs[connections.Info](t, b, "viewer-all", "/connections?text=none"))
	syncs := map[string][2]bool{}
	for _, kind := range kinds.Items {
		syncs[kind.Name] = [2]bool{kind.SyncFrom, kind.SyncTo}
	}
	require.Equal(t, [2]bool{false, true}, syncs["webhook"])
	require.True(t, syncs["mailchimp"][0])
	require.True(t, syncs["ometria"][1])

	b.ok(t, "operator-all", http.MethodPost, "/connections/ops/pause", map[string]any{"reason": "maintenance"}, &info)
	require.Equal(t, deliverystore.ConnectionPaused, info.Health.State)
	require.Equal(t, "operator-all", info.Health.PausedBy)
	b.ok(t, "operator-all", http.MethodPost, "/connections/ops/resume", nil, &info)
	require.Equal(t, deliverystore.ConnectionHealthy, info.Health.State)
	b.ok(t, "admin-all", http.MethodPost, "/connections/ops/rotate", nil, nil)
	var list struct{ Items []connections.Info }
	b.ok(t, "viewer-all", http.MethodGet, "/connections", nil, &list)
	require.Len(t, list.Items, 1)

	b.addEvent(t, deliverystore.NewEvent{Source: "shop", Jobs: []deliverystore.NewJob{{
		Destination: "webhook", Action: "post", Data: json.RawMessage(`{"connection": "ops"}`),
	}}})
	b.do(t, "admin-all", http.MethodDelete, "/connections/ops", nil).problem(t, "in-use")
	b.ok(t, "admin-all", http.MethodDelete, "/connections/ops?force=true", nil, nil)
	for _, path := range []string{"", "/pause", "/resume", "/rotate", "/test"} {
		method := http.MethodPost
		if path == "" {
			method = http.MethodGet
		}
		b.do(t, "admin-all", method, "/connections/ops"+path, nil).problem(t, "not-found")
	}
	require.NotContains(t, b.log.String(), secret)
	for _, a := range []answer{added, shown, after} {
		require.NotContains(t, string(a.body), secret)
	}
}

// Secrets are encrypted again with the primary key of the key set.
func TestConnectionRotation(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.ok(t, "admin-all", http.MethodPost, "/connections", map[string]any{
		"name": "ops", "kind": "webhook", "settings": map[string]any{"url": "https://hooks.example.com/a"},
		"secrets": map[string]string{"signing_secret": "whsec_" + strings.Repeat("QUJD", 8)},
	}, nil)
	keys, err := connections.ParseKeyset([]byte(b.Settings.Connections.Keyset))
	require.NoError(t, err)
	keys, err = keys.Rotated()
	require.NoError(t, err)
	text, err := keys.JSON()
	require.NoError(t, err)
	b.Settings.Connections.Keyset = string(text)
	_, url := b.serve(t)
	a := b.doAt(t, url, "admin-all", http.MethodPost, "/connections/ops/rotate", nil)
	require.Less(t, a.status, 300, string(a.body))
	entries := b.entriesOf(t, a.header.Get("X-Request-Id"))
	require.Len(t, entries, 1)
	require.NotEqual(t, string(entries[0].Before), string(entries[0].After))
	again := b.doAt(t, url, "admin-all", http.MethodPost, "/connections/ops/rotate", nil)
	require.Empty(t, b.entriesOf(t, again.header.Get("X-Request-Id")), "it has the primary key already")
}

func TestConnectionTest(t *testing.T) {
	t.Parallel()
	b := withWorker(t)
	var asked http.HandlerFunc = func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNoContent) }
	server := httptest.NewServer(asked)
	t.Cleanup(server.Close)
	b.ok(t, "admin-all", http.MethodPost, "/connections", map[string]any{
		"name": "ops", "kind": "webhook", "settings": map[string]any{"url": server.URL},
		"secrets": map[string]string{"signing_secret": "whsec_" + strings.Repeat("QUJD", 8)},
	}, nil)
	var tested connectclient.Tested
	b.ok(t, "operator-all", http.MethodPost, "/connections/ops/test", nil, &tested)
	require.True(t, tested.OK, tested.Error)
	require.NotEmpty(t, tested.Lines)
	require.True(t, strings.HasPrefix(server.URL, "http://127.0.0.1"), "the test reaches the loopback interface")
}
