package e2e

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/internal/enginetest"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// The actions of the story.
var (
	hook    = deliveryacts.ActionRef{Destination: "webhook", Action: "post"}
	upsert  = deliveryacts.ActionRef{Destination: "postgres", Action: "upsert"}
	take    = deliveryacts.ActionRef{Destination: "orders", Action: "take"}
	receipt = deliveryacts.ActionRef{Destination: "orders", Action: "receipt"}
	alarm   = deliveryacts.ActionRef{Destination: "orders", Action: "alarm"}
	apology = deliveryacts.ActionRef{Destination: "orders", Action: "apology"}
)

// actors are all actions of the story.
var actors = []deliveryacts.ActionRef{hook, upsert, take, receipt, alarm, apology}

// TestDeliveryStory tells what docs/delivery-story.md does: of an order that goes through
// actions in realtime and on a schedule, fails, is retried, creates other jobs, is
// discarded, and is replayed. Wherever it stands, the store, the commands and what the Web UI
// shows of the workflows say the same.
func TestDeliveryStory(t *testing.T) {
	t.Parallel()
	d := setupTale(t)
	ctx := enginetest.Context(t)
	_, err := d.dwh.Exec(ctx, "CREATE TABLE orders (id int PRIMARY KEY, total numeric)")
	require.NoError(t, err)
	const executing, failed = deliverystore.JobExecuting, deliverystore.JobFailed
	begun := []string{deliverystore.JobAcknowledged, executing}

	// In realtime: two refusals, then it is taken.
	d.script.expect("order.created", 500, 503)
	posted := d.event(hook, message("order.created"))
	d.requireWay(posted, append(begun, failed, executing, failed, executing, deliverystore.JobSucceeded)...)
	d.requireAgreement(posted)

	// On a schedule: it waits for its next run, an hour away, until the schedule changes.
	d.sluice(nil, "destination", "set-schedule", "postgres", "upsert", "--interval", "@every 1h")
	row := d.event(upsert, map[string]any{
		"connection": "dwh", "table": "orders", "key": []string{"id"}, "row": map[string]any{"id": 1, "total": "12.50"},
	})
	// The workflow is not told of jobs whose time is not there. With an order it looks.
	d.sluice(nil, "destination", "set-schedule", "postgres", "upsert", "--interval", "@every 2h")
	d.requireWay(row, deliverystore.JobAcknowledged)
	d.requireAgreement(posted, row)
	d.sluice(nil, "destination", "set-schedule", "postgres", "upsert", "--interval", "@every 1s")
	d.requireWay(row, append(begun, deliverystore.JobSucceeded)...)
	var total string
	require.NoError(t, d.dwh.QueryRow(ctx, "SELECT total::text FROM orders WHERE id = 1").Scan(&total))
	require.Equal(t, "12.50", total)
	d.requireAgreement(posted, row)

	// It fails, which rings an alarm, is tried again, and is discarded, for which there is an
	// apology, and a receipt for that.
	d.script.expect("order.taken", 500, 422)
	taken := d.event(take, message("order.taken"))
	d.requireWay(taken, append(begun, failed, executing, deliverystore.JobDiscarded)...)
	rang, sorry := d.child(taken, alarm), d.child(taken, apology)
	slip := d.child(sorry, receipt)
	for _, id := range []string{rang, sorry, slip} {
		d.requireWay(id, append(begun, deliverystore.JobSucceeded)...)
	}
	all := []string{posted, row, taken, rang, sorry, slip}
	d.requireAgreement(all...)

	// Replayed, it is taken: the first job stays what it is.
	var replay struct{ IDs []string }
	d.sluice(&replay, "job", "replay", taken, "--reason", "the shop is fixed")
	require.Len(t, replay.IDs, 1)
	again := replay.IDs[0]
	d.requireWay(again, append(begun, deliverystore.JobSucceeded)...)
	slip = d.child(again, receipt)
	d.requireWay(slip, append(begun, deliverystore.JobSucceeded)...)
	require.Equal(t, taken, *d.shown(again).ReplayOf)
	require.Equal(t, deliverystore.JobDiscarded, d.shown(taken).State)
	d.requireAgreement(append(all, again, slip)...)

	// What the endpoint has seen: attempts of a job under its ID, nothing else.
	came := map[string]int{}
	for _, event := range d.receiver.Events() {
		came[event.ID]++
	}
	require.Equal(t, map[string]int{posted: 3, taken: 2, rang: 1, sorry: 1, all[5]: 1, again: 1, slip: 1}, came)
}

// event sends an event to an action by `sluice event send`, and returns its job.
func (d *tale) event(ref deliveryacts.ActionRef, data any) string {
	d.t.Helper()
	text, err := json.Marshal(data)
	require.NoError(d.t, err)
	var sent struct{ Jobs []string }
	d.sluice(&sent, "event", "send", "--source", "shop", "--name", "order", "--data", string(text),
		"--to", ref.Destination+"/"+ref.Action)
	require.Len(d.t, sent.Jobs, 1)
	return sent.Jobs[0]
}

// requireWay waits until a job has gone a way to its end.
func (d *tale) requireWay(id string, way ...string) {
	d.t.Helper()
	require.Equal(d.t, way, d.wait(id, way[len(way)-1]))
}

// child waits for the job of an action that another job has made, and returns it.
func (d *tale) child(parent string, ref deliveryacts.ActionRef) (id string) {
	d.t.Helper()
	require.EventuallyWithT(d.t, func(collect *assert.CollectT) {
		jobs, err := d.Store.Deliveries.ListJobs(enginetest.Context(d.t), deliverystore.JobFilter{
			ParentID: parent, Destinations: []string{ref.Destination}, Actions: []string{ref.Action},
		}, deliverystore.Page{})
		require.NoError(collect, err)
		require.Len(collect, jobs, 1)
		id = jobs[0].ID
	}, 30*time.Second, 20*time.Millisecond)
	return id
}
