package delivery

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/sluicehq/sluice/store/internal/db"
)

// JobOutcome is the result of one attempt at a job.
type JobOutcome struct {
	// JobID and FencingToken identify the attempt: both come from the claim.
	JobID        string
	FencingToken int64
	// State is the new state: JobSucceeded, JobFailed, JobDiscarded, JobUnknown, or JobAwaiting for a
	// job that was not tried, which costs no attempt.
	State string
	// Error says why. It has no secret.
	Error string
	// RetryAfter is after what time the job is due again, for JobFailed, JobAwaiting and JobUnknown.
	// Below zero an unknown job waits for an operator.
	RetryAfter time.Duration
	// Chained are jobs of the same destination that follow.
	Chained []NewJob
}

// Recorded is the result of RecordOutcomes.
type Recorded struct {
	// Recorded are the jobs whose outcome was recorded now.
	Recorded []string
	// Already are the jobs whose outcome was recorded before, for the same attempt.
	Already []string
	// Fenced are the jobs that have a newer attempt, were changed by an operator, or are deleted. Their
	// outcome was not recorded.
	Fenced []string
	// Chained are the jobs that were added.
	Chained []ChainedJob
	// Refused are the errors of chained jobs that were not added: ErrChain or ErrPayload.
	Refused []error
}

// Of returns the part of the result that belongs to some outcomes without chained jobs.
func (r Recorded) Of(outcomes []JobOutcome) Recorded {
	among := make(map[string]bool, len(outcomes))
	for _, o := range outcomes {
		among[o.JobID] = true
	}
	pick := func(ids []string) (own []string) {
		for _, id := range ids {
			if among[id] {
				own = append(own, id)
			}
		}
		return own
	}
	return Recorded{Recorded: pick(r.Recorded), Already: pick(r.Already), Fenced: pick(r.Fenced)}
}

// ChainedJob is a job that an outcome has added.
type ChainedJob struct{ ID, ParentID, Action string }

// Reporter reports jobs that end undelivered or wait for an operator. Its method is called in the
// transaction that records the outcomes, also concurrently.
type Reporter interface {
	// Undelivered is called before the jobs are locked, with their outcomes by job ID. It reads and
	// writes in the caller's transaction alone. report is called in the same transaction with the IDs
	// of all jobs whose outcome was recorded.
	Undelivered(
		ctx context.Context, q *db.Queries, outcomes map[string]JobOutcome,
	) (report func(recorded []string) error, err error)
}

// RecordOutcomes records the outcomes of jobs and adds their chained jobs in one transaction. Jobs
// that end undelivered are reported to the Reporter. It is idempotent. A chained
// job that is refused does not affect the outcome. The failure of a job whose lease has expired is
// ignored: the job is retried anyway. The circuits of healthy connections are closed.
func (s *Store) RecordOutcomes(ctx context.Context, outcomes []JobOutcome, healthy ...string) (r Recorded, err error) {
	b, err := newOutcomeBatch(outcomes, healthy)
	if err == nil && !b.chains && !b.ends {
		r, err = b.record(ctx, s.sql.Queries)
	} else if err == nil {
		err = s.sql.InPgxTx(ctx, func(tx pgx.Tx) error {
			report := func([]string) error { return nil }
			if b.ends && s.reporter != nil {
				if report, err = s.reporter.Undelivered(ctx, db.New(tx), b.undelivered()); err != nil {
					return err
				}
			}
			if r, err = b.record(ctx, db.New(tx)); err != nil {
				return err
			}
			if err := report(r.Recorded); err != nil {
				return err
			}
			return b.addChained(ctx, tx, &r)
		})
	}
	if err != nil {
		return Recorded{}, fmt.Errorf("record the outcomes of %d jobs: %w", len(outcomes), err)
	}
	return r, nil
}

// outcomeBatch has outcomes as the arrays of the statement that records them.
type outcomeBatch struct {
	params db.RecordJobsParams
	byJob  map[string]JobOutcome
	// again are jobs with more than one outcome: the first one counts.
	again []string
	// chains says that there are chained jobs, ends that jobs end undelivered.
	chains, ends bool
}

func newOutcomeBatch(outcomes []JobOutcome, healthy []string) (*outcomeBatch, error) {
	b := &outcomeBatch{byJob: make(map[string]JobOutcome, len(outcomes))}
	b.params.Healthy = healthy
	for _, o := range outcomes {
		if _, twice := b.byJob[o.JobID]; twice {
			b.again = append(b.again, o.JobID)
			continue
		}
		if err := appendOutcome(&b.params, o); err != nil {
			return nil, fmt.Errorf("job %s: %w", o.JobID, err)
		}
		b.byJob[o.JobID] = o
		b.chains = b.chains || len(o.Chained) > 0
		b.ends = b.ends || o.final()
	}
	return b, nil
}

// undelivered returns the outcomes of jobs that end undelivered or wait for an operator.
func (b *outcomeBatch) undelivered() map[string]JobOutcome {
	all := map[string]JobOutcome{}
	for id, o := range b.byJob {
		if o.final() {
			all[id] = o
		}
	}
	return all
}

// final reports whether the job ends undelivered or waits for an operator.
func (o JobOutcome) final() bool {
	return o.State == JobDiscarded || o.State == JobUnknown && o.RetryAfter < 0
}

// record records the outcomes, and determines why some of them were refused.
func (b *outcomeBatch) record(ctx context.Context, q *db.Queries) (r Recorded, err error) {
	recorded, err := q.RecordJobs(ctx, b.params)
	if err != nil {
		return Recorded{}, err
	}
	r.Recorded, r.Already = append(r.Recorded, recorded...), b.again
	if len(r.Recorded) == len(b.byJob) {
		return r, nil
	}
	left := maps.Clone(b.byJob)
	for _, id := range r.Recorded {
		delete(left, id)
	}
	rows, err := q.FencingTokens(ctx, slices.Collect(maps.Keys(left)))
	if err != nil {
		return Recorded{}, fmt.Errorf("read the attempts of jobs whose outcome was not recorded: %w", err)
	}
	for _, row := range rows {
		if row.FencingToken == left[row.ID].FencingToken {
			r.Already = append(r.Already, row.ID)
			delete(left, row.ID)
		}
	}
	r.Fenced = slices.AppendSeq(r.Fenced, maps.Keys(left))
	return r, nil
}

// addChained adds the chained jobs of the outcomes that were recorded now.
func (b *outcomeBatch) addChained(ctx context.Context, tx pgx.Tx, r *Recorded) error {
	var ids []string
	for _, id := range r.Recorded {
		if len(b.byJob[id].Chained) > 0 {
			ids = append(ids, id)
		}
	}
	parents, err := db.New(tx).JobsByID(ctx, ids)
	if err != nil {
		return fmt.Errorf("read the jobs that others are chained to: %w", err)
	}
	for _, parent := range parents {
		if err := addChained(ctx, tx, parent, b.byJob[parent.ID].Chained, r); err != nil {
			return err
		}
	}
	return nil
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
		return fmt.Errorf("state %q is not an outcome: want %s, %s, %s, %s or %s", o.State,
			JobSucceeded, JobFailed, JobDiscarded, JobUnknown, JobAwaiting)
	}
	p.Ids, p.FencingTokens = append(p.Ids, o.JobID), append(p.FencingTokens, o.FencingToken)
	p.States = append(p.States, o.State)
	p.Errors = append(p.Errors, JobError{Message: o.Error}.encode())
	p.Untried, p.WaitSeconds = append(p.Untried, untried), append(p.WaitSeconds, wait)
	return nil
}

// addChained adds the chained jobs of one job. Each has its own savepoint: otherwise a job that the
// database refuses would keep all outcomes from being recorded.
func addChained(ctx context.Context, tx pgx.Tx, parent Job, chained []NewJob, r *Recorded) error {
	for _, n := range chained {
		var id string
		err := pgx.BeginFunc(ctx, tx, func(savepoint pgx.Tx) (err error) {
			id, err = insertJob(ctx, db.New(savepoint), parent, n)
			return err
		})
		switch {
		case err == nil:
			r.Chained = append(r.Chained, ChainedJob{ID: id, ParentID: parent.ID, Action: n.Action})
		case refused(err):
			r.Refused = append(r.Refused, fmt.Errorf("job of %s chained to %s: %w", n.Action, parent.ID, asPayload(err)))
		default:
			return fmt.Errorf("add the job of %s chained to %s: %w", n.Action, parent.ID, err)
		}
	}
	return nil
}

// refused says whether an error is the row's own fault.
func refused(err error) bool {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return strings.HasPrefix(pgErr.Code, "22") || strings.HasPrefix(pgErr.Code, "23")
	}
	return errors.Is(err, ErrChain) || errors.Is(err, ErrPayload)
}
