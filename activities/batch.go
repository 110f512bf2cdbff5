package activities

import (
	"context"
	"sync"
	"time"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/store"
)

// batch is jobs of one connection that are loaded together.
type batch struct {
	*stretch
	// planned is what they are loaded by: the stretch may have taken up newer settings.
	planned
	claim      store.Claim
	connection string
	// full says that there may be more.
	full bool
	// done is how they went, fault why that could not be recorded.
	done  destinations.Delivered
	fault error
}

// run loads the jobs and records how it went. It ends by itself: by the plan's timeout, or when
// the worker stops. The end of the activity does not interrupt it.
func (b *batch) run(ctx context.Context) {
	loading, stop := untilGrace(context.WithoutCancel(ctx), b.d.Grace)
	b.done = b.load(loading)
	stop()
	recording, cancel := context.WithTimeout(context.WithoutCancel(ctx), recordTimeout)
	defer cancel()
	b.fault = b.d.settle(recording, b.r.ActionRef, b.connection, b.done)
	select {
	case b.loaded <- b:
	case <-b.gone:
		b.left(recording)
	}
}

// left ends a batch that has outlived its activity: the next one counts it, and may claim jobs
// of its connection.
func (b *batch) left(ctx context.Context) {
	if b.fault != nil {
		b.d.Logger.Error("could not record outcomes: the jobs become unknown", "destination", b.r.Destination,
			"action", b.r.Action, "connection", b.connection, "error", b.fault)
	} else {
		b.d.addLeft(b.r.ActionRef, loadedBy(b.done.Outcome))
	}
	b.tellWorkflow(ctx)
}

// load loads the jobs. While it does, another load is asked for if there may be work for one:
// there are more jobs than fit, or this batch takes its time.
func (b *batch) load(ctx context.Context) destinations.Delivered {
	loaded := make(chan struct{})
	var asking sync.WaitGroup
	asking.Go(func() {
		if !b.full {
			timer := time.NewTimer(slow)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-loaded:
				return
			}
		}
		b.askForAnother(ctx, b.plan.Concurrency)
	})
	done := destinations.Delivery{
		Destination: b.dest, Action: b.action, Claim: b.claim, Plan: b.plan, Versions: b.d.Versions,
		Toolkit: &destinations.Toolkit{Logger: b.d.Logger, Connections: b.d.Connections, Service: b.d.Service},
	}.Run(ctx)
	close(loaded)
	asking.Wait()
	return done
}

// leftovers counts what batches have done that have outlived their activity.
type leftovers struct {
	mu       sync.Mutex
	byAction map[ActionRef]Loaded
}

func (d *Destinations) addLeft(ref ActionRef, l Loaded) {
	d.leftovers.mu.Lock()
	defer d.leftovers.mu.Unlock()
	if d.leftovers.byAction == nil {
		d.leftovers.byAction = map[ActionRef]Loaded{}
	}
	sum := d.leftovers.byAction[ref]
	sum.Add(l)
	d.leftovers.byAction[ref] = sum
}

func (d *Destinations) takeLeft(ref ActionRef) Loaded {
	d.leftovers.mu.Lock()
	defer d.leftovers.mu.Unlock()
	sum := d.leftovers.byAction[ref]
	delete(d.leftovers.byAction, ref)
	return sum
}

// Wait waits for the batches that are under way. It is called when no activity runs any more.
func (d *Destinations) Wait() { d.batches.Wait() }

// count adds what was recorded to the answer.
func (s *stretch) count(done destinations.Delivered) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.answer.Claimed += len(done.Outcomes)
	s.answer.Batches++
	s.answer.Add(loadedBy(done.Outcome))
	s.answer.Ill = brief(done.Ill)
}

// askForAnother tells the action's own workflow that there are jobs, so that it begins another
// load if it may, but not every moment.
func (s *stretch) askForAnother(ctx context.Context, concurrency int) {
	if s.ends.IsZero() || concurrency < 2 {
		return
	}
	s.mu.Lock()
	soon := time.Since(s.asked) < askEvery
	if !soon {
		s.asked = time.Now()
	}
	s.mu.Unlock()
	if !soon {
		s.tellWorkflow(ctx)
	}
}

// tellWorkflow tells the action's own workflow that there are jobs. What goes wrong costs
// speed alone: the workflow looks for them itself.
func (s *stretch) tellWorkflow(ctx context.Context) {
	if err := s.d.Wake(ctx, []ActionRef{s.r.ActionRef}); err != nil {
		s.d.Logger.Warn("could not ask for another load", "destination", s.r.Destination, "action", s.r.Action, "error", err)
	}
}
