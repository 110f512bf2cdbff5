package delivery_test

import (
	"encoding/json"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/delivery"
)

// TestCommands: every command changes the jobs in the states that it is for, says so in their
// history, and leaves the others alone.
func TestCommands(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, test := range map[string]struct {
		give delivery.JobCommand
		from []string
		to   string
		note string
	}{
		"retry": {
			delivery.CommandRetry,
			[]string{"acknowledged", "failed", "unknown", "discarded", "cancelled"},
			"awaiting", "retried: because",
		},
		"cancel": {
			delivery.CommandCancel,
			[]string{"acknowledged", "awaiting", "failed", "unknown", "held"},
			"cancelled", "cancelled: because",
		},
		"hold": {
			delivery.CommandHold,
			[]string{"acknowledged", "awaiting", "failed", "unknown"},
			"held", "held: because",
		},
		"release": {
			delivery.CommandRelease,
			[]string{"held"},
			"awaiting", "released: because",
		},
		"arrived": {
			delivery.CommandSucceed,
			[]string{"unknown"},
			"succeeded", "found to have arrived: because",
		},
		"lost": {
			delivery.CommandDiscard,
			[]string{"unknown"},
			"discarded", "discarded: because",
		},
	} {
		ids := b.addJobs(t, len(delivery.JobStates()))
		for i, state := range delivery.JobStates() {
			b.force(t, ids[i], state)
		}
		n, err := b.CountChanges(b.ctx, test.give, delivery.JobFilter{IDs: ids})
		require.NoError(t, err, name)
		require.EqualValues(t, len(test.from), n, name)
		n, err = b.ChangeJobs(b.ctx, test.give, delivery.JobFilter{IDs: ids}, 0, me)
		require.NoError(t, err, name)
		require.EqualValues(t, len(test.from), n, name)
		for i, state := range delivery.JobStates() {
			job, err := b.Job(b.ctx, ids[i])
			require.NoError(t, err)
			require.Equal(t, slices.Contains(test.from, state),
				slices.Contains(delivery.CommandsFor(state), test.give), "%s in state %s", name, state)
			if !slices.Contains(test.from, state) {
				require.Equal(t, state, job.State, name)
				continue
			}
			require.Equal(t, test.to, job.State, "%s from %s", name, state)
			reason, err := delivery.ErrorOf(job.LastError)
			require.NoError(t, err)
			require.Equal(t, delivery.JobError{Message: test.note, By: "anna"}, reason)
			history := b.history(t, ids[i])
			require.Equal(t, test.to, history[len(history)-1])
		}
		// Given again, it finds nothing left to do, if it does not move to where it begins.
		n, err = b.ChangeJobs(b.ctx, test.give, delivery.JobFilter{IDs: ids, States: test.from}, 0, me)
		require.NoError(t, err)
		require.Zero(t, n, name)
	}
}

// Orders by filter go through thousands of jobs in steps.
func TestCommandsInSteps(t *testing.T) {
	t.Parallel()
	b := setup(t)
	_, err := b.AddEvent(b.ctx, newEvent("", 0))
	require.NoError(t, err)
	b.exec(t, `INSERT INTO jobs (id, destination, action, event_id)
		SELECT lpad(i::text, 10, '0'), 'crm', 'upsert', e.id FROM events e, generate_series(1, 2500) i`)
	n, err := b.ChangeJobs(b.ctx, delivery.CommandHold, delivery.JobFilter{Destinations: []string{"crm"}}, 0, me)
	require.NoError(t, err)
	require.EqualValues(t, 2500, n)
	n, err = b.CountJobs(b.ctx, delivery.JobFilter{States: []string{delivery.JobHeld}})
	require.NoError(t, err)
	require.EqualValues(t, 2500, n)
}

func TestEditAndRetry(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ids := b.addJobs(t, len(delivery.JobStates()))
	for i, state := range delivery.JobStates() {
		b.force(t, ids[i], state)
		err := b.EditAndRetry(b.ctx, ids[i], nil, json.RawMessage(`{"no": 77}`), me)
		if !delivery.Editable(state) {
			require.ErrorIs(t, err, store.ErrConflict)
			continue
		}
		require.NoError(t, err, state)
		job, err := b.Job(b.ctx, ids[i])
		require.NoError(t, err)
		require.Equal(t, delivery.JobAwaiting, job.State)
		require.JSONEq(t, `{"no": 77}`, string(job.Data))
		require.JSONEq(t, `{"ip": "::1"}`, string(job.Context), "as it was")
		edits, err := b.EditsOf(b.ctx, ids[i])
		require.NoError(t, err)
		require.Len(t, edits, 1)
		require.Equal(t, "anna", edits[0].By)
		require.NotContains(t, string(edits[0].Data), "77")
	}
	require.ErrorIs(t, b.EditAndRetry(b.ctx, ids[0], nil, json.RawMessage(`{`), me), delivery.ErrPayload)
	require.ErrorIs(t, b.EditAndRetry(b.ctx, ids[0], json.RawMessage(`"\u0000"`), nil, me), delivery.ErrPayload)
	require.ErrorIs(t, b.EditAndRetry(b.ctx, "nope", nil, nil, me), store.ErrNotFound)
}

// Replaying leaves the old jobs alone and never meets the new ones.
func TestReplay(t *testing.T) {
	t.Parallel()
	b := setup(t)
	old := b.addJobs(t, 5)
	for i, state := range []string{delivery.JobSucceeded, delivery.JobDiscarded, delivery.JobExecuting, delivery.JobFailed, delivery.JobHeld} {
		b.force(t, old[i], state)
	}
	var fresh []string
	page := delivery.Page{Limit: 2}
	for {
		ids, next, err := b.ReplayJobs(b.ctx, delivery.JobFilter{Destinations: []string{"crm"}}, page, me)
		require.NoError(t, err)
		fresh = append(fresh, ids...)
		if next == "" {
			break
		}
		page.Before = next
	}
	require.Len(t, fresh, 5)
	for i, id := range fresh {
		job, err := b.Job(b.ctx, id)
		require.NoError(t, err)
		require.Equal(t, delivery.JobAcknowledged, job.State)
		require.Equal(t, old[len(old)-1-i], *job.ReplayOf)
		original, err := b.Job(b.ctx, *job.ReplayOf)
		require.NoError(t, err)
		require.Equal(t, original.Data, job.Data)
		require.Equal(t, original.EventID, job.EventID)
	}
	kept, err := b.Job(b.ctx, old[0])
	require.NoError(t, err)
	require.Equal(t, delivery.JobSucceeded, kept.State)
}

func TestChangeJobsWithinItsLimit(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ids := b.addJobs(t, 5)
	f := delivery.JobFilter{IDs: ids}
	for _, want := range []int64{2, 2, 1, 0} {
		n, err := b.ChangeJobs(b.ctx, delivery.CommandHold, f, 2, me)
		require.NoError(t, err)
		require.Equal(t, want, n)
	}
	n, err := b.CountChanges(b.ctx, delivery.CommandRelease, f)
	require.NoError(t, err)
	require.EqualValues(t, 5, n)
	const want = `"forget" is no command to jobs: want one of ["retry" "cancel" "hold" "release" "resolve-succeeded" "resolve-discarded"]`
	_, err = b.ChangeJobs(b.ctx, "forget", f, 0, me)
	require.EqualError(t, err, want)
	_, err = b.CountChanges(b.ctx, "forget", f)
	require.EqualError(t, err, want)
}
