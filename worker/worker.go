// Package worker builds and runs the process that carries out workflows and
// activities.
package worker

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"runtime/debug"
	"sync"
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/worker"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/smtp"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/internal/nice"
	"github.com/sluicehq/sluice/internal/wiring"
	"github.com/sluicehq/sluice/notify"
	"github.com/sluicehq/sluice/starter"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/warehouse"
)

// Config is what a worker needs.
type Config struct {
	// Settings are the process's settings. Required.
	Settings config.Config
	// Registry has the kinds of imports that the worker can carry out. Required.
	Registry *importers.Registry
	// Connections has the kinds of connections that the worker can test. Defaults to
	// none.
	Connections *connections.Registry
	// Destinations has the destinations that the worker can deliver to. Defaults to none.
	Destinations *destinations.Registry
	// Templates are templates of mails about imports, over the built-in ones and below those
	// of the settings. Defaults to none.
	Templates []fs.FS
	// Circuit says when the circuit of a connection opens. Defaults to deliverystore.CircuitRule's own.
	Circuit deliverystore.CircuitRule
	// Temporal are the options of the client. Required.
	Temporal client.Options
	// Logger is required.
	Logger *slog.Logger
	// Migrate brings both databases up to date before the work begins. Otherwise a
	// database that is not up to date is an error.
	Migrate bool
	// ReconcileInterval is how often the worker looks for imports whose starter died
	// before it could start their workflow, and asks Temporal whether it answers.
	// Defaults to 15s.
	ReconcileInterval time.Duration
	// AbandonedAfter is how old an import without a workflow is before it is taken
	// for abandoned. Defaults to 30s.
	AbandonedAfter time.Duration
}

func (c Config) withDefaults() Config {
	c.ReconcileInterval = cmp.Or(c.ReconcileInterval, 15*time.Second)
	c.AbandonedAfter = cmp.Or(c.AbandonedAfter, 30*time.Second)
	if c.Connections == nil {
		c.Connections = connections.NewRegistry()
	}
	if c.Destinations == nil {
		c.Destinations = destinations.NewRegistry()
	}
	return c
}

// Worker carries out workflows and activities.
type Worker struct {
	cfg       Config
	log       *slog.Logger
	store     *dispatchstore.Store
	notifier  *notify.Notifier
	warehouse *warehouse.Warehouse
	temporal  client.Client
	metrics   *metrics
	health    *health
	// retained says that the schedule of retention is what the settings say.
	retained bool
	// auditPurged is when the audit was last purged.
	auditPurged time.Time
	// closeMetrics flushes the metrics of the Temporal client.
	closeMetrics func() error
}

// Run works until ctx ends, then stops gracefully: running activities are cancelled,
// note where they stand, and are taken up by another worker. It waits at its
// start for databases and a Temporal server that are not there yet, as long as
// worker.start_timeout says.
func Run(ctx context.Context, cfg Config) (err error) {
	if err := cfg.Settings.Validate(); err != nil {
		return fmt.Errorf("configuration: %w", err)
	}
	limitMemory(cfg.Settings, 0)
	if err := nice.Process(cfg.Settings.Worker.Nice); err != nil {
		// Another system than expected: the worker works without.
		cfg.Logger.Warn("the worker does not yield to other processes", "setting", "worker.nice", "error", err)
	}
	w := &Worker{cfg: cfg.withDefaults(), log: cfg.Logger, metrics: newMetrics(cfg.Logger), health: &health{}}
	stopServing, err := w.serve(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stopServing()) }()
	if err := w.connect(ctx); err != nil {
		if ctx.Err() != nil {
			// Told to stop while it was still waiting: that is no fault.
			err = nil
		}
		return errors.Join(err, w.disconnect())
	}
	defer func() { err = errors.Join(err, w.disconnect()) }()
	return w.work(ctx)
}

// limitMemory sets the soft limit of Go's memory for a worker that can write so many partitions of the event log.
func limitMemory(settings config.Config, partitions int) {
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit(settings, partitions))
	}
}

// memoryLimit returns the soft limit in bytes: the open sessions of the partitions come on top of
// worker.memory_limit_mib.
func memoryLimit(settings config.Config, partitions int) int64 {
	return (settings.Worker.MemoryLimitMiB + int64(partitions)*settings.Ingest.SessionMiB) << 20
}

// maxBeat bounds how long heartbeats are held back: a cancellation is noticed with
// the next one.
const maxBeat = 2 * time.Second

// work polls until ctx ends or Temporal permanently refuses the worker.
func (w *Worker) work(ctx context.Context) error {
	worker.SetStickyWorkflowCacheSize(w.cfg.Settings.Worker.StickyCache)
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	fatal := func(err error) { cancel(fmt.Errorf("temporal refuses this worker: %w", err)) }

	if err := w.metrics.registry.Register(newConnectionMetrics(w.store, w.log)); err != nil {
		return fmt.Errorf("metrics of connections: %w", err)
	}
	if err := w.metrics.registry.Register(newSyncMetrics(syncstore.New(w.store.Store), w.log)); err != nil {
		return fmt.Errorf("metrics of syncs: %w", err)
	}
	queues, err := w.newQueues(fatal)
	if err != nil {
		return err
	}
	builtIn, err := smtp.BuiltIn(wiring.MailServer(w.cfg.Settings.Notify))
	for _, c := range builtIn {
		err = errors.Join(err, smtp.Check(c))
	}
	if err != nil {
		return fmt.Errorf("the connection %s: %w", connections.Notify, err)
	}
	opened := &connections.Connections{
		Store: w.store.Deliveries, Vault: connections.NewVault(wiring.Vault(w.cfg.Settings.Connections)),
		Registry: w.cfg.Connections,
		BuiltIn:  builtIn,
	}
	w.register(queues, opened)
	registerConnections(queues, opened)
	budgets, err := w.registerSyncs(queues, opened)
	if err != nil {
		return err
	}
	w.registerRetention(queues.main)
	w.registerSalts(queues.main, opened)
	deliveries, err := w.newDeliveries(queues.main, opened, fatal)
	if err != nil {
		return err
	}
	if err := deliveries.init(ctx); err != nil {
		return err
	}
	// Destinations are shut down when nothing is loaded any more.
	defer deliveries.shutdown(ctx)
	// All stop at once: each may take as long as worker.stop_timeout says.
	defer func() {
		var stopping sync.WaitGroup
		stopping.Go(queues.stop)
		stopping.Go(deliveries.stop)
		stopping.Wait()
	}()
	if err := errors.Join(queues.start(), deliveries.start(ctx)); err != nil {
		return err
	}
	own, err := w.registration()
	if err != nil {
		return err
	}
	w.beat(ctx, own)
	var beside sync.WaitGroup
	beside.Go(func() { w.heartbeat(ctx, own) })
	beside.Go(func() { w.reconcile(ctx) })
	beside.Go(func() { budgets.Renew(ctx) })
	beside.Go(func() { w.exportSyncs(ctx) })
	beside.Go(func() { deliveries.launch(ctx) })
	beside.Go(func() { w.writeEvents(ctx) })
	w.health.setReady(true)
	w.log.Info("worker started", "importers", w.cfg.Registry.Names(), "destinations", w.cfg.Destinations.Names(),
		"load_slots", w.cfg.Settings.Worker.LoadSlots)
	<-ctx.Done()
	w.health.setReady(false)
	w.log.Info("worker stopping")
	beside.Wait()
	if cause := context.Cause(ctx); !errors.Is(cause, context.Canceled) {
		return cause
	}
	return nil
}

// starter starts the workflows of imports whose starter died.
func (w *Worker) starter() *starter.Starter {
	return &starter.Starter{
		Temporal: w.temporal, Namespace: w.cfg.Temporal.Namespace, Store: w.store, Registry: w.cfg.Registry,
		Defaults: w.cfg.Settings.Import, Review: w.cfg.Settings.Review, Limits: w.cfg.Settings.Limits,
	}
}
