package worker

import (
	"fmt"
	"sync"

	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"

	"github.com/sluicehq/sluice/activities"
	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/workflows"
)

// queues are the Temporal workers of a process: one for the main task queue, which every worker
// process polls, and one for each task queue of an importer and of a kind of connections, which
// only processes poll that have it.
type queues struct {
	main worker.Worker
	// callbacks and loads are by importer, tests by kind of connections.
	callbacks, loads, tests map[string]worker.Worker
	// syncs are by task queue.
	syncs   map[string]worker.Worker
	slots   *loadSlots
	started []worker.Worker
}

// newQueues makes the workers of all task queues but those of destinations.
func (w *Worker) newQueues(fatal func(error)) (*queues, error) {
	settings := w.cfg.Settings.Worker
	recorder := &activities.LastErrorRecorder{Store: w.store.Imports, Runs: syncstore.New(w.store.Store)}
	options := func(interceptors ...interceptor.WorkerInterceptor) worker.Options {
		return worker.Options{
			Interceptors:                 interceptors,
			MaxHeartbeatThrottleInterval: maxBeat,
			WorkerStopTimeout:            settings.StopTimeout, OnFatalError: fatal,
			DeploymentOptions: deployment(settings),
		}
	}
	q := &queues{
		callbacks: map[string]worker.Worker{}, loads: map[string]worker.Worker{}, tests: map[string]worker.Worker{},
		slots: newLoadSlots(settings.LoadSlots),
	}
	q.main = worker.New(w.temporal, workflows.QueueMain, options(recorder, &activities.Heartbeater{}))
	for _, importer := range w.cfg.Registry.Names() {
		short := options(recorder, &activities.Heartbeater{})
		short.DisableWorkflowWorker = true
		q.callbacks[importer] = worker.New(w.temporal, workflows.ImporterQueue(importer), short)
		// Loading sends heartbeats of its own, which tell how far it is.
		load := options(recorder)
		load.DisableWorkflowWorker, load.MaxConcurrentActivityTaskPollers = true, 1
		var err error
		if load.Tuner, err = q.slots.tuner(); err != nil {
			return nil, fmt.Errorf("load slots: %w", err)
		}
		q.loads[importer] = worker.New(w.temporal, workflows.LoadQueue(importer), load)
	}
	for _, kind := range w.cfg.Connections.Names() {
		test := options(recorder, &activities.Heartbeater{})
		test.DisableWorkflowWorker, test.MaxConcurrentActivityTaskPollers = true, 1
		q.tests[kind] = worker.New(w.temporal, workflows.ConnectionQueue(kind), test)
	}
	w.addSyncQueues(q, func() worker.Options { return options(recorder, &activities.Heartbeater{}) })
	return q, nil
}

// start begins to poll. After an error stop is to be called all the same.
func (q *queues) start() error {
	for _, all := range []map[string]worker.Worker{{"": q.main}, q.callbacks, q.loads, q.tests, q.syncs} {
		for _, one := range all {
			if err := one.Start(); err != nil {
				return fmt.Errorf("start worker: %w", err)
			}
			q.started = append(q.started, one)
		}
	}
	return nil
}

// stop ends all at once: each may take as long as worker.stop_timeout says.
func (q *queues) stop() {
	var stopping sync.WaitGroup
	for _, one := range q.started {
		stopping.Go(one.Stop)
	}
	stopping.Wait()
}
