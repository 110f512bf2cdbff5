package delivery_test

import (
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/delivery"
)

func TestClaimDue(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ids := b.addJobs(t, 3)
	r := request()
	r.Limit = 2
	claim, err := b.ClaimDue(b.ctx, r)
	require.NoError(t, err)
	require.Len(t, claim.Jobs, 2)
	require.Equal(t, ids[0], claim.Jobs[0].ID, "the oldest first")
	require.Equal(t, ids[1], claim.Jobs[1].ID)
	for _, job := range claim.Jobs {
		require.Equal(t, delivery.JobExecuting, job.State)
		require.EqualValues(t, 1, job.Attempt)
		require.EqualValues(t, 1, job.FencingToken)
		require.WithinDuration(t, time.Now().Add(time.Minute), *job.LeaseExpiresAt, 10*time.Second)
		require.JSONEq(t, `{"total": 12}`, string(claim.Events[job.EventID].Data))
	}
	r.Concurrency = 2
	backlog, err := b.Backlog(b.ctx, r)
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), backlog.Next, 10*time.Second, "the third")
	require.EqualValues(t, 1, backlog.Due)
	// Another action has nothing to do.
	r.Action = "delete"
	none, err := b.ClaimDue(b.ctx, r)
	require.NoError(t, err)
	require.Empty(t, none.Jobs)
	backlog, err = b.Backlog(b.ctx, r)
	require.NoError(t, err)
	require.Zero(t, backlog)
	require.NoError(t, b.KeepJobs(b.ctx, claim.Jobs, time.Hour))
	kept, err := b.Job(b.ctx, ids[0])
	require.NoError(t, err)
	require.WithinDuration(t, time.Now().Add(time.Hour), *kept.LeaseExpiresAt, 10*time.Second)
}

// One claim is for several actions, each with a limit and connections of its own to pass over.
func TestClaimOfSeveralActions(t *testing.T) {
	t.Parallel()
	b := setup(t)
	event := newEvent("", 0)
	for n := range 5 {
		for _, action := range []string{"upsert", "delete"} {
			data := json.RawMessage(fmt.Sprintf(`{"connection": "%s%d"}`, action, n%2))
			event.Jobs = append(event.Jobs, delivery.NewJob{Destination: "crm", Action: action, Data: data})
		}
	}
	_, err := b.AddEvent(b.ctx, event)
	require.NoError(t, err)
	first, second := request(), request()
	first.Limit, first.Busy = 10, []string{"upsert0"}
	second.Action, second.Limit = "delete", 1
	claim, err := b.ClaimDue(b.ctx, second, first)
	require.NoError(t, err)
	batches := claim.Batches()
	require.Len(t, batches, 2)
	require.Len(t, batches[delivery.Batch{Destination: "crm", Action: "upsert", Connection: "upsert1"}].Jobs, 2)
	require.Len(t, batches[delivery.Batch{Destination: "crm", Action: "delete", Connection: "delete0"}].Jobs, 1)
	none, err := b.ClaimDue(b.ctx)
	require.NoError(t, err)
	require.Empty(t, none.Jobs)
}

// Concurrent claims never get the same job, and all together get every one.
func TestClaimsDoNotOverlap(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for range 10 {
		b.addJobs(t, 40)
	}
	var mu sync.Mutex
	taken := map[string]int{}
	for _, err := range enginetest.AtOnce(8, func(int) error {
		for {
			r := request()
			r.Limit, r.Concurrency = 7, 1000
			claim, err := b.ClaimDue(b.ctx, r)
			if err != nil {
				return err
			}
			if len(claim.Jobs) == 0 {
				return nil
			}
			mu.Lock()
			for _, job := range claim.Jobs {
				taken[job.ID]++
			}
			mu.Unlock()
		}
	}) {
		require.NoError(t, err)
	}
	require.Len(t, taken, 400)
	for id, times := range taken {
		require.Equal(t, 1, times, id)
	}
}

// A job whose worker is lost becomes unknown, and is loaded again as the policy says.
func TestLostWorker(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		redrive time.Duration
		retries int32
		again   bool
	}{
		"at once":           {redrive: 0, retries: 3, again: true},
		"by a person":       {redrive: -1, retries: 3},
		"tried too often":   {redrive: 0, retries: 0},
		"not before a hour": {redrive: time.Hour, retries: 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			id := b.addJobs(t, 1)[0]
			r := request()
			r.RedriveAfter, r.MaxRetries = test.redrive, test.retries
			first, err := b.ClaimDue(b.ctx, r)
			require.NoError(t, err)
			backlog, err := b.Backlog(b.ctx, r)
			require.NoError(t, err)
			require.Equal(t, *first.Jobs[0].LeaseExpiresAt, backlog.Next)
			expired, err := b.ExpireLeases(b.ctx, r)
			require.NoError(t, err)
			require.Empty(t, expired, "not yet")
			b.exec(t, "UPDATE jobs SET lease_expires_at = now() - interval '1 s'")
			expired, err = b.ExpireLeases(b.ctx, r)
			require.NoError(t, err)
			require.Equal(t, map[delivery.ActionName]int{{Destination: r.Destination, Action: r.Action}: 1}, expired)
			again, err := b.ClaimDue(b.ctx, r)
			require.NoError(t, err)
			if !test.again {
				require.Empty(t, again.Jobs)
				job, err := b.Job(b.ctx, id)
				require.NoError(t, err)
				require.Equal(t, delivery.JobUnknown, job.State)
				require.Equal(t, test.redrive == time.Hour, job.DueAt != nil)
				reason, err := delivery.ErrorOf(job.LastError)
				require.NoError(t, err)
				require.Contains(t, reason.Message, "it may have been delivered")
				return
			}
			require.Len(t, again.Jobs, 1)
			require.EqualValues(t, 2, again.Jobs[0].FencingToken)
			require.Equal(t, []string{"acknowledged", "executing", "unknown", "executing"}, b.history(t, id))
			// What the lost worker has to say now is refused, and it keeps nothing.
			late, err := b.RecordOutcomes(b.ctx, []delivery.JobOutcome{outcome(first.Jobs[0], delivery.JobSucceeded)})
			require.NoError(t, err)
			require.Equal(t, delivery.Recorded{Fenced: []string{id}}, late)
			require.ErrorIs(t, b.KeepJobs(b.ctx, first.Jobs, time.Hour), store.ErrFenced)
		})
	}
}

func TestPause(t *testing.T) {
	t.Parallel()
	for _, action := range []string{"", "upsert"} {
		b := setup(t)
		b.addJobs(t, 1)
		require.NoError(t, b.Pause(b.ctx, "crm", action, "anna"))
		require.NoError(t, b.Pause(b.ctx, "crm", action, "ben"))
		claim, err := b.ClaimDue(b.ctx, request())
		require.NoError(t, err)
		require.Empty(t, claim.Jobs)
		set, err := b.Settings(b.ctx, "crm")
		require.NoError(t, err)
		require.Equal(t, "anna", set[action].UpdatedBy, "nothing has changed since")
		require.NoError(t, b.Resume(b.ctx, "crm", action, "ben"))
		require.Len(t, b.claim(t), 1)
	}
}

func TestSettings(t *testing.T) {
	t.Parallel()
	b := setup(t)
	every, retries := "@every 5m", int32(0)
	set, err := b.SaveSettings(b.ctx, delivery.ChangedSettings{
		Destination: "crm", Action: "upsert", Interval: &every, MaxRetries: &retries, UpdatedBy: "anna",
	})
	require.NoError(t, err)
	require.EqualValues(t, 1, set.Version)
	require.Equal(t, &retries, set.MaxRetries)
	require.Nil(t, set.Realtime)
	changed := delivery.ChangedSettings{Destination: "crm", Action: "upsert", Paused: true, UpdatedBy: "ben", Replaces: 1}
	set, err = b.SaveSettings(b.ctx, changed)
	require.NoError(t, err)
	require.EqualValues(t, 2, set.Version)
	_, err = b.SaveSettings(b.ctx, changed)
	require.ErrorIs(t, err, store.ErrConflict)
	require.ErrorContains(t, err, "crm/upsert")
}
