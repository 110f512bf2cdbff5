package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"

	"github.com/sluicehq/sluice/internal/delay"
	"github.com/sluicehq/sluice/internal/ingesting"
	"github.com/sluicehq/sluice/internal/wiring"
	ingeststore "github.com/sluicehq/sluice/store/ingesting"
	"github.com/sluicehq/sluice/workflows"
)

// reconcile repairs, until ctx ends, the state left by a process that died between
// two systems. All workers do so: doing it twice is harmless.
func (w *Worker) reconcile(ctx context.Context) {
	for range delay.Rounds(ctx, w.cfg.ReconcileInterval) {
		w.repair(ctx, "schedule retention", w.applyRetention)
		w.repair(ctx, "schedule the rotation of salts", w.restoreSaltRotation)
		w.repair(ctx, "start abandoned imports", w.startAbandoned)
		w.repair(ctx, "grant locks", w.grantWaiting)
		w.repair(ctx, "copy sites to the warehouse", w.copySites)
		w.repair(ctx, "compare imports with their workflows", w.recoverImports)
		w.repair(ctx, "compare schedules with Temporal's", w.syncSchedules)
		w.repair(ctx, "compare syncs with Temporal's schedules", w.applySyncs)
		w.repair(ctx, "check the freshness of syncs", w.checkSyncs)
		w.repair(ctx, "purge the audit", w.purgeAudit)
		w.health.setTemporal(w.temporalAnswers(ctx))
	}
}

func (w *Worker) repair(ctx context.Context, what string, fn func(context.Context) error) {
	if err := fn(ctx); err != nil && ctx.Err() == nil {
		w.log.Warn("could not reconcile", "what", what, "error", err)
	}
}

// startAbandoned starts the workflows of imports whose starter died before it could.
func (w *Worker) startAbandoned(ctx context.Context) error {
	abandoned, err := w.store.Imports.UnstartedImports(ctx, time.Now().Add(-w.cfg.AbandonedAfter))
	if err != nil {
		return err
	}
	var failed []error
	for _, a := range abandoned {
		// One that cannot be started must not keep the others from it.
		if _, err := w.starter().Launch(ctx, a.Import, a.Domain); err != nil {
			failed = append(failed, err)
			continue
		}
		w.log.Info("started an abandoned import", "import_id", a.Import.ID, "site", a.Domain, "status", a.Import.Status)
	}
	return errors.Join(failed...)
}

// grantWaiting grants locks where limits have been raised, and wakes imports that were
// granted theirs by a process that died before it could tell.
func (w *Worker) grantWaiting(ctx context.Context) error {
	woken, err := w.store.Imports.GrantWaiting(ctx, wiring.LockLimits(w.cfg.Settings.Limits), w.cfg.ReconcileInterval)
	if err != nil {
		return err
	}
	var failed []error
	for _, g := range woken {
		err := w.wake(ctx, g)
		var gone *serviceerror.NotFound
		if err != nil && !errors.As(err, &gone) {
			// A workflow that has ended is looked after by recoverImports.
			failed = append(failed, fmt.Errorf("wake import %d: %w", g.ImportID, err))
		}
	}
	return errors.Join(failed...)
}

// copySites brings the sites of the warehouse's views up to date.
func (w *Worker) copySites(ctx context.Context) error {
	_, err := ingesting.CopySites(ctx, ingeststore.New(w.store.Store), w.warehouse)
	return err
}

// maxChecked is how many imports one round compares with their workflows.
const maxChecked = 100

// recoverImports compares imports with their workflows, each import once in an interval over
// all workers, and repairs differences.
func (w *Worker) recoverImports(ctx context.Context) error {
	ids, err := w.store.Imports.Uncompared(ctx, w.cfg.ReconcileInterval, maxChecked)
	if err != nil {
		return err
	}
	var failed []error
	for _, id := range ids {
		recovery, err := w.starter().Recover(ctx, id)
		if err != nil {
			failed = append(failed, err)
			continue
		}
		if recovery.Cause != "" {
			w.metrics.recovered.WithLabelValues(workflows.TypeImport).Inc()
			w.log.Warn("started the workflow of an import again",
				"import_id", id, "cause", recovery.Cause, "ends", recovery.Ends)
		}
	}
	faulty, err := w.store.Imports.CountFaulty(ctx)
	if err == nil {
		w.metrics.failing.WithLabelValues(workflows.TypeImport).Set(float64(faulty))
	}
	return errors.Join(append(failed, err)...)
}

func (w *Worker) temporalAnswers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, err := w.temporal.CheckHealth(ctx, &client.CheckHealthRequest{})
	return err
}
