package destinations

import (
	"context"
	"fmt"
	"sync"
)

// Delivery is one attempt at the jobs of a queue.
type Delivery struct {
	// Destination and Action are what loads them.
	Destination Destination
	Action      Action
	// Queue are the jobs.
	Queue *Queue
	// Plan is what they are loaded by.
	Plan Plan
	// Toolkit is what the action is given.
	Toolkit *Toolkit
	// Versions resolves the versions of jobs that follow.
	Versions *Versions
}

// Delivered is how it went.
type Delivered struct {
	// Outcome is what was decided for each job.
	Outcome Outcome
	// Outcomes are what is to be recorded about each job.
	Outcomes []JobOutcome
	// Unhealthy is why the connection seems unhealthy, "" if it does not or if nothing was tried.
	Unhealthy string
	// Evidence is what the load says about the health of its connection.
	Evidence Evidence
	// Tried is how many jobs were tried.
	Tried int
}

// Run loads the jobs, within the plan's timeout, and decides what becomes of them. It does
// not fail: what goes wrong is an outcome. Faults of the action are logged.
func (dl Delivery) Run(ctx context.Context) Delivered {
	tk := dl.Toolkit.withDefaults()
	tk.Logger = tk.Logger.With("destination", dl.Destination.Name(), "action", dl.Action.Name())
	tk.Connections = classifying{tk.Connections}
	reports, fault := runLoad(ctx, tk, dl.Action, dl.Queue, dl.Plan)
	o := OutcomeOf(dl.Queue, reports, *dl.Plan.MaxRetries)
	if fault != nil {
		o.Faults = append(o.Faults, fault)
		for i := range o.Results {
			if o.Results[i].Error == ErrUnreported { //nolint:errorlint // what OutcomeOf says, not what it wraps
				o.Results[i].Error = fmt.Errorf("%w: %w", ErrUnreported, fault)
			}
		}
	}
	events := make(map[string]Event, len(dl.Queue.Events))
	for _, queued := range dl.Queue.Events {
		events[queued.Event.ID] = queued.Event
	}
	done := Delivered{}
	for _, r := range o.Results {
		event := events[r.Job.EventID]
		// The outcome is computed even if the worker is stopping.
		jobs, faults := follow(context.WithoutCancel(ctx), tk, dl.Versions, dl.Destination, event, r)
		o.Faults = append(o.Faults, faults...)
		done.Outcomes = append(done.Outcomes, dl.Plan.outcome(r, jobs))
		if r.State != StateAwaiting {
			done.Tried++
		}
	}
	for _, fault := range o.Faults {
		tk.Logger.Error("a destination has made a mistake", "error", fault)
	}
	// What a worker that stops has interrupted says nothing.
	if done.Evidence = o.Evidence(); done.Evidence.Succeeded || ctx.Err() == nil {
		done.Unhealthy = done.Evidence.Reason
	} else {
		done.Evidence = Evidence{}
	}
	done.Outcome = o
	return done
}

// outcome is the outcome of a job for the store.
func (p Plan) outcome(r Result, follows []NewJob) JobOutcome {
	o := JobOutcome{
		JobID: r.Job.ID, State: r.State, Chained: follows, RetryAfter: r.RetryAfter,
	}
	if r.Error != nil {
		o.Error = r.Error.Error()
	}
	switch r.State {
	case StateFailed:
		o.RetryAfter = max(r.RetryAfter, p.Backoff(r.Job.Attempt))
		if ClassOf(r.Error) == ErrorClassOperator {
			o.RetryAfter = max(o.RetryAfter, OperatorBackoff)
		}
	case StateUnknown:
		// The job may have been delivered: if the destination cannot tell, an operator decides.
		o.RetryAfter = -1
		if p.RedriveUnknown && r.Job.Attempt <= int(*p.MaxRetries) {
			o.RetryAfter = max(r.RetryAfter, p.Backoff(r.Job.Attempt))
		}
	}
	return o
}

// runLoad runs an action's Load and returns what it has reported. fault is that it has panicked.
func runLoad(ctx context.Context, tk *Toolkit, a Action, q *Queue, p Plan) (reports []Then, fault error) {
	ctx, cancel := context.WithTimeout(ctx, p.Timeout)
	defer cancel()
	var mu sync.Mutex
	ended := false
	report := func(t Then) {
		mu.Lock()
		defer mu.Unlock()
		// A report after the end comes from a leaked goroutine. It is too late: the jobs may be
		// executing again.
		if !ended {
			reports = append(reports, t)
		}
	}
	fault = guard(func() error {
		a.Load(ctx, tk, q, report)
		return nil
	})
	mu.Lock()
	defer mu.Unlock()
	ended = true
	return reports, fault
}
