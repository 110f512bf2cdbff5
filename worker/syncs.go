package worker

import (
	"context"
	"errors"
	"time"

	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	syncacts "github.com/sluicehq/sluice/activities/syncing"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/delay"
	syncclient "github.com/sluicehq/sluice/starter/syncing"
	"github.com/sluicehq/sluice/store"
	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/sync"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/syncing"
)

// addSyncQueues makes the workers of the task queues of syncs, one for each pair of kinds.
func (w *Worker) addSyncQueues(q *queues, options func() worker.Options) {
	q.syncs = map[string]worker.Worker{}
	for _, pair := range syncacts.Pairs(w.cfg.Connections) {
		name := workflows.SyncQueue(pair.From, pair.To)
		one := options()
		one.DisableWorkflowWorker = true
		q.syncs[name] = worker.New(w.temporal, name, one)
	}
}

// registerSyncs registers the workflows and activities of syncs. The budgets that it returns are renewed by
// the caller.
func (w *Worker) registerSyncs(q *queues, opener connections.Opener) (*syncacts.Budgets, error) {
	q.main.RegisterWorkflowWithOptions(syncing.Sync, workflow.RegisterOptions{Name: workflows.TypeSync})
	q.main.RegisterWorkflowWithOptions(syncing.SyncWake, workflow.RegisterOptions{Name: workflows.TypeSyncWake})
	holder, err := store.NewID()
	if err != nil {
		return nil, err
	}
	rows := syncstore.New(w.store.Store)
	budgets := syncacts.NewBudgets(rows, holder, w.log)
	syncs := &syncacts.Syncs{
		Store:   rows,
		Systems: &syncacts.Systems{Kinds: w.cfg.Connections, Connections: opener, Budgets: budgets},
	}
	wakes := &syncacts.Wakes{Store: rows, Wake: w.syncs().Wake, Forget: w.syncs().DeleteSchedule}
	add(q.main, map[string]any{workflows.ActivityWakeSync: wakes.WakeSync})
	add(q.main, syncBookkeeping(syncs))
	for _, one := range q.syncs {
		add(one, syncDeliveries(syncs))
	}
	return budgets, nil
}

// syncBookkeeping are the activities of a sync that need the store alone.
func syncBookkeeping(syncs *syncacts.Syncs) map[string]any {
	return map[string]any{
		workflows.ActivityEndSync:   syncs.End,
		workflows.ActivityPauseSync: syncs.SetPaused,
	}
}

// syncDeliveries are the activities of a sync that need its connections.
func syncDeliveries(syncs *syncacts.Syncs) map[string]any {
	return map[string]any{
		workflows.ActivityBeginSync: syncs.Begin,
		workflows.ActivitySyncPages: syncs.Pages,
		workflows.ActivityRetrySync: syncs.Retry,
		workflows.ActivityScanSync:  syncs.Scan,
		workflows.ActivityCountSync: syncs.Count,
		workflows.ActivityFindSync:  syncs.Find,
		workflows.ActivityAuditSync: syncs.Audit,
	}
}

// syncs controls syncs.
func (w *Worker) syncs() *syncclient.Syncs {
	return &syncclient.Syncs{Temporal: w.temporal, Store: syncstore.New(w.store.Store), Kinds: w.cfg.Connections}
}

// Bounds of the comparison of syncs with Temporal's schedules, and of one check of their freshness.
const (
	compareSyncs = time.Minute
	maxAlarms    = 100
)

// applySyncs makes Temporal's schedules of syncs what the store says, each once in an interval over all
// workers.
func (w *Worker) applySyncs(ctx context.Context) error {
	rows, err := syncstore.New(w.store.Store).Uncompared(ctx, max(compareSyncs, w.cfg.ReconcileInterval), maxChecked)
	if err != nil {
		return err
	}
	var failed []error
	for _, row := range rows {
		failed = append(failed, w.syncs().ApplySchedule(ctx, row))
	}
	return errors.Join(failed...)
}

// exportSyncs copies the history of syncs to the warehouse until ctx ends. Nothing else waits for it.
func (w *Worker) exportSyncs(ctx context.Context) {
	exporter := &syncacts.Exporter{Store: syncstore.New(w.store.Store), Warehouse: w.warehouse}
	for range delay.Rounds(ctx, w.cfg.ReconcileInterval) {
		w.repair(ctx, "copy the history of syncs to the warehouse", exporter.Export)
	}
}

// checkSyncs raises and ends the alarms of syncs.
func (w *Worker) checkSyncs(ctx context.Context) error {
	alarms, faults, err := w.store.CheckSyncs(ctx, w.notifier, sync.DefaultAlarmAfter, maxAlarms)
	for _, a := range alarms {
		w.log.Warn("the freshness of a sync has changed", "sync", a.Sync, "event", a.Event, "current_to", a.CurrentTo,
			"late", a.Late, "exceeded", a.Exceeded, "differing", a.Differing, "stopped", a.Stopped)
	}
	return errors.Join(append(faults, err)...)
}
