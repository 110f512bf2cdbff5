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
func (r *actionRun) mayLoad(ctx workflow.Context) bool {
	now := workflow.Now(ctx)
	return r.expected > 0 && !r.known.Plan.Paused && !r.known.OpenUntil.After(now) && r.running < r.atOnce() &&
		!r.paceAt.After(now) && r.failed == nil
}

// atOnce is how many loads may run at once. Whether a destination is well again is tried
// with one.
func (r *actionRun) atOnce() int {
	if r.known.Tripped {
		return 1
	}
	return max(1, r.known.Plan.Concurrency)
}

// limit is how many jobs the next load may take: no more than a second's, if there is a rate.
func (r *actionRun) limit() int {
	limit := max(1, r.known.Plan.BatchSize)
	if r.known.Tripped {
		return 1
	}
	if rate := r.known.Plan.RatePerSecond; rate > 0 && rate < float64(limit) {
		return max(1, int(rate))
	}
	return limit
}

// stretch is for how long a load goes on with further batches: what Temporal takes to begin
// one is so not taken for each.
const stretch = 30 * time.Second

// stretch returns for how long the next load goes on. Where there is a rate, each batch is
// counted here; and whether a destination is well again is seen by a single one.
func (r *actionRun) stretch() time.Duration {
	if r.known.Plan.RatePerSecond > 0 || r.known.Tripped {
		return 0
	}
	return stretch
}

// load begins a load.
func (r *actionRun) load(ctx workflow.Context) {
	request := activities.DeliverRequest{
		Survey: r.question(ctx), Limit: r.limit(), StretchSeconds: r.stretch().Seconds(),
	}
	wakes := r.wakes
	r.expected = max(0, r.expected-int64(request.Limit))
	r.running++
	r.cost += costActivity
	r.pace(ctx, request.Limit)
	workflow.GoNamed(ctx, "load", func(ctx workflow.Context) {
		defer func() { r.running, r.changed = r.running-1, true }()
		timeout := time.Duration(r.known.Plan.TimeoutSeconds*float64(time.Second)) + r.stretch()
		options := delivering(ctx, r.ref.Destination, timeout, fmt.Sprintf("load %d jobs at a time", request.Limit))
		var answer activities.Delivered
		if err := workflow.ExecuteActivity(options, ActivityDeliver, request).Get(ctx, &answer); err != nil {
			r.failed = err
			return
		}
		r.pace(ctx, answer.Claimed-request.Limit)
		r.settle(ctx, answer, request.Full, wakes == r.wakes)
	})
}

// pace moves the time of the next load by what jobs take at the rate that there is, or back.
func (r *actionRun) pace(ctx workflow.Context, jobs int) {
	rate := r.known.Plan.RatePerSecond
	if rate <= 0 {
		r.paceAt = time.Time{}
		return
	}
	if now := workflow.Now(ctx); jobs > 0 && r.paceAt.Before(now) {
		r.paceAt = now
	}
	// What the program says is not checked as commands are.
	rate = max(rate, MinJobsPerSecond)
	r.paceAt = r.paceAt.Add(time.Duration(float64(jobs) / rate * float64(time.Second)))
}

// settle takes the answer of a load, which was a full one or not. upToDate says that nobody
// has said since it was begun that there are jobs.
func (r *actionRun) settle(ctx workflow.Context, answer activities.Delivered, full, upToDate bool) {
	r.learn(answer.Surveyed)
	if answer.Claimed > 0 {
		r.totals.Loads += int64(max(1, answer.Batches))
		r.totals.Add(answer.Loaded)
	}
	now := workflow.Now(ctx)
	switch {
	case answer.Claimed == 0 && (answer.Plan.Paused || answer.OpenUntil.After(now)):
		// It goes on where it stands.
		r.expected = max(r.expected, 1)
	case answer.Due > 0 && answer.Claimed > 0:
		r.expected = max(r.expected, answer.Due)
	case answer.Due == 0 && full && upToDate:
		r.full = false
	}
	if earliest := now.Add(soon); answer.Claimed == 0 && !r.known.NextDue.IsZero() && r.known.NextDue.Before(earliest) {
		r.known.NextDue = earliest
	}
}
