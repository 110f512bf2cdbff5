package delivery_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	"github.com/sluicehq/sluice/starter/internal/call"
	"github.com/sluicehq/sluice/store"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// actionsOf returns the actions of jobs, which are those of their states in tests.
func actionsOf(jobs []deliveryclient.Job) []string {
	all := []string{}
	for _, job := range jobs {
		all = append(all, job.Action)
	}
	return all
}

// idsOf returns the IDs of jobs.
func idsOf(jobs []deliveryclient.Job) []string {
	all := []string{}
	for _, job := range jobs {
		all = append(all, job.ID)
	}
	return all
}

// A list has the jobs that its filter selects, newest first, and counting selects the same.
func TestJobFilters(t *testing.T) {
	t.Parallel()
	s := setupStore(t)
	event, ids := s.inEachState(t, "crm")
	_, err := s.Deliveries.AddEvent(s.ctx, deliverystore.NewEvent{
		Source: "blog", Jobs: []deliverystore.NewJob{{Destination: "log", Action: "write"}},
	})
	require.NoError(t, err)
	jobs := s.jobs()
	attempted := []string{"executing", "succeeded", "failed", "discarded", "unknown"}
	one, none := int32(1), int32(0)
	for name, test := range map[string]struct {
		filter deliverystore.JobFilter
		want   []string
	}{
		"all":               {deliverystore.JobFilter{}, append(deliverystore.JobStates(), "write")},
		"states":            {deliverystore.JobFilter{States: []string{"failed", "held"}}, []string{"failed", "held"}},
		"not states":        {deliverystore.JobFilter{NotStates: deliverystore.JobStates()[2:]}, []string{"acknowledged", "awaiting", "write"}},
		"destination":       {deliverystore.JobFilter{Destinations: []string{"log"}}, []string{"write"}},
		"not destination":   {deliverystore.JobFilter{NotDestinations: []string{"log"}}, deliverystore.JobStates()},
		"action":            {deliverystore.JobFilter{Actions: []string{"held", "x"}}, []string{"held"}},
		"not action":        {deliverystore.JobFilter{NotActions: deliverystore.JobStates()}, []string{"write"}},
		"version":           {deliverystore.JobFilter{Versions: []string{"v2"}}, deliverystore.JobStates()},
		"not version":       {deliverystore.JobFilter{NotVersions: []string{"v2"}}, []string{"write"}},
		"IDs":               {deliverystore.JobFilter{IDs: []string{ids["failed"], "none"}}, []string{"failed"}},
		"event":             {deliverystore.JobFilter{EventID: event}, deliverystore.JobStates()},
		"source":            {deliverystore.JobFilter{Event: &deliverystore.EventFilter{Sources: []string{"blog"}}}, []string{"write"}},
		"attempted":         {deliverystore.JobFilter{MinAttempts: &one}, attempted},
		"not attempted":     {deliverystore.JobFilter{MaxAttempts: &none, States: []string{"awaiting", "failed"}}, []string{"awaiting"}},
		"created later":     {deliverystore.JobFilter{CreatedAfter: time.Now().Add(time.Hour)}, []string{}},
		"created before":    {deliverystore.JobFilter{CreatedBefore: time.Now().Add(-time.Hour)}, []string{}},
		"nothing in common": {deliverystore.JobFilter{Destinations: []string{"log"}, States: []string{"failed"}}, []string{}},
	} {
		list, err := jobs.List(s.ctx, test.filter, deliverystore.Page{})
		require.NoError(t, err, name)
		require.NotNil(t, list, name)
		require.ElementsMatch(t, test.want, actionsOf(list), name)
		newest := idsOf(list)
		slices.Sort(newest)
		slices.Reverse(newest)
		require.Equal(t, newest, idsOf(list), name)
		n, err := jobs.Count(s.ctx, test.filter)
		require.NoError(t, err, name)
		require.EqualValues(t, len(test.want), n, name)
	}

	whole, err := jobs.List(s.ctx, deliverystore.JobFilter{}, deliverystore.Page{})
	require.NoError(t, err)
	var paged []string
	page := deliverystore.Page{Limit: 4}
	for {
		some, err := jobs.List(s.ctx, deliverystore.JobFilter{}, page)
		require.NoError(t, err)
		if len(some) == 0 {
			break
		}
		require.LessOrEqual(t, len(some), 4)
		paged = append(paged, idsOf(some)...)
		page.Before = some[len(some)-1].ID
	}
	require.Equal(t, idsOf(whole), paged)
}

// A job in a list says why it is in its state, who has changed it, and whether it waits for a worker.
func TestJobsInLists(t *testing.T) {
	t.Parallel()
	s := setupStore(t)
	event, ids := s.inEachState(t, "crm")
	s.heartbeat(t, "crm", "awaiting")
	jobs := s.jobs()
	list, err := jobs.List(s.ctx, deliverystore.JobFilter{}, deliverystore.Page{})
	require.NoError(t, err)
	require.Len(t, list, len(ids))
	for _, job := range list {
		state := job.Action
		require.Equal(t, ids[state], job.ID)
		require.Equal(t, state, job.State)
		require.Equal(t, []string{"crm", "v2", event}, []string{job.Destination, job.Version, job.EventID})
		require.Nil(t, job.ParentJobID)
		require.Nil(t, job.ReplayOf)
		require.WithinDuration(t, time.Now(), job.CreatedAt, time.Minute)
		require.Equal(t, slices.Contains([]string{"acknowledged", "failed"}, state), job.NoWorker, state)
		require.Equal(t, slices.Contains([]string{"acknowledged", "awaiting", "failed"}, state), job.DueAt != nil, state)
		require.Equal(t, slices.Contains([]string{"succeeded", "discarded", "cancelled"}, state), job.FinishedAt != nil, state)
		message, by := "", ""
		switch state {
		case "awaiting", "failed", "discarded", "unknown":
			message = broken
		case "cancelled", "held":
			message, by = state+": a test", "ann"
		}
		require.Equal(t, []string{message, by}, []string{job.Error, job.By}, state)

		shown, err := jobs.Show(s.ctx, job.ID)
		require.NoError(t, err)
		require.Equal(t, job, shown.Job, "a job is the same in a list")
	}
	ended, err := jobs.List(s.ctx, deliverystore.JobFilter{States: []string{"succeeded"}}, deliverystore.Page{})
	require.NoError(t, err)
	require.Len(t, ended, 1)
}

// A job has its payload, its history, and the commands that its state accepts.
func TestShowJob(t *testing.T) {
	t.Parallel()
	s := setupStore(t)
	_, ids := s.inEachState(t, "crm")
	jobs := s.jobs()
	for state, commands := range map[string][]string{
		"acknowledged": {"retry", "cancel", "hold", "edit", "replay"},
		"awaiting":     {"cancel", "hold", "edit", "replay"},
		"executing":    {"replay"},
		"succeeded":    {"replay"},
		"failed":       {"retry", "cancel", "hold", "edit", "replay"},
		"discarded":    {"retry", "edit", "replay"},
		"unknown":      {"retry", "cancel", "hold", "resolve-succeeded", "resolve-discarded", "edit", "replay"},
		"cancelled":    {"retry", "edit", "replay"},
		"held":         {"cancel", "release", "edit", "replay"},
	} {
		job, err := jobs.Show(s.ctx, ids[state])
		require.NoError(t, err)
		require.Equal(t, commands, job.Commands, state)
		require.JSONEq(t, `{"no": 1}`, string(job.Data))
		require.JSONEq(t, `{}`, string(job.Context))
		require.False(t, job.Unprepared)
		require.Equal(t, state == "executing", job.LeaseExpiresAt != nil, state)
		require.Equal(t, []deliveryclient.JobEdit{}, job.Edits)
		require.Equal(t, "acknowledged", job.Transitions[0].To)
		require.Nil(t, job.Transitions[0].From)
		require.Equal(t, state, job.Transitions[len(job.Transitions)-1].To)
	}
	failed, err := jobs.Show(s.ctx, ids["failed"])
	require.NoError(t, err)
	require.Len(t, failed.Transitions, 3)
	last := failed.Transitions[2]
	require.Equal(t, "executing", *last.From)
	require.EqualValues(t, 1, last.Attempt)
	require.Equal(t, broken, last.Error)
	held, err := jobs.Show(s.ctx, ids["held"])
	require.NoError(t, err)
	require.Equal(t, []string{"held: a test", "ann"}, []string{held.Transitions[1].Error, held.Transitions[1].By})

	_, err = jobs.Show(s.ctx, "none")
	require.ErrorIs(t, err, store.ErrNotFound)
	require.EqualError(t, err, "job none: not found")
}

// An edit replaces what it names, keeps the payload before it, and retries the job.
func TestEditJob(t *testing.T) {
	t.Parallel()
	s := setupStore(t)
	_, ids := s.inEachState(t, "crm")
	jobs := s.jobs()
	for _, state := range deliverystore.JobStates() {
		err := jobs.Edit(s.ctx, ids[state], nil, json.RawMessage(`{"no": 2}`), ann)
		job, shown := jobs.Show(s.ctx, ids[state])
		require.NoError(t, shown)
		if state == "executing" || state == "succeeded" {
			require.ErrorIs(t, err, store.ErrConflict, state)
			require.EqualError(t, err, "edit job "+job.ID+": it is "+state+": not possible in this state")
			require.Equal(t, state, job.State)
			require.JSONEq(t, `{"no": 1}`, string(job.Data))
			continue
		}
		require.NoError(t, err, state)
		require.Equal(t, "awaiting", job.State)
		require.Zero(t, job.Attempt)
		require.Equal(t, []string{"edited and retried: a test", "ann"}, []string{job.Error, job.By})
		require.JSONEq(t, `{"no": 2}`, string(job.Data))
		require.JSONEq(t, `{}`, string(job.Context), "what is nil is not changed")
		require.Len(t, job.Edits, 1)
		require.Equal(t, "ann", job.Edits[0].By)
		require.JSONEq(t, `{"no": 1}`, string(job.Edits[0].Data))
	}
	held := ids["held"]
	require.NoError(t, jobs.Edit(s.ctx, held, json.RawMessage(`{"country": "DE"}`), nil, ann))
	for _, text := range []string{`{`, `{"a": "\u0000"}`} {
		require.ErrorIs(t, jobs.Edit(s.ctx, held, nil, json.RawMessage(text), ann), deliverystore.ErrPayload, text)
	}
	require.ErrorIs(t, jobs.Edit(s.ctx, "none", nil, json.RawMessage(`{}`), ann), store.ErrNotFound)
	err := jobs.Edit(s.ctx, held, nil, nil, ann)
	require.ErrorIs(t, err, call.ErrInvalid)
	require.EqualError(t, err, "nothing to change: want a context or data")
	job, err := jobs.Show(s.ctx, held)
	require.NoError(t, err)
	require.JSONEq(t, `{"country": "DE"}`, string(job.Context))
	require.JSONEq(t, `{"no": 2}`, string(job.Data), "a refused edit changes nothing")
	require.Len(t, job.Edits, 2)
}

// Counts are by action and state with what is due, by state up to a maximum, and by the hour.
func TestJobStats(t *testing.T) {
	t.Parallel()
	s := setupStore(t)
	_, ids := s.inEachState(t, "crm")
	more := s.job(t, "crm", "acknowledged", "", time.Time{})
	jobs := s.jobs()
	ofCRM := deliverystore.JobFilter{Destinations: []string{"crm"}}
	stats, err := jobs.Stats(s.ctx, ofCRM)
	require.NoError(t, err)
	require.Len(t, stats, len(ids))
	for _, n := range stats {
		want := int64(1)
		if n.State == "acknowledged" {
			want = 2
		}
		require.Equal(t, []string{"crm", n.State}, []string{n.Destination, n.Action})
		require.Equal(t, want, n.Jobs, n.State)
		require.Nil(t, n.Hour)
		require.WithinDuration(t, time.Now(), *n.OldestCreated, time.Minute)
		if n.State != "acknowledged" && n.State != "awaiting" {
			want = 0
		}
		require.Equal(t, want, n.Due, n.State)
		require.Equal(t, want > 0, n.OldestDue != nil, n.State)
	}

	byState, err := jobs.StatsByState(s.ctx, deliverystore.JobFilter{States: []string{"acknowledged", "held"}}, 1)
	require.NoError(t, err)
	require.Equal(t, []deliveryclient.JobCount{{State: "acknowledged", Jobs: 1}, {State: "held", Jobs: 1}}, byState)
	byState, err = jobs.StatsByState(s.ctx, ofCRM, 10)
	require.NoError(t, err)
	require.Len(t, byState, len(ids))
	require.Equal(t, deliveryclient.JobCount{State: "acknowledged", Jobs: 2}, byState[0])

	// Two days ago: no longer in the last 24 hours.
	s.exec(t, `UPDATE jobs j SET created_at = o.created_at - interval '2 days' FROM jobs o WHERE j.id = $1 AND o.id = $2`,
		more, ids["acknowledged"])
	fresh := deliverystore.JobFilter{States: []string{"acknowledged"}}
	hours, err := jobs.StatsByHour(s.ctx, fresh)
	require.NoError(t, err)
	require.Len(t, hours, 1)
	require.Equal(t, []any{"crm", "acknowledged", int64(1)}, []any{hours[0].Destination, hours[0].State, hours[0].Jobs})
	require.Equal(t, hours[0].Hour.UTC().Truncate(time.Hour), hours[0].Hour.UTC())
	fresh.CreatedBefore = time.Now().Add(time.Hour)
	hours, err = jobs.StatsByHour(s.ctx, fresh)
	require.NoError(t, err)
	require.Len(t, hours, 2)
	require.Equal(t, 48*time.Hour, hours[0].Hour.Sub(*hours[1].Hour), "newest first")

	none, err := jobs.Stats(s.ctx, deliverystore.JobFilter{Destinations: []string{"none"}})
	require.NoError(t, err)
	require.Equal(t, []deliveryclient.JobCount{}, none)
}
