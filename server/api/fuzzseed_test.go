package api_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/access"
	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/fakemailchimp"
	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/server/api"
	"github.com/sluicehq/sluice/starter"
	accessclient "github.com/sluicehq/sluice/starter/access"
	accessstore "github.com/sluicehq/sluice/store/access"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// world is the state that the requests of FuzzRequests meet, beside what they make and delete themselves.
type world struct {
	*bundle
	// files serves a file that an upload fetches.
	files *httptest.Server
	// imports are the numbers of imports in each state that a command needs; day is the day of the next one.
	imports []string
	day     calendar.Day
}

// sessionAccount is the account of the sessions of requests. Requests do not know it as one to change.
const sessionAccount = "bea"

// newWorld starts a worker and what the state needs of other systems.
func newWorld(f *testing.F, b *bundle) *world {
	f.Helper()
	w := &world{bundle: b, day: 3650}
	// Imports that wait for commands must not keep others from running.
	b.Settings.Limits.Running, b.Settings.Limits.RunningPerSite = 10_000, 10_000
	b.Starter.Limits.ImportsPerSite = 0
	b.StartWorker(f)
	w.files = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte(pagesText)) //nolint:errcheck // the client may have gone
	}))
	f.Cleanup(w.files.Close)
	mailchimp := withSyncConnections(f, b)
	// The target takes no record of this size: it is rejected.
	mailchimp.Put(fakemailchimp.Member{
		Email: "large@example.com", LastChanged: time.Now().Add(-time.Hour),
		MergeFields: map[string]any{"FNAME": strings.Repeat("x", 61_000)},
	})
	ctx := access.With(enginetest.Context(f), access.CLI("root"))
	_, err := accessclient.New(b.Store.Store).CreateAccount(ctx, accessclient.NewAccount{
		Name: sessionAccount, Password: password, Role: access.RoleAdmin, Sites: access.AllSites(),
	})
	require.NoError(f, err)
	w.addImports(f)
	return w
}

// addImports starts an import that waits for its source, one with a parked part, one in review and one that completes,
// and waits until each is.
func (w *world) addImports(tb testing.TB) {
	tb.Helper()
	review, none := true, false
	var all []string
	for _, one := range []struct {
		args   map[string]any
		review *bool
		status string
	}{
		{map[string]any{"rows": 2, "parts": 2, "fail": "import_data", "wait": "1h"}, &none, importstore.StatusRunning},
		{map[string]any{"rows": 2, "parts": 2, "fail": "import_data"}, &none, importstore.StatusParked},
		{map[string]any{"rows": 2}, &review, importstore.StatusInReview},
		{map[string]any{"rows": 2, "bad_rows": 1}, &none, importstore.StatusCompleted},
	} {
		w.day++
		one.args["start_date"], one.args["end_date"] = w.day, w.day
		one.args["locks"] = []importers.Dependency{{Resource: fmt.Sprint("day-", int(w.day))}}
		args, err := json.Marshal(one.args)
		require.NoError(tb, err)
		ctx := enginetest.Context(tb)
		settings := w.Starter.Defaults
		settings.MaxRejects = 10
		imp, err := w.Starter.StartImport(ctx, starter.Request{
			Site: own, Source: "noop", Args: args, Review: one.review, Settings: &settings,
		})
		require.NoError(tb, err)
		polltest.Until(tb, func(c *polltest.Check) {
			now, err := w.Store.Imports.Import(ctx, imp.ID)
			require.NoError(c, err)
			require.Equal(c, one.status, now.Status)
		}, time.Minute, 20*time.Millisecond)
		all = append(all, fmt.Sprint(imp.ID))
	}
	w.imports = all
}

// session returns the cookie of a new session.
func (w *world) session(tb testing.TB) string {
	tb.Helper()
	accounts := accessstore.New(w.Store.Store)
	credential, err := accounts.Credential(enginetest.Context(tb), sessionAccount)
	require.NoError(tb, err)
	secret, err := accounts.CreateSession(enginetest.Context(tb), credential, "127.0.0.1")
	require.NoError(tb, err)
	return api.SessionCookie + "=" + secret.Reveal()
}

// uploaded returns the IDs of uploads, at least one.
func (w *world) uploaded(tb testing.TB) (ids []string) {
	tb.Helper()
	var list struct{ Items []api.Upload }
	w.ok(tb, "admin-all", http.MethodGet, "/sites/"+own+"/uploads", nil, &list)
	if len(list.Items) == 0 {
		created := w.upload(tb, "admin-all", own, "file", pagesName, pagesText)
		require.Equal(tb, http.StatusCreated, created.status, string(created.body))
		w.ok(tb, "admin-all", http.MethodGet, "/sites/"+own+"/uploads", nil, &list)
	}
	for _, u := range list.Items {
		ids = append(ids, u.ID)
	}
	return ids
}

// key returns the prefix of a valid key of the site.
func (w *world) key(tb testing.TB) string {
	tb.Helper()
	var keys struct{ Items []accessclient.SiteKey }
	w.ok(tb, "admin-all", http.MethodGet, "/sites/"+own+"/keys", nil, &keys)
	for _, k := range keys.Items {
		if k.RevokedAt == nil {
			return k.Prefix
		}
	}
	var created api.CreatedSiteKey
	w.ok(tb, "admin-all", http.MethodPost, "/sites/"+own+"/keys", map[string]any{}, &created)
	return created.Prefix
}

// populate adds what other requests have deleted, and returns what names things in requests.
func (w *world) populate(tb testing.TB, seed uint64) map[string][]string {
	tb.Helper()
	ctx := enginetest.Context(tb)
	if seed%4 == 3 {
		// Commands have ended the others.
		w.addImports(tb)
	}
	added, err := w.Store.Deliveries.AddEvent(ctx, paid())
	require.NoError(tb, err)
	secret, fresh := "whsec_"+strings.Repeat("QUJD", 8), fmt.Sprintf("n%d", seed)
	known := map[string][]string{
		"site": {own, own, foreign}, "domain": {own, fresh + ".example"}, "sites": {own}, "import": w.imports, "part": {"0", "1"},
		"schedule": {"nightly"}, "event": {added.Event.ID}, "action": {"write", "post"}, "destination": {"log", "webhook"},
		"connection": {"ops"}, "kind": {"webhook"}, "source": {"noop", "shop"}, "flow": {"paid"}, "sync": {"news"}, "token": {"ci"},
		"account": {"ann"}, "role": {"viewer", "operator"}, "name": {fresh, fresh, "nightly", sessionAccount},
		"url": {"http://127.0.0.1:1/" + pagesName, w.files.URL + "/" + pagesName}, "signing_secret": {secret},
		"password": {password}, "present": {password}, "verdict": {"accepted"}, "upload": w.uploaded(tb),
		"If-Match": {"*"}, "filename": {pagesName}, "cron": {"0 3 * * *", "@daily"}, "time_zone": {"UTC"}, "timezone": {"UTC"}, "label": {"a"},
		"notify": {"a@example.com"}, "decision": {"accept"}, "most": {"5"}, "limit": {"1", "200"},
		"flows": {flowOfShop, flowOfShop, "flows: []", "flows: &a [*a]", yamlBomb},
	}
	for _, id := range added.Jobs {
		known["job"], known["ids"] = append(known["job"], id), append(known["ids"], id)
	}
	for path, body := range map[string]string{
		"/connections": `{"name":"ops","kind":"webhook","settings":{"url":"` + w.files.URL + `"},"secrets":{"signing_secret":"` +
			secret + `"}}`,
		"/tokens":                      `{"name":"ci","role":"viewer","sites":["` + own + `"]}`,
		"/accounts":                    `{"name":"ann","role":"viewer","sites":["` + own + `"],"password":"a-password-of-a-person"}`,
		"/flows/apply":                 `{"flows":` + (&generator{}).quoted(flowOfShop) + `}`,
		"/sites/" + own + "/schedules": `{"name":"nightly","source":"noop","cron":"0 3 * * *"}`,
	} {
		r := w.do(tb, "admin-all", http.MethodPost, path, body)
		require.True(tb, r.status < 300 || r.status == http.StatusConflict, "%s: %d %s", path, r.status, r.body)
	}
	r := w.do(tb, "admin-all", http.MethodPost, "/syncs", news())
	require.Contains(tb, []int{http.StatusCreated, http.StatusConflict}, r.status, string(r.body))
	known["key"] = []string{w.key(tb)}
	return known
}
