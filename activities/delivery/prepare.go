package delivery

import (
	"context"
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/store"
)

// errNothingToDo is why an unprepared job is discarded for which Marshal returns no job.
var errNothingToDo = errors.New("the action has nothing to do with the event")

// prepare takes the unprepared jobs out of a batch: it stores the payload that the action's Marshal
// returns and makes them due. Jobs that Marshal refuses are discarded with its error. An error means
// that the store did not answer.
func (d *Destinations) prepare(ctx context.Context, b *batch) error {
	var rest []store.Job
	var prepared []store.PreparedJob
	var refused []store.JobOutcome
	tk := &destinations.Toolkit{Logger: d.Logger, Connections: d.Connections, Service: d.Service}
	for _, job := range b.claim.Jobs {
		if !job.Unprepared {
			rest = append(rest, job)
			continue
		}
		event := EventOf(b.claim.Events[job.EventID])
		n, made, err := destinations.PrepareJob(ctx, tk, d.Versions, b.dest, b.action, event, queuedJob(job))
		if err == nil && !made {
			err = errNothingToDo
		}
		if err != nil {
			refused = append(refused, refusal(job.ID, job.Fence, err))
			continue
		}
		prepared = append(prepared, store.PreparedJob{JobID: job.ID, Fence: job.Fence, NewJob: store.NewJob(n)})
	}
	if len(rest) == len(b.claim.Jobs) {
		return nil
	}
	b.claim.Jobs = rest
	recording, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	if err := d.storePrepared(recording, prepared, &refused); err != nil {
		return err
	}
	if len(refused) == 0 {
		return nil
	}
	recorded, err := d.Store.RecordOutcomes(recording, refused)
	if err != nil {
		return fmt.Errorf("discard jobs that cannot be prepared: %w", err)
	}
	d.observe(b.served.ref, refused, recorded.Recorded)
	return nil
}

// storePrepared stores payloads, together if PostgreSQL accepts all of them. It adds the others to
// refused.
func (d *Destinations) storePrepared(ctx context.Context, jobs []store.PreparedJob, refused *[]store.JobOutcome) error {
	if len(jobs) == 0 {
		return nil
	}
	_, err := d.Store.Prepare(ctx, jobs)
	if !errors.Is(err, store.ErrPayload) {
		return err
	}
	if len(jobs) == 1 {
		*refused = append(*refused, refusal(jobs[0].JobID, jobs[0].Fence, err))
		return nil
	}
	for _, job := range jobs {
		if err := d.storePrepared(ctx, []store.PreparedJob{job}, refused); err != nil {
			return err
		}
	}
	return nil
}

func refusal(job string, fence int64, err error) store.JobOutcome {
	return store.JobOutcome{JobID: job, Fence: fence, State: store.JobDiscarded, Error: err.Error()}
}
