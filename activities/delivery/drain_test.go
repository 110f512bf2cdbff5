package delivery_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/internal/polltest"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

func (d *deliveries) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.loaded)
}

// until waits for a condition.
func (d *deliveries) until(so func() bool) {
	d.t.Helper()
	polltest.Eventually(d.t, so, 30*time.Second, 5*time.Millisecond)
}

// background starts a drain, and returns its result when it has ended.
func (d *deliveries) background(action string, length time.Duration) (result func() delivery.Drained) {
	var running sync.WaitGroup
	var drained delivery.Drained
	var err error
	running.Go(func() {
		request := delivery.DrainRequest{StatusRequest: about(action, false), Seconds: length.Seconds()}
		drained, err = run[delivery.Drained](d, d.Drain, request)
	})
	return func() delivery.Drained {
		d.t.Helper()
		running.Wait()
		require.NoError(d.t, err)
		return drained
	}
}

// A drain of an action with a schedule ends when no jobs are left. New jobs wait for a full one.
func TestScheduledDrain(t *testing.T) {
	t.Parallel()
	d := setupDeliveries(t)
	d.add("audit", 12)
	require.Zero(t, d.drain("audit", false).Claimed)
	drained := d.drain("audit", true)
	require.Equal(t, 12, drained.Claimed)
	require.Equal(t, 3, drained.Batches)
	require.EqualValues(t, 12, drained.Succeeded)
	require.Zero(t, drained.Due)
	require.Len(t, d.loaded, 12)
}

// A drain of a realtime action delivers jobs that are added while it runs, with and without a
// notification.
func TestRealtimeDrain(t *testing.T) {
	t.Parallel()
	d := setupDeliveries(t)
	d.ReportIdle = time.Hour
	d.add("upsert", 1)
	result := d.background("upsert", time.Hour)
	d.until(func() bool { return d.count() == 1 })
	d.add("upsert", 7)
	require.NoError(t, d.Store.NotifyJobs(d.ctx, []deliverystore.ActionName{{Destination: "crm", Action: "upsert"}}))
	d.until(func() bool { return d.count() == 8 })
	d.add("upsert", 7)
	d.until(func() bool { return d.count() == 15 })
	require.NoError(t, d.Store.Pause(d.ctx, "crm", "upsert", "ann"))
	drained := result()
	require.EqualValues(t, 15, drained.Succeeded)
	require.True(t, drained.Plan.Paused, "a change of settings ends it")
	require.Zero(t, drained.Due)
}

// A drain without jobs lasts; one with results ends to report them.
func TestDrainReports(t *testing.T) {
	t.Parallel()
	d := setupDeliveries(t)
	require.Zero(t, d.drainFor("upsert", false, 300*time.Millisecond).Claimed, "its time has passed")
	result := d.background("upsert", time.Hour)
	d.add("upsert", 3)
	require.EqualValues(t, 3, result().Succeeded)
}

// A paused action has no drain.
func TestPausedDrain(t *testing.T) {
	t.Parallel()
	d := setupDeliveries(t)
	d.add("upsert", 3)
	require.NoError(t, d.Store.Pause(d.ctx, "crm", "upsert", "ann"))
	drained := d.drain("upsert", false)
	require.True(t, drained.Plan.Paused)
	require.Zero(t, drained.Claimed)
}

// A connection that hangs delays neither the jobs of others nor the end of the drain. Its own batch is
// recorded when it has ended, and counted by the next drain.
func TestDrainOfHangingConnection(t *testing.T) {
	t.Parallel()
	d := setupDeliveries(t)
	d.ReportIdle = time.Hour
	d.hang = make(chan struct{})
	slow := d.addTo("slow", 12)
	for range 20 {
		d.addTo("fast", 3)
	}
	result := d.background("upsert", 2*time.Second)
	d.until(func() bool { return d.count() == 60 })
	drained := result()
	require.EqualValues(t, 60, drained.Succeeded)
	require.Zero(t, drained.Due)
	require.EqualValues(t, 7, drained.Blocked, "one batch at a time")
	d.addTo("fast", 1)
	require.EqualValues(t, 1, d.drainFor("upsert", false, 500*time.Millisecond).Succeeded)
	close(d.hang)
	d.until(func() bool {
		job, err := d.Store.Job(d.ctx, slow[0])
		return err == nil && job.State == deliverystore.JobSucceeded
	})
	require.EqualValues(t, 12, d.drainFor("upsert", false, time.Second).Succeeded, "with those of the earlier batch")
}

// With room for it, several batches of a connection are in flight.
func TestDrainConcurrency(t *testing.T) {
	t.Parallel()
	d := setupDeliveries(t)
	three := int32(3)
	change := delivery.SettingsChange{StatusRequest: about("upsert", false), By: "ann", Concurrency: &three}
	_, err := run[delivery.ActionStatus](d, d.Apply, change)
	require.NoError(t, err)
	d.hang = make(chan struct{})
	d.addTo("slow", 20)
	result := d.background("upsert", time.Hour)
	executing := func() int64 {
		n, err := d.Store.CountJobs(d.ctx, deliverystore.JobFilter{States: []string{deliverystore.JobExecuting}})
		require.NoError(t, err)
		return n
	}
	d.until(func() bool { return executing() == 15 })
	require.Never(t, func() bool { return executing() != 15 }, 100*time.Millisecond, 10*time.Millisecond)
	close(d.hang)
	require.EqualValues(t, 20, result().Succeeded)
}

// A job whose worker was lost becomes unknown while the next drain runs.
func TestDrainExpiresLeases(t *testing.T) {
	t.Parallel()
	d := setupDeliveries(t)
	ids := d.add("upsert", 1)
	claim, err := d.Store.ClaimDue(d.ctx, deliverystore.ClaimRequest{
		Destination: "crm", Action: "upsert", Limit: 1, Lease: 300 * time.Millisecond,
	})
	require.NoError(t, err)
	require.Len(t, claim.Jobs, 1)
	result := d.background("upsert", 5*time.Second)
	d.until(func() bool {
		job, err := d.Store.Job(d.ctx, ids[0])
		return err == nil && job.State == deliverystore.JobUnknown
	})
	require.Zero(t, result().Claimed, "it waits for a person")
}

// Drains of several actions share a producer; one whose connection hangs does not delay the other.
func TestDrainsShareProducer(t *testing.T) {
	t.Parallel()
	d := setupDeliveries(t)
	d.ReportIdle = time.Hour
	yes := true
	_, err := d.Store.SaveSettings(d.ctx, deliverystore.ChangedSettings{Destination: "crm", Action: "audit", Realtime: &yes})
	require.NoError(t, err)
	d.hang = make(chan struct{})
	d.addTo("slow", 3)
	first, second := d.background("upsert", time.Hour), d.background("audit", time.Hour)
	for n := range 10 {
		d.add("audit", 1)
		d.until(func() bool { return d.count() == n+1 })
	}
	close(d.hang)
	d.until(func() bool { return d.count() == 13 })
	require.NoError(t, d.Store.Pause(d.ctx, "crm", "", "ann"))
	require.EqualValues(t, 10, second().Succeeded)
	require.EqualValues(t, 3, first().Succeeded)
}
