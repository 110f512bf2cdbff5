package delivery_test

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/store/delivery"
)

// unprepared adds an event with that many unprepared jobs of crm/upsert.
func (b *bundle) unprepared(t *testing.T, n int) []string {
	t.Helper()
	event := newEvent("", n)
	for i := range event.Jobs {
		event.Jobs[i].Unprepared = true
	}
	added, err := b.AddEvent(b.ctx, event)
	require.NoError(t, err)
	return added.Jobs
}

// A prepared job has the payload that it was given, and all its attempts before it.
func TestPrepare(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ids := b.unprepared(t, 2)
	claimed := b.claim(t)
	require.Len(t, claimed, 2)
	require.True(t, claimed[0].Unprepared)
	due := time.Now().Add(time.Hour).Truncate(time.Second)
	jobs := []delivery.PreparedJob{
		{JobID: ids[0], FencingToken: claimed[0].FencingToken, NewJob: delivery.NewJob{
			Version: "v3", Data: json.RawMessage(`{"connection": "shop"}`), Context: json.RawMessage(`{"a": 1}`), DueAt: due,
		}},
		{JobID: ids[1], FencingToken: claimed[1].FencingToken + 1},
	}
	prepared, err := b.Prepare(b.ctx, jobs)
	require.NoError(t, err)
	require.Equal(t, ids[:1], prepared, "the other one belongs to another attempt")
	prepared, err = b.Prepare(b.ctx, jobs)
	require.NoError(t, err)
	require.Empty(t, prepared, "a job is prepared once")
	job, err := b.Job(b.ctx, ids[0])
	require.NoError(t, err)
	require.False(t, job.Unprepared)
	require.Zero(t, job.Attempt)
	require.Equal(t, []string{"v3", "shop", delivery.JobAwaiting}, []string{job.Version, job.Connection, job.State})
	require.JSONEq(t, `{"connection": "shop"}`, string(job.Data))
	require.JSONEq(t, `{"a": 1}`, string(job.Context))
	require.True(t, due.Equal(*job.DueAt))
	require.Equal(t, []string{delivery.JobAcknowledged, delivery.JobExecuting, delivery.JobAwaiting}, b.history(t, ids[0]))

	_, err = b.Prepare(b.ctx, []delivery.PreparedJob{{JobID: ids[1], NewJob: delivery.NewJob{Data: json.RawMessage(`{`)}}})
	require.ErrorIs(t, err, delivery.ErrPayload)
	_, err = b.Prepare(b.ctx, []delivery.PreparedJob{
		{JobID: ids[1], FencingToken: claimed[1].FencingToken, NewJob: delivery.NewJob{Data: json.RawMessage(`"\u0000"`)}},
	})
	require.ErrorIs(t, err, delivery.ErrPayload)
}

// An unprepared job was not delivered: it is due again when the lease expires, also where jobs whose
// worker was lost wait for a person. A replay of it is unprepared, too.
func TestUnpreparedJobOfLostWorker(t *testing.T) {
	t.Parallel()
	b := setup(t)
	ids := b.unprepared(t, 1)
	require.Len(t, b.claim(t), 1)
	b.exec(t, "UPDATE jobs SET lease_expires_at = now() WHERE id = $1", ids[0])
	kept := request()
	kept.RedriveAfter = -1
	expired, err := b.ExpireLeases(b.ctx, kept)
	require.NoError(t, err)
	require.Equal(t, map[delivery.ActionName]int{{Destination: "crm", Action: "upsert"}: 1}, expired)
	require.Equal(t, []string{delivery.JobAcknowledged, delivery.JobExecuting, delivery.JobAwaiting}, b.history(t, ids[0]))
	require.Len(t, b.claim(t), 1)

	replayed, _, err := b.ReplayJobs(b.ctx, delivery.JobFilter{IDs: ids}, delivery.Page{}, me)
	require.NoError(t, err)
	require.Len(t, replayed, 1)
	job, err := b.Job(b.ctx, replayed[0])
	require.NoError(t, err)
	require.True(t, job.Unprepared)
}
