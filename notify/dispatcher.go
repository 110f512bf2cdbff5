package notify

import (
	"context"
	"sync"
	"time"

	"github.com/sluicehq/sluice/store"
)

// Run delivers notifications until ctx ends. What goes wrong is logged and tried again;
// Run itself never fails. It returns when every delivery that was under way has ended
// or, after Config.Grace, was given back. Any number of dispatchers may run on one
// store.
func (d *Dispatcher) Run(ctx context.Context) {
	work := &rounds{
		Dispatcher: d, wake: make(chan struct{}, 1), slots: make(chan struct{}, d.cfg.Settings.Concurrency),
	}
	// Deliveries outlive ctx by the grace at most.
	sending, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	var listening, deliveries sync.WaitGroup
	listening.Go(func() { work.listen(ctx) })
	for ctx.Err() == nil {
		if err := work.round(ctx, sending, &deliveries); err != nil && ctx.Err() == nil {
			d.cfg.Logger.Warn("notifications wait", "error", err)
		}
		work.sleep(ctx)
	}
	grace := time.AfterFunc(d.cfg.Grace, cut)
	deliveries.Wait()
	grace.Stop()
	listening.Wait()
}

// rounds is the state of one Run.
type rounds struct {
	*Dispatcher
	// wake holds a token when there may be something to do.
	wake chan struct{}
	// slots holds a token for each delivery that is being made.
	slots chan struct{}
}

// rouse makes the next sleep short.
func (r *rounds) rouse() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// sleep waits until there may be something to do.
func (r *rounds) sleep(ctx context.Context) {
	timer := time.NewTimer(r.cfg.Settings.PollInterval)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-r.wake:
	case <-timer.C:
	}
}

// round makes deliveries of what is new, and begins those that are due, as many as there
// are free slots. Whatever ends frees its slot and rouses the next round.
func (r *rounds) round(ctx, sending context.Context, deliveries *sync.WaitGroup) error {
	if err := r.expandAll(ctx); err != nil {
		return err
	}
	free := cap(r.slots) - len(r.slots)
	if free == 0 {
		return nil
	}
	claimed, err := r.cfg.Store.ClaimDueDeliveries(ctx, int32(free), r.lease)
	if err != nil {
		return err
	}
	for _, delivery := range claimed {
		r.slots <- struct{}{}
		deliveries.Go(func() {
			defer func() {
				<-r.slots
				r.rouse()
			}()
			r.deliver(sending, delivery)
		})
	}
	return nil
}

// listen rouses the rounds when something was put into the outbox. Where it cannot
// listen, polling has to do.
func (r *rounds) listen(ctx context.Context) {
	r.cfg.Store.Follow(ctx, store.OutboxChannel, store.Followed{
		Heard: func(string) { r.rouse() },
		Lost:  func(err error) { r.cfg.Logger.Warn("notifications are polled for", "error", err) },
	})
}
