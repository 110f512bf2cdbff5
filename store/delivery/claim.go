package delivery

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// ClaimRequest is a request for due jobs of an action.
type ClaimRequest struct {
	// Destination and Action name the action. Required.
	Destination, Action string
	// Limit is the maximum number of jobs. Required.
	Limit int32
	// Lease is for how long the jobs belong to the caller. A job without a result becomes unknown when
	// its lease expires. Required.
	Lease time.Duration
	// RedriveAfter is how long a job whose lease has expired waits until it is delivered again, perhaps
	// for the second time. Below zero it waits for an operator.
	RedriveAfter time.Duration
	// MaxRetries is the number of retries after which such a job waits for an operator in any case.
	MaxRetries int32
	// RetriesOnly leaves out new jobs, for an action with a schedule between two runs.
	RetriesOnly bool
	// Concurrency is the maximum number of batches of a connection that are in flight, over all workers
	// and actions. Defaults to 1.
	Concurrency int32
	// Rate is the maximum number of jobs per second of each connection. Defaults to 0, unlimited.
	Rate float64
	// Busy are connections to skip. Defaults to none.
	Busy []string
	// After is the connection after which the claim begins: no connection is always first. Defaults to
	// the first connection.
	After string
}

// Claim has claimed jobs.
type Claim struct {
	// Jobs are the jobs, oldest first.
	Jobs []Job
	// Events are the events of the jobs by their IDs.
	Events map[string]Event
}

// ClaimDue claims due jobs of one or more actions in one statement. Each job belongs to the caller
// until its lease expires: no other claim returns it before. Jobs of a connection that is paused,
// has an open circuit or has Concurrency batches in flight are not claimed; a half-open circuit
// lets one job through. Within a connection jobs that have not failed come first. There are no jobs
// of an action while it or its destination is paused. After an error the claim has the jobs that were
// claimed all the same, without their events: the caller gives them back.
func (s *Store) ClaimDue(ctx context.Context, requests ...ClaimRequest) (Claim, error) {
	claim, err := s.claimDue(ctx, requests)
	if err != nil {
		return claim, fmt.Errorf("claim due jobs: %w", err)
	}
	return claim, nil
}

// claimArguments are the arguments of the function claim_jobs.
type claimArguments struct {
	Destination  string   `json:"destination"`
	Action       string   `json:"action"`
	RowLimit     int32    `json:"row_limit"`
	Concurrency  int32    `json:"concurrency"`
	Rate         float64  `json:"rate"`
	RetriesOnly  bool     `json:"retries_only"`
	LeaseSeconds float64  `json:"lease_seconds"`
	Busy         []string `json:"busy"`
	After        string   `json:"after"`
}

func (s *Store) claimDue(ctx context.Context, requests []ClaimRequest) (claim Claim, err error) {
	arguments := make([]claimArguments, len(requests))
	for i, r := range requests {
		arguments[i] = claimArguments{
			Destination: r.Destination, Action: r.Action, RowLimit: r.Limit, LeaseSeconds: r.Lease.Seconds(),
			RetriesOnly: r.RetriesOnly, Concurrency: max(1, r.Concurrency), Rate: r.Rate, After: r.After,
			// Not null: = ANY (NULL) is neither true nor false.
			Busy: append([]string{}, r.Busy...),
		}
	}
	text, err := json.Marshal(arguments)
	if err != nil {
		return Claim{}, err
	}
	if claim.Jobs, err = s.sql.Queries.ClaimJobs(ctx, text); err != nil || len(claim.Jobs) == 0 {
		return Claim{}, err
	}
	// An UPDATE returns rows in no order. IDs are in the order of creation.
	slices.SortFunc(claim.Jobs, func(a, b Job) int { return cmp.Compare(a.ID, b.ID) })
	claim.Events, err = eventsOf(ctx, s.sql.Queries, claim.Jobs)
	return claim, err
}

// Batch identifies the jobs of a claim that are delivered together: those of one action and one
// connection.
type Batch struct{ Destination, Action, Connection string }

// Batches splits a claim into its batches.
func (c Claim) Batches() map[Batch]Claim {
	all := map[Batch]Claim{}
	for _, job := range c.Jobs {
		key := Batch{Destination: job.Destination, Action: job.Action, Connection: job.Connection}
		own, found := all[key]
		if !found {
			own.Events = map[string]Event{}
		}
		own.Jobs = append(own.Jobs, job)
		own.Events[job.EventID] = c.Events[job.EventID]
		all[key] = own
	}
	return all
}

// expireLimit is how many jobs one statement makes unknown at most.
const expireLimit = 10_000

// leaseExpired is the error of a job whose lease has expired.
const leaseExpired = "the lease expired without a result; it may have been delivered"

// ExpireLeases makes jobs unknown whose lease has expired, and returns how many of each action. They
// become due again as the requests say.
func (s *Store) ExpireLeases(ctx context.Context, requests ...ClaimRequest) (map[ActionName]int, error) {
	p := db.ExpireJobsParams{RowLimit: expireLimit, Reason: JobError{Message: leaseExpired}.encode()}
	for _, r := range requests {
		redrives := int32(-1)
		if r.RedriveAfter >= 0 {
			redrives = r.MaxRetries
		}
		p.Destinations, p.Actions = append(p.Destinations, r.Destination), append(p.Actions, r.Action)
		p.MaxRedrives, p.WaitSeconds = append(p.MaxRedrives, redrives),
			append(p.WaitSeconds, max(0, r.RedriveAfter.Seconds()))
	}
	rows, err := s.sql.Queries.ExpireJobs(ctx, p)
	if err != nil {
		return nil, fmt.Errorf("expire leases: %w", err)
	}
	expired := map[ActionName]int{}
	for _, row := range rows {
		expired[ActionName(row)]++
	}
	return expired, nil
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

// KeepJobs renews the leases of jobs. The error is ErrFenced if one of them no longer belongs to the
// caller.
func (s *Store) KeepJobs(ctx context.Context, jobs []Job, lease time.Duration) error {
	p := db.ExtendLeasesParams{LeaseSeconds: lease.Seconds()}
	for _, job := range jobs {
		p.Ids, p.FencingTokens = append(p.Ids, job.ID), append(p.FencingTokens, job.FencingToken)
	}
	n, err := s.sql.Queries.ExtendLeases(ctx, p)
	if err != nil {
		return fmt.Errorf("extend the lease of %d jobs: %w", len(jobs), err)
	}
	if n < int64(len(jobs)) {
		return fmt.Errorf("%d of %d jobs: %w", int64(len(jobs))-n, len(jobs), store.ErrFenced)
	}
	return nil
}
