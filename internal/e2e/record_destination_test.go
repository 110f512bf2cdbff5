package e2e

import (
	"github.com/stretchr/testify/require"
	historypb "go.temporal.io/api/history/v1"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/delivery"
)

// sinks lets a recorder's system deliver to a destination with a realtime action and one with a
// schedule.
func (r recorder) sinks() *delivering {
	r.t.Helper()
	return setupSinks(r.t, newSink("crm",
		&sinkAction{name: "post", schedule: realtime(), then: []destinations.Next{{Action: "audit"}}},
		&sinkAction{name: "audit", schedule: destinations.Schedule{Interval: "@every 1s"}}))
}

// destination returns the history of the workflow that starts those of the actions.
func (r recorder) destination() *historypb.History {
	r.t.Helper()
	d := r.sinks()
	d.wait(d.send(post, sinkData{}), deliverystore.JobSucceeded)
	id := workflows.DestinationID("crm")
	require.NoError(r.t, d.Temporal.GetWorkflow(enginetest.Context(r.t), id, "").Get(enginetest.Context(r.t), nil))
	return d.History(r.t, id, "")
}

// destinationAction returns the history of the action with a schedule if chained
// is 1, otherwise of the realtime action, after some jobs.
func (r recorder) destinationAction(chained int) *historypb.History {
	r.t.Helper()
	d := r.sinks()
	for fail := range 3 {
		d.wait(d.send(post, sinkData{Fail: fail * (1 - chained)}), deliverystore.JobSucceeded)
	}
	if chained == 1 {
		d.waitState(audit, func(s delivery.ActionState) bool { return s.Totals.Succeeded == 3 && s.Running == 0 })
		return d.History(r.t, workflows.DestinationActionID("crm", "audit"), "")
	}
	d.waitState(post, func(s delivery.ActionState) bool { return s.Totals.Succeeded == 3 })
	return d.History(r.t, workflows.DestinationActionID("crm", "post"), "")
}

// destinationCommands returns the history of an action that received every command.
func (r recorder) destinationCommands() *historypb.History {
	r.t.Helper()
	d := r.sinks()
	ctx, by := enginetest.Context(r.t), starter.By{Who: "ann", Why: "a look"}
	first := d.send(post, sinkData{})
	interval := "@every 30m"
	require.NoError(r.t, d.Pause(ctx, post, by))
	second := d.send(post, sinkData{})
	require.NoError(r.t, d.SetSchedule(ctx, post, deliveryclient.NewTiming{Interval: &interval}, by))
	require.NoError(r.t, d.SetConcurrency(ctx, post, 2, by))
	require.NoError(r.t, d.SetRate(ctx, post, 50, by))
	require.NoError(r.t, d.Resume(ctx, post, by))
	require.NoError(r.t, d.Trigger(ctx, post, by))
	d.wait(first, deliverystore.JobSucceeded)
	d.wait(second, deliverystore.JobSucceeded)
	d.waitState(post, func(s delivery.ActionState) bool { return s.Totals.Succeeded == 2 })
	return d.History(r.t, workflows.DestinationActionID("crm", "post"), "")
}
