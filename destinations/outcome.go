package destinations

import (
	"errors"
	"fmt"
	"time"
)

// Result is how the load of one job went.
type Result struct {
	// Job is what was loaded.
	Job QueuedJob
	// State is the state that the attempt brings it to.
	State State
	// Error says why, nil for StateSucceeded.
	Error error
	// Forced says that the destination has discarded it by ForceDiscard.
	Forced bool
	// RetryAfter is the minimum delay requested by the destination, 0 if it requested none.
	RetryAfter time.Duration
	// Next are the jobs that follow.
	Next []Next
}

// Outcome is how a load went.
type Outcome struct {
	// Results has one entry for each job of the queue, in its order.
	Results []Result
	// Faults are mistakes of the action, such as a report about a job that is not in the
	// queue. They change nothing, and are for the log.
	Faults []error
}

// ErrUnreported is why a job is unknown about which nothing was reported.
var ErrUnreported = errors.New("the load has ended without a word about the job")

// ErrNoReason is why a job is discarded that a destination discards without an error. The
// job stays discarded, and the conformance suite fails such a destination.
var ErrNoReason = errors.New("ForceDiscard without Error")

// OutcomeOf decides what becomes of the jobs of a queue, by what was reported:
//
//   - A report that names no jobs is about all that no report names. Of reports of the same
//     kind the last one counts.
//   - Without an Error jobs have succeeded, and OnSucceeded follows.
//   - With one they have failed, and OnFailed follows, or, if this was the last of their
//     attempts, they are discarded, and OnDiscarded follows. maxRetries 0 leaves them one
//     attempt.
//   - An error of ErrorClassOperator fails them whatever the number of attempts: they are kept
//     until an operator fixes the cause.
//   - ForceDiscard discards them at once; Unknown and Untried do what they say.
//   - A job that no report is about is unknown.
//
// A report that contradicts itself is taken for the more careful of its meanings, and is a
// fault. OutcomeOf looks at nothing but its arguments.
func OutcomeOf(q *Queue, reports []Then, maxRetries uint16) Outcome {
	var o Outcome
	byJob, rest := o.assign(q, reports)
	for job := range q.Jobs() {
		then, named := byJob[job.ID]
		if !named {
			then = rest
		}
		o.Results = append(o.Results, resultOf(job, then, maxRetries))
	}
	return o
}

// assign finds the report that counts for each job, and the one for the rest.
func (o *Outcome) assign(q *Queue, reports []Then) (byJob map[string]*Then, rest *Then) {
	known := make(map[string]bool, q.Len())
	for job := range q.Jobs() {
		known[job.ID] = true
	}
	byJob = make(map[string]*Then, q.Len())
	for i := range reports {
		then := o.straighten(i+1, reports[i])
		if len(then.Jobs) == 0 {
			rest = &then
		}
		for _, id := range then.Jobs {
			if known[id] {
				byJob[id] = &then
			} else {
				o.Faults = append(o.Faults, fmt.Errorf("report %d: job %q is not in the queue", i+1, id))
			}
		}
	}
	return byJob, rest
}

// straighten makes a report consistent.
func (o *Outcome) straighten(no int, t Then) Then {
	fault := func(text string) { o.Faults = append(o.Faults, fmt.Errorf("report %d: %s", no, text)) }
	switch {
	case t.Error != nil:
	case t.ForceDiscard && !t.Unknown && !t.Untried:
		fault(ErrNoReason.Error() + ": a discarded job needs its reason")
		t.Error = ErrNoReason
	case t.ForceDiscard || t.Unknown || t.Untried:
		// Such a report does not mean that the job was delivered.
		fault("jobs are unknown or untried without an error that says why")
		t.Error = errors.New("the destination did not say why")
	}
	switch {
	case t.Unknown && (t.Untried || t.ForceDiscard):
		fault("jobs are unknown and something else, too: they count as unknown")
		t.Untried, t.ForceDiscard = false, false
	case t.Untried && t.ForceDiscard:
		fault("jobs are untried and discarded: they count as untried")
		t.ForceDiscard = false
	}
	if t.RetryAfter < 0 || t.RetryAfter > 0 && t.Error == nil {
		fault("a wait that is below zero, or without an error, is left aside")
		t.RetryAfter = 0
	}
	t.RetryAfter = min(t.RetryAfter, MaxRetryAfter)
	return t
}

// resultOf is what becomes of a job whose report is t, nil if there is none.
func resultOf(job QueuedJob, t *Then, maxRetries uint16) Result {
	switch {
	case t == nil:
		return Result{Job: job, State: StateUnknown, Error: ErrUnreported}
	case t.Unknown:
		return Result{Job: job, State: StateUnknown, Error: t.Error, RetryAfter: t.RetryAfter}
	case t.Untried:
		return Result{Job: job, State: StateAwaiting, Error: t.Error, RetryAfter: t.RetryAfter}
	case t.Error == nil:
		return Result{Job: job, State: StateSucceeded, Next: t.OnSucceeded}
	case t.ForceDiscard || job.Attempt > int(maxRetries) && ClassOf(t.Error) != ErrorClassOperator:
		return Result{Job: job, State: StateDiscarded, Error: t.Error, Forced: t.ForceDiscard, Next: t.OnDiscarded}
	default:
		return Result{Job: job, State: StateFailed, Error: t.Error, RetryAfter: t.RetryAfter, Next: t.OnFailed}
	}
}

// Delivered returns how many jobs have succeeded.
func (o Outcome) Delivered() int { return o.count(StateSucceeded) }

func (o Outcome) count(state State) int {
	n := 0
	for _, r := range o.Results {
		if r.State == state {
			n++
		}
	}
	return n
}
