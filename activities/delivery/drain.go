package delivery

import (
	"cmp"
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/sluicehq/sluice/activities"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// drain is an execution of the activity drain: it has the producer of its process serve an action.
type drain struct {
	d      *Destinations
	served *served
	// ends is when it ends at the latest.
	ends     time.Time
	realtime bool
	// changed wakes up wait.
	changed chan struct{}

	// The producer's mutex guards what follows.

	// tally counts the results of the batches, first and last are when the first and the last of
	// them ended.
	tally       tally
	first, last time.Time
	// ended says that the producer does not serve it any more.
	ended bool
	// stalled says that the producer does not reach the store.
	stalled bool
}

const (
	defaultReportIdle = time.Second
	defaultMaxPollGap = 25 * time.Second
	// reportBusy is after how long a drain of a busy realtime action ends to report its results.
	reportBusy = 30 * time.Second
	// reportGap is for how long a realtime action is served after its drain has ended to report results:
	// the next drain begins within it.
	reportGap = 5 * time.Second
)

// Errors on which Temporal retries a drain, on this worker or another.
var (
	errNoProducer = errors.New("the producer of this worker has stopped")
	errStalled    = errors.New("the producer of this worker does not reach PostgreSQL")
)

// Drain has the producer of this process deliver the due jobs of an action until the action's settings
// change, its time has passed, it is cancelled or the worker stops. A drain of a realtime action also
// ends when it has results to report: ReportIdle after the last one, or reportBusy after its start. A
// drain of an action with a schedule ends when no due jobs are left. A drain does not wait for a
// connection that hangs: the next one counts the results that come later. If the process dies, jobs
// in flight become unknown when their lease expires.
func (d *Destinations) Drain(ctx context.Context, r DrainRequest) (Drained, error) {
	drained, err := d.drain(ctx, r)
	return drained, activities.Failure(err)
}

func (d *Destinations) drain(ctx context.Context, r DrainRequest) (Drained, error) {
	p, claim, err := d.planDrain(ctx, r)
	if err != nil {
		return Drained{}, err
	}
	now := time.Now()
	one := &drain{
		d: d, ends: now.Add(time.Duration(r.Seconds * float64(time.Second))), realtime: p.plan.Realtime,
		changed: make(chan struct{}, 1),
	}
	if activity.HasHeartbeatDetails(ctx) {
		var earlier Drained
		if err := activity.GetHeartbeatDetails(ctx, &earlier); err != nil {
			d.Logger.Warn("could not read the results of an earlier attempt of a drain", "error", err)
		}
		one.count(tally{JobCounts: earlier.JobCounts, Claimed: earlier.Claimed, Batches: earlier.Batches})
	}
	if !p.plan.Paused {
		one.served = &served{planned: p, ref: r.ActionRef, claim: claim, drain: one, due: true}
		if err := d.producer.register(one); err != nil {
			return Drained{}, err
		}
		stop := activities.SendHeartbeats(ctx, func() any { return one.soFar() })
		defer stop()
		reporting := one.wait(ctx)
		d.producer.leave(one, reporting)
	}
	// Results are reported however the drain has ended.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	drained := one.soFar()
	if one.stalled {
		err = errStalled
	} else {
		request := r.StatusRequest
		request.Now = request.Now.Add(time.Since(now))
		drained.ActionStatus, err = d.status(ctx, request)
	}
	if err != nil {
		// The next attempt begins with these results.
		activity.RecordHeartbeat(ctx, drained)
	}
	return drained, err
}

// planDrain returns the plan of a drain and its claim, and makes jobs unknown whose lease has expired.
func (d *Destinations) planDrain(
	ctx context.Context, r DrainRequest,
) (p planned, claim deliverystore.ClaimRequest, err error) {
	ctx, cancel := context.WithTimeout(ctx, claimTimeout)
	defer cancel()
	if p, err = d.plan(ctx, r.ActionRef); err != nil {
		return planned{}, claim, err
	}
	claim = claimOf(p.dest, p.action, p.plan)
	claim.RetriesOnly = !p.plan.Realtime && !r.Full
	return p, claim, d.expireLeases(ctx, claim)
}

// register has the producer serve an action. An earlier drain of the action ends.
func (p *producer) register(one *drain) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.executing == nil {
		return errNoProducer
	}
	s := one.served
	if before := p.actions[s.ref]; before != nil {
		if before.drain != nil {
			before.drain.end()
		}
		before.planned, before.claim, before.drain, before.due = s.planned, s.claim, one, true
		before.until = time.Time{}
		one.served = before
		one.count(before.unreported)
		before.unreported = tally{}
	} else {
		p.actions[s.ref] = s
	}
	p.signal()
	return nil
}

// leave ends the registration of a drain. A realtime action whose drain ends to report results is
// served until the next one.
func (p *producer) leave(one *drain, reporting bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if one.served.drain == one {
		one.served.drain = nil
		if reporting && one.realtime && !one.stalled {
			one.served.until = time.Now().Add(reportGap)
		}
	}
	one.ended = true
}

// end ends a drain. The producer's mutex is held.
func (one *drain) end() {
	one.ended = true
	one.signal()
}

// count adds results. The producer's mutex is held, or nothing else has the drain yet.
func (one *drain) count(results tally) {
	if results == (tally{}) {
		return
	}
	one.last = time.Now()
	if one.first.IsZero() {
		one.first = one.last
	}
	one.tally.add(results)
}

// signal wakes up wait.
func (one *drain) signal() {
	select {
	case one.changed <- struct{}{}:
	default:
	}
}

// soFar is what heartbeats report, and in the end the result.
func (one *drain) soFar() Drained {
	p := &one.d.producer
	p.mu.Lock()
	defer p.mu.Unlock()
	return Drained{JobCounts: one.tally.JobCounts, Claimed: one.tally.Claimed, Batches: one.tally.Batches}
}

// wait waits for the end of a drain. reporting says that it ends to report its results, or because its
// time has passed.
func (one *drain) wait(ctx context.Context) (reporting bool) {
	stopping := activity.GetWorkerStopChannel(ctx)
	for {
		at, ended := one.until(stopping == nil)
		if ended {
			return stopping != nil
		}
		timer := time.NewTimer(time.Until(at))
		select {
		case <-one.changed:
		case <-timer.C:
		case <-stopping:
			// The producer claims nothing more. The batches in flight end within Grace.
			stopping = nil
		case <-ctx.Done():
			timer.Stop()
			return false
		}
		timer.Stop()
	}
}

// until returns when the drain ends unless something changes. ended says that it has ended.
func (one *drain) until(stopping bool) (at time.Time, ended bool) {
	p := &one.d.producer
	p.mu.Lock()
	defer p.mu.Unlock()
	at = one.ends
	if stopping {
		// A claim that is being made may become a batch in flight.
		return at.Add(recordTimeout), one.ended || one.served.inFlight == 0 && !one.served.claiming
	}
	stalled := p.polled.Add(cmp.Or(one.d.MaxPollGap, defaultMaxPollGap))
	if !time.Now().Before(stalled) {
		one.stalled = true
		return at, true
	}
	at = earliest(at, stalled)
	if one.realtime && one.tally != (tally{}) {
		at = earliest(at, one.first.Add(reportBusy))
		if one.served.idle() {
			at = earliest(at, one.last.Add(cmp.Or(one.d.ReportIdle, defaultReportIdle)))
		}
	}
	return at, one.ended || !time.Now().Before(at)
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
