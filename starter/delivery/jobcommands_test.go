package delivery_test

import (
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
	for _, c := range deliverystore.JobCommands() {
		require.NotEmpty(t, deliveryclient.Done(c))
	}

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
