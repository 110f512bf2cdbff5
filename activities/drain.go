package activities

import (
	"cmp"
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/activity"
)

// drain is an execution of the activity drain: it has the producer of its process serve an action.
type drain struct {
	d      *Destinations
	served *served
	// ends is when it ends at the latest.
	ends     time.Time
	realtime bool
	// news says that something has changed.
	news chan struct{}

	// The producer's mutex guards what follows.

	// tally counts the results of the batches, first and last are when the first and the last of
	// them ended.
	tally       tally
	first, last time.Time
	// over says that the producer does not serve it any more.
	over bool
	// stalled says that the producer does not reach the store.
	stalled bool
}

const (
	defaultReportIdle = time.Second
	defaultMaxPollGap = 25 * time.Second
	// reportBusy is after how long a drain of a busy realtime action ends to report its results.
	reportBusy = 30 * time.Second
	// handover is for how long a realtime action is served after its drain has ended to report results,
	// unless the next drain begins before.
	handover = 5 * time.Second
)

// Errors on which Temporal retries a drain, on this worker or another.
var (
	errNoProducer = errors.New("the producer of this worker has stopped")
	errStalled    = errors.New("the producer of this worker does not reach PostgreSQL")
)

// Drain has the producer of this process deliver the due jobs of an action until the action's settings
// change, its time is over, it is cancelled or the worker stops. A drain of a realtime action also
// ends when it has results to report: ReportIdle after the last one, or reportBusy after its start. A
// drain of an action with a schedule ends when no due jobs are left. A drain does not wait for a
// connection that hangs: the next one counts the results that come later. If the process dies, jobs
// in flight become unknown when their lease expires.
func (d *Destinations) Drain(ctx context.Context, r DrainRequest) (Drained, error) {
	drained, err := d.drain(ctx, r)
	return drained, failure(err)
}

func (d *Destinations) drain(ctx context.Context, r DrainRequest) (Drained, error) {
	p, err := d.plan(ctx, r.ActionRef)
	if err != nil {
		return Drained{}, err
	}
	claim := p.plan.Claim(p.dest, p.action)
	claim.RetriesOnly = !p.plan.Realtime && !r.Full
	if err := d.expireLeases(ctx, claim); err != nil {
		return Drained{}, err
	}
	now := time.Now()
	one := &drain{
		d: d, ends: now.Add(time.Duration(r.Seconds * float64(time.Second))), realtime: p.plan.Realtime,
		news: make(chan struct{}, 1),
	}
	if activity.HasHeartbeatDetails(ctx) {
		var told Drained
		if err := activity.GetHeartbeatDetails(ctx, &told); err != nil {
			d.Logger.Warn("could not read the results of an earlier attempt of a drain", "error", err)
		}
		one.count(tally{Loaded: told.Loaded, Claimed: told.Claimed, Batches: told.Batches})
	}
	if !p.plan.Paused {
		one.served = &served{planned: p, ref: r.ActionRef, claim: claim, drain: one, due: true}
		if err := d.producer.register(one); err != nil {
			return Drained{}, err
		}
		stop := keepBeating(ctx, func() any { return one.soFar() })
		reporting := one.wait(ctx)
		d.producer.leave(one, reporting)
		stop()
	}
	// What was delivered is reported, whatever has ended the drain.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	drained := one.soFar()
	if one.stalled {
		err = errStalled
	} else {
		question := r.Survey
		question.Now = question.Now.Add(time.Since(now))
		drained.Surveyed, err = d.survey(ctx, question)
	}
	if err != nil {
		// The next attempt begins with these results.
		activity.RecordHeartbeat(ctx, drained)
	}
	return drained, err
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
		one.count(before.left)
		before.left = tally{}
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
			one.served.until = time.Now().Add(handover)
		}
	}
	one.over = true
}

// end tells a drain that it is not served any more. The producer's mutex is held.
func (one *drain) end() {
	one.over = true
	one.tell()
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

// tell tells a drain that something has changed.
func (one *drain) tell() {
	select {
	case one.news <- struct{}{}:
	default:
	}
}

// soFar is what heartbeats report, and in the end the result.
func (one *drain) soFar() Drained {
	p := &one.d.producer
	p.mu.Lock()
	defer p.mu.Unlock()
	return Drained{Loaded: one.tally.Loaded, Claimed: one.tally.Claimed, Batches: one.tally.Batches}
}

// wait waits for the end of a drain. reporting says that it ends only to report its results, or
// because its time is over.
func (one *drain) wait(ctx context.Context) (reporting bool) {
	stopping := activity.GetWorkerStopChannel(ctx)
	for {
		at, over := one.until(stopping == nil)
		if over {
			return stopping != nil
		}
		timer := time.NewTimer(time.Until(at))
		select {
		case <-one.news:
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

// until returns when the drain ends if nothing changes, or that it is over.
func (one *drain) until(stopping bool) (at time.Time, over bool) {
	p := &one.d.producer
	p.mu.Lock()
	defer p.mu.Unlock()
	at = one.ends
	if stopping {
		return at.Add(recordTimeout), one.over || one.served.inFlight == 0
	}
	if stalled := p.polled.Add(cmp.Or(one.d.MaxPollGap, defaultMaxPollGap)); time.Now().Before(stalled) {
		at = earlier(at, stalled)
	} else {
		one.stalled = true
		return at, true
	}
	if one.realtime && one.tally != (tally{}) {
		at = earlier(at, one.first.Add(reportBusy))
		if one.served.idle() {
			at = earlier(at, one.last.Add(cmp.Or(one.d.ReportIdle, defaultReportIdle)))
		}
	}
	return at, one.over || !time.Now().Before(at)
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}
