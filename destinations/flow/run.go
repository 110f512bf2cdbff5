package flow

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/expr-lang/expr/vm"

	"github.com/sluicehq/sluice/destinations"
)

// What a flow decides about an event.
const (
	// DecidedJob means that there is a job.
	DecidedJob = "job"
	// DecidedDisabled means that the flow is.
	DecidedDisabled = "disabled"
	// DecidedElse means that the event is not one of those that the flow is for.
	DecidedElse = "not for this event"
	// DecidedFalse means that a condition was not met.
	DecidedFalse = "condition not met"
	// DecidedNothing means that the action has nothing to do with the event.
	DecidedNothing = "nothing to do"
	// DecidedFault means that the flow has failed for the event: an expression, or the action,
	// could not make sense of it, or the flow itself is faulty.
	DecidedFault = "fault"
)

// Decision is what a flow decides about an event, for one of its actions or as a whole.
type Decision struct {
	// Flow is the flow's name, Destination and Action are empty if it is about all of them.
	Flow, Destination, Action string
	// Decided is one of the constants above.
	Decided string
	// Err is the error of DecidedFault. It can quote personal data of the event: show it to the
	// sender, and do not log it.
	Err error
	// Faulty says that the flow itself is, whatever the event.
	Faulty bool
	// Job is the job, for DecidedJob.
	Job destinations.NewJob
}

// Decide decides about an event. It does no I/O, and decides the same for the same event. A
// fault of one flow does not keep the others from their jobs.
func (p *Program) Decide(
	ctx context.Context, tk *destinations.Toolkit, v *destinations.Versions, e destinations.Event,
) []Decision {
	env, err := envOf(e)
	var all []Decision
	for _, r := range p.rules {
		d := Decision{Flow: r.Name}
		switch {
		case r.Disabled:
			d.Decided = DecidedDisabled
		case !r.isFor(e, importerOf(env)):
			d.Decided = DecidedElse
		case r.fault != nil:
			d.Decided, d.Err, d.Faulty = DecidedFault, fmt.Errorf("the flow is faulty: %w", r.fault), true
		case err != nil:
			d.Decided, d.Err = DecidedFault, err
		default:
			all = append(all, r.decide(ctx, tk, v, e, env)...)
			continue
		}
		all = append(all, d)
	}
	return all
}

// Jobs returns the jobs of decisions, and what went wrong with the others.
func Jobs(decisions []Decision) (jobs []destinations.NewJob, err error) {
	var faults []error
	for _, d := range decisions {
		switch d.Decided {
		case DecidedJob:
			jobs = append(jobs, d.Job)
		case DecidedFault:
			faults = append(faults, fmt.Errorf("flow %s: %w", d.Flow, d.Err))
		}
	}
	return jobs, errors.Join(faults...)
}

// Kept is a flow that has failed for an event, and why.
type Kept struct {
	Flow string
	Err  error
	// Faulty says that the flow itself is, whatever the event.
	Faulty bool
}

// Split returns the jobs of the flows that have not failed, and those that have. Of a flow that
// has failed for one of its actions there are no jobs: replayed, it makes all of them.
func Split(decisions []Decision) (jobs []destinations.NewJob, kept []Kept) {
	failed := map[string]bool{}
	for _, d := range decisions {
		if d.Decided == DecidedFault && !failed[d.Flow] {
			failed[d.Flow] = true
			kept = append(kept, Kept{Flow: d.Flow, Err: d.Err, Faulty: d.Faulty})
		}
	}
	for _, d := range decisions {
		if d.Decided == DecidedJob && !failed[d.Flow] {
			jobs = append(jobs, d.Job)
		}
	}
	return jobs, kept
}

func (r rule) decide(
	ctx context.Context, tk *destinations.Toolkit, v *destinations.Versions, e destinations.Event, env Env,
) []Decision {
	whole := Decision{Flow: r.Name}
	if met, err := r.met("when", r.when, env); err != nil || !met {
		whole.Decided, whole.Err = DecidedFalse, err
		if err != nil {
			whole.Decided = DecidedFault
		}
		return []Decision{whole}
	}
	all := make([]Decision, 0, len(r.steps))
	for i, s := range r.steps {
		d := Decision{Flow: r.Name, Destination: s.Destination, Action: s.Action}
		d.Job, d.Decided, d.Err = r.make(ctx, tk, v, s, element("to", i), e, env)
		all = append(all, d)
	}
	return all
}

// met says whether a condition is.
func (r rule) met(path string, condition *vm.Program, env Env) (bool, error) {
	if condition == nil {
		return true, nil
	}
	result, err := run(condition, env)
	if err != nil {
		return false, fmt.Errorf("%s: %w", r.place(path), err)
	}
	met, ok := result.(bool)
	if !ok {
		return false, fmt.Errorf("%s: want true or false, not %T", r.place(path), result)
	}
	return met, nil
}

// make makes the job of a step.
func (r rule) make(
	ctx context.Context, tk *destinations.Toolkit, v *destinations.Versions, s step, path string,
	e destinations.Event, env Env,
) (job destinations.NewJob, decided string, err error) {
	met, err := r.met(path+".when", s.when, env)
	if err != nil {
		return job, DecidedFault, err
	}
	if !met {
		return job, DecidedFalse, nil
	}
	if s.Version != "" {
		e.Version = s.Version
	}
	if e.Data, err = s.data.apply(env, e.Data, func() string { return r.place(path + ".data") }); err != nil {
		return job, DecidedFault, err
	}
	if e.Context, err = s.context.apply(env, e.Context, func() string { return r.place(path + ".context") }); err != nil {
		return job, DecidedFault, err
	}
	if s.destination == nil {
		if job, err = destinations.UnpreparedJob(s.Destination, s.Action, e); err != nil {
			return destinations.NewJob{}, DecidedFault, fmt.Errorf("%s: %w", r.place(path), err)
		}
		return job, DecidedJob, nil
	}
	job, made, err := destinations.MakeJob(ctx, tk, v, s.destination, s.action, e)
	switch {
	case err != nil:
		return destinations.NewJob{}, DecidedFault, fmt.Errorf("%s: %w", r.place(path), err)
	case !made:
		return destinations.NewJob{}, DecidedNothing, nil
	}
	return job, DecidedJob, nil
}

// envOf returns what expressions see of an event.
func envOf(e destinations.Event) (env Env, err error) {
	env = Env{ID: e.ID, Source: e.Source, Name: e.Name, Version: e.Version, SentAt: e.SentAt, ReceivedAt: e.ReceivedAt}
	if env.Data, err = object(e.Data); err != nil {
		return env, fmt.Errorf("the data: %w", err)
	}
	if env.Context, err = object(e.Context); err != nil {
		return env, fmt.Errorf("the context: %w", err)
	}
	return env, nil
}

// object reads a JSON object; nothing is an empty one.
func object(text json.RawMessage) (map[string]any, error) {
	if len(text) == 0 {
		return map[string]any{}, nil
	}
	var o map[string]any
	decoder := json.NewDecoder(bytes.NewReader(text))
	decoder.UseNumber()
	if err := decoder.Decode(&o); err != nil || o == nil {
		return nil, ErrNoObject
	}
	for name := range o {
		o[name] = numbers(o[name])
	}
	return o, nil
}

// numbers turns JSON numbers into those that expressions count with: whole ones keep all
// their digits, as the IDs that many of them are.
func numbers(value any) any {
	switch v := value.(type) {
	case json.Number:
		if n, err := v.Int64(); err == nil && !strings.ContainsAny(v.String(), ".eE") {
			return int(n)
		}
		n, err := v.Float64()
		if err != nil {
			// It is beyond what a float can be: a text has all of it.
			return v.String()
		}
		return n
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case map[string]any:
		for name := range v {
			v[name] = numbers(v[name])
		}
	}
	return value
}
