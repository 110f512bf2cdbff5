package e2e

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	"github.com/sluicehq/sluice/workflows/delivery"
)

var (
	post  = deliveryacts.ActionRef{Destination: "crm", Action: "post"}
	audit = deliveryacts.ActionRef{Destination: "crm", Action: "audit"}
)

// Jobs of a realtime action and of one with a schedule reach every state. The workflow's totals agree
// with the store.
func TestDestinationLife(t *testing.T) {
	t.Parallel()
	crm := newSink("crm",
		&sinkAction{name: "post", schedule: realtime(), then: []destinations.Next{{Action: "audit"}}},
		&sinkAction{name: "audit", schedule: destinations.Schedule{
			Interval: "@every 1s", InitialBackoff: 100 * time.Millisecond, MaxBackoff: time.Second,
		}})
	d := setupSinks(t, crm)
	ctx := enginetest.Context(t)
	well, again := d.send(post, sinkData{}), d.send(post, sinkData{Fail: 2})
	worn, bad := d.send(post, sinkData{Fail: 9}), d.send(post, sinkData{Bad: true})

	const executing = deliverystore.JobExecuting
	require.Equal(t, []string{deliverystore.JobAcknowledged, executing, deliverystore.JobSucceeded}, d.wait(well, deliverystore.JobSucceeded))
	require.Equal(t, []string{
		deliverystore.JobAcknowledged, executing, deliverystore.JobFailed, executing, deliverystore.JobFailed, executing, deliverystore.JobSucceeded,
	}, d.wait(again, deliverystore.JobSucceeded))
	require.Equal(t, []string{
		deliverystore.JobAcknowledged, executing, deliverystore.JobFailed, executing, deliverystore.JobFailed, executing, deliverystore.JobDiscarded,
	}, d.wait(worn, deliverystore.JobDiscarded))
	require.Equal(t, []string{deliverystore.JobAcknowledged, executing, deliverystore.JobDiscarded}, d.wait(bad, deliverystore.JobDiscarded))

	// The chained job is delivered on the schedule.
	children, err := d.Store.Deliveries.ListJobs(ctx, deliverystore.JobFilter{ParentID: well}, deliverystore.Page{})
	require.NoError(t, err)
	require.Len(t, children, 1)
	require.Equal(t, []string{deliverystore.JobAcknowledged, executing, deliverystore.JobSucceeded},
		d.wait(children[0].ID, deliverystore.JobSucceeded))

	// Replayed and retried by hand.
	by := deliverystore.Order{By: "ann", Reason: "a look"}
	replayed, _, err := d.Store.Deliveries.ReplayJobs(ctx, deliverystore.JobFilter{IDs: []string{well}}, deliverystore.Page{}, by)
	require.NoError(t, err)
	require.NoError(t, d.Store.Deliveries.EditAndRetry(ctx, bad, nil, []byte(`{}`), by))
	require.NoError(t, d.Wake(ctx, []deliveryacts.ActionRef{post}))
	require.Len(t, replayed, 1)
	d.wait(replayed[0], deliverystore.JobSucceeded)
	require.Equal(t, []string{
		deliverystore.JobAcknowledged, executing, deliverystore.JobDiscarded, deliverystore.JobAwaiting, executing, deliverystore.JobSucceeded,
	}, d.wait(bad, deliverystore.JobSucceeded))

	state := d.waitState(post, func(s delivery.ActionState) bool { return s.Totals.Succeeded == 4 })
	require.EqualValues(t, 2, state.Totals.Discarded, "one was retried since")
	require.EqualValues(t, 4, state.Totals.Failed)
	require.Zero(t, state.Totals.Unknown)
	require.True(t, state.Plan.Realtime)
	d.waitState(audit, func(s delivery.ActionState) bool { return s.Totals.Succeeded == 4 })
	jobs, twice := crm.counts()
	require.Equal(t, 8, jobs)
	require.Zero(t, twice)
	backlog, err := d.Backlog(ctx, post)
	require.NoError(t, err)
	require.Zero(t, backlog)
}

// A destination that hangs delays neither other destinations nor the end of the worker.
func TestHangingDestination(t *testing.T) {
	t.Parallel()
	hang := make(chan struct{})
	slow := newSink("slow", &sinkAction{name: "post", schedule: realtime(), hang: hang})
	fast := newSink("fast", &sinkAction{name: "post", schedule: realtime()})
	d := setupSinks(t, slow, fast)
	stuck := deliveryacts.ActionRef{Destination: "slow", Action: "post"}
	waiting := d.send(stuck, sinkData{})
	d.wait(waiting, deliverystore.JobExecuting)
	for range 20 {
		id := d.send(deliveryacts.ActionRef{Destination: "fast", Action: "post"}, sinkData{})
		require.Len(t, d.wait(id, deliverystore.JobSucceeded), 3)
	}
	now, err := d.Store.Deliveries.Job(enginetest.Context(t), waiting)
	require.NoError(t, err)
	require.Equal(t, deliverystore.JobExecuting, now.State)
	require.Equal(t, delivery.ActionDraining, d.waitState(stuck, func(s delivery.ActionState) bool { return s.Running == 1 }).Status)
	close(hang)
	d.wait(waiting, deliverystore.JobSucceeded)
}

// A flood of events is delivered, each event once, despite pauses, commands and a restart of the worker.
func TestDestinationCommandsLoseNothing(t *testing.T) {
	t.Parallel()
	crm := newSink("crm", &sinkAction{name: "post", schedule: realtime()},
		&sinkAction{name: "audit", schedule: destinations.Schedule{Interval: "@every 1h"}})
	d := setupSinks(t, crm)
	ctx, by := enginetest.Context(t), starter.By{Who: "ann"}
	var ids sync.Map
	flood := func(n int) {
		var senders errgroup.Group
		for range 5 {
			senders.Go(func() error {
				for range n / 5 {
					id, err := d.trySend(ctx, post, sinkData{})
					if err != nil {
						return err
					}
					ids.Store(id, true)
				}
				return nil
			})
		}
		require.NoError(t, senders.Wait())
	}
	flood(50)
	require.NoError(t, d.Pause(ctx, post, by))
	before, _ := crm.counts()
	flood(50)
	require.Equal(t, delivery.ActionPaused, d.waitState(post, func(s delivery.ActionState) bool { return s.Running == 0 }).Status)
	paused, _ := crm.counts()
	require.LessOrEqual(t, paused, 50)
	require.GreaterOrEqual(t, paused, before)

	// A deployment.
	d.stop()
	d.StartWorker(t)
	require.True(t, d.waitState(post, func(delivery.ActionState) bool { return true }).Plan.Paused)
	interval := "@every 30m"
	require.NoError(t, d.SetSchedule(ctx, post, deliveryclient.NewTiming{Interval: &interval}, by))
	require.NoError(t, d.SetConcurrency(ctx, post, 3, by))
	require.NoError(t, d.SetRate(ctx, post, 500, by))
	require.NoError(t, d.Resume(ctx, post, by))
	flood(50)
	require.EventuallyWithT(t, func(collect *assert.CollectT) {
		jobs, _ := crm.counts()
		require.Equal(collect, 150, jobs)
	}, 30*time.Second, 50*time.Millisecond)
	_, twice := crm.counts()
	require.Zero(t, twice)
	state := d.waitState(post, func(s delivery.ActionState) bool { return s.Totals.Succeeded == 150 })
	require.Equal(t, "@every 30m", state.Plan.Interval)
	require.Equal(t, 3, state.Plan.Concurrency)
	require.InDelta(t, 500, state.Plan.RatePerSecond, 0)
	require.WithinDuration(t, time.Now().Add(30*time.Minute), state.NextRun, time.Minute)

	// A job of an action with a schedule waits for it, or for a trigger.
	id := d.send(audit, sinkData{})
	d.waitState(audit, func(s delivery.ActionState) bool { return !s.NextRun.IsZero() })
	waits, err := d.Store.Deliveries.Job(ctx, id)
	require.NoError(t, err)
	require.Equal(t, deliverystore.JobAcknowledged, waits.State)
	require.NoError(t, d.Trigger(ctx, audit, by))
	d.wait(id, deliverystore.JobSucceeded)

	wrong := "@every never"
	require.ErrorContains(t, d.SetSchedule(ctx, post, deliveryclient.NewTiming{Interval: &wrong}, by), "is not a duration")
	require.NoError(t, d.Pause(ctx, deliveryacts.ActionRef{Destination: "crm"}, by))
	d.waitState(audit, func(s delivery.ActionState) bool { return s.Status == delivery.ActionPaused })
	require.ErrorContains(t, d.Resume(ctx, post, by), "paused as a whole")
	require.ErrorContains(t, d.Trigger(ctx, audit, by), "is paused")
	require.NoError(t, d.Resume(ctx, deliveryacts.ActionRef{Destination: "crm"}, by))
	d.waitState(audit, func(s delivery.ActionState) bool { return s.Status == delivery.ActionIdle })
}

// The circuit of a connection opens, lets one job through, and closes when that has succeeded.
func TestDestinationCircuitBreaker(t *testing.T) {
	t.Parallel()
	var down atomic.Bool
	down.Store(true)
	schedule := realtime()
	schedule.MaxRetries = destinations.Retries(1000)
	crm := newSink("crm", &sinkAction{name: "post", schedule: schedule, fault: func() error {
		if down.Load() {
			return errors.New("out of order")
		}
		return nil
	}})
	d := setupSinks(t, crm)
	first := d.send(post, sinkData{})
	for range 10 {
		d.send(post, sinkData{})
	}
	d.waitState(post, func(s delivery.ActionState) bool {
		return len(s.Unhealthy) == 1 && s.Unhealthy[0].Failures >= 2 && s.Unhealthy[0].Reason == "out of order" &&
			s.Unhealthy[0].Connection == "@crm"
	})
	down.Store(false)
	d.wait(first, deliverystore.JobSucceeded)
	state := d.waitState(post, func(s delivery.ActionState) bool { return s.Totals.Succeeded == 11 })
	require.Empty(t, state.Unhealthy)
	_, twice := crm.counts()
	require.Zero(t, twice)
}
