package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
)

// soon is how long to wait before it is tried again to claim jobs that are due but that
// nobody gets: somebody else is changing them, or clocks differ.
const soon = time.Second

// mayLoad says whether a load is to be begun now.
func (r *actionRun) mayLoad() bool {
	return r.expected > 0 && !r.known.Plan.Paused && r.running < max(1, r.known.Plan.Concurrency) && r.failed == nil
}

// stretch is for how long a load goes on with further batches: what Temporal takes to begin
// one is so not taken for each.
const stretch = 30 * time.Second

// load begins a load.
func (r *actionRun) load(ctx workflow.Context) {
	request := activities.DeliverRequest{
		Survey: r.question(ctx), Limit: max(1, r.known.Plan.BatchSize), StretchSeconds: stretch.Seconds(),
	}
	wakes := r.wakes
	r.expected = max(0, r.expected-int64(request.Limit))
	r.running++
	r.cost += costActivity
	workflow.GoNamed(ctx, "load", func(ctx workflow.Context) {
		defer func() { r.running, r.changed = r.running-1, true }()
		timeout := time.Duration(r.known.Plan.TimeoutSeconds*float64(time.Second)) + stretch
		options := delivering(ctx, r.ref.Destination, timeout, fmt.Sprintf("load %d jobs at a time", request.Limit))
		var answer activities.Delivered
		if err := workflow.ExecuteActivity(options, ActivityDeliver, request).Get(ctx, &answer); err != nil {
			r.failed = err
			return
		}
		r.settle(ctx, answer, request.Full, wakes == r.wakes)
	})
}

// settle takes the answer of a load, which was a full one or not. upToDate says that nobody
// has said since it was begun that there are jobs.
func (r *actionRun) settle(ctx workflow.Context, answer activities.Delivered, full, upToDate bool) {
	r.learn(answer.Surveyed)
	if answer.Claimed > 0 {
		r.totals.Loads += int64(max(1, answer.Batches))
	}
	// Also of batches that have outlived the load before.
	r.totals.Add(answer.Loaded)
	now := workflow.Now(ctx)
	switch {
	case answer.Claimed == 0 && answer.Plan.Paused:
		// It goes on where it stands.
		r.expected = max(r.expected, 1)
	case answer.Due > 0 && answer.Claimed > 0:
		r.expected = max(r.expected, answer.Due)
	case answer.Due == 0 && answer.Blocked == 0 && full && upToDate:
		r.full = false
	}
	if earliest := now.Add(soon); answer.Claimed == 0 && !r.known.NextDue.IsZero() && r.known.NextDue.Before(earliest) {
		r.known.NextDue = earliest
	}
}
