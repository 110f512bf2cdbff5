package delivery

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/workflows"
)

const (
	// retryClaim is how long to wait before jobs are claimed again that are due but could not be
	// claimed: another transaction changes them, or clocks differ.
	retryClaim = time.Second
	// realtimeDrain is how long a drain of a realtime action is at most, scheduledDrain one of an
	// action with a schedule.
	realtimeDrain  = time.Hour
	scheduledDrain = 30 * time.Second
	// pollInterval is the minimum time between two notifications because of the signal enqueue. The
	// producer polls as often.
	pollInterval = time.Second
)

// mayDrain reports whether a drain is to be started now.
func (r *actionRun) mayDrain() bool {
	return (r.known.Plan.Realtime || r.wanted) && !r.known.Plan.Paused && r.running == 0 && r.failed == nil
}

// drain starts a drain.
func (r *actionRun) drain(ctx workflow.Context) {
	length := scheduledDrain
	if r.known.Plan.Realtime {
		length = realtimeDrain
	}
	request := deliveryacts.DrainRequest{StatusRequest: r.statusRequest(ctx), Seconds: length.Seconds()}
	wakes, changes := r.wakes, r.changes
	r.wanted = false
	r.running++
	r.cost += costActivity
	ctx, end := workflow.WithCancel(ctx)
	r.endDrain = end
	workflow.GoNamed(ctx, "drain", func(ctx workflow.Context) {
		defer end()
		defer func() { r.running, r.changed = r.running-1, true }()
		timeout := time.Duration(r.known.Plan.TimeoutSeconds*float64(time.Second)) + length
		summary := fmt.Sprintf("deliver up to %d jobs at a time", r.known.Plan.BatchSize)
		options := workflows.Draining(ctx, r.ref.Destination, timeout, summary)
		var answer deliveryacts.Drained
		err := workflow.ExecuteActivity(options, workflows.ActivityDrain, request).Get(ctx, &answer)
		switch {
		case err == nil:
			r.setStatus(ctx, answer.ActionStatus, changes)
			r.takeResult(ctx, answer, request.Full, wakes == r.wakes)
		case temporal.IsCanceledError(err) && r.ending:
			// The next run starts another one.
			r.wanted = true
		default:
			r.failed = err
		}
	})
}

// takeResult counts the result of a drain, which was full or not. upToDate says that no wake-up has come
// since it was started.
func (r *actionRun) takeResult(ctx workflow.Context, answer deliveryacts.Drained, full, upToDate bool) {
	r.totals.Batches += int64(answer.Batches)
	// They include batches that have outlived an earlier drain.
	r.totals.Add(answer.JobCounts)
	now := workflow.Now(ctx)
	switch {
	case answer.Plan.Paused:
		// The next drain after the pause continues.
		r.wanted = true
	case answer.Due > 0 && answer.Claimed > 0:
		r.wanted = true
	case answer.Due == 0 && answer.Blocked == 0 && full && upToDate:
		r.full = false
	}
	if due := r.known.NextDue; answer.Claimed == 0 && !due.IsZero() && due.Before(now.Add(retryClaim)) {
		r.known.NextDue = now.Add(retryClaim)
	}
}
