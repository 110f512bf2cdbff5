package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
)

// DestinationActionInput starts a DestinationAction workflow.
type DestinationActionInput struct {
	// Destination and Action name the action.
	Destination string `json:"destination"`
	Action      string `json:"action"`
	// Carried is what an earlier run has left, if there was one.
	Carried *CarriedAction `json:"carried,omitempty"`
}

// CarriedAction is what one run of a DestinationAction leaves to the next. What people have
// set stands in the store.
type CarriedAction struct {
	// Known is what was known last.
	Known activities.Surveyed `json:"known"`
	// Full, Wanted and Stale are what was still to be done.
	Full   bool `json:"full,omitempty"`
	Wanted bool `json:"wanted,omitempty"`
	Stale  bool `json:"stale,omitempty"`
	// Totals are since the workflow was started.
	Totals ActionTotals `json:"totals"`
	// Seen are the keys of the commands that were carried out.
	Seen []string `json:"seen,omitempty"`
	// Refused is how many signals were refused.
	Refused int `json:"refused,omitempty"`
}

// ActionTotals is what the workflow of an action has done.
type ActionTotals struct {
	activities.Loaded
	// Loads is how many batches were delivered.
	Loads int64 `json:"loads"`
	// Runs is in how many runs, each of which has continued as the next.
	Runs int64 `json:"runs"`
}

// actionRun is the state of one run of a DestinationAction.
type actionRun struct {
	ref      activities.ActionRef
	known    activities.Surveyed
	totals   ActionTotals
	commands commandState

	// full says that the next drain delivers all due jobs, new ones too. Between two runs of its
	// schedule an action delivers retries only. A realtime action delivers all jobs at all times.
	full bool
	// wakes counts wake-ups, so that the result of a drain is known to be older than one.
	wakes int
	// wanted says that there may be jobs for another drain.
	wanted bool
	// stale says that the settings may have changed.
	stale bool
	// running is how many drains run: none or one.
	running int
	// endDrain cancels the drain, ending says that it was called.
	endDrain func()
	ending   bool
	// notified is when a running drain was notified last.
	notified time.Time
	// changed says that something has happened that the loop has not seen yet.
	changed bool
	// cost estimates how many events the run's history has.
	cost int
	// failed is why a drain has failed: the workflow is cancelled.
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

// DestinationAction delivers the jobs of an action, for ever. For a realtime action it holds one
// long drain, an activity that registers the action with the producer of the worker that runs it. For
// an action with a schedule it drains at the times of the schedule and when a retry is due. The
// signal enqueue, which carries nothing, says that there are jobs. Jobs and settings are in the store:
// the workflow may be terminated and started again at any time.
func DestinationAction(ctx workflow.Context, in DestinationActionInput) error {
	r := &actionRun{ref: activities.ActionRef{Destination: in.Destination, Action: in.Action}, stale: true}
	if c := in.Carried; c != nil {
		r.known, r.full, r.wanted, r.stale = c.Known, c.Full, c.Wanted, c.Stale
		r.totals, r.commands.seenKeys, r.commands.refusals = c.Totals, c.Seen, c.Refused
	}
	r.totals.Runs++
	if err := r.serve(ctx); err != nil {
		return err
	}
	for {
		r.changed = false
		if err := r.survey(ctx); err != nil {
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

// survey asks how the action stands, if what is known is old.
func (r *actionRun) survey(ctx workflow.Context) error {
	if !r.stale {
		return nil
	}
	r.stale = false
	r.cost += costActivity
	var answer activities.Surveyed
	asking := bookkeeping(ctx, "look for what is due")
	if err := workflow.ExecuteActivity(asking, ActivityNextDue, r.question(ctx)).Get(ctx, &answer); err != nil {
		return err
	}
	r.learn(ctx, answer)
	r.wanted = r.wanted || answer.Due > 0
	return nil
}

// question is what activities are asked by.
func (r *actionRun) question(ctx workflow.Context) activities.Survey {
	return activities.Survey{
		ActionRef: r.ref, Now: workflow.Now(ctx), NextRun: r.known.NextRun,
		Interval: r.known.Plan.Interval, TimeZone: r.known.Plan.TimeZone, Full: r.full,
	}
}

// learn takes a newer answer. Answers may arrive in another order than that in which they were given.
// A known future run of the same schedule stays; of two times for the next job the earlier one counts,
// because waking up too early does no harm.
func (r *actionRun) learn(ctx workflow.Context, answer activities.Surveyed) {
	before := r.known
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
		// The next drain reports the next run. Without one, or while one runs, it is asked for.
		r.stale = r.known.Plan.Paused || r.running > 0
	}
	if due := r.known.NextDue; !r.known.Plan.Realtime && !due.IsZero() && !now.Before(due) {
		r.known.NextDue = time.Time{}
		r.wake(false)
	}
}

// wake says that there are jobs.
func (r *actionRun) wake(full bool) {
	r.wakes++
	r.full = r.full || full
	r.wanted = true
}

// enqueued takes the signal enqueue. The producer polls: it is notified no more often than that.
func (r *actionRun) enqueued(ctx workflow.Context) {
	r.wake(false)
	if now := workflow.Now(ctx); r.known.Plan.Realtime && r.running > 0 && now.Sub(r.notified) >= pollInterval {
		r.notified, r.stale = now, true
	}
}

// long says whether the history is long enough.
func (r *actionRun) long(ctx workflow.Context) bool {
	info := workflow.GetInfo(ctx)
	return r.cost >= maxEvents || r.commands.accepted >= maxRunCommands ||
		info.GetCurrentHistoryLength() >= maxEvents || info.GetContinueAsNewSuggested()
}

// continueAsNew ends the drain and goes on in a new run.
func (r *actionRun) continueAsNew(ctx workflow.Context) error {
	if r.running > 0 && r.known.Plan.Realtime {
		r.ending = true
		r.endDrain()
	}
	if err := workflow.Await(ctx, func() bool { return r.running == 0 }); err != nil {
		return err
	}
	// From here on updates are refused, to be repeated: a stream of them must not keep the run.
	r.commands.closing = true
	if err := workflow.Await(ctx, func() bool { return r.answered(ctx) }); err != nil {
		return err
	}
	if r.failed != nil {
		return r.failed
	}
	return workflow.NewContinueAsNewError(ctx, TypeDestinationAction, DestinationActionInput{
		Destination: r.ref.Destination, Action: r.ref.Action, Carried: &CarriedAction{
			Known: r.known, Full: r.full, Wanted: r.wanted, Stale: r.stale,
			Totals: r.totals, Seen: r.commands.seenKeys, Refused: r.commands.refusals,
		},
	})
}

// sleep waits until there may be something to do.
func (r *actionRun) sleep(ctx workflow.Context) error {
	until, why := r.nextWake(ctx)
	if until.IsZero() {
		return workflow.Await(ctx, func() bool { return r.changed || r.long(ctx) })
	}
	// The timer of a wait that is over would stay among those that people see, and wake the
	// workflow up for nothing.
	waiting, stop := workflow.WithCancel(ctx)
	defer stop()
	_, err := workflow.AwaitWithOptions(waiting, workflow.AwaitOptions{
		Timeout: until.Sub(workflow.Now(ctx)), TimerOptions: workflow.TimerOptions{Summary: brief(why)},
	}, func() bool { return r.changed || r.long(ctx) })
	return err
}

// nextWake returns when to wake up, and for what; zero if there is nothing to wait for but
// signals, commands and drains.
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
