package store

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluicehq/sluice/store/db"
)

// JobOutcome is how the load of one job went.
type JobOutcome struct {
	// JobID and Fence name the attempt: both as they were claimed.
	JobID string
	Fence int64
	// State is what it becomes: JobSucceeded, JobFailed, JobDiscarded, JobUnknown, or
	// JobAwaiting for a job that was not tried, which costs it no attempt.
	State string
	// Error says why. It holds no secret.
	Error string
	// RetryAfter is when it is due again, for JobFailed, JobAwaiting and JobUnknown. Below
	// zero an unknown job waits for a person.
	RetryAfter time.Duration
	// Chained are the jobs that follow, of the same destination.
	Chained []NewJob
}

// Recorded says what became of outcomes.
type Recorded struct {
	// Recorded are the jobs whose outcome was noted now.
	Recorded []string
	// Already are those whose outcome was noted before, by the same attempt.
	Already []string
	// Fenced are those that another attempt, or a person, has taken over meanwhile, or
	// that are gone. Nothing was noted about them.
	Fenced []string
	// Chained are the jobs that were added.
	Chained []ChainedJob
	// Refused are the faults of jobs that were not, ErrChain or ErrPayload each.
	Refused []error
}

// ChainedJob is a job that an outcome has made.
type ChainedJob struct{ ID, ParentID, Action string }

// RecordOutcomes notes how the loads of jobs went, and adds the jobs that follow from it,
// in one transaction. It may be called again with the same outcomes: nothing happens
// twice. A following job that cannot be is left out, without harm to the outcome.
func (s *Store) RecordOutcomes(ctx context.Context, outcomes []JobOutcome) (r Recorded, err error) {
	err = pgx.BeginTxFunc(ctx, s.pool, pgx.TxOptions{BeginQuery: begin}, func(tx pgx.Tx) error {
		r, err = recordOutcomes(ctx, tx, outcomes)
		return err
	})
	if err != nil {
		return Recorded{}, fmt.Errorf("record the outcomes of %d jobs: %w", len(outcomes), err)
	}
	return r, nil
}

func recordOutcomes(ctx context.Context, tx pgx.Tx, outcomes []JobOutcome) (r Recorded, err error) {
	q := db.New(tx)
	ids := make([]string, len(outcomes))
	for i, o := range outcomes {
		ids[i] = o.JobID
	}
	rows, err := q.LockJobs(ctx, ids)
	if err != nil {
		return Recorded{}, fmt.Errorf("lock: %w", err)
	}
	jobs := make(map[string]Job, len(rows))
	for _, row := range rows {
		jobs[row.ID] = row
	}
	var p db.RecordJobsParams
	var noted []JobOutcome
	for _, o := range outcomes {
		job := jobs[o.JobID]
		switch {
		case job.ID == "" || job.Fence != o.Fence:
			r.Fenced = append(r.Fenced, o.JobID)
			continue
		case job.State != JobExecuting && !late(job, o):
			r.Already = append(r.Already, o.JobID)
			continue
		}
		if err := appendOutcome(&p, o); err != nil {
			return Recorded{}, fmt.Errorf("job %s: %w", o.JobID, err)
		}
		noted, r.Recorded = append(noted, o), append(r.Recorded, o.JobID)
		// A second outcome for the job counts as repeated.
		job.State = o.State
		jobs[o.JobID] = job
	}
	if err := q.RecordJobs(ctx, p); err != nil {
		return Recorded{}, err
	}
	for _, o := range noted {
		if err := addChained(ctx, tx, jobs[o.JobID], o.Chained, &r); err != nil {
			return Recorded{}, err
		}
	}
	return r, nil
}

// late says whether an outcome came after the lease had ended, and says what is not known
// yet. That it failed is left aside: the job is going to be loaded again anyway.
func late(job Job, o JobOutcome) bool {
	return job.State == JobUnknown && (o.State == JobSucceeded || o.State == JobDiscarded)
}

// appendOutcome adds an outcome to the arrays of the statement.
func appendOutcome(p *db.RecordJobsParams, o JobOutcome) error {
	wait, untried := -1.0, int32(0)
	switch o.State {
	case JobSucceeded, JobDiscarded:
	case JobUnknown:
		wait = o.RetryAfter.Seconds()
	case JobFailed:
		wait = max(0, o.RetryAfter.Seconds())
	case JobAwaiting:
		wait, untried = max(0, o.RetryAfter.Seconds()), 1
	default:
		return fmt.Errorf("%q is not an outcome", o.State)
	}
	p.Ids, p.States = append(p.Ids, o.JobID), append(p.States, o.State)
	p.Errors = append(p.Errors, JobError{Message: o.Error}.encode())
	p.Untried, p.WaitSeconds = append(p.Untried, untried), append(p.WaitSeconds, wait)
	return nil
}

// addChained adds the jobs that follow from one. Each has a savepoint of its own: what the
// database refuses would otherwise take the outcome of all jobs with it, for ever.
func addChained(ctx context.Context, tx pgx.Tx, parent Job, chained []NewJob, r *Recorded) error {
	event := Event{ID: parent.EventID, Context: parent.Context, SentAt: parent.SentAt}
	for _, n := range chained {
		var id string
		err := pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) (err error) {
			id, err = insertJob(ctx, db.New(savepoint), event, n, &parent)
			return err
		})
		switch {
		case err == nil:
			r.Chained = append(r.Chained, ChainedJob{ID: id, ParentID: parent.ID, Action: n.Action})
		case refused(err):
			r.Refused = append(r.Refused, fmt.Errorf("job of %s that follows %s: %w", n.Action, parent.ID, asPayload(err)))
		default:
			return fmt.Errorf("add the job of %s that follows %s: %w", n.Action, parent.ID, err)
		}
	}
	return nil
}

// refused says whether an error is the row's own fault.
func refused(err error) bool {
	var pgErr *pgconn.PgError
	if errors.As(err, &pgErr) {
		return strings.HasPrefix(pgErr.Code, "22") || strings.HasPrefix(pgErr.Code, "23")
	}
	return errors.Is(err, ErrChain) || errors.Is(err, ErrPayload)
}
