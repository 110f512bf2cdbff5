package delivery

import (
	"cmp"
	"context"
	"time"

	"github.com/sluicehq/sluice/destinations"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// served is an action that the producer serves, or has served.
type served struct {
	planned
	ref   ActionRef
	claim deliverystore.ClaimRequest
	// drain is nil after the drain has ended.
	drain *drain
	// until is until when the action is served without a drain.
	until time.Time
	// due says that a claim is to be made, claiming that one is being made, next when one is to be made
	// at the latest.
	due, claiming bool
	next          time.Time
	// quiet is until when notifications do not lead to a claim.
	quiet time.Time
	// after is the connection that was claimed last: the next claim begins behind it.
	after string
	// inFlight is how many batches are in flight.
	inFlight int
	// unreported counts the results that no drain has reported.
	unreported tally
}

// tally counts batches and the results of their jobs.
type tally struct {
	JobCounts
	Claimed, Batches int
}

func (t *tally) add(more tally) {
	t.Add(more.JobCounts)
	t.Claimed += more.Claimed
	t.Batches += more.Batches
}

// active reports whether the producer claims jobs of the action.
func (s *served) active(now time.Time) bool { return s.drain != nil || now.Before(s.until) }

// dismiss ends the drain. The producer claims no more jobs of the action until the next one.
func (s *served) dismiss() {
	if s.drain != nil {
		s.drain.end()
	}
	s.drain, s.until = nil, time.Time{}
}

// exhausted reports whether the drain of an action with a schedule has no work left.
func (s *served) exhausted() bool {
	return s.drain != nil && !s.plan.Realtime && s.idle() && (s.next.IsZero() || time.Until(s.next) > linger)
}

// idle reports whether the last claim was empty and no batch is in flight.
func (s *served) idle() bool { return s.inFlight == 0 && !s.due && !s.claiming }

// claimBy schedules a claim.
func (s *served) claimBy(at time.Time) {
	if s.next.IsZero() || at.Before(s.next) {
		s.next = at
	}
}

const (
	// claimTimeout bounds one claim, and one poll.
	claimTimeout = 10 * time.Second
	// busyCooldown is how long notifications of an action are ignored after a claim that was empty
	// while batches were in flight.
	busyCooldown = 20 * time.Millisecond
	// linger is for how long a drain of an action with a schedule waits for the action's next jobs.
	linger = 2 * time.Second
)

// claim claims jobs of all actions that are due, in one statement, and starts an executor for each
// batch.
//
//nolint:contextcheck // The executors outlive the claim that starts them.
func (d *Destinations) claim(ctx context.Context) error {
	p := &d.producer
	requests := p.requests()
	if len(requests) == 0 {
		return nil
	}
	// An interrupted claim may have been committed: its jobs would wait until their lease expires.
	claiming, cancel := context.WithTimeout(context.WithoutCancel(ctx), claimTimeout)
	defer cancel()
	claim, err := d.Store.ClaimDue(claiming, requests...)
	batches := claim.Batches()
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range requests {
		s := p.actions[ActionRef{Destination: r.Destination, Action: r.Action}]
		s.claiming, s.due = false, s.due || err != nil
		if err != nil && s.drain != nil {
			// It may wait for the claim.
			s.drain.signal()
		}
	}
	if err != nil {
		for key, own := range batches {
			s := p.actions[ActionRef{Destination: key.Destination, Action: key.Action}]
			b := &batch{served: s, claim: own, connection: key.Connection}
			p.executors.Go(func() { d.release(ctx, b) })
		}
		return err
	}
	claimed := map[ActionRef]int{}
	for key, own := range batches {
		ref := ActionRef{Destination: key.Destination, Action: key.Action}
		s := p.actions[ref]
		claimed[ref] += len(own.Jobs)
		s.inFlight++
		p.inFlight[key.Connection]++
		if rate := s.plan.RatePerSecond; rate > 0 {
			s.claimBy(time.Now().Add(time.Duration(float64(len(own.Jobs)) / rate * float64(time.Second))))
		}
		b := &batch{served: s, planned: s.planned, claim: own, connection: key.Connection}
		ctx := p.executing
		p.executors.Go(func() { d.execute(ctx, b) })
	}
	for _, r := range requests {
		s := p.actions[ActionRef{Destination: r.Destination, Action: r.Action}]
		n := claimed[s.ref]
		switch {
		case n == int(r.Limit):
			// There may be more.
			s.due = true
			p.signal()
		case n == 0 && s.exhausted():
			s.dismiss()
		case n == 0 && s.inFlight > 0:
			// New jobs are most likely for a connection in use: the end of its batch leads to a claim.
			s.quiet = time.Now().Add(busyCooldown)
		case n == 0 && s.drain != nil:
			// It may report its results.
			s.drain.signal()
		}
		s.after = lastConnection(batches, s.ref, s.after)
	}
	return nil
}

// requests returns what to claim for the actions that are due, and marks them as claimed.
func (p *producer) requests() []deliverystore.ClaimRequest {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []deliverystore.ClaimRequest
	now := time.Now()
	for _, s := range p.actions {
		if !s.next.IsZero() && !s.next.After(now) {
			s.due, s.next = true, time.Time{}
		}
		if !s.active(now) || !s.due || s.inFlight >= maxInFlight {
			continue
		}
		s.due, s.claiming = false, true
		r := s.claim
		r.After = s.after
		for connection, batches := range p.inFlight {
			if batches >= s.plan.Concurrency {
				r.Busy = append(r.Busy, connection)
			}
		}
		all = append(all, r)
	}
	return all
}

// lastConnection returns behind which connection the next claim of an action begins.
func lastConnection(batches map[deliverystore.Batch]deliverystore.Claim, ref ActionRef, before string) string {
	last := ""
	for key := range batches {
		if key.Destination == ref.Destination && key.Action == ref.Action {
			// From before to the end, then from the start to before.
			if last == "" || (key.Connection > before) != (last > before) && last > before ||
				(key.Connection > before) == (last > before) && key.Connection > last {
				last = key.Connection
			}
		}
	}
	return cmp.Or(last, before)
}

// batch is jobs of one action and one connection that are delivered together.
type batch struct {
	served *served
	// planned is the plan of the action at the time of the claim.
	planned
	claim      deliverystore.Claim
	connection string
}

// execute delivers a batch and records its result. It ends after the plan's timeout, or Grace after the
// worker was asked to stop. The end of the drain does not interrupt it.
func (d *Destinations) execute(ctx context.Context, b *batch) {
	if err := d.prepare(ctx, b); err != nil {
		d.Logger.Error("could not prepare jobs: they are claimed again when their lease expires",
			"destination", b.served.ref.Destination, "action", b.served.ref.Action, "error", err)
	}
	if len(b.claim.Jobs) == 0 {
		d.producer.ended(b, destinations.Delivered{}, nil)
		return
	}
	done := destinations.Delivery{
		Destination: b.dest, Action: b.action, Queue: queueOf(b.claim), Plan: b.plan, Versions: d.Versions,
		Toolkit: &destinations.Toolkit{Logger: d.Logger, Connections: d.Connections, Service: d.Service},
	}.Run(ctx)
	recording, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	result := &batchResult{
		ref: b.served.ref, connection: b.connection, done: done, outcomes: outcomesOf(b.claim, done.Outcomes),
	}
	fault := d.record(recording, result)
	if fault != nil {
		d.Logger.Error("could not record the results of jobs: they become unknown when their lease expires",
			"destination", b.served.ref.Destination, "action", b.served.ref.Action, "connection", b.connection, "error", fault)
	}
	d.producer.ended(b, done, fault)
}

// release gives back jobs that were claimed but cannot be delivered. It costs them no attempt.
func (d *Destinations) release(ctx context.Context, b *batch) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	result := &batchResult{ref: b.served.ref, connection: b.connection}
	for _, job := range b.claim.Jobs {
		outcome := deliverystore.JobOutcome{
			JobID: job.ID, FencingToken: job.FencingToken, State: deliverystore.JobAwaiting, RetryAfter: pollInterval,
		}
		result.outcomes = append(result.outcomes, outcome)
	}
	if err := d.record(ctx, result); err != nil {
		d.Logger.Error("could not give jobs back: they become unknown when their lease expires",
			"destination", b.served.ref.Destination, "action", b.served.ref.Action, "jobs", len(b.claim.Jobs), "error", err)
	}
}

// ended removes a batch from those in flight and claims the next one of its connection.
func (p *producer) ended(b *batch, done destinations.Delivered, fault error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	s := b.served
	s.inFlight--
	s.quiet = time.Time{}
	p.inFlight[b.connection]--
	if p.inFlight[b.connection] == 0 {
		delete(p.inFlight, b.connection)
	}
	if fault == nil {
		result := tally{JobCounts: countJobs(done.Outcome), Claimed: len(done.Outcomes), Batches: 1}
		if s.drain != nil {
			s.drain.count(result)
		} else {
			s.unreported.add(result)
		}
	}
	now := time.Now()
	for _, o := range done.Outcomes {
		if o.RetryAfter > 0 {
			s.claimBy(now.Add(o.RetryAfter))
		}
	}
	// Other actions of the destination may wait for the connection.
	for ref, other := range p.actions {
		if ref.Destination == s.ref.Destination {
			other.due = true
		}
	}
	if s.drain != nil {
		s.drain.signal()
	}
	p.signal()
}
