package delivery

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"time"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/store"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// producer claims the due jobs of all actions that have a drain in this process, in one statement,
// and hands them to executors in batches. It claims when PostgreSQL notifies it of jobs, when a batch
// has ended, and every pollInterval: no job depends on a notification.
type producer struct {
	wake chan struct{}

	mu      sync.Mutex
	actions map[ActionRef]*served
	// inFlight counts the batches of each connection.
	inFlight map[string]int
	// polled is when the last successful poll ended, or when the producer was started.
	polled time.Time
	// executing is the context of batches, nil while the producer does not run.
	executing context.Context //nolint:containedctx // of goroutines that outlive the calls that start them
	// running are the producer's own goroutines, executors those of batches.
	running, executors sync.WaitGroup
}

const (
	// pollInterval is how often the producer polls. A poll finds due retries, changed settings, expired
	// leases, and jobs whose notification was lost.
	pollInterval = time.Second
	// fetchCooldown is the minimum time between two claims: jobs that arrive meanwhile share one.
	fetchCooldown = time.Millisecond
	// maxInFlight bounds the batches of an action that are in flight.
	maxInFlight = 256
)

// Start starts the producer of this process, which claims jobs until ctx ends. Batches in flight may take
// Grace after that.
func (d *Destinations) Start(ctx context.Context) {
	p := &d.producer
	executing, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wake, p.actions, p.inFlight = make(chan struct{}, 1), map[ActionRef]*served{}, map[string]int{}
	p.executing, p.polled = executing, time.Now()
	p.running.Go(func() { d.listen(ctx) })
	p.running.Go(func() {
		d.produce(ctx)
		p.stop(d.Grace, cancel)
	})
}

// stop refuses further drains, and interrupts the batches in flight after the grace period.
func (p *producer) stop(grace time.Duration, cancel context.CancelCauseFunc) {
	p.mu.Lock()
	p.executing = nil
	p.mu.Unlock()
	interrupt := time.AfterFunc(grace,
		func() { cancel(fmt.Errorf("%w: %w", activities.ErrWorkerStopping, context.Canceled)) })
	p.executors.Wait()
	interrupt.Stop()
	cancel(nil)
}

// Wait waits for the end of the producer and of the batches in flight, after the end of Start's
// context.
func (d *Destinations) Wait() { d.producer.running.Wait() }

// produce polls and claims until ctx ends.
func (d *Destinations) produce(ctx context.Context) {
	p := &d.producer
	timer := time.NewTimer(0)
	defer timer.Stop()
	var polled time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
		case <-timer.C:
		}
		if time.Since(polled) >= pollInterval {
			err := d.poll(ctx)
			polled = time.Now()
			if err != nil && ctx.Err() == nil {
				d.Logger.Warn("could not poll for settings and expired leases, trying again", "error", err)
			}
		}
		if err := d.claim(ctx); err != nil && ctx.Err() == nil {
			d.Logger.Warn("could not claim jobs, trying again", "error", err)
		}
		timer.Reset(p.untilNext(polled.Add(pollInterval)))
		p.coolDown(ctx)
	}
}

// coolDown waits until the next claim may be made.
func (p *producer) coolDown(ctx context.Context) {
	timer := time.NewTimer(fetchCooldown)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}

// listen marks actions as due when PostgreSQL notifies of their jobs.
func (d *Destinations) listen(ctx context.Context) {
	d.Store.Follow(ctx, deliverystore.AddedChannel, store.Followed{
		Notified: func(payload string) { d.producer.notified(payload) },
		Lost: func(err error) {
			d.Logger.Warn("no notifications of jobs: the producer polls", "interval", pollInterval, "error", err)
		},
	})
}

// signal wakes the producer up.
func (p *producer) signal() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// notified marks an action as due; "" marks all of them, because notifications may have been lost.
func (p *producer) notified(payload string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for ref, s := range p.actions {
		switch {
		case payload != "" && payload != ref.Destination+"/"+ref.Action:
			continue
		case now.Before(s.quiet):
			if !s.next.IsZero() && !s.next.After(s.quiet) {
				continue
			}
			s.next = s.quiet
		default:
			s.due = true
		}
		p.signal()
	}
}

// untilNext returns the time until the next poll, or until an action is due before it.
func (p *producer) untilNext(poll time.Time) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	next := poll
	for _, s := range p.actions {
		if !s.next.IsZero() && s.next.Before(next) {
			next = s.next
		}
	}
	return max(0, time.Until(next))
}

// poll ends the drains whose settings have changed, makes jobs unknown whose lease has expired, and
// marks all actions as due.
func (d *Destinations) poll(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, claimTimeout)
	defer cancel()
	p := &d.producer
	if claims := p.activeClaims(); len(claims) > 0 {
		settings, err := d.Store.AllSettings(ctx)
		if err != nil {
			return err
		}
		p.compareSettings(settings)
		if err := d.expireLeases(ctx, claims...); err != nil {
			return err
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.polled = time.Now()
	return nil
}

// compareSettings ends the drains whose settings have changed.
func (p *producer) compareSettings(settings map[string]map[string]deliverystore.Settings) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for ref, s := range p.actions {
		if !sameSettings(s.settings, settings[ref.Destination]) {
			s.dismiss()
		}
	}
}

// activeClaims marks all actions as due, returns their claims, and forgets actions that are not served
// any more.
func (p *producer) activeClaims() (claims []deliverystore.ClaimRequest) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	for ref, s := range p.actions {
		switch {
		case s.active(now):
			s.due = true
			claims = append(claims, s.claim)
		case s.inFlight == 0 && s.unreported == (tally{}):
			delete(p.actions, ref)
		}
	}
	return claims
}

func sameSettings(a, b map[string]deliverystore.Settings) bool {
	return len(a) == 0 && len(b) == 0 || reflect.DeepEqual(a, b)
}

// expireLeases makes jobs unknown whose lease has expired.
func (d *Destinations) expireLeases(ctx context.Context, claims ...deliverystore.ClaimRequest) error {
	expired, err := d.Store.ExpireLeases(ctx, claims...)
	for action, jobs := range expired {
		d.Logger.Warn("leases expired without a result; jobs marked unknown", "destination", action.Destination,
			"action", action.Action, "jobs", jobs)
	}
	return err
}
