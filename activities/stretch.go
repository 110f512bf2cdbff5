package activities

import (
	"cmp"
	"context"
	"reflect"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/sluicehq/sluice/store"
)

// stretch is one run of the activity deliver: a batch of jobs or, if it was asked for, as
// many as come within a while. What Temporal takes to begin an activity is so not taken for
// every batch, and a job that comes meanwhile is loaded within milliseconds.
type stretch struct {
	planned
	d     *Destinations
	r     DeliverRequest
	claim store.ClaimRequest
	// ends is when no further batch is begun, zero if there is only one.
	ends time.Time
	// looked is when settings and leases were looked at last.
	looked time.Time
	// asked is when another load was asked for last.
	asked time.Time
	// lookout is nil if the action is not a realtime one, or there is a single batch.
	lookout *lookout
	// idle is since when there have been no jobs, looks how often they were looked for
	// since, and rests how often it has waited.
	idle  time.Time
	looks int
	rests int
	// occasions is how many there were to look before it has looked last.
	occasions int
	// settling is told when the last batch is recorded, nil if it is.
	settling <-chan error
	// barred says that somebody, or the circuit breaker, does not want jobs to be loaded, ill
	// that nothing has come of the last batch.
	barred, ill bool

	// mu guards what follows: heartbeats show it.
	mu     sync.Mutex
	answer Delivered
}

const (
	defaultLinger = time.Second
	// lookEvery is how soon a change of settings counts within a stretch, and how often
	// leases are looked at that may have ended.
	lookEvery = time.Second
	// firstWait is between two looks at least, unless there was a full batch: jobs that come
	// one by one become a batch. It is doubled while none come: up to deafWait, or, where
	// the bells work, up to mostWait, within which they ring.
	firstWait = 4 * time.Millisecond
	deafWait  = 16 * time.Millisecond
	mostWait  = 256 * time.Millisecond
	// relieveEvery is every how many such waits it is asked whether others look, too.
	relieveEvery = 8
	// slow is after which time another load is asked for while one goes on, askEvery how
	// often at most, and handOver how long before the end of a stretch.
	slow     = 250 * time.Millisecond
	askEvery = 2 * time.Second
	handOver = time.Second
)

func (d *Destinations) newStretch(ctx context.Context, r DeliverRequest) (*stretch, error) {
	p, err := d.plan(ctx, r.ActionRef)
	if err != nil {
		return nil, err
	}
	s := &stretch{planned: p, d: d, r: r, claim: p.plan.Claim(p.dest, p.action), idle: time.Now()}
	if r.Limit > 0 {
		s.claim.Limit = min(s.claim.Limit, int32(r.Limit))
	}
	s.claim.RetriesOnly = !p.plan.Realtime && !r.Full
	if r.StretchSeconds > 0 {
		s.ends = time.Now().Add(time.Duration(r.StretchSeconds * float64(time.Second)))
	}
	if err := s.expire(ctx); err != nil {
		return nil, err
	}
	return s, nil
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

// lookAround looks at settings and leases, every now and then. It says whether settings have
// changed: then it is for the workflow to go on by the new ones.
func (s *stretch) lookAround(ctx context.Context) (changed bool, err error) {
	if time.Since(s.looked) < lookEvery {
		return false, nil
	}
	settings, err := s.d.Store.Settings(ctx, s.r.Destination)
	if err != nil {
		return false, err
	}
	return !reflect.DeepEqual(settings, s.settings), s.expire(ctx)
}

// run loads batch after batch until there are no more, or none that it may load.
func (s *stretch) run(ctx context.Context) error {
	for {
		claimed, err := s.batch(ctx)
		if err != nil {
			return err
		}
		if more, err := s.more(ctx, claimed); err != nil || !more {
			return err
		}
	}
}

// more says whether another batch is to be claimed, and waits until it is time to. claimed is
// how many jobs the last one had.
func (s *stretch) more(ctx context.Context, claimed int) (bool, error) {
	full := claimed == int(s.claim.Limit)
	if s.ends.IsZero() || s.barred || s.ill || !full && s.lookout == nil {
		return false, nil
	}
	if changed, err := s.lookAround(ctx); err != nil || changed {
		return false, err
	}
	if claimed > 0 {
		s.looks, s.idle = 0, time.Now()
	}
	if !full {
		if time.Since(s.idle) > cmp.Or(s.d.Linger, defaultLinger) {
			return false, nil
		}
		s.looks++
		s.rests++
		if s.rests%relieveEvery == 0 {
			if relieved, err := s.lookout.relieved(ctx); err != nil || relieved {
				return false, err
			}
		}
		s.pass(ctx)
	}
	if time.Until(s.ends) < handOver {
		s.askForAnother(ctx)
	}
	return !s.over(ctx), nil
}

// pass waits until it is time to look again, unless the worker is told to stop.
func (s *stretch) pass(ctx context.Context) {
	most := deafWait
	if s.d.bells.work() {
		most = mostWait
	}
	pause(ctx, firstWait, nil)
	rest := min(firstWait<<min(s.looks-1, 10), most) - firstWait
	if rest <= 0 {
		return
	}
	if rings, leave := s.d.bells.wait(s.r.ActionRef, s.occasions); rings != nil {
		defer leave()
		pause(ctx, rest, rings)
	}
}

// pause waits for a time, or until a bell rings.
func pause(ctx context.Context, wait time.Duration, rings <-chan struct{}) {
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-rings:
	case <-activity.GetWorkerStopChannel(ctx):
	case <-ctx.Done():
	}
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
