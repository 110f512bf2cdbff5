package api_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/fakemailchimp"
	"github.com/sluicehq/sluice/internal/fakeometria"
	"github.com/sluicehq/sluice/internal/polltest"
	syncclient "github.com/sluicehq/sluice/starter/syncing"
)

// news is a request of a sync.
func news() map[string]any {
	return map[string]any{
		"name": "news", "from": map[string]string{"kind": "mailchimp", "connection": "mc"}, "list_id": "1a2d7ebf82",
		"to": map[string]string{"kind": "ometria", "connection": "om"}, "settings": map[string]any{"worker_count": 1},
	}
}

// withSyncConnections adds the connections of a sync to fakes, and returns that of the source.
func withSyncConnections(tb testing.TB, b *bundle) *fakemailchimp.Server {
	tb.Helper()
	mailchimp := fakemailchimp.New(fakemailchimp.Config{})
	at := time.Now().Add(-time.Hour)
	mailchimp.Put(fakemailchimp.Member{Email: "a@example.com", LastChanged: at, OptedIn: at})
	from, to := httptest.NewServer(mailchimp), httptest.NewServer(fakeometria.New(fakeometria.Config{}))
	tb.Cleanup(from.Close)
	tb.Cleanup(to.Close)
	for _, c := range []map[string]any{
		{
			"name": "mc", "kind": "mailchimp", "settings": map[string]any{"endpoint": from.URL + "/3.0"},
			"secrets": map[string]string{"api_key": fakemailchimp.Key},
		},
		{
			"name": "om", "kind": "ometria", "settings": map[string]any{"endpoint": to.URL + "/v2"},
			"secrets": map[string]string{"api_key": fakeometria.Key},
		},
	} {
		b.ok(tb, "admin-all", http.MethodPost, "/connections", c, nil)
	}
	return mailchimp
}

// A retry of rejected records is in the audit, with its requester.
func TestRetriedRejectsAreAudited(t *testing.T) {
	t.Parallel()
	b := withWorker(t)
	mailchimp := withSyncConnections(t, b)
	// The target takes no record of this size.
	mailchimp.Put(fakemailchimp.Member{
		Email: "large@example.com", LastChanged: time.Now().Add(-time.Hour),
		MergeFields: map[string]any{"FNAME": strings.Repeat("x", 61_000)},
	})
	b.ok(t, "operator-all", http.MethodPost, "/syncs", news(), nil)
	var rejects struct {
		Items []struct{ ID int64 }
	}
	polltest.Until(t, func(c *polltest.Check) {
		b.ok(t, "viewer-all", http.MethodGet, "/syncs/news/rejects", nil, &rejects)
		require.Len(c, rejects.Items, 1)
	}, time.Minute, 50*time.Millisecond)
	for query, want := range map[string]int{
		"stage=write&state=rejected&text=BYTES": 1, "stage=map": 0, "state=retry_requested": 0, "text=nowhere": 0,
	} {
		b.ok(t, "viewer-all", http.MethodGet, "/syncs/news/rejects?"+query, nil, &rejects)
		require.Len(t, rejects.Items, want, query)
	}
	retried := b.ok(t, "operator-all", http.MethodPost, "/syncs/news/rejects/retry", nil, nil)
	entries := b.entriesOf(t, retried.header.Get("X-Request-Id"))
	require.Len(t, entries, 1)
	e := entries[0]
	require.Equal(t, []string{"sync.retry_rejects", "sync", "news", "operator-all", "api", ""},
		[]string{e.Operation, e.SubjectType, e.SubjectID, e.Who, e.Door, e.Error})
	require.JSONEq(t, `{"records": null}`, string(e.After), "all records")
}

func TestSyncs(t *testing.T) {
	t.Parallel()
	b := withWorker(t)
	b.do(t, "operator-all", http.MethodPost, "/syncs", news()).problem(t, "invalid")
	withSyncConnections(t, b)
	created := b.do(t, "operator-all", http.MethodPost, "/syncs", news())
	require.Equal(t, http.StatusCreated, created.status, string(created.body))
	require.Equal(t, "/api/v1/syncs/news", created.header.Get("Location"))
	b.do(t, "operator-all", http.MethodPost, "/syncs", news()).problem(t, "taken")
	wrong := news()
	wrong["settings"] = map[string]any{"every": "1h"}
	b.do(t, "operator-all", http.MethodPost, "/syncs", wrong).problem(t, "invalid")

	var sync syncclient.Sync
	await := func(state string) {
		t.Helper()
		polltest.Until(t, func(c *polltest.Check) {
			b.ok(t, "viewer-all", http.MethodGet, "/syncs/news", nil, &sync)
			require.Equal(c, state, sync.State)
		}, time.Minute, 50*time.Millisecond)
	}
	await(syncclient.StateCurrent)
	require.EqualValues(t, 1, sync.Run.Read)
	var list struct{ Items []syncclient.Sync }
	b.ok(t, "viewer-all", http.MethodGet, "/syncs", nil, &list)
	require.Len(t, list.Items, 1)
	for query, want := range map[string]int{
		"state=current": 1, "state=late": 0, "text=NEW": 1, "text=mailchimp:mc&state=current": 1, "text=none": 0,
	} {
		b.ok(t, "viewer-all", http.MethodGet, "/syncs?"+query, nil, &list)
		require.Len(t, list.Items, want, query)
	}
	var runs struct{ Items []syncclient.SyncRun }
	b.ok(t, "viewer-all", http.MethodGet, "/syncs/news/runs", nil, &runs)
	require.EqualValues(t, 1, runs.Items[len(runs.Items)-1].Delivered)
	for query, want := range map[string]int{
		"status=succeeded&kind=full": 1, "status=failed": 0, "kind=find": 0,
	} {
		b.ok(t, "viewer-all", http.MethodGet, "/syncs/news/runs?"+query, nil, &runs)
		require.Len(t, runs.Items, want, query)
	}
	for _, query := range []string{
		"runs?status=late", "runs?kind=scan", "rejects?stage=send", "rejects?state=none", "held?held_after=soon",
	} {
		b.do(t, "viewer-all", http.MethodGet, "/syncs/news/"+query, nil).problem(t, "invalid")
	}

	shown := b.do(t, "viewer-all", http.MethodGet, "/syncs/news", nil)
	change := map[string]any{"settings": map[string]any{
		"every": "30m", "worker_count": 2, "force_optin": true, "latest_timestamp": nil,
	}}
	b.do(t, "operator-all", http.MethodPatch, "/syncs/news", change).problem(t, "precondition-required")
	set := b.do(t, "operator-all", http.MethodPatch, "/syncs/news", change, "If-Match", shown.header.Get("Etag"))
	require.Equal(t, http.StatusOK, set.status, string(set.body))
	set.decode(t, &sync)
	require.EqualValues(t, 1800, sync.EverySeconds)
	require.EqualValues(t, 2, sync.Settings["worker_count"])
	require.Nil(t, sync.Latest)
	b.do(t, "operator-all", http.MethodPatch, "/syncs/news", change, "If-Match", shown.header.Get("Etag")).
		problem(t, "precondition-failed")
	b.do(t, "operator-all", http.MethodPatch, "/syncs/news", map[string]any{"settings": map[string]any{"speed": 1}}, "If-Match", "*").
		problem(t, "invalid")

	b.ok(t, "operator-all", http.MethodPost, "/syncs/news/pause", map[string]any{"reason": "maintenance"}, nil)
	await(syncclient.StatePaused)
	b.do(t, "operator-all", http.MethodPost, "/syncs/news/run", nil).problem(t, "conflict")
	b.do(t, "operator-all", http.MethodPost, "/syncs/news/find-rejects", map[string]any{"run_id": 1, "page": 1}).problem(t, "conflict")
	b.ok(t, "operator-all", http.MethodPost, "/syncs/news/resume", nil, nil)
	await(syncclient.StateCurrent)
	b.ok(t, "operator-all", http.MethodPost, "/syncs/news/run", nil, nil)
	b.do(t, "operator-all", http.MethodPost, "/syncs/news/find-rejects", map[string]any{"run_id": 99, "page": 1}).problem(t, "invalid")
	b.do(t, "operator-all", http.MethodPost, "/syncs/news/rejects/retry", nil).problem(t, "conflict")
	var rejects struct{ Items []any }
	for _, path := range []string{"rejects", "held"} {
		b.ok(t, "viewer-all", http.MethodGet, "/syncs/news/"+path, nil, &rejects)
		require.Empty(t, rejects.Items)
	}
	b.ok(t, "operator-all", http.MethodDelete, "/syncs/news", nil, nil)
	for path, method := range map[string]string{
		"": http.MethodGet, "/run": http.MethodPost, "/pause": http.MethodPost, "/resume": http.MethodPost,
		"/runs": http.MethodGet, "/rejects": http.MethodGet, "/held": http.MethodGet, "/rejects/retry": http.MethodPost,
	} {
		b.do(t, "operator-all", method, "/syncs/news"+path, nil).problem(t, "not-found")
	}
	b.do(t, "operator-all", http.MethodDelete, "/syncs/news", nil).problem(t, "not-found")
}
