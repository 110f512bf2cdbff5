package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sluicehq/sluice/starter/internal/call"
	"github.com/sluicehq/sluice/store"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
)

// Jobs lists and changes jobs, which belong to no site. It needs no Temporal, and is safe for concurrent use.
type Jobs struct {
	// Store is the system of record. Required.
	Store *dispatchstore.Store
}

// List returns a page of jobs, newest first.
func (j Jobs) List(ctx context.Context, f deliverystore.JobFilter, p deliverystore.Page) ([]Job, error) {
	rows, err := j.Store.Deliveries.ListJobs(ctx, f, p)
	if err != nil {
		return nil, err
	}
	return jobsOfRows(ctx, j.Store, rows)
}

// Count counts the jobs that a filter selects.
func (j Jobs) Count(ctx context.Context, f deliverystore.JobFilter) (int64, error) {
	return j.Store.Deliveries.CountJobs(ctx, f)
}

// Show returns a job with its payload and history, or store.ErrNotFound.
func (j Jobs) Show(ctx context.Context, id string) (JobDetails, error) {
	row, err := j.Store.Deliveries.Job(ctx, id)
	if err != nil {
		return JobDetails{}, err
	}
	why, err := deliverystore.ErrorOf(row.LastError)
	if err != nil {
		return JobDetails{}, err
	}
	var workers store.Workers
	if waits(row.State) {
		if workers, err = j.Store.LiveWorkers(ctx); err != nil {
			return JobDetails{}, err
		}
	}
	d := JobDetails{
		Job: Job{
			ID: row.ID, Destination: row.Destination, Action: row.Action, Version: row.Version, EventID: row.EventID,
			ParentJobID: row.ParentJobID, ReplayOf: row.ReplayOf, State: row.State, Attempt: row.Attempt, DueAt: row.DueAt,
			Error: why.Message, By: why.By, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, FinishedAt: row.FinishedAt,
			NoWorker: waitsForWorker(workers, row.State, row.Destination, row.Action),
		},
		Unprepared: row.Unprepared,
		Lineage:    append([]string{}, row.Lineage...), SentAt: row.SentAt, LeaseExpiresAt: row.LeaseExpiresAt,
		Context: row.Context, Data: row.Data, Transitions: []Transition{}, Edits: []JobEdit{},
		Commands: commandsOf(row.State),
	}
	err = j.addHistory(ctx, &d)
	return d, err
}

// addHistory adds the transitions and the edits of a job.
func (j Jobs) addHistory(ctx context.Context, d *JobDetails) error {
	moves, err := j.Store.Deliveries.TransitionsOf(ctx, d.ID)
	if err != nil {
		return fmt.Errorf("read the history of job %s: %w", d.ID, err)
	}
	for _, m := range moves {
		why, err := deliverystore.ErrorOf(m.Error)
		if err != nil {
			return err
		}
		d.Transitions = append(d.Transitions, Transition{
			At: m.At, From: m.StateBefore, To: m.StateAfter, Attempt: m.Attempt, Error: why.Message, By: why.By,
		})
	}
	edits, err := j.Store.Deliveries.EditsOf(ctx, d.ID)
	if err != nil {
		return fmt.Errorf("read the edits of job %s: %w", d.ID, err)
	}
	for _, e := range edits {
		d.Edits = append(d.Edits, JobEdit{At: e.At, By: e.By, Context: e.Context, Data: e.Data})
	}
	return nil
}

// Stats counts the jobs that a filter selects by destination, action and state.
func (j Jobs) Stats(ctx context.Context, f deliverystore.JobFilter) ([]JobCount, error) {
	rows, err := j.Store.Deliveries.JobStats(ctx, f)
	counts := make([]JobCount, len(rows))
	for i, n := range rows {
		counts[i] = JobCount{
			Destination: n.Destination, Action: n.Action, State: n.State, Jobs: n.Jobs, Due: n.Due, OldestDue: n.OldestDue,
			OldestCreated: &n.OldestCreated,
		}
	}
	return counts, err
}

// StatsByState counts the jobs that a filter selects by state, each state up to a maximum. It reads no more of them.
func (j Jobs) StatsByState(ctx context.Context, f deliverystore.JobFilter, most int32) ([]JobCount, error) {
	rows, err := j.Store.Deliveries.CountStates(ctx, f, most)
	counts := make([]JobCount, len(rows))
	for i, n := range rows {
		counts[i] = JobCount{State: n.State, Jobs: n.Jobs}
	}
	return counts, err
}

// StatsByHour counts the jobs that a filter selects by the hour of their creation, destination and state. Without
// bounds of the creation it counts those of the last 24 hours: all hours would be a long list and a slow query.
func (j Jobs) StatsByHour(ctx context.Context, f deliverystore.JobFilter) ([]JobCount, error) {
	if f.CreatedAfter.IsZero() && f.CreatedBefore.IsZero() {
		f.CreatedAfter = time.Now().Add(-24 * time.Hour)
	}
	rows, err := j.Store.Deliveries.JobsByHour(ctx, f)
	counts := make([]JobCount, len(rows))
	for i, n := range rows {
		counts[i] = JobCount{Hour: &n.Hour, Destination: n.Destination, State: n.State, Jobs: n.Jobs}
	}
	return counts, err
}

// Edit replaces the payload of a job that is neither executing nor succeeded, and retries it now. A nil context or data
// is not changed. The errors are those of deliverystore.Store.EditAndRetry, and starter.ErrInvalid if there is nothing
// to change.
func (j Jobs) Edit(ctx context.Context, id string, jobContext, data json.RawMessage, by call.By) error {
	if jobContext == nil && data == nil {
		return call.Mark(errors.New("nothing to change: want a context or data"), call.ErrInvalid)
	}
	if err := j.Store.Deliveries.EditAndRetry(ctx, id, jobContext, data, orderOf(by)); err != nil {
		return err
	}
	return j.notifyDue(ctx)
}

// notifyDue notifies the producers of jobs that a person has made due. Actions with a schedule find
// theirs when their time comes.
func (j Jobs) notifyDue(ctx context.Context) error {
	counts, err := j.Store.Deliveries.JobStats(ctx, deliverystore.JobFilter{
		States: []string{deliverystore.JobAcknowledged, deliverystore.JobAwaiting},
	})
	if err != nil {
		return err
	}
	var due []deliverystore.ActionName
	for _, n := range counts {
		if n.Due > 0 {
			due = append(due, deliverystore.ActionName{Destination: n.Destination, Action: n.Action})
		}
	}
	if err := j.Store.Deliveries.NotifyJobs(ctx, due); err != nil {
		return fmt.Errorf("the jobs are due, and are delivered after the next poll: %w", err)
	}
	return nil
}

// orderOf names the author and the motive of a change to the store.
func orderOf(by call.By) deliverystore.Order { return deliverystore.Order{By: by.Who, Reason: by.Why} }

// waits reports whether a job waits for its next attempt in a state.
func waits(state string) bool {
	switch state {
	case deliverystore.JobAcknowledged, deliverystore.JobAwaiting, deliverystore.JobFailed:
		return true
	default:
		return false
	}
}

// waitsForWorker reports whether a job waits for an action that no live worker has.
func waitsForWorker(workers store.Workers, state, destination, action string) bool {
	return waits(state) && len(workers.WithAction(destination, action)) == 0
}

// jobsOfRows returns the form of jobs. It reads the live workers only if a job waits.
func jobsOfRows(ctx context.Context, s *dispatchstore.Store, rows []deliverystore.ListedJob) ([]Job, error) {
	var workers store.Workers
	if slices.ContainsFunc(rows, func(row deliverystore.ListedJob) bool { return waits(row.State) }) {
		var err error
		if workers, err = s.LiveWorkers(ctx); err != nil {
			return nil, err
		}
	}
	jobs := make([]Job, len(rows))
	for i, row := range rows {
		why, err := deliverystore.ErrorOf(row.LastError)
		if err != nil {
			return nil, err
		}
		jobs[i] = Job{
			ID: row.ID, Destination: row.Destination, Action: row.Action, Version: row.Version, EventID: row.EventID,
			ParentJobID: row.ParentJobID, ReplayOf: row.ReplayOf, State: row.State, Attempt: row.Attempt, DueAt: row.DueAt,
			Error: why.Message, By: why.By, CreatedAt: row.CreatedAt, UpdatedAt: row.UpdatedAt, FinishedAt: row.FinishedAt,
			NoWorker: waitsForWorker(workers, row.State, row.Destination, row.Action),
		}
	}
	return jobs, nil
}
