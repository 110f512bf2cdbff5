package delivery

import (
	"context"
	"errors"
	"fmt"

	"github.com/sluicehq/sluice/destinations"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// errNothingToDo is why an unprepared job is discarded for which Marshal returns no job.
var errNothingToDo = errors.New("the action has nothing to do with the event")

// prepare takes the unprepared jobs out of a batch: it stores the payload that the action's Marshal
// returns and makes them due. Jobs that Marshal refuses are discarded with its error. An error means
// that the store did not answer.
func (d *Destinations) prepare(ctx context.Context, b *batch) error {
	var rest []deliverystore.Job
	var prepared []deliverystore.PreparedJob
	var refused []deliverystore.JobOutcome
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
			refused = append(refused, refusal(job.ID, job.FencingToken, err))
			continue
		}
		prepared = append(prepared, deliverystore.PreparedJob{
			JobID: job.ID, FencingToken: job.FencingToken, NewJob: deliverystore.NewJob(n),
		})
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
func (d *Destinations) storePrepared(
	ctx context.Context, jobs []deliverystore.PreparedJob, refused *[]deliverystore.JobOutcome,
) error {
	if len(jobs) == 0 {
		return nil
	}
	_, err := d.Store.Prepare(ctx, jobs)
	if !errors.Is(err, deliverystore.ErrPayload) {
		return err
	}
	if len(jobs) == 1 {
		*refused = append(*refused, refusal(jobs[0].JobID, jobs[0].FencingToken, err))
		return nil
	}
	for _, job := range jobs {
		if err := d.storePrepared(ctx, []deliverystore.PreparedJob{job}, refused); err != nil {
			return err
		}
	}
	return nil
}

func refusal(job string, token int64, err error) deliverystore.JobOutcome {
	return deliverystore.JobOutcome{JobID: job, FencingToken: token, State: deliverystore.JobDiscarded, Error: err.Error()}
}
