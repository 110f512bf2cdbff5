package worker

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/client"
)

// reconcile starts the workflows of imports whose starter died before it could,
// until ctx ends. All workers do so: starting twice is harmless.
func (w *Worker) reconcile(ctx context.Context) {
	ticker := time.NewTicker(w.cfg.ReconcileInterval)
	defer ticker.Stop()
	for {
		if err := w.startAbandoned(ctx, time.Now().Add(-w.cfg.AbandonedAfter)); err != nil && ctx.Err() == nil {
			w.log.Warn("could not look for abandoned imports", "error", err)
		}
		w.health.setTemporal(w.temporalAnswers(ctx))
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return
		}
	}
}

func (w *Worker) startAbandoned(ctx context.Context, before time.Time) error {
	abandoned, err := w.store.UnstartedImports(ctx, before)
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

func (w *Worker) temporalAnswers(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	_, err := w.temporal.CheckHealth(ctx, &client.CheckHealthRequest{})
	return err
}
