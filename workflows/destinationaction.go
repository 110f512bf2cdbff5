package workflows

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
)

// DestinationActionInput starts a DestinationAction workflow.
type DestinationActionInput struct {
	// Destination and Action name what is loaded.
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
	// Full, Expected and Stale are what was still to be done.
	Full     bool  `json:"full,omitempty"`
	Expected int64 `json:"expected,omitempty"`
	Stale    bool  `json:"stale,omitempty"`
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
	// Loads is how many batches were loaded.
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

	// full says that everything that is due is to be loaded, also what nobody has touched
	// yet. It says nothing about realtime actions, of which everything is loaded always.
	full bool
	// wakes counts what has said that there are jobs, so that a load knows whether it was
	// begun before that was said.
	wakes int
	// expected is how many jobs there may be that no load was begun for.
	expected int64
	// stale says that the settings may have changed.
	stale bool
	// running is how many loads run.
	running int
	// changed says that something has happened that the loop has not seen yet.
	changed bool
	// cost estimates how many events the run's history has.
	cost int
	// failed is why a load could not be: the workflow is cancelled.
	failed error
	// refusal is the last signal that was refused.
	refusal string
}

// maxEvents is after how many events a run continues as a new one, and what a turn of its
// loop, an activity and a signal are taken to cost.
const (
	maxEvents    = 1000
	costTurn     = 7
	costActivity = 6
	costSignal   = 1
)

// DestinationAction loads the jobs of an action, for ever. It wakes up by the action's
// schedule, when a retry is due, and, if the action is a realtime one, by the signal enqueue,
// which carries nothing: what is to be loaded stands in the store, and is claimed and
// settled by the activity deliver. Its settings stand in the store, too: it may be
// terminated and started anew at any time.
func DestinationAction(ctx workflow.Context, in DestinationActionInput) error {
	r := &actionRun{ref: activities.ActionRef{Destination: in.Destination, Action: in.Action}, stale: true}
	if c := in.Carried; c != nil {
		r.known, r.full, r.expected, r.stale = c.Known, c.Full, c.Expected, c.Stale
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
		for !r.long(ctx) && r.mayLoad() {
			r.load(ctx)
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
		r.cost += costTurn
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
	r.learn(answer)
	r.expected = max(r.expected, answer.Due)
	return nil
}

// question is what activities are asked by.
func (r *actionRun) question(ctx workflow.Context) activities.Survey {
	return activities.Survey{
		ActionRef: r.ref, Now: workflow.Now(ctx), NextRun: r.known.NextRun,
		Interval: r.known.Plan.Interval, TimeZone: r.known.Plan.TimeZone, Full: r.full,
	}
}

// learn takes a newer answer. Answers may come in another order than that in which they were
// given: of two times the earlier one counts, for waking up too early does no harm.
func (r *actionRun) learn(answer activities.Surveyed) {
	if due := r.known.NextDue; !due.IsZero() && (answer.NextDue.IsZero() || due.Before(answer.NextDue)) {
		answer.NextDue = due
	}
	r.known = answer
}

// wakeUp looks at the clock.
func (r *actionRun) wakeUp(ctx workflow.Context) {
	now := workflow.Now(ctx)
	if run := r.known.NextRun; !run.IsZero() && !now.Before(run) {
		r.known.NextRun = time.Time{}
		r.wake(true)
		// The next load tells when it is to be the next time. While there are none, it is
		// asked for, and whatever has not reached the workflow otherwise is noticed.
		r.stale = r.known.Plan.Paused
	}
	if due := r.known.NextDue; !due.IsZero() && !now.Before(due) {
		r.known.NextDue = time.Time{}
		r.wake(false)
	}
}

// wake says that there are jobs.
func (r *actionRun) wake(full bool) {
	r.wakes++
	r.full = r.full || full
	r.expected = max(r.expected, 1)
}

// long says whether the history is long enough.
func (r *actionRun) long(ctx workflow.Context) bool {
	info := workflow.GetInfo(ctx)
	return r.cost >= maxEvents || r.commands.accepted >= maxRunCommands ||
		info.GetCurrentHistoryLength() >= maxEvents || info.GetContinueAsNewSuggested()
}

// continueAsNew goes on in a new run, when what is under way has ended.
func (r *actionRun) continueAsNew(ctx workflow.Context) error {
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
			Known: r.known, Full: r.full, Expected: r.expected, Stale: r.stale,
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

// nextWake returns when to look again, and for what; zero if there is nothing to wait for
// but signals, commands and loads.
func (r *actionRun) nextWake(ctx workflow.Context) (until time.Time, why string) {
	now := workflow.Now(ctx)
	sooner := func(at time.Time, reason string) {
		if at.After(now) && (until.IsZero() || at.Before(until)) {
			until, why = at, reason
		}
	}
	sooner(r.known.NextRun, fmt.Sprintf("until the next time of %q", r.known.Plan.Interval))
	if r.known.Plan.Paused {
		return until, why
	}
	sooner(r.known.NextDue, "until the next job is due")
	return until, why
}
