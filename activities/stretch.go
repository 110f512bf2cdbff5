package activities

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/sluicehq/sluice/store"
)

// stretch is one run of the activity deliver: a batch of each connection or, if it was asked
// for, as many as come within a while. What Temporal takes to begin an activity is so not taken
// for every batch, and a job that comes meanwhile is loaded within milliseconds.
//
// Batches of different connections are loaded at the same time, so that one that hangs delays
// no other; of each connection there is one at a time.
type stretch struct {
	planned
	d     *Destinations
	r     DeliverRequest
	claim store.ClaimRequest
	// ends is when no further batch is begun, zero if there is only one of each connection.
	ends time.Time
	// looked is when settings and leases were looked at last.
	looked time.Time
	// lookout is nil if the action is not a realtime one, or does not wait for jobs.
	lookout *lookout
	// idle is since when there have been no jobs, looks how often they were looked for
	// since, and rests how often it has waited.
	idle  time.Time
	looks int
	rests int
	// occasions is how many there were to look before it has looked last.
	occasions int
	// busy are the connections with a batch under way, which comes to loaded at its end.
	// gone is closed when nothing receives from it any more.
	busy   map[string]bool
	loaded chan *batch
	gone   chan struct{}
	// fault is why batches could not be recorded.
	fault error

	// mu guards what follows: heartbeats show the answer.
	mu     sync.Mutex
	answer Delivered
	// asked is when another load was asked for last.
	asked time.Time
}

const (
	defaultLinger = time.Second
	// lookEvery is how soon a change of settings counts within a stretch, and how often
	// leases are looked at that may have ended.
	lookEvery = time.Second
	// firstWait is between two looks at least, unless there was a full batch: jobs that come
	// one by one become a batch. It is doubled while none come: up to deafWait, or, where
	// the bells work, up to mostWait, within which they ring. While batches are under way it
	// is busyWait after a look that has found nothing.
	firstWait = 4 * time.Millisecond
	busyWait  = 20 * time.Millisecond
	deafWait  = 16 * time.Millisecond
	mostWait  = 256 * time.Millisecond
	// relieveEvery is every how many such waits it is asked whether others look, too.
	relieveEvery = 8
	// slow is after which time another load is asked for while one goes on, askEvery how
	// often at most, and handOver how long before the end of a stretch.
	slow     = 250 * time.Millisecond
	askEvery = 2 * time.Second
	handOver = time.Second
	// maxBusy is how many connections have a batch under way at most.
	maxBusy = 256
)

func (d *Destinations) newStretch(ctx context.Context, r DeliverRequest) (*stretch, error) {
	p, err := d.plan(ctx, r.ActionRef)
	if err != nil {
		return nil, err
	}
	s := &stretch{
		planned: p, d: d, r: r, idle: time.Now(), busy: map[string]bool{},
		loaded: make(chan *batch), gone: make(chan struct{}),
	}
	s.take(p)
	if r.StretchSeconds > 0 {
		s.ends = time.Now().Add(time.Duration(r.StretchSeconds * float64(time.Second)))
	}
	if err := s.expire(ctx); err != nil {
		return nil, err
	}
	return s, nil
}

// take goes by a plan from now on.
func (s *stretch) take(p planned) {
	s.planned, s.claim = p, p.plan.Claim(p.dest, p.action)
	if s.r.Limit > 0 {
		s.claim.Limit = min(s.claim.Limit, int32(s.r.Limit))
	}
	s.claim.RetriesOnly = !p.plan.Realtime && !s.r.Full
}

// expire gives up on workers that have said nothing.
func (s *stretch) expire(ctx context.Context) error {
	s.looked = time.Now()
	expired, err := s.d.Store.ExpireLeases(ctx, s.claim)
	if expired > 0 {
		s.d.Logger.Warn("jobs are unknown: whoever had them has not said how they went", "destination", s.r.Destination,
			"action", s.r.Action, "jobs", expired)
	}
	return err
}

// lookAround takes up changed settings and looks at leases, every now and then. It says whether
// the schedule has changed: then the workflow has to know first.
func (s *stretch) lookAround(ctx context.Context) (rescheduled bool, err error) {
	if time.Since(s.looked) < lookEvery {
		return false, nil
	}
	settings, err := s.d.Store.Settings(ctx, s.r.Destination)
	if err != nil {
		return false, err
	}
	if !reflect.DeepEqual(settings, s.settings) {
		p, err := s.d.plan(ctx, s.r.ActionRef)
		if err != nil {
			return false, err
		}
		before := s.plan
		s.take(p)
		rescheduled = before.Realtime != p.plan.Realtime || before.Interval != p.plan.Interval ||
			before.TimeZone != p.plan.TimeZone
	}
	return rescheduled, s.expire(ctx)
}

// run loads batch after batch until there are no more, or none that it may load.
func (s *stretch) run(ctx context.Context) error {
	for {
		claimed, err := s.next(ctx)
		if err != nil {
			return err
		}
		if more, err := s.more(ctx, claimed); err != nil || !more {
			return err
		}
	}
}

// next claims jobs of connections that have no batch under way here, and begins to load them.
// It returns how many there were.
func (s *stretch) next(ctx context.Context) (int, error) {
	s.occasions = s.d.bells.occasions(s.r.ActionRef)
	s.lookout.look()
	if s.plan.Paused || len(s.busy) >= maxBusy {
		return 0, nil
	}
	s.claim.Busy = slices.Sorted(maps.Keys(s.busy))
	claim, err := s.d.Store.ClaimDue(ctx, s.claim)
	if err != nil {
		return 0, err
	}
	for _, own := range claim.ByConnection() {
		b := &batch{
			stretch: s, planned: s.planned, claim: own, connection: own.Connection(),
			full: len(claim.Jobs) == int(s.claim.Limit),
		}
		s.busy[b.connection] = true
		s.claim.After = b.connection
		s.d.batches.Go(func() { b.run(ctx) })
	}
	return len(claim.Jobs), nil
}

// end notes that a batch has ended.
func (s *stretch) end(b *batch) {
	delete(s.busy, b.connection)
	s.fault = errors.Join(s.fault, b.fault)
	s.idle, s.looks = time.Now(), 0
	if b.fault == nil {
		s.count(b.done)
	}
}

// broken says whether a batch could not be recorded, which ends the stretch.
func (s *stretch) broken() bool { return s.fault != nil }

// more says whether another claim is to be made, and waits until it is time to. claimed is how
// many jobs the last one had.
func (s *stretch) more(ctx context.Context, claimed int) (bool, error) {
	if s.ends.IsZero() || s.broken() {
		return false, nil
	}
	if rescheduled, err := s.lookAround(ctx); err != nil || rescheduled {
		return false, err
	}
	full := claimed > 0 && claimed == int(s.claim.Limit)
	if claimed > 0 {
		s.looks, s.idle = 0, time.Now()
	}
	if !full {
		if len(s.busy) == 0 {
			if rest, err := s.rest(ctx); err != nil || rest {
				return false, err
			}
		}
		s.looks++
		s.pass(ctx, claimed)
	}
	if time.Until(s.ends) < handOver {
		s.askForAnother(ctx, s.plan.Concurrency)
	}
	return !s.over(ctx) && !s.broken(), nil
}

// rest says whether the stretch is over because there are no jobs.
func (s *stretch) rest(ctx context.Context) (bool, error) {
	linger := cmp.Or(s.d.Linger, defaultLinger)
	if s.plan.RatePerSecond > 0 {
		// A connection waits as long between two batches.
		linger = max(linger, 2*time.Second)
	}
	if s.plan.Paused || s.lookout == nil || time.Since(s.idle) > linger {
		return true, nil
	}
	s.rests++
	if s.rests%relieveEvery == 0 {
		return s.lookout.relieved(ctx)
	}
	return false, nil
}

// pass waits until it is time to look again: there are new jobs, a batch has ended, or a while
// has passed. It ends early if the worker is told to stop. claimed is how many jobs there were.
func (s *stretch) pass(ctx context.Context, claimed int) {
	most := deafWait
	switch {
	case s.lookout == nil:
		// Its jobs are not announced: it waits for its own batches.
		most = lookEvery
	case s.d.bells.work():
		most = mostWait
	}
	if s.await(ctx, firstWait, nil, false) {
		return
	}
	if len(s.busy) > 0 {
		// What is announced is most likely for a connection that is busy: its jobs are
		// claimed when its batch has ended.
		if claimed == 0 && s.await(ctx, busyWait-firstWait, nil, true) {
			return
		}
	} else {
		most = min(firstWait<<min(s.looks-1, 10), most)
	}
	if most <= firstWait {
		return
	}
	if rings, leave := s.d.bells.wait(s.r.ActionRef, s.occasions); rings != nil {
		defer leave()
		s.await(ctx, most-firstWait, rings, true)
	}
}

// await waits for a time, or until a bell rings or a batch has ended, and says whether one has.
// Unless it is at once, the end of a batch is waited for to its time, too, if there is no more
// where it came from.
func (s *stretch) await(ctx context.Context, wait time.Duration, rings <-chan struct{}, atOnce bool) (ended bool) {
	timer := time.NewTimer(min(wait, max(0, time.Until(s.ends))))
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
			return ended
		case <-rings:
			return ended
		case b := <-s.loaded:
			s.end(b)
			if ended = true; b.full || atOnce {
				return true
			}
		case <-activity.GetWorkerStopChannel(ctx):
			return ended
		case <-ctx.Done():
			return ended
		}
	}
}

// finish waits a moment for the batches under way. A connection that hangs keeps its own batch
// waiting and nothing else: the process goes on with it when the activity has ended.
func (s *stretch) finish(ctx context.Context) error {
	var deadline <-chan time.Time
	if !s.ends.IsZero() {
		deadline = time.After(slow)
	}
	for waiting := true; waiting && len(s.busy) > 0; {
		select {
		case b := <-s.loaded:
			s.end(b)
		case <-deadline:
			select {
			case <-activity.GetWorkerStopChannel(ctx):
				// They end soon, and the process with them.
				deadline = nil
			default:
				waiting = false
			}
		}
	}
	close(s.gone)
	return errors.Join(s.fault, s.leave(ctx))
}

// leave ends the lookout, before the last look at what is due, which is the survey's.
func (s *stretch) leave(ctx context.Context) error {
	if s.lookout == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	err := s.lookout.end(ctx)
	s.lookout = nil
	return err
}

// over says whether no further batch is to be begun.
func (s *stretch) over(ctx context.Context) bool {
	select {
	case <-activity.GetWorkerStopChannel(ctx):
		return true
	case <-ctx.Done():
		return true
	default:
		return time.Now().After(s.ends)
	}
}
