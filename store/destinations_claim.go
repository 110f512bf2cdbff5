package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/store/db"
)

// ClaimRequest says which jobs a worker wants.
type ClaimRequest struct {
	// Destination and Action name whose jobs. Required.
	Destination, Action string
	// Limit is how many at most. Required.
	Limit int32
	// Lease is for how long they are the worker's. A job about which nothing was said
	// when it ends becomes unknown. Required.
	Lease time.Duration
	// RedriveAfter is how long a job whose worker was lost waits until it is loaded
	// again, which may deliver it twice. Below zero it waits for a person.
	RedriveAfter time.Duration
	// MaxRetries is after how many retries it waits for a person all the same.
	MaxRetries int32
	// RetriesOnly leaves acknowledged jobs alone: those of an action that is loaded by the
	// clock, between its times.
	RetriesOnly bool
	// Again says that the caller has looked just now, and need not be told why there are no
	// jobs.
	Again bool
}

// Claim is what a worker gets.
type Claim struct {
	// Jobs are the worker's to load, those that were made first in front.
	Jobs []Job
	// Events are the events of the jobs by their IDs.
	Events map[string]Event
	// Paused says, if there are no jobs, that somebody has paused the action or its
	// destination.
	Paused bool
	// OpenUntil is, if there are no jobs, until when the circuit breaker keeps the
	// destination from being loaded, zero if it does not.
	OpenUntil time.Time
}

// ClaimDue takes jobs that are due. Each is the caller's until the lease ends: no other
// claim gets it before. While the action is paused, or the destination's circuit is open,
// there are no jobs; to see whether a destination is well again there is one.
func (s *Store) ClaimDue(ctx context.Context, r ClaimRequest) (Claim, error) {
	claim, err := s.claimDue(ctx, r)
	if err != nil {
		return Claim{}, fmt.Errorf("claim jobs of %s/%s: %w", r.Destination, r.Action, err)
	}
	return claim, nil
}

func (s *Store) claimDue(ctx context.Context, r ClaimRequest) (claim Claim, err error) {
	claim.Jobs, err = s.ClaimJobs(ctx, db.ClaimJobsParams{
		Destination: r.Destination, Action: r.Action, RowLimit: r.Limit, LeaseSeconds: r.Lease.Seconds(),
		RetriesOnly: r.RetriesOnly,
	})
	if err != nil {
		return Claim{}, err
	}
	if len(claim.Jobs) == 0 && r.Again {
		return claim, nil
	}
	if len(claim.Jobs) == 0 {
		may, err := s.MayLoad(ctx, r.Destination, r.Action)
		if err != nil {
			return Claim{}, fmt.Errorf("read settings: %w", err)
		}
		if claim.Paused = may.Paused; may.OpenUntil != nil {
			claim.OpenUntil = *may.OpenUntil
		}
		return claim, nil
	}
	// An UPDATE returns rows in no order. IDs are in the order of creation.
	slices.SortFunc(claim.Jobs, func(a, b Job) int { return cmp.Compare(a.ID, b.ID) })
	claim.Events, err = eventsOf(ctx, s.Queries, claim.Jobs)
	return claim, err
}

// expireLimit is how many lost jobs are dealt with at once.
const expireLimit = 10_000

// lostWorker is what is noted about a job whose lease has ended.
const lostWorker = "whoever had the job did not say how it went before its lease ended; it may have been delivered"

// ExpireLeases makes jobs unknown whose lease has ended, and returns how many. They are
// claimed again as the request says.
func (s *Store) ExpireLeases(ctx context.Context, r ClaimRequest) (int64, error) {
	expired := db.ExpireJobsParams{
		Destination: r.Destination, Action: r.Action, RowLimit: expireLimit,
		Reason: JobError{Message: lostWorker}.encode(), WaitSeconds: max(0, r.RedriveAfter.Seconds()), MaxRedrives: -1,
	}
	if r.RedriveAfter >= 0 {
		expired.MaxRedrives = r.MaxRetries
	}
	n, err := s.ExpireJobs(ctx, expired)
	if err != nil {
		return 0, fmt.Errorf("expire leases of %s/%s: %w", r.Destination, r.Action, err)
	}
	return n, nil
}

// eventsOf returns the events of jobs.
func eventsOf(ctx context.Context, q *db.Queries, jobs []Job) (map[string]Event, error) {
	ids := make([]string, 0, len(jobs))
	for _, job := range jobs {
		ids = append(ids, job.EventID)
	}
	slices.Sort(ids)
	events, err := q.EventsByID(ctx, slices.Compact(ids))
	if err != nil {
		return nil, fmt.Errorf("read events: %w", err)
	}
	byID := make(map[string]Event, len(events))
	for _, event := range events {
		byID[event.ID] = event
	}
	return byID, nil
}

// NextDue returns when there is something to do for an action, as far as is known now:
// when a job is due, or the lease of one ends. It is zero if there is nothing.
func (s *Store) NextDue(ctx context.Context, destination, action string) (time.Time, error) {
	next, err := s.Queries.NextDue(ctx, destination, action)
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return time.Time{}, fmt.Errorf("look for what is due: %w", err)
	}
	switch due, ends := next.DueAt, next.LeaseEnds; {
	case due == nil && ends == nil:
		return time.Time{}, nil
	case due == nil || ends != nil && ends.Before(*due):
		return *ends, nil
	default:
		return *due, nil
	}
}

// KeepJobs makes the leases of jobs as long as if they had been claimed now, for a worker
// that needs longer. The error is ErrFenced if one of them is not the caller's any more.
func (s *Store) KeepJobs(ctx context.Context, jobs []Job, lease time.Duration) error {
	p := db.ExtendLeasesParams{LeaseSeconds: lease.Seconds()}
	for _, job := range jobs {
		p.Ids, p.Fences = append(p.Ids, job.ID), append(p.Fences, job.Fence)
	}
	n, err := s.ExtendLeases(ctx, p)
	if err != nil {
		return fmt.Errorf("extend the lease of %d jobs: %w", len(jobs), err)
	}
	if n < int64(len(jobs)) {
		return fmt.Errorf("%d of %d jobs: %w", int64(len(jobs))-n, len(jobs), ErrFenced)
	}
	return nil
}
