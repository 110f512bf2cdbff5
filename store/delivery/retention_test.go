package delivery_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/delivery"
)

func TestPurge(t *testing.T) {
	t.Parallel()
	b := setup(t)
	add := func(key string, jobs, subJobs int) delivery.AddedEvent {
		n := newEvent(key, jobs)
		if subJobs > 0 {
			n.SubEvents = []delivery.NewEvent{newEvent(key+"-part", subJobs)}
		}
		added, err := b.AddEvent(b.ctx, n)
		require.NoError(t, err)
		return added
	}
	done, mixed, partly, idle := add("done", 2, 1), add("mixed", 2, 0), add("partly", 1, 1), add("idle", 0, 0)
	for _, id := range append(done.Jobs, mixed.Jobs[0], partly.Jobs[0]) {
		b.force(t, id, delivery.JobSucceeded)
	}
	b.force(t, mixed.Jobs[1], delivery.JobDiscarded)
	replayed, _, err := b.ReplayJobs(b.ctx, delivery.JobFilter{IDs: done.Jobs[:1]}, delivery.Page{}, me)
	require.NoError(t, err)
	b.force(t, replayed[0], delivery.JobSucceeded)

	rule := delivery.Retention{ReceivedBefore: time.Now().Add(time.Minute)}
	want := delivery.Purged{Events: 3, Jobs: 4, Transitions: 12}
	dry, err := b.Purge(b.ctx, rule, true)
	require.NoError(t, err)
	require.Equal(t, want, dry)
	_, err = b.Event(b.ctx, done.Event.ID)
	require.NoError(t, err, "a dry run takes nothing")
	for _, none := range []delivery.Retention{
		{ReceivedBefore: time.Now().Add(-time.Hour)},
		{ReceivedBefore: rule.ReceivedBefore, Sources: []string{"till"}},
		{ReceivedBefore: rule.ReceivedBefore, NotSources: []string{"shop"}},
	} {
		got, err := b.Purge(b.ctx, none, false)
		require.NoError(t, err)
		require.Zero(t, got)
	}
	got, err := b.Purge(b.ctx, rule, false)
	require.NoError(t, err)
	require.Equal(t, want, got)
	for _, id := range []string{done.Event.ID, done.SubEvents[0].Event.ID, idle.Event.ID} {
		_, err = b.Event(b.ctx, id)
		require.ErrorIs(t, err, store.ErrNotFound)
	}
	for _, id := range []string{mixed.Event.ID, partly.Event.ID, partly.SubEvents[0].Event.ID} {
		_, err = b.Event(b.ctx, id)
		require.NoError(t, err)
	}
	rule.States = []string{delivery.JobSucceeded, delivery.JobDiscarded}
	got, err = b.Purge(b.ctx, rule, false)
	require.NoError(t, err)
	require.EqualValues(t, 1, got.Events)
	require.EqualValues(t, 2, got.Jobs)
	_, err = b.Purge(b.ctx, delivery.Retention{}, false)
	require.ErrorContains(t, err, "want ReceivedBefore")
	// History is append-only again afterwards.
	_, err = b.sql.Exec(b.ctx, "DELETE FROM transitions")
	require.ErrorContains(t, err, "append-only")
}

func TestPurgeInSteps(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.many(t, 1500)
	// Events with equal times are distinguished; the cursor passes the kept ones.
	b.exec(t, "UPDATE events SET received_at = date_trunc('day', received_at)")
	rule := delivery.Retention{ReceivedBefore: time.Now().Add(-48 * time.Hour), States: []string{delivery.JobFailed}}
	step, after, done, err := b.PurgeStep(b.ctx, rule, delivery.PurgeCursor{})
	require.NoError(t, err)
	require.False(t, done, "there may be more")
	require.NotZero(t, step.Events)
	require.NotEmpty(t, after.ID)
	step, _, done, err = b.PurgeStep(b.ctx, rule, after)
	require.NoError(t, err)
	require.True(t, done)
	require.Zero(t, step)
	got, err := b.Purge(b.ctx, delivery.Retention{ReceivedBefore: time.Now().Add(time.Minute)}, false)
	require.NoError(t, err)
	require.EqualValues(t, 1335, got.Events)
	require.EqualValues(t, 1335, got.Jobs)
	require.EqualValues(t, 3*1335, got.Transitions)
}
