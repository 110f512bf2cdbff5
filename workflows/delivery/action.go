package delivery

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/command"
)

// DestinationActionInput starts a DestinationAction workflow.
type DestinationActionInput struct {
	// Destination and Action name the action.
	Destination string `json:"destination"`
	Action      string `json:"action"`
	// Carried is the state of the previous run, nil for the first one.
	Carried *CarriedAction `json:"carried,omitempty"`
}

// CarriedAction is the state that a run of a DestinationAction passes to the next one. Settings are in
// the store.
type CarriedAction struct {
	// Known is the last known status.
	Known deliveryacts.ActionStatus `json:"known"`
	// Full, Wanted and Stale are as in actionRun.
	Full   bool `json:"full,omitempty"`
	Wanted bool `json:"wanted,omitempty"`
	Stale  bool `json:"stale,omitempty"`
	// Totals are since the workflow was started.
	Totals ActionTotals `json:"totals"`
	// Seen are the keys of executed commands.
	Seen []string `json:"seen,omitempty"`
	// Refused is how many signals were refused.
	Refused int `json:"refused,omitempty"`
}

// ActionTotals counts the work of an action's workflow.
type ActionTotals struct {
	deliveryacts.JobCounts
	// Batches is how many batches were delivered.
	Batches int64 `json:"batches"`
	// Runs is how many runs the workflow has had, each continued as the next one.
	Runs int64 `json:"runs"`
}

// actionRun is the state of one run of a DestinationAction.
type actionRun struct {
	ref      deliveryacts.ActionRef
	known    deliveryacts.ActionStatus
	totals   ActionTotals
	commands command.State

	// full says that the next drain delivers all due jobs, new ones too. Between two runs of its
	// schedule an action delivers retries only. A realtime action delivers all jobs at all times.
	full bool
	// wakes counts wake-ups, so that the result of a drain is known to be older than one.
	wakes int
	// wanted says that there may be jobs for another drain.
	wanted bool
	// stale says that the settings may have changed.
	stale bool
	// settings is held while a command changes the settings, changes is how many have.
	settings workflow.Mutex
	changes  int
	// running is how many drains run: none or one.
	running int
	// endDrain cancels the drain, ending says that it was called.
	endDrain func()
	ending   bool
	// notified is when the producer was notified last because of the signal enqueue.
	notified time.Time
	// changed says that the loop has to run again.
	changed bool
	// cost estimates how many events the run's history has.
	cost int
	// failed is the error of a drain: the workflow is cancelled.
	failed error
	// refusal is the last signal that was refused.
	refusal string
}

// maxEvents is after how many events a run continues as a new one. An iteration of its loop, an
// activity and a signal are estimated to cost so many events.
const (
	maxEvents     = 1000
	costIteration = 7
	costActivity  = 6
	costSignal    = 1
)

// DestinationAction delivers the jobs of an action. It does not end. For a realtime action it holds one
// long drain, an activity that registers the action with the producer of the worker that runs it. An
// action with a schedule drains at the times of the schedule and when a retry is due. The signal
// enqueue, which has no argument, reports new jobs. Jobs and settings are in the store: the workflow
// may be terminated and started again at any time.
func DestinationAction(ctx workflow.Context, in DestinationActionInput) error {
	r := &actionRun{
		ref:   deliveryacts.ActionRef{Destination: in.Destination, Action: in.Action},
		stale: true, settings: workflow.NewMutex(ctx),
	}
	if c := in.Carried; c != nil {
		r.known, r.full, r.wanted, r.stale = c.Known, c.Full, c.Wanted, c.Stale
		r.totals, r.commands.SeenKeys, r.commands.Refusals = c.Totals, c.Seen, c.Refused
	}
	r.totals.Runs++
	if err := r.serve(ctx); err != nil {
		return err
	}
	for {
		r.changed = false
		if err := r.updateStatus(ctx); err != nil {
			return err
		}
		r.wakeUp(ctx)
		if r.stale {
			continue
		}
		if !r.long(ctx) && r.mayDrain() {
			r.drain(ctx)
		}
		r.describe(ctx)
		if r.long(ctx) {
			return r.continueAsNew(ctx)
		}
		if err := r.sleep(ctx); err != nil {
			return err
		}
		if r.failed != nil {
			return r.failed
		}
		r.cost += costIteration
	}
}

// updateStatus asks for the status of the action if the known one is stale.
func (r *actionRun) updateStatus(ctx workflow.Context) error {
	if !r.stale {
		return nil
	}
	r.stale = false
	r.cost += costActivity
	changes := r.changes
	var answer deliveryacts.ActionStatus
	asking := workflow.WithTaskQueue(workflows.Bookkeeping(ctx, "look for due jobs"),
		workflows.DestinationQueue(r.ref.Destination))
	if err := workflow.ExecuteActivity(asking, workflows.ActivityNextDue,
		r.statusRequest(ctx)).Get(ctx, &answer); err != nil {
		return err
	}
	r.setStatus(ctx, answer, changes)
	r.wanted = r.wanted || answer.Due > 0
	return nil
}

// statusRequest returns the request for the action's status at this time.
func (r *actionRun) statusRequest(ctx workflow.Context) deliveryacts.StatusRequest {
	return deliveryacts.StatusRequest{
		ActionRef: r.ref, Now: workflow.Now(ctx), NextRun: r.known.NextRun,
		Interval: r.known.Plan.Interval, TimeZone: r.known.Plan.TimeZone, Full: r.full,
	}
}

// setStatus takes a status that was requested after so many changes of the settings. Activities may answer
// in another order than they have read the store, so a plan that may be older than the last change is not
// taken but read again, a known future run of the same schedule stays, and of two times for the next job
// the earlier one counts: waking up too early does no harm.
func (r *actionRun) setStatus(ctx workflow.Context, answer deliveryacts.ActionStatus, changes int) {
	before := r.known
	if changes != r.changes && answer.Plan != before.Plan {
		r.stale = true
		return
	}
	if before.NextRun.After(workflow.Now(ctx)) && before.Plan.Interval == answer.Plan.Interval &&
		before.Plan.TimeZone == answer.Plan.TimeZone {
		answer.NextRun = before.NextRun
	}
	due := before.NextDue
	if !answer.Plan.Realtime && !due.IsZero() && (answer.NextDue.IsZero() || due.Before(answer.NextDue)) {
		answer.NextDue = due
	}
	r.known = answer
}

// wakeUp wakes up if a run of the schedule or a job is due.
func (r *actionRun) wakeUp(ctx workflow.Context) {
	now := workflow.Now(ctx)
	if run := r.known.NextRun; !run.IsZero() && !now.Before(run) {
		r.known.NextRun = time.Time{}
		r.wake(true)
		// The next drain reports the next run. If no drain follows, or while one runs, the status is read.
		r.stale = r.known.Plan.Paused || r.running > 0
	}
	if due := r.known.NextDue; !r.known.Plan.Realtime && !due.IsZero() && !now.Before(due) {
		r.known.NextDue = time.Time{}
		r.wake(false)
	}
}

// wake notes that there may be jobs; with full, new ones of an action with a schedule too.
func (r *actionRun) wake(full bool) {
	r.wakes++
	r.full = r.full || full
	r.wanted = true
}

// enqueued handles the signal enqueue. The producer is notified no more often than it polls.
func (r *actionRun) enqueued(ctx workflow.Context) {
	r.wake(false)
	if now := workflow.Now(ctx); r.known.Plan.Realtime && r.running > 0 && now.Sub(r.notified) >= pollInterval {
		r.notified, r.stale = now, true
	}
}

// long reports whether the run has to continue as new.
func (r *actionRun) long(ctx workflow.Context) bool {
	info := workflow.GetInfo(ctx)
	return r.cost >= maxEvents || r.commands.Accepted >= command.MaxRunCommands ||
		info.GetCurrentHistoryLength() >= maxEvents || info.GetContinueAsNewSuggested()
}

// continueAsNew ends the drain and continues in a new run.
func (r *actionRun) continueAsNew(ctx workflow.Context) error {
	if r.running > 0 && r.known.Plan.Realtime {
		r.ending = true
		r.endDrain()
	}
	if err := workflow.Await(ctx, func() bool { return r.running == 0 }); err != nil {
		return err
	}
	// From here on updates are refused, and the sender repeats them: a stream of updates must not
	// prolong the run.
	r.commands.Closing = true
	if err := workflow.Await(ctx, func() bool { return r.answered(ctx) }); err != nil {
		return err
	}
	if r.failed != nil {
		return r.failed
	}
	return workflow.NewContinueAsNewError(ctx, workflows.TypeDestinationAction, DestinationActionInput{
		Destination: r.ref.Destination, Action: r.ref.Action, Carried: &CarriedAction{
			Known: r.known, Full: r.full, Wanted: r.wanted, Stale: r.stale,
			Totals: r.totals, Seen: r.commands.SeenKeys, Refused: r.commands.Refusals,
		},
	})
}

// sleep waits for the next wake-up.
func (r *actionRun) sleep(ctx workflow.Context) error {
	until, why := r.nextWake(ctx)
	if until.IsZero() {
		return workflow.Await(ctx, func() bool { return r.changed || r.long(ctx) })
	}
	// A timer that is not cancelled would stay in the Web UI and wake the workflow needlessly.
	waiting, stop := workflow.WithCancel(ctx)
	defer stop()
	_, err := workflow.AwaitWithOptions(waiting, workflow.AwaitOptions{
		Timeout: until.Sub(workflow.Now(ctx)), TimerOptions: workflow.TimerOptions{Summary: workflows.Summary(why)},
	}, func() bool { return r.changed || r.long(ctx) })
	return err
}

// nextWake returns when to wake up and why. The time is zero if the action waits only for signals,
// commands and drains.
func (r *actionRun) nextWake(ctx workflow.Context) (until time.Time, why string) {
	now := workflow.Now(ctx)
	sooner := func(at time.Time, reason string) {
		if at.After(now) && (until.IsZero() || at.Before(until)) {
			until, why = at, reason
		}
	}
	sooner(r.known.NextRun, fmt.Sprintf("until the next time of %q", r.known.Plan.Interval))
	if r.known.Plan.Paused || r.known.Plan.Realtime {
		return until, why
	}
	sooner(r.known.NextDue, "until the next job is due")
	return until, why
}
