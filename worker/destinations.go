package worker

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/internal/delay"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/delivery"
)

// deliveries delivers jobs: it has the producer, and for each destination a Temporal worker on its own
// task queue.
type deliveries struct {
	w         *Worker
	lifecycle *destinations.Lifecycle
	starter   *deliveryclient.Client
	// produce starts the producer; wait waits for its end and that of its batches.
	produce func(ctx context.Context)
	wait    func()
	// endProducer ends the producer, nil before it is started.
	endProducer func()
	workers     []worker.Worker
	// started are the workers that run.
	started []worker.Worker
}

// newDeliveries registers the workflows and activities of destinations; main polls QueueMain.
func (w *Worker) newDeliveries(
	main worker.Registry, opened connections.Opener, fatal func(error),
) (*deliveries, error) {
	scheduler := destinations.NewService(destinations.ServiceScheduler)
	service, err := deliveryclient.New(deliveryclient.Config{
		Temporal: w.temporal, Store: w.store, Registry: w.cfg.Destinations, Logger: w.log, Service: scheduler,
	})
	if err != nil {
		return nil, err
	}
	main.RegisterWorkflowWithOptions(delivery.Destination, workflow.RegisterOptions{Name: workflows.TypeDestination})
	main.RegisterWorkflowWithOptions(delivery.DestinationAction,
		workflow.RegisterOptions{Name: workflows.TypeDestinationAction})
	settings := w.cfg.Settings.Worker
	acts := &deliveryacts.Destinations{
		Store: w.store.Deliveries, Registry: w.cfg.Destinations, Connections: opened,
		Versions: &destinations.Versions{Logger: w.log}, Circuit: w.cfg.Circuit,
		// The other half is for recording results.
		Grace: settings.StopTimeout / 2, Logger: w.log, Observer: w.metrics,
		Service: scheduler,
	}
	w.registerDispatcher(main, service)
	dl := &deliveries{
		w: w, starter: service, produce: acts.Start, wait: acts.Wait,
		lifecycle: destinations.NewLifecycle(w.cfg.Destinations, &destinations.Toolkit{
			Logger: w.log, Connections: opened, Service: scheduler,
		}),
	}
	for _, d := range w.cfg.Destinations.All() {
		one := worker.New(w.temporal, workflows.DestinationQueue(d.Name()), worker.Options{
			MaxHeartbeatThrottleInterval: maxBeat,
			WorkerStopTimeout:            settings.StopTimeout, OnFatalError: fatal,
			MaxConcurrentActivityExecutionSize: slots(d),
			DisableWorkflowWorker:              true,
			DeploymentOptions:                  deployment(settings),
		})
		add(one, map[string]any{
			workflows.ActivityDrain: acts.Drain, workflows.ActivityNextDue: acts.NextDue,
			workflows.ActivityApplySettings: acts.Apply,
		})
		dl.workers = append(dl.workers, one)
	}
	return dl, nil
}

// slots is how many drains of a destination run in a process at once: one for each action, and as many
// that have ended but are still being reported.
func slots(d destinations.Destination) int {
	const minSlots = 20
	return max(minSlots, 2*len(d.Actions()))
}

// initTimeout bounds the initialisation of all destinations together.
const initTimeout = time.Minute

// init initialises the destinations. An error stops the worker.
func (dl *deliveries) init(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, initTimeout)
	defer cancel()
	if err := dl.lifecycle.Start(ctx); err != nil {
		return fmt.Errorf("destinations: %w", err)
	}
	return nil
}

// shutdown is the opposite of init.
func (dl *deliveries) shutdown(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), initTimeout)
	defer cancel()
	dl.lifecycle.Stop(ctx)
}

// start starts the producer and begins to poll. The caller calls stop, also after an error.
func (dl *deliveries) start(ctx context.Context) error {
	ctx, dl.endProducer = context.WithCancel(ctx)
	dl.produce(ctx)
	for _, one := range dl.workers {
		if err := one.Start(); err != nil {
			return fmt.Errorf("start the worker of a destination: %w", err)
		}
		dl.started = append(dl.started, one)
	}
	return nil
}

// stop waits for the batches in flight.
func (dl *deliveries) stop() {
	if dl.endProducer != nil {
		dl.endProducer()
	}
	var stopping sync.WaitGroup
	for _, one := range dl.started {
		stopping.Go(one.Stop)
	}
	stopping.Wait()
	dl.wait()
}

// launch keeps the workflows of all destinations running until ctx ends. It first starts all of them,
// which makes running ones read their settings, and then those that do not run.
func (dl *deliveries) launch(ctx context.Context) {
	waiting := dl.w.cfg.Destinations.All()
	for range delay.Rounds(ctx, dl.w.cfg.ReconcileInterval) {
		var failed []destinations.Destination
		var faults []error
		for _, d := range waiting {
			if err := dl.starter.Start(ctx, d); err != nil {
				failed, faults = append(failed, d), append(faults, err)
			}
		}
		if waiting = failed; len(waiting) == 0 {
			faults = append(faults, dl.recover(ctx))
		}
		if err := errors.Join(faults...); err != nil && ctx.Err() == nil {
			dl.w.log.Warn("could not start the workflows of destinations", "error", err)
		}
	}
}

// recover starts the workflows of actions that do not run, for instance after the loss of Temporal's
// data, and counts those whose workflow task fails.
func (dl *deliveries) recover(ctx context.Context) error {
	var faults []error
	failing := 0
	for _, d := range dl.w.cfg.Destinations.All() {
		for _, action := range d.Actions() {
			ref := deliveryacts.ActionRef{Destination: d.Name(), Action: action.Name()}
			standing, started, err := dl.starter.Recover(ctx, ref)
			if err != nil {
				faults = append(faults, err)
			}
			if started && standing.ClosedAt != nil {
				dl.w.log.Warn("started the workflow of an action again", "destination", ref.Destination, "action", ref.Action)
				dl.w.metrics.recovered.WithLabelValues(workflows.TypeDestinationAction).Inc()
			}
			if standing.Fault != "" {
				failing++
			}
		}
	}
	dl.w.metrics.failing.WithLabelValues(workflows.TypeDestinationAction).Set(float64(failing))
	return errors.Join(faults...)
}
