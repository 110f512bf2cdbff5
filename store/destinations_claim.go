package store

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

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
	// RetriesOnly leaves out acknowledged jobs: those of an action that is loaded by its
	// schedule, between two runs.
	RetriesOnly bool
	// Concurrency is how many batches of a connection are under way at most, over all
	// workers and actions. Defaults to 1.
	Concurrency int32
	// Rate is how many jobs a second of each connection are claimed at most. Defaults to 0,
	// no bound.
	Rate float64
	// Busy are connections to pass over. Defaults to none.
	Busy []string
	// After is the connection behind which the claim begins, so that none is always first.
	// Defaults to "", the first.
	After string
}

// Claim is what a worker gets.
type Claim struct {
	// Jobs are the worker's to load, those that were made first in front.
	Jobs []Job
	// Events are the events of the jobs by their IDs.
	Events map[string]Event
}

// ClaimDue takes jobs that are due. Each is the caller's until the lease ends: no other
// claim gets it before. Jobs of a connection that is paused, has an open circuit or as many
// batches under way as Concurrency says are not claimed; a half-open circuit lets one job
// through. Within a connection jobs that have not failed come first. There are no jobs while
// the action or its destination is paused.
func (s *Store) ClaimDue(ctx context.Context, r ClaimRequest) (Claim, error) {
	claim, err := s.claimDue(ctx, r)
	if err != nil {
		return Claim{}, fmt.Errorf("claim jobs of %s/%s: %w", r.Destination, r.Action, err)
	}
	return claim, nil
}

func (s *Store) claimDue(ctx context.Context, r ClaimRequest) (claim Claim, err error) {
	p := db.ClaimJobsParams{
		Destination: r.Destination, Action: r.Action, RowLimit: r.Limit, LeaseSeconds: r.Lease.Seconds(),
		RetriesOnly: r.RetriesOnly, Concurrency: max(1, r.Concurrency), Rate: r.Rate, Busy: r.Busy, After: r.After,
	}
	if p.Busy == nil {
		p.Busy = []string{}
	}
	if claim.Jobs, err = s.ClaimJobs(ctx, p); err != nil || len(claim.Jobs) == 0 {
		return Claim{}, err
	}
	// An UPDATE returns rows in no order. IDs are in the order of creation.
	slices.SortFunc(claim.Jobs, func(a, b Job) int { return cmp.Compare(a.ID, b.ID) })
	claim.Events, err = eventsOf(ctx, s.Queries, claim.Jobs)
	return claim, err
}

// ByConnection splits a claim into one for each connection, in the order of their names.
func (c Claim) ByConnection() []Claim {
	byName := map[string]*Claim{}
	for _, job := range c.Jobs {
		own := byName[job.Connection]
		if own == nil {
			own = &Claim{Events: map[string]Event{}}
			byName[job.Connection] = own
		}
		own.Jobs = append(own.Jobs, job)
		own.Events[job.EventID] = c.Events[job.EventID]
	}
	all := make([]Claim, 0, len(byName))
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		all = append(all, *byName[name])
	}
	return all
}

// Connection is the connection of a claim's jobs, if they are all of one.
func (c Claim) Connection() string {
	if len(c.Jobs) == 0 {
		return ""
	}
	return c.Jobs[0].Connection
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
