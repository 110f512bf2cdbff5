package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
	syncacts "github.com/sluicehq/sluice/activities/syncing"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/store"
	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/syncing"
)

// SyncWatchConfig is what the worker of a watch of a state file needs. All but StopTimeout is required.
type SyncWatchConfig struct {
	Temporal client.Client
	Store    *syncstore.Store
	// Kinds are the kinds of connections. Connections opens those of the watch, which no other worker can.
	Kinds       *connections.Registry
	Connections connections.Opener
	// Queue is the task queue of the watch, which no other worker polls.
	Queue string
	// StopTimeout bounds the end of pages when the worker stops. Defaults to 30s.
	StopTimeout time.Duration
	Logger      *slog.Logger
	// Fatal is called when Temporal permanently refuses the worker.
	Fatal func(error)
}

// maxWatchedRuns is the number of lists that a watch delivers at the same time. Further ones wait for their turn, which
// comes when an activity of another one ends, within about syncacts.DefaultMaxDuration.
const maxWatchedRuns = 32

// SyncWatch is the worker of a watch of a state file: it alone carries out the runs of the file's lists.
type SyncWatch struct {
	worker  worker.Worker
	budgets *syncacts.Budgets
	timeout time.Duration
	// stopping is closed when pages are to be ended.
	stopping chan struct{}
	mu       sync.Mutex
	// delivering counts the activities that deliver pages; stopped refuses further ones.
	delivering sync.WaitGroup
	stopped    bool
	// ended is called when the worker ends, to end the renewal of budgets.
	ended   context.CancelFunc
	renewal sync.WaitGroup
}

// NewSyncWatch returns a worker, which does not poll yet.
func NewSyncWatch(cfg SyncWatchConfig) (*SyncWatch, error) {
	holder, err := store.NewID()
	if err != nil {
		return nil, err
	}
	w := &SyncWatch{
		budgets: syncacts.NewBudgets(cfg.Store, holder, cfg.Logger), timeout: cfg.StopTimeout,
		stopping: make(chan struct{}),
	}
	w.timeout = cmp.Or(w.timeout, 30*time.Second)
	w.worker = worker.New(cfg.Temporal, cfg.Queue, worker.Options{
		Interceptors: []interceptor.WorkerInterceptor{
			&activities.LastErrorRecorder{Runs: cfg.Store}, &activities.Heartbeater{},
		},
		MaxHeartbeatThrottleInterval:       maxBeat,
		MaxConcurrentActivityExecutionSize: maxWatchedRuns,
		WorkerStopTimeout:                  w.timeout,
		OnFatalError:                       cfg.Fatal,
	})
	syncs := &syncacts.Syncs{
		Store:    cfg.Store,
		Systems:  &syncacts.Systems{Kinds: cfg.Kinds, Connections: cfg.Connections, Budgets: w.budgets},
		Stopping: w.stopping,
	}
	w.worker.RegisterWorkflowWithOptions(syncing.Sync, workflow.RegisterOptions{Name: workflows.TypeSync})
	deliveries := syncDeliveries(syncs)
	deliveries[workflows.ActivitySyncPages] = w.pages(syncs)
	add(w.worker, deliveries)
	add(w.worker, syncBookkeeping(syncs))
	return w, nil
}

// pages is the activity that delivers pages. Once the worker is to stop, it waits for the stop: the workflow would
// otherwise schedule another one at once.
func (w *SyncWatch) pages(
	syncs *syncacts.Syncs,
) func(ctx context.Context, in syncacts.RunRef) (syncacts.Progress, error) {
	return func(ctx context.Context, in syncacts.RunRef) (syncacts.Progress, error) {
		if !w.enter() {
			<-ctx.Done()
			return syncacts.Progress{}, activities.Failure(context.Cause(ctx))
		}
		defer w.delivering.Done()
		return syncs.Pages(ctx, in)
	}
}

func (w *SyncWatch) enter() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.stopped {
		w.delivering.Add(1)
	}
	return !w.stopped
}

// Start begins to poll. Stop is to be called if it succeeds.
func (w *SyncWatch) Start() error {
	if err := w.worker.Start(); err != nil {
		return fmt.Errorf("start the worker of the watch: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	w.ended = cancel
	w.renewal.Go(func() { w.budgets.Renew(ctx) })
	return nil
}

// errPages means that pages were interrupted.
var errPages = errors.New("pages did not end in time, and were interrupted: they are delivered again")

// Stop ends the pages that are being delivered, and stops to poll. Runs that are not complete stay in the store, and
// continue from their checkpoints. The error says that pages had to be interrupted.
func (w *SyncWatch) Stop() error {
	w.mu.Lock()
	w.stopped = true
	w.mu.Unlock()
	close(w.stopping)
	done := make(chan struct{})
	go func() {
		defer close(done)
		w.delivering.Wait()
	}()
	timer := time.NewTimer(w.timeout)
	defer timer.Stop()
	var err error
	select {
	case <-done:
	case <-timer.C:
		err = errPages
	}
	w.worker.Stop()
	w.ended()
	w.renewal.Wait()
	return err
}
