package activities_test

import (
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/db"
)

func (d *deliveries) stretch(action string, full bool, seconds float64) activities.Delivered {
	d.t.Helper()
	answer, err := run[activities.Delivered](d, d.Deliver,
		activities.DeliverRequest{Survey: about(action, full), StretchSeconds: seconds})
	require.NoError(d.t, err)
	return answer
}

// attended says whether a load is on the lookout for jobs of crm/upsert.
func (d *deliveries) attended() bool {
	d.t.Helper()
	those, err := d.Store.RingLookouts(d.ctx, []store.ActionName{{Destination: "crm", Action: "upsert"}})
	require.NoError(d.t, err)
	return len(those) > 0
}

func (d *deliveries) count() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.loaded)
}

// until waits until something is so.
func (d *deliveries) until(so func() bool) {
	d.t.Helper()
	require.Eventually(d.t, so, 30*time.Second, 5*time.Millisecond)
}

// A stretch goes on until nothing is left. By the clock it ends then; jobs that nobody has
// touched yet wait for their time.
func TestStretchDrains(t *testing.T) {
	t.Parallel()
	d := setupDeliveries(t)
	d.add("audit", 12)
	require.Zero(t, d.stretch("audit", false, 60).Claimed)
	answer := d.stretch("audit", true, 60)
	require.Equal(t, 12, answer.Claimed)
	require.Equal(t, 3, answer.Batches)
	require.EqualValues(t, 12, answer.Succeeded)
	require.Zero(t, answer.Due)
	require.Len(t, d.loaded, 12)
}

// In realtime it waits for more, which need nobody to tell; and it says so, and takes it back
// before it ends.
func TestStretchLingers(t *testing.T) {
	t.Parallel()
	d := setupDeliveries(t)
	d.Linger = time.Hour
	d.add("upsert", 1)
	require.False(t, d.attended())
	var running sync.WaitGroup
	var answer activities.Delivered
	running.Go(func() { answer = d.stretch("upsert", false, 600) })
	d.until(func() bool { return d.count() == 1 && d.attended() })
	d.add("upsert", 7)
	d.until(func() bool { return d.count() == 8 })
	require.NoError(t, d.Store.Pause(d.ctx, "crm", "upsert", "ann"))
	running.Wait()
	require.EqualValues(t, 8, answer.Succeeded)
	require.Zero(t, answer.Due)
	require.False(t, d.attended())
	require.Empty(t, d.woken, "one load at a time: nobody could help")
}

// What is due when it ends is in its answer, whatever has ended it.
func TestStretchEnds(t *testing.T) {
	t.Parallel()
	t.Run("paused", func(t *testing.T) {
		t.Parallel()
		d := setupDeliveries(t)
		d.Linger = time.Hour
		d.add("upsert", 1)
		var running sync.WaitGroup
		var answer activities.Delivered
		running.Go(func() { answer = d.stretch("upsert", false, 600) })
		d.until(func() bool { return d.count() == 1 })
		require.NoError(t, d.Store.Pause(d.ctx, "crm", "upsert", "ann"))
		running.Wait()
		require.True(t, answer.Plan.Paused)
		require.Equal(t, 1, answer.Claimed)
		require.False(t, d.attended())
	})
	t.Run("its time", func(t *testing.T) {
		t.Parallel()
		d := setupDeliveries(t)
		d.add("upsert", 20)
		answer := d.stretch("upsert", false, 1e-9)
		require.Equal(t, 5, answer.Claimed)
		require.EqualValues(t, 15, answer.Due)
		require.False(t, d.attended())
	})
}

// A connection that hangs delays neither the jobs of others nor the end of the stretch. Its own
// batch is recorded when it has ended, and is counted by the next stretch.
func TestStretchLeavesHangingConnection(t *testing.T) {
	t.Parallel()
	d := setupDeliveries(t)
	d.hang = make(chan struct{})
	slow := d.addTo("slow", 12)
	for range 20 {
		d.addTo("fast", 3)
	}
	answer := d.stretch("upsert", false, 1)
	require.EqualValues(t, 60, answer.Succeeded)
	require.Equal(t, 60, d.count())
	require.Zero(t, answer.Due)
	require.EqualValues(t, 7, answer.Blocked, "one batch at a time")
	d.addTo("fast", 1)
	require.EqualValues(t, 1, d.stretch("upsert", false, 0.01).Succeeded)
	close(d.hang)
	d.Wait()
	job, err := d.Store.Job(d.ctx, slow[0])
	require.NoError(t, err)
	require.Equal(t, store.JobSucceeded, job.State)
	require.Contains(t, d.woken, activities.ActionRef{Destination: "crm", Action: "upsert"}, "there may be more")
	require.EqualValues(t, 12, d.stretch("upsert", false, 600).Succeeded, "with those that nobody had waited for")
}

// Of loads that find little one is enough: the one that was begun first, unless it is stuck.
func TestStretchIsRelieved(t *testing.T) {
	t.Parallel()
	d := setupDeliveries(t)
	earlier := db.KeepLookoutParams{ID: "0", Destination: "crm", Action: "upsert", Seconds: 3600}
	require.NoError(t, d.Store.KeepLookout(d.ctx, earlier))
	d.Linger = time.Hour
	require.Zero(t, d.stretch("upsert", false, 600).Claimed)
	require.True(t, d.attended(), "by the other")
}

// With room for more than one load, another one is asked for where there is work for it.
func TestStretchAsksForHelp(t *testing.T) {
	t.Parallel()
	d := setupDeliveries(t)
	two := int32(2)
	change := activities.SettingsChange{Survey: about("upsert", false), By: "ann", Concurrency: &two}
	_, err := run[activities.Surveyed](d, d.Apply, change)
	require.NoError(t, err)
	d.add("upsert", 5)
	require.EqualValues(t, 5, d.stretch("upsert", false, 600).Succeeded)
	require.Equal(t, []activities.ActionRef{{Destination: "crm", Action: "upsert"}}, d.woken, "a full batch")
}
