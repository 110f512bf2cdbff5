package worker

import (
	"context"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	accessstore "github.com/sluicehq/sluice/store/access"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/delivery"
)

// registerRetention registers what purges old events; main polls QueueMain.
func (w *Worker) registerRetention(main worker.Registry) {
	main.RegisterWorkflowWithOptions(delivery.Retention, workflow.RegisterOptions{Name: workflows.TypeRetention})
	purging := &deliveryacts.Retentions{Store: w.store.Deliveries}
	main.RegisterActivityWithOptions(purging.PurgeEvents, activity.RegisterOptions{Name: workflows.ActivityPurgeEvents})
}

// applyRetention makes the schedule of retention what the settings say. Once that has worked
// it is only made again where Temporal has lost it: settings change with the process, and
// workers of other settings may run beside this one.
func (w *Worker) applyRetention(ctx context.Context) error {
	if w.retained {
		return deliveryclient.RestoreRetention(ctx, w.temporal, w.cfg.Settings.Retention)
	}
	err := deliveryclient.ApplyRetention(ctx, w.temporal, w.cfg.Settings.Retention)
	w.retained = err == nil
	return err
}

// auditPurgeInterval is how often a worker removes entries of the audit that are too old.
const auditPurgeInterval = time.Hour

// purgeAudit removes entries of the audit that are too old. All workers do so, once in auditPurgeInterval each.
func (w *Worker) purgeAudit(ctx context.Context) error {
	age := w.cfg.Settings.Retention.Audit
	if age == 0 || time.Since(w.auditPurged) < auditPurgeInterval {
		return nil
	}
	removed, err := accessstore.New(w.store.Store).PurgeAudit(ctx, age)
	if removed > 0 {
		w.log.Info("audit purged", "older_than", age, "entries", removed)
	}
	if err == nil {
		w.auditPurged = time.Now()
	}
	return err
}
