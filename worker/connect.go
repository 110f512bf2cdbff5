package worker

import (
	"context"
	"errors"
	"fmt"

	"go.temporal.io/sdk/client"

	"github.com/sluicehq/sluice/internal/migration"
	"github.com/sluicehq/sluice/internal/startup"
	"github.com/sluicehq/sluice/internal/wiring"
	"github.com/sluicehq/sluice/notify"
	"github.com/sluicehq/sluice/store"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
	"github.com/sluicehq/sluice/warehouse"
)

// connect opens the databases and Temporal, waiting for those that are not there
// yet: in a compose file or a cluster everything starts at once.
func (w *Worker) connect(ctx context.Context) (err error) {
	settings := w.cfg.Settings
	notifier, err := notify.New(notify.Config{
		Settings: settings.Notify, Importers: w.cfg.Registry, Destinations: w.cfg.Destinations, Templates: w.cfg.Templates,
		Logger: w.log,
	})
	if err != nil {
		return err
	}
	w.notifier = notifier
	cfg := store.Config{DSN: settings.Store.DSN, MaxConns: settings.Store.MaxConns}
	if w.store, err = dispatchstore.Open(ctx, cfg, notifier); err != nil {
		return err
	}
	w.warehouse, err = warehouse.Open(wiring.Warehouse(settings.Warehouse))
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, settings.Worker.StartTimeout)
	defer cancel()
	waiter := startup.Waiter{Logger: w.log, Timeout: settings.Worker.StartTimeout}
	if err := waiter.Await(ctx, "store", w.store.Ping); err != nil {
		return err
	}
	if err := waiter.Await(ctx, "warehouse", w.warehouse.Ping); err != nil {
		return err
	}
	if err := waiter.Await(ctx, "schema", w.schema); err != nil {
		return err
	}
	options := w.cfg.Temporal
	options.MetricsHandler, w.closeMetrics = temporalMetrics(w.metrics.registry, func(err error) {
		w.log.Warn("a metric of the temporal client is not exported", "error", err)
	})
	return waiter.Await(ctx, "Temporal server", func(ctx context.Context) error {
		w.temporal, err = client.DialContext(ctx, options)
		if err != nil {
			return fmt.Errorf("reach temporal at %s: %w", options.HostPort, err)
		}
		return nil
	})
}

// schema brings the databases up to date, or makes sure that they are.
func (w *Worker) schema(ctx context.Context) error {
	if w.cfg.Migrate {
		return errors.Join(w.store.Migrate(ctx), w.warehouse.Migrate(ctx))
	}
	if err := migration.UpToDate(ctx, w.store.Migrations); err != nil {
		return err
	}
	return migration.UpToDate(ctx, w.warehouse.Migrations)
}

func (w *Worker) disconnect() error {
	var err error
	if w.temporal != nil {
		w.temporal.Close()
	}
	if w.warehouse != nil {
		err = w.warehouse.Close()
	}
	if w.store != nil {
		w.store.Close()
	}
	if w.closeMetrics != nil {
		err = errors.Join(err, w.closeMetrics())
	}
	return err
}
