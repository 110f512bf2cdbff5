package delivery_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	"github.com/sluicehq/sluice/starter/internal/call"
	"github.com/sluicehq/sluice/store"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

func TestSelectionsAreInOneWay(t *testing.T) {
	t.Parallel()
	filter := &deliverystore.JobFilter{Destinations: []string{"log"}}
	for _, s := range []deliveryclient.Selection{
		{IDs: []string{"a"}}, {Filter: filter}, {All: true}, {All: true, Most: 3},
	} {
		require.NoError(t, s.Validate())
	}
	for want, s := range map[string]deliveryclient.Selection{
		"no jobs selected: want IDs, a filter or all":               {},
		"conflicting selections of jobs: want IDs, a filter or all": {IDs: []string{"a"}, All: true},
		"at most -1 jobs: want 0 or more":                           {Filter: filter, Most: -1},
	} {
		err := s.Validate()
		require.ErrorIs(t, err, call.ErrInvalid)
		require.EqualError(t, err, want)
	}
}

// Counting and changing select the same jobs, and a command beyond its limit changes nothing.
func TestChangeJobs(t *testing.T) {
	t.Parallel()
	s := enginetest.Store(t)
	ctx := enginetest.Context(t)
	var ids []string
	for range 3 {
		added, err := s.Deliveries.AddEvent(ctx, deliverystore.NewEvent{
			Source: "shop", Jobs: []deliverystore.NewJob{{Destination: "log", Action: "write"}},
		})
		require.NoError(t, err)
		ids = append(ids, added.Jobs...)
	}
	jobs := deliveryclient.Jobs{Store: s}
	selection := deliveryclient.Selection{Filter: &deliverystore.JobFilter{Destinations: []string{"log"}}, Most: 2}
	n, err := jobs.CountChanges(ctx, deliverystore.CommandHold, selection)
	require.NoError(t, err)
	require.EqualValues(t, 3, n)
	n, err = jobs.Change(ctx, deliverystore.CommandHold, selection, ann)
	require.ErrorIs(t, err, store.ErrConflict)
	require.ErrorContains(t, err, "3 jobs are selected, at most 2 are allowed")
	require.Zero(t, n)
	selection.Most = 3
	n, err = jobs.Change(ctx, deliverystore.CommandHold, selection, ann)
	require.NoError(t, err)
	require.EqualValues(t, 3, n)
	n, err = jobs.CountChanges(ctx, deliverystore.CommandHold, selection)
	require.NoError(t, err)
	require.Zero(t, n, "held jobs are not held again")

	n, err = jobs.Change(ctx, deliverystore.CommandHold, deliveryclient.Selection{IDs: []string{ids[0], "none"}}, ann)
	require.Zero(t, n)
	require.ErrorIs(t, err, call.ErrRefused)
	require.ErrorIs(t, err, store.ErrNotFound)
	require.EqualError(t, err, "job "+ids[0]+" is held: it cannot be held\njob none: not found")
	n, err = jobs.CountReplay(ctx, selection)
	require.NoError(t, err)
	require.EqualValues(t, 3, n)
	selection.Most = 1
	_, err = jobs.Replay(ctx, selection, ann)
	require.ErrorIs(t, err, store.ErrConflict)
	selection.Most = 3
	added, err := jobs.Replay(ctx, selection, ann)
	require.NoError(t, err)
	require.Len(t, added, 3)
	require.ErrorIs(t, jobs.Edit(ctx, ids[0], nil, nil, ann), call.ErrInvalid)
}

// accepted are the states whose jobs accept a command, and the state that follows.
var accepted = map[deliverystore.JobCommand]struct {
	from    []string
	to, did string
}{
	deliverystore.CommandRetry: {
		[]string{"acknowledged", "failed", "unknown", "discarded", "cancelled"}, "awaiting", "retried",
	},
	deliverystore.CommandCancel: {
		[]string{"acknowledged", "awaiting", "failed", "unknown", "held"}, "cancelled", "cancelled",
	},
	deliverystore.CommandHold:    {[]string{"acknowledged", "awaiting", "failed", "unknown"}, "held", "held"},
	deliverystore.CommandRelease: {[]string{"held"}, "awaiting", "released"},
	deliverystore.CommandSucceed: {[]string{"unknown"}, "succeeded", "resolved as succeeded"},
	deliverystore.CommandDiscard: {[]string{"unknown"}, "discarded", "resolved as discarded"},
}

// A command changes the jobs whose state accepts it. By a filter the others are left out, by their IDs they are refused.
func TestCommandsInEachState(t *testing.T) {
	t.Parallel()
	s := setupStore(t)
	jobs := s.jobs()
	require.Len(t, accepted, len(deliverystore.JobCommands()))
	for command, want := range accepted {
		require.Equal(t, want.did, deliveryclient.Done(command))
		event, ids := s.inEachState(t, string(command))
		selection := deliveryclient.Selection{Filter: &deliverystore.JobFilter{EventID: event}}
		counted, err := jobs.CountChanges(s.ctx, command, selection)
		require.NoError(t, err)
		require.EqualValues(t, len(want.from), counted, command)
		changed, err := jobs.Change(s.ctx, command, selection, ann)
		require.NoError(t, err)
		require.Equal(t, counted, changed, command)
		for state, id := range ids {
			job, err := jobs.Show(s.ctx, id)
			require.NoError(t, err)
			if !slices.Contains(want.from, state) {
				require.Equal(t, state, job.State, command)
				continue
			}
			require.Equal(t, want.to, job.State, "%s of a job that was %s", command, state)
			require.Equal(t, "ann", job.By)
			require.Contains(t, job.Error, ": a test")
			last := job.Transitions[len(job.Transitions)-1]
			require.Equal(t, []string{state, want.to, "ann"}, []string{*last.From, last.To, last.By})
			require.Equal(t, want.to == "awaiting", job.DueAt != nil)
			if command == deliverystore.CommandRetry {
				require.Zero(t, job.Attempt)
			}
		}

		var refusals []string
		for _, state := range deliverystore.JobStates() {
			job, err := jobs.Show(s.ctx, ids[state])
			require.NoError(t, err)
			if !slices.Contains(want.from, job.State) {
				refusals = append(refusals, "job "+job.ID+" is "+job.State+": it cannot be "+want.did)
			}
		}
		all := deliveryclient.Selection{}
		for _, state := range deliverystore.JobStates() {
			all.IDs = append(all.IDs, ids[state])
		}
		_, err = jobs.Change(s.ctx, command, all, ann)
		require.ErrorIs(t, err, call.ErrRefused)
		require.EqualError(t, err, strings.Join(refusals, "\n"))
	}

	everything := deliveryclient.Selection{All: true}
	n, err := jobs.Change(s.ctx, deliverystore.CommandRelease, everything, ann)
	require.NoError(t, err)
	require.Positive(t, n)
	left, err := jobs.Count(s.ctx, deliverystore.JobFilter{States: []string{"held"}})
	require.NoError(t, err)
	require.Zero(t, left)
}

// An empty selection and an unknown command change nothing.
func TestRefusedSelections(t *testing.T) {
	t.Parallel()
	s := setupStore(t)
	jobs := s.jobs()
	none := deliveryclient.Selection{}
	_, err := jobs.CountChanges(s.ctx, deliverystore.CommandHold, none)
	require.ErrorIs(t, err, call.ErrInvalid)
	_, err = jobs.Change(s.ctx, deliverystore.CommandHold, none, ann)
	require.ErrorIs(t, err, call.ErrInvalid)
	_, err = jobs.CountReplay(s.ctx, none)
	require.ErrorIs(t, err, call.ErrInvalid)
	added, err := jobs.Replay(s.ctx, none, ann)
	require.ErrorIs(t, err, call.ErrInvalid)
	require.Empty(t, added)
	_, err = jobs.Change(s.ctx, "loose", deliveryclient.Selection{All: true}, ann)
	require.ErrorContains(t, err, `"loose" is no command to jobs: want one of ["retry" "cancel" "hold" `)
}

// Producers are notified of the jobs that a command, an edit or a replay makes due, and of no others.
func TestCommandsNotify(t *testing.T) {
	t.Parallel()
	s := setupStore(t)
	jobs := s.jobs()
	event, ids := s.inEachState(t, "crm")
	// Two of the jobs are due from the beginning.
	n, err := jobs.Change(s.ctx, deliverystore.CommandCancel, deliveryclient.Selection{
		IDs: []string{ids["acknowledged"], ids["awaiting"]},
	}, ann)
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
	heard, err := s.Subscribe(s.ctx, deliverystore.AddedChannel)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, heard.Close(s.ctx)) })
	notified := func(want string) {
		t.Helper()
		payload, told, err := heard.Await(s.ctx)
		require.NoError(t, err)
		require.True(t, told)
		require.Equal(t, want, payload)
		// What is due no more is not notified of again.
		_, err = s.Deliveries.ChangeJobs(s.ctx, deliverystore.CommandCancel, deliverystore.JobFilter{
			EventID: event, States: []string{"acknowledged", "awaiting"},
		}, 0, deliverystore.Order{By: "ann"})
		require.NoError(t, err)
	}
	one := func(state string) deliveryclient.Selection {
		return deliveryclient.Selection{IDs: []string{ids[state]}}
	}
	_, err = jobs.Change(s.ctx, deliverystore.CommandHold, one("unknown"), ann)
	require.NoError(t, err)
	_, err = jobs.Change(s.ctx, deliverystore.CommandRetry, one("failed"), ann)
	require.NoError(t, err)
	notified("crm/failed")
	_, err = jobs.Change(s.ctx, deliverystore.CommandRelease, one("held"), ann)
	require.NoError(t, err)
	notified("crm/held")
	require.NoError(t, jobs.Edit(s.ctx, ids["discarded"], nil, json.RawMessage(`{}`), ann))
	notified("crm/discarded")
	_, err = jobs.Replay(s.ctx, one("succeeded"), ann)
	require.NoError(t, err)
	notified("crm/succeeded")
}

// A replay adds a new job with the same payload, and does not change the old one.
func TestReplayJobs(t *testing.T) {
	t.Parallel()
	s := setupStore(t)
	jobs := s.jobs()
	event, ids := s.inEachState(t, "crm")
	unknown := deliveryclient.Selection{IDs: []string{ids["succeeded"], "none"}}
	added, err := jobs.Replay(s.ctx, unknown, ann)
	require.ErrorIs(t, err, store.ErrNotFound)
	require.EqualError(t, err, "job none: not found")
	require.Empty(t, added, "an unknown job is refused before any other is replayed")

	for state, id := range ids {
		before, err := jobs.Show(s.ctx, id)
		require.NoError(t, err)
		added, err := jobs.Replay(s.ctx, deliveryclient.Selection{IDs: []string{id}}, ann)
		require.NoError(t, err)
		require.Len(t, added, 1)
		replay, err := jobs.Show(s.ctx, added[0])
		require.NoError(t, err)
		require.Equal(t, id, *replay.ReplayOf)
		require.Equal(t, []string{"crm", state, "v2", event, "acknowledged"},
			[]string{replay.Destination, replay.Action, replay.Version, replay.EventID, replay.State})
		require.JSONEq(t, `{"no": 1}`, string(replay.Data))
		require.Equal(t, []string{"replayed: a test", "ann"}, []string{replay.Error, replay.By})
		require.Zero(t, replay.Attempt)
		require.NotNil(t, replay.DueAt)
		after, err := jobs.Show(s.ctx, id)
		require.NoError(t, err)
		require.Equal(t, before, after)
	}
	of := deliverystore.JobFilter{ReplayOf: ids["held"]}
	n, err := jobs.Count(s.ctx, of)
	require.NoError(t, err)
	require.EqualValues(t, 1, n)
	added, err = jobs.Replay(s.ctx, deliveryclient.Selection{
		Filter: &deliverystore.JobFilter{Destinations: []string{"none"}},
	}, ann)
	require.NoError(t, err)
	require.Equal(t, []string{}, added)
}

// A replay of more jobs than a page has replays each once, and none of those that it adds.
func TestReplayOfManyJobs(t *testing.T) {
	t.Parallel()
	s := setupStore(t)
	jobs := s.jobs()
	const many = deliverystore.MaxPage + 1
	n := deliverystore.NewEvent{Source: "shop", Jobs: make([]deliverystore.NewJob, many)}
	for i := range n.Jobs {
		n.Jobs[i] = deliverystore.NewJob{Destination: "log", Action: "write"}
	}
	event, err := s.Deliveries.AddEvent(s.ctx, n)
	require.NoError(t, err)
	selection := deliveryclient.Selection{All: true, Most: many}
	counted, err := jobs.CountReplay(s.ctx, selection)
	require.NoError(t, err)
	require.EqualValues(t, many, counted)
	added, err := jobs.Replay(s.ctx, selection, ann)
	require.NoError(t, err)
	require.Len(t, added, many)
	var originals int
	require.NoError(t, s.sql.QueryRow(s.ctx,
		"SELECT count(DISTINCT replay_of) FROM jobs WHERE replay_of = ANY ($1)", event.Jobs).Scan(&originals))
	require.Equal(t, many, originals)

	shown, err := s.events().Show(s.ctx, event.Event.ID)
	require.NoError(t, err)
	require.Len(t, shown.Jobs, deliverystore.MaxPage, "the newest jobs")
	require.Equal(t, *shown.Jobs[0].ReplayOf, event.Jobs[0], "the last page is that of the oldest job")
	require.EqualValues(t, 2*many, shown.JobCount, "all of its jobs are counted")
}
