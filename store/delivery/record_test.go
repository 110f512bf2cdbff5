package delivery_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/store/delivery"
)

func TestRecordOutcomes(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ids := b.addJobs(t, 6)
	claimed := b.claim(t)
	outcomes := []delivery.JobOutcome{
		outcome(claimed[0], delivery.JobSucceeded), outcome(claimed[1], delivery.JobFailed), outcome(claimed[2], delivery.JobDiscarded),
		outcome(claimed[3], delivery.JobUnknown), outcome(claimed[4], delivery.JobUnknown), outcome(claimed[5], delivery.JobAwaiting),
	}
	outcomes[1].RetryAfter, outcomes[3].RetryAfter, outcomes[4].RetryAfter = time.Hour, -1, time.Minute
	r := b.record(t, outcomes...)
	require.ElementsMatch(t, ids, r.Recorded)
	for i, want := range []struct {
		due      time.Duration
		finished bool
		attempt  int32
	}{
		{-1, true, 1}, {time.Hour, false, 1}, {-1, true, 1}, {-1, false, 1}, {time.Minute, false, 1}, {0, false, 0},
	} {
		job, err := b.Job(b.ctx, ids[i])
		require.NoError(t, err)
		require.Equal(t, outcomes[i].State, job.State)
		require.Nil(t, job.LeaseExpiresAt)
		require.Equal(t, want.finished, job.FinishedAt != nil, i)
		require.Equal(t, want.attempt, job.Attempt, i)
		if want.due < 0 {
			require.Nil(t, job.DueAt, i)
		} else {
			require.WithinDuration(t, time.Now().Add(want.due), *job.DueAt, 10*time.Second, i)
		}
		reason, err := delivery.ErrorOf(job.LastError)
		require.NoError(t, err)
		require.Equal(t, delivery.JobError{Message: outcomes[i].Error}, reason)
		lines, err := b.TransitionsOf(b.ctx, job.ID)
		require.NoError(t, err)
		require.Len(t, lines, 3)
		require.JSONEq(t, string(job.LastError), string(lines[2].Error))
	}
	// Said twice, as after an answer that was lost, it is done once.
	again, err := b.RecordOutcomes(b.ctx, outcomes)
	require.NoError(t, err)
	require.Empty(t, again.Recorded)
	require.ElementsMatch(t, ids, again.Already)
	// The retry is the second attempt.
	b.exec(t, "UPDATE jobs SET due_at = now() WHERE state = 'failed'")
	for _, job := range b.claim(t) {
		if job.ID == ids[1] {
			require.EqualValues(t, 2, job.Attempt)
		}
	}
}

func TestRecordOutcomesTwiceInOne(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.addJobs(t, 1)
	job := b.claim(t)[0]
	r, err := b.RecordOutcomes(b.ctx, []delivery.JobOutcome{
		outcome(job, delivery.JobSucceeded), outcome(job, delivery.JobFailed), {JobID: "gone", State: delivery.JobSucceeded},
	})
	require.NoError(t, err)
	require.Equal(t, delivery.Recorded{Recorded: []string{job.ID}, Already: []string{job.ID}, Fenced: []string{"gone"}}, r)
	require.Equal(t, []string{"acknowledged", "executing", "succeeded"}, b.history(t, job.ID))
	_, err = b.RecordOutcomes(b.ctx, nil)
	require.NoError(t, err)
}

// A worker that returns late still reports its outcome.
func TestLateOutcome(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.addJobs(t, 2)
	claimed := b.claim(t)
	b.record(t, outcome(claimed[0], delivery.JobUnknown), outcome(claimed[1], delivery.JobUnknown))
	r, err := b.RecordOutcomes(b.ctx, []delivery.JobOutcome{
		outcome(claimed[0], delivery.JobSucceeded), outcome(claimed[1], delivery.JobFailed),
	})
	require.NoError(t, err)
	require.Equal(t, []string{claimed[0].ID}, r.Recorded)
	require.Equal(t, []string{claimed[1].ID}, r.Already)
}

func TestRecordRefusesOtherStates(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.addJobs(t, 1)
	job := b.claim(t)[0]
	for _, state := range []string{"", delivery.JobHeld, delivery.JobCancelled, delivery.JobExecuting, delivery.JobAcknowledged} {
		_, err := b.RecordOutcomes(b.ctx, []delivery.JobOutcome{outcome(job, state)})
		want := "state %q is not an outcome: want succeeded, failed, discarded, unknown or awaiting"
		require.ErrorContains(t, err, fmt.Sprintf(want, state))
	}
}

// Following jobs are added once, are of the same event, and know where they come from.
func TestChain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.addJobs(t, 1)
	job := b.claim(t)[0]
	o := outcome(job, delivery.JobSucceeded)
	o.Chained = []delivery.NewJob{newJob("tag", 1), newJob("notify", 2)}
	r := b.record(t, o)
	require.Len(t, r.Chained, 2)
	again, err := b.RecordOutcomes(b.ctx, []delivery.JobOutcome{o})
	require.NoError(t, err)
	require.Empty(t, again.Chained)
	n, err := b.CountJobs(b.ctx, delivery.JobFilter{ParentID: job.ID})
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
	next, err := b.Job(b.ctx, r.Chained[0].ID)
	require.NoError(t, err)
	require.Equal(t, job.EventID, next.EventID)
	require.Equal(t, []string{"upsert"}, next.Lineage)
	require.JSONEq(t, string(job.Context), string(next.Context))
}

// What cannot follow is refused, and the outcome noted all the same.
func TestChainRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.addJobs(t, 1)
	job := b.claim(t)[0]
	o := outcome(job, delivery.JobSucceeded)
	other := newJob("tag", 1)
	other.Destination = "elsewhere"
	broken := newJob("tag", 1)
	broken.Data = json.RawMessage(`{"a": "\u0000"}`)
	long := newJob("an action whose name is longer than any name that there is", 1)
	o.Chained = []delivery.NewJob{newJob("upsert", 1), other, broken, long, newJob("tag", 1)}
	r := b.record(t, o)
	require.Len(t, r.Chained, 1)
	require.Len(t, r.Refused, 4)
	require.ErrorIs(t, r.Refused[0], delivery.ErrChain)
	require.ErrorContains(t, r.Refused[0], "upsert -> upsert is a cycle")
	require.ErrorIs(t, r.Refused[1], delivery.ErrChain)
	require.ErrorIs(t, r.Refused[2], delivery.ErrPayload)
	require.ErrorContains(t, r.Refused[3], "the action has 58 characters: want 1 to 50")
}

// A chain ends.
func TestChainIsBounded(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.addJobs(t, 1)
	action := "upsert"
	for depth := 1; ; depth++ {
		r := request()
		r.Action = action
		claim, err := b.ClaimDue(b.ctx, r)
		require.NoError(t, err)
		require.Len(t, claim.Jobs, 1)
		action = fmt.Sprintf("step_%d", depth)
		o := outcome(claim.Jobs[0], delivery.JobSucceeded)
		o.Chained = []delivery.NewJob{newJob(action, depth)}
		recorded := b.record(t, o)
		if depth <= delivery.MaxChain {
			require.Len(t, recorded.Chained, 1, depth)
			continue
		}
		require.Len(t, recorded.Refused, 1)
		require.ErrorIs(t, recorded.Refused[0], delivery.ErrChain)
		require.ErrorContains(t, recorded.Refused[0], "want at most 8 jobs")
		return
	}
}
