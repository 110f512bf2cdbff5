package destinations

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
)

// MaxPayload is how many bytes the context and the data of a job can have together.
const MaxPayload = 1 << 20

// ErrTooLarge means that a job has more than MaxPayload bytes.
var ErrTooLarge = errors.New("the job is too large")

// MakeJob makes a job of an event by an action's Marshal, ready to be stored; made is false
// if the action has nothing to do with the event. The error is ErrVersion, ErrTooLarge,
// ErrPayload, ErrPanic or the action's own.
func MakeJob(
	ctx context.Context, tk *Toolkit, v *Versions, d Destination, a Action, e Event,
) (n NewJob, made bool, err error) {
	id, err := newID()
	if err != nil {
		return NewJob{}, false, err
	}
	return makeJob(ctx, tk, v, d, a, e, id)
}

// UnpreparedJob makes a job of an event for an action of which this process does not have the code: the
// worker that claims the job prepares it by PrepareJob. The error is ErrTooLarge or ErrPayload.
func UnpreparedJob(destination, action string, e Event) (NewJob, error) {
	id, err := newID()
	if err != nil {
		return NewJob{}, err
	}
	n := NewJob{
		ID: id, Destination: destination, Action: action, Version: e.Version, Context: e.Context, Data: e.Data,
		Unprepared: true,
	}
	return n, checkPayload(n)
}

// PrepareJob is MakeJob for a claimed job of UnpreparedJob. e is the job's event as it was received.
func PrepareJob(
	ctx context.Context, tk *Toolkit, v *Versions, d Destination, a Action, e Event, job QueuedJob,
) (n NewJob, made bool, err error) {
	e.Version, e.Context, e.Data = job.Version, job.Context, job.Data
	return makeJob(ctx, tk, v, d, a, e, job.ID)
}

func makeJob(
	ctx context.Context, tk *Toolkit, v *Versions, d Destination, a Action, e Event, id string,
) (n NewJob, made bool, err error) {
	if e.Version, err = v.Resolve(d, e.Version); err != nil {
		return NewJob{}, false, err
	}
	own := tk.withDefaults()
	own.EventID, own.JobID = e.ID, id
	var job *Job
	err = guard(func() error {
		job, err = a.Marshal(ctx, own, e)
		return err
	})
	if err != nil {
		return NewJob{}, false, fmt.Errorf("marshal for %s/%s: %w", d.Name(), a.Name(), err)
	}
	if job == nil {
		return NewJob{}, false, nil
	}
	version := e.Version
	if job.Version != "" {
		if version, err = v.Resolve(d, job.Version); err != nil {
			return NewJob{}, false, err
		}
	}
	n = NewJob{
		ID: id, Destination: d.Name(), Action: a.Name(), Version: version, Context: job.Context, Data: job.Data,
		SentAt: job.SentAt, DueAt: job.DueAt,
	}
	if len(n.Context) == 0 {
		n.Context = e.Context
	}
	return n, true, checkPayload(n)
}

func checkPayload(n NewJob) error {
	for _, text := range []json.RawMessage{n.Context, n.Data} {
		if len(text) > 0 && !json.Valid(text) {
			return fmt.Errorf("job of %s/%s: %w", n.Destination, n.Action, ErrPayload)
		}
	}
	if size := len(n.Context) + len(n.Data); size > MaxPayload {
		return fmt.Errorf("job of %s/%s: %w: it has %d bytes, and may have %d",
			n.Destination, n.Action, ErrTooLarge, size, MaxPayload)
	}
	return nil
}

// follow makes the jobs that follow from how a load went. A job that cannot be made is left
// out and reported.
func follow(
	ctx context.Context, tk *Toolkit, v *Versions, d Destination, event Event, r Result,
) (jobs []NewJob, faults []error) {
	for _, next := range r.Next {
		a, err := ActionOf(d, next.Action)
		if err != nil {
			faults = append(faults, fmt.Errorf("job %s: what follows: %w", r.Job.ID, err))
			continue
		}
		e := event
		e.Version, e.Context, e.Data = r.Job.Version, r.Job.Context, r.Job.Data
		if next.Version != "" {
			e.Version = next.Version
		}
		if next.Context != nil {
			e.Context = next.Context
		}
		if next.Data != nil {
			e.Data = next.Data
		}
		own := *tk
		own.ParentJobID = r.Job.ID
		job, made, err := MakeJob(ctx, &own, v, d, a, e)
		switch {
		case err != nil:
			faults = append(faults, fmt.Errorf("job %s: what follows: %w", r.Job.ID, err))
		case made:
			jobs = append(jobs, job)
		}
	}
	return jobs, faults
}
