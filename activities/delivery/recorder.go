package delivery

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/internal/delay"
	"github.com/sluicehq/sluice/internal/groupcommit"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// recorder records the results of batches. Batches that end at the same time share a statement.
type recorder struct {
	once  sync.Once
	group groupcommit.Group[*batchResult]
}

// batchResult is the result of one batch on its way into the store.
type batchResult struct {
	ref        ActionRef
	connection string
	done       destinations.Delivered
	// outcomes are those of done, with the fencing tokens of their claim.
	outcomes []deliverystore.JobOutcome
	// recorded is what the store has recorded of it, err why it could not.
	recorded deliverystore.Recorded
	err      error
}

// recordTimeout bounds recording a result, including retries. It is shorter than the margin by
// which a lease exceeds the timeout of a batch.
const recordTimeout = 30 * time.Second

// record records the result of a batch and its evidence about the health of the connection, and
// notifies the producers of chained jobs.
func (d *Destinations) record(ctx context.Context, r *batchResult) error {
	d.recorder.once.Do(func() { d.recorder.group.Do = d.recordTogether })
	log := d.Logger.With("destination", r.ref.Destination, "action", r.ref.Action)
	err := d.recorder.group.Call(ctx, r)
	if err == nil {
		err = r.err
	}
	if err != nil {
		log.Warn("could not record the results of jobs, trying again", "error", err)
		if err := d.recordAlone(ctx, r); err != nil {
			return err
		}
	}
	d.observe(r.ref, r.outcomes, r.recorded.Recorded)
	if n := len(r.recorded.Fenced); n > 0 {
		log.Warn("results refused: the jobs have a newer attempt or were changed by an operator", "jobs", n)
	}
	if err := errors.Join(r.recorded.Refused...); err != nil {
		log.Error("could not add chained jobs", "error", err)
	}
	d.notifyChained(ctx, r)
	return nil
}

// recordTogether records the results of several batches in one statement. Batches with chained jobs
// need a transaction each.
func (d *Destinations) recordTogether(ctx context.Context, results []*batchResult) {
	var together []*batchResult
	var outcomes []deliverystore.JobOutcome
	var healthy []string
	for _, r := range results {
		if slices.ContainsFunc(r.outcomes, func(o deliverystore.JobOutcome) bool { return len(o.Chained) > 0 }) {
			if r.recorded, r.err = d.Store.RecordOutcomes(ctx, r.outcomes); r.err == nil {
				r.err = d.noteEvidence(ctx, r)
			}
			continue
		}
		together, outcomes = append(together, r), append(outcomes, r.outcomes...)
		if r.done.Evidence.Succeeded {
			healthy = append(healthy, r.connection)
		}
	}
	if len(together) == 0 {
		return
	}
	recorded, err := d.Store.RecordOutcomes(ctx, outcomes, healthy...)
	for _, r := range together {
		if r.err = err; err != nil {
			continue
		}
		r.recorded = recorded.Of(r.outcomes)
		if !r.done.Evidence.Succeeded {
			r.err = d.noteEvidence(ctx, r)
		}
	}
}

// recordAlone retries until the result is recorded or ctx ends: no other process knows it.
// Recording twice does no harm.
func (d *Destinations) recordAlone(ctx context.Context, r *batchResult) error {
	const maxPause = 2 * time.Second
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, maxPause) {
		recorded, err := d.Store.RecordOutcomes(ctx, r.outcomes)
		if err == nil {
			// What an earlier attempt has recorded counts, too.
			recorded.Recorded = append(recorded.Recorded, r.recorded.Recorded...)
			recorded.Chained = append(recorded.Chained, r.recorded.Chained...)
			r.recorded = recorded
			err = d.noteEvidence(ctx, r)
		}
		if err == nil {
			return nil
		}
		if delay.Wait(ctx, pause) != nil {
			return err
		}
	}
}

// noteEvidence records the evidence of a batch about the health of its connection.
func (d *Destinations) noteEvidence(ctx context.Context, r *batchResult) error {
	health, err := d.Store.NoteEvidence(ctx, r.connection, deliverystore.Evidence(r.done.Evidence), d.Circuit)
	if err != nil {
		return err
	}
	if health.OpenUntil != nil {
		d.Logger.Warn("circuit open", "destination", r.ref.Destination, "action", r.ref.Action, "connection", r.connection,
			"until", *health.OpenUntil, "failures", health.Failures, "reason", health.Reason)
	}
	return nil
}

// notifyChained notifies the producers of chained jobs. After an error the next poll finds them.
func (d *Destinations) notifyChained(ctx context.Context, r *batchResult) {
	var next []deliverystore.ActionName
	for _, job := range r.recorded.Chained {
		name := deliverystore.ActionName{Destination: r.ref.Destination, Action: job.Action}
		if !slices.Contains(next, name) {
			next = append(next, name)
		}
	}
	if err := d.Store.NotifyJobs(ctx, next); err != nil {
		d.Logger.Warn("could not notify producers of chained jobs", "error", err)
	}
}
