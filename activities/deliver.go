package activities

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.temporal.io/sdk/activity"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/store"
)

// Deliver claims a batch of jobs, loads it, and records how it went; then further ones, if a
// stretch was asked for. Twice at once it loads different jobs. A worker that dies leaves
// jobs behind whose leases end: they are unknown then.
func (d *Destinations) Deliver(ctx context.Context, r DeliverRequest) (Delivered, error) {
	ctx, stop := untilGrace(ctx, d.Grace)
	defer stop()
	if err := ctx.Err(); err != nil {
		return Delivered{}, failure(context.Cause(ctx))
	}
	delivered, err := d.deliver(ctx, r)
	return delivered, failure(err)
}

func (d *Destinations) deliver(ctx context.Context, r DeliverRequest) (Delivered, error) {
	s, err := d.newStretch(ctx, r)
	if err != nil {
		return Delivered{}, err
	}
	// An attempt that has died has loaded some, and said so not long before. Only these
	// figures hang on it.
	if activity.HasHeartbeatDetails(ctx) {
		if err := activity.GetHeartbeatDetails(ctx, &s.answer); err != nil {
			d.Logger.Warn("what an earlier attempt has said cannot be read", "error", err)
		}
	}
	defer keepBeating(ctx, func() any { return s.soFar() })()
	if s.plan.Realtime && !s.ends.IsZero() {
		if s.lookout, err = d.lookOut(ctx, r.ActionRef); err != nil {
			return Delivered{}, err
		}
	}
	err = errors.Join(s.run(ctx), s.settled())
	// What has been loaded is told, whatever has ended it.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	if s.lookout != nil {
		// Before the last look at what is due, which is the survey's.
		err = errors.Join(err, s.lookout.end(ctx))
	}
	if err != nil {
		return Delivered{}, err
	}
	answer := s.soFar()
	answer.Surveyed, err = d.survey(ctx, r.Survey)
	return answer, err
}

// soFar is what heartbeats tell, and at last the answer.
func (s *stretch) soFar() Delivered {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.answer
}

// batch claims jobs, loads them and records how it went. It returns how many there were.
func (s *stretch) batch(ctx context.Context) (int, error) {
	// The first look that finds nothing asks why.
	s.claim.Again = s.looks > 1
	s.occasions = s.d.bells.occasions(s.r.ActionRef)
	s.lookout.look()
	claim, err := s.d.Store.ClaimDue(ctx, s.claim)
	if err != nil {
		return 0, err
	}
	if len(claim.Jobs) == 0 {
		s.barred = claim.Paused || !claim.OpenUntil.IsZero()
		return 0, nil
	}
	return len(claim.Jobs), s.settle(ctx, s.load(ctx, claim))
}

// settle records how a batch went, while the next one is claimed already: outcomes are
// recorded one batch after the other. What was delivered is recorded, whatever has gone wrong
// before, or ends the activity. That a destination is ill ends the stretch: the workflow has to
// know, and so has whoever looks at it.
func (s *stretch) settle(ctx context.Context, done destinations.Delivered) error {
	err := s.settled()
	settling := make(chan error, 1)
	s.settling = settling
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
		defer cancel()
		err := s.d.settle(ctx, s.r.ActionRef, done)
		if err == nil {
			s.count(done)
		}
		settling <- err
	}()
	if s.ill = done.Ill != ""; err != nil || s.ill {
		return errors.Join(err, s.settled())
	}
	return nil
}

// settled waits until the last batch is recorded.
func (s *stretch) settled() error {
	if s.settling == nil {
		return nil
	}
	err := <-s.settling
	s.settling = nil
	return err
}

// count adds what was recorded to the answer.
func (s *stretch) count(done destinations.Delivered) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer.Claimed += len(done.Outcomes)
	s.answer.Batches++
	s.answer.Add(loadedBy(done.Outcome))
	s.answer.Ill = brief(done.Ill)
}

// load loads a batch. While it does, another load is asked for if there may be work for one:
// there are more jobs than fit, or this batch takes its time.
func (s *stretch) load(ctx context.Context, claim store.Claim) destinations.Delivered {
	loaded := make(chan struct{})
	var asking sync.WaitGroup
	asking.Go(func() {
		if len(claim.Jobs) < int(s.claim.Limit) {
			timer := time.NewTimer(slow)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-loaded:
				return
			}
		}
		s.askForAnother(ctx)
	})
	done := destinations.Delivery{
		Destination: s.dest, Action: s.action, Claim: claim, Plan: s.plan, Versions: s.d.Versions,
		Toolkit: &destinations.Toolkit{Logger: s.d.Logger, Connections: s.d.Connections, Service: s.d.Service},
	}.Run(ctx)
	close(loaded)
	asking.Wait()
	return done
}

// askForAnother tells the action's own workflow that there are jobs, so that it begins another
// load if it may, but not every moment. What goes wrong costs speed alone.
func (s *stretch) askForAnother(ctx context.Context) {
	if s.ends.IsZero() || s.plan.Concurrency < 2 || time.Since(s.asked) < askEvery {
		return
	}
	s.asked = time.Now()
	if err := s.d.Wake(ctx, []ActionRef{s.r.ActionRef}); err != nil {
		s.d.Logger.Warn("could not ask for another load", "destination", s.r.Destination, "action", s.r.Action, "error", err)
	}
}
