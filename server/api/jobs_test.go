package api_test

import (
	"encoding/json"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/server/api"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

func TestJobs(t *testing.T) {
	t.Parallel()
	b := setup(t)
	added := b.addEvent(t, paid())
	b.addEvent(t, deliverystore.NewEvent{Source: "crm", Jobs: []deliverystore.NewJob{{Destination: "smtp", Action: "send"}}})
	var list struct {
		Items []deliveryclient.Job
		Next  string
	}
	seen := map[string]bool{}
	for path := "/jobs?limit=1"; path != ""; path = list.Next {
		list.Next = ""
		b.ok(t, "viewer-all", http.MethodGet, path, nil, &list)
		require.Len(t, list.Items, 1)
		seen[list.Items[0].ID] = true
	}
	require.Len(t, seen, 3)
	for query, want := range map[string]int{
		"destination=log,webhook": 2, "not_destination=log": 2, "state=held": 0, "source=crm": 1, "event=" + added.Event.ID: 2,
		"created_before=2020-01-31T00:00:00Z": 0, "min_attempts=1": 0, "action=write": 1, "name=order.paid": 2,
	} {
		b.ok(t, "viewer-all", http.MethodGet, "/jobs?"+query, nil, &list)
		require.Len(t, list.Items, want, query)
	}
	b.do(t, "viewer-all", http.MethodGet, "/jobs?state=lost", nil).problem(t, "invalid")
	var stats struct{ Items []deliveryclient.JobCount }
	b.ok(t, "viewer-all", http.MethodGet, "/jobs/stats?source=shop", nil, &stats)
	require.Len(t, stats.Items, 2)
	require.EqualValues(t, 1, stats.Items[0].Jobs)
	b.ok(t, "viewer-all", http.MethodGet, "/jobs/stats?hourly=true", nil, &stats)
	require.NotNil(t, stats.Items[0].Hour)
	stats.Items = nil
	b.ok(t, "viewer-all", http.MethodGet, "/jobs/stats?most=2", nil, &stats)
	require.Equal(t, []deliveryclient.JobCount{{State: deliverystore.JobAcknowledged, Jobs: 2}}, stats.Items,
		"three jobs are counted up to two")
	b.do(t, "viewer-all", http.MethodGet, "/jobs/stats?most=2&hourly=true", nil).problem(t, "invalid")

	job := "/jobs/" + added.Jobs[0]
	shown := b.do(t, "viewer-all", http.MethodGet, job, nil)
	var details deliveryclient.JobDetails
	shown.decode(t, &details)
	require.JSONEq(t, `{"text": "paid"}`, string(details.Data))
	require.True(t, details.NoWorker)
	require.Equal(t, []string{"retry", "cancel", "hold", "edit", "replay"}, details.Commands)
	edit := map[string]any{"data": map[string]any{"text": "unpaid"}, "reason": "a mistake"}
	b.do(t, "operator-all", http.MethodPatch, job, edit).problem(t, "precondition-required")
	b.do(t, "operator-all", http.MethodPatch, job, edit, "If-Match", shown.header.Get("Etag")).decode(t, &details)
	require.JSONEq(t, `{"text": "unpaid"}`, string(details.Data))
	require.Len(t, details.Edits, 1)
	require.Equal(t, "operator-all", details.Edits[0].By)
	b.do(t, "operator-all", http.MethodPatch, job, edit, "If-Match", shown.header.Get("Etag")).problem(t, "precondition-failed")
	b.do(t, "operator-all", http.MethodPatch, job, map[string]any{}, "If-Match", "*").problem(t, "invalid")
	b.do(t, "viewer-all", http.MethodGet, "/jobs/none", nil).problem(t, "not-found")
}

// Who may not edit a job gets payloads without secrets, of jobs and of events.
func TestPayloadsAreRedacted(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event := paid()
	event.Data = json.RawMessage(`{"text":"paid","client_secret":"hunter2","url":"https://ann:hunter2@example.com/"}`)
	event.Context = json.RawMessage(`{"Authorization":"Bearer hunter2"}`)
	for i := range event.Jobs {
		event.Jobs[i].Data, event.Jobs[i].Context = event.Data, event.Context
	}
	added := b.addEvent(t, event)
	paths := []string{"/jobs/" + added.Jobs[0], "/events/" + added.Event.ID}
	edited := b.do(t, "operator-all", http.MethodPatch, paths[0], map[string]any{"context": map[string]any{"token": "hunter2"}},
		"If-Match", "*")
	require.Equal(t, http.StatusOK, edited.status, string(edited.body))
	for _, path := range paths {
		for _, as := range []string{"operator-all", "admin-all"} {
			require.Contains(t, string(b.ok(t, as, http.MethodGet, path, nil, nil).body), "hunter2", "%s %s", path, as)
		}
		for _, as := range []string{"viewer-all", "reviewer-all"} {
			shown := b.ok(t, as, http.MethodGet, path, nil, nil)
			require.NotContains(t, string(shown.body), "hunter2", "%s %s", path, as)
			require.Contains(t, string(shown.body), `"client_secret":"[redacted]"`, "%s %s", path, as)
			require.Contains(t, string(shown.body), `"text":"paid"`, "%s %s", path, as)
		}
	}
	tags := map[string]bool{}
	for _, as := range []string{"viewer-all", "operator-all"} {
		tags[b.ok(t, as, http.MethodGet, paths[0], nil, nil).header.Get("Etag")] = true
	}
	require.Len(t, tags, 2, "the hash of a payload with secrets would let its reader try values")
}

// A command by filter is counted first, and is refused if more jobs are selected then.
func TestJobCommands(t *testing.T) {
	t.Parallel()
	b := setup(t)
	added := b.addEvent(t, paid())
	var changed api.ChangedJobs
	filter := map[string]any{"sources": []string{"shop"}}
	b.ok(t, "operator-all", http.MethodPost, "/jobs/hold", map[string]any{"filter": filter, "dry_run": true}, &changed)
	require.Equal(t, api.ChangedJobs{Result: "held", Jobs: 2, DryRun: true}, changed)
	p := b.do(t, "operator-all", http.MethodPost, "/jobs/hold", map[string]any{"filter": filter}).problem(t, "invalid")
	require.Equal(t, "#/most", p.Errors[0].Pointer)
	b.do(t, "operator-all", http.MethodPost, "/jobs/hold", map[string]any{"filter": filter, "most": 1}).problem(t, "conflict")
	b.ok(t, "operator-all", http.MethodPost, "/jobs/hold", map[string]any{"filter": filter, "most": 2, "reason": "wait"}, &changed)
	require.EqualValues(t, 2, changed.Jobs)
	job, err := b.Store.Deliveries.Job(t.Context(), added.Jobs[0])
	require.NoError(t, err)
	require.Equal(t, deliverystore.JobHeld, job.State)
	reason, err := deliverystore.ErrorOf(job.LastError)
	require.NoError(t, err)
	require.Equal(t, deliverystore.JobError{Message: "held: wait", By: "operator-all"}, reason)

	changed = api.ChangedJobs{}
	b.ok(t, "operator-all", http.MethodPost, "/jobs/release", map[string]any{"ids": []string{added.Jobs[0]}}, &changed)
	require.EqualValues(t, 1, changed.Jobs)
	changed = api.ChangedJobs{}
	b.ok(t, "operator-all", http.MethodPost, "/jobs/cancel", map[string]any{"ids": []string{added.Jobs[0], "none"}}, &changed)
	require.EqualValues(t, 1, changed.Jobs)
	require.Equal(t, []string{"job none: not found"}, changed.Faults)
	b.do(t, "operator-all", http.MethodPost, "/jobs/cancel", map[string]any{"ids": []string{added.Jobs[0]}}).problem(t, "conflict")
	b.do(t, "operator-all", http.MethodPost, "/jobs/cancel", map[string]any{"ids": []string{"none"}}).problem(t, "not-found")
	b.ok(t, "operator-all", http.MethodPost, "/jobs/retry", map[string]any{"all": true, "most": 10}, &changed)
	require.EqualValues(t, 1, changed.Jobs)
	for _, command := range []string{"resolve-succeeded", "resolve-discarded"} {
		b.ok(t, "operator-all", http.MethodPost, "/jobs/"+command, map[string]any{"all": true, "most": 10}, &changed)
		require.Zero(t, changed.Jobs, command)
	}
	for _, body := range []map[string]any{
		{}, {"ids": []string{"a"}, "all": true, "dry_run": true}, {"filter": map[string]any{}, "dry_run": true},
	} {
		b.do(t, "operator-all", http.MethodPost, "/jobs/retry", body).problem(t, "invalid")
	}

	b.ok(t, "operator-all", http.MethodPost, "/jobs/replay", map[string]any{"filter": filter, "dry_run": true}, &changed)
	require.EqualValues(t, 2, changed.Jobs)
	b.do(t, "operator-all", http.MethodPost, "/jobs/replay", map[string]any{"filter": filter, "most": 1}).problem(t, "conflict")
	b.ok(t, "operator-all", http.MethodPost, "/jobs/replay", map[string]any{"filter": filter, "most": 2}, &changed)
	require.EqualValues(t, 2, changed.Jobs)
	require.Len(t, changed.IDs, 2)
	b.do(t, "operator-all", http.MethodPost, "/jobs/replay", map[string]any{"ids": []string{"none"}}).problem(t, "not-found")
}

func TestEvents(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event := map[string]any{
		"source": "shop", "name": "order.paid", "data": map[string]any{"text": "hi"}, "idempotency_key": "1",
		"to": []map[string]string{{"destination": "log", "action": "write"}},
	}
	sent := b.do(t, "operator-all", http.MethodPost, "/events", event)
	require.Equal(t, http.StatusCreated, sent.status, string(sent.body))
	var added api.AddedEvent
	sent.decode(t, &added)
	require.True(t, added.Created)
	require.Len(t, added.Jobs, 1)
	require.Equal(t, "/api/v1/events/"+added.EventID, sent.header.Get("Location"))
	var again api.AddedEvent
	b.ok(t, "operator-all", http.MethodPost, "/events", event, &again)
	require.Equal(t, added.EventID, again.EventID)
	require.False(t, again.Created)
	for _, body := range []map[string]any{
		{"source": "sluice"},
		{"source": ""},
		{"source": "shop", "to": []map[string]string{{"destination": "none", "action": "write"}}},
		{"source": "shop", "to": []map[string]string{{"destination": "log", "action": "none"}}},
	} {
		b.do(t, "operator-all", http.MethodPost, "/events", body).problem(t, "invalid")
	}
	var list struct{ Items []deliveryclient.Event }
	b.ok(t, "viewer-all", http.MethodGet, "/events?source=shop", nil, &list)
	require.Len(t, list.Items, 1)
	require.EqualValues(t, 1, list.Items[0].JobCount)
	var details deliveryclient.EventDetails
	b.ok(t, "viewer-all", http.MethodGet, "/events/"+added.EventID, nil, &details)
	require.JSONEq(t, `{"text": "hi"}`, string(details.Data))
	require.Len(t, details.Jobs, 1)
	b.do(t, "viewer-all", http.MethodGet, "/events/none", nil).problem(t, "not-found")

	purge := map[string]any{"received_before": "2100-01-31T00:00:00Z", "dry_run": true}
	var purged api.Purged
	b.ok(t, "admin-all", http.MethodPost, "/events/purge", purge, &purged)
	require.Equal(t, api.Purged{DryRun: true}, purged, "its job has not ended")
	b.ok(t, "operator-all", http.MethodPost, "/jobs/cancel", map[string]any{"ids": added.Jobs}, nil)
	b.ok(t, "admin-all", http.MethodPost, "/events/purge",
		map[string]any{"received_before": "2100-01-31T00:00:00Z", "states": []string{"cancelled"}}, &purged)
	require.EqualValues(t, 1, purged.Events)
	b.ok(t, "viewer-all", http.MethodGet, "/events", nil, &list)
	require.Empty(t, list.Items)
}
