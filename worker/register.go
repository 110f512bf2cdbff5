package worker

import (
	"context"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
	dispatchacts "github.com/sluicehq/sluice/activities/dispatch"
	importacts "github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/wiring"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/importing"
)

// register registers all workflows and activities about imports. What needs the code of an
// importer is on the task queues of that importer.
func (w *Worker) register(q *queues, opener connections.Opener) {
	main := q.main
	main.RegisterWorkflowWithOptions(importing.Import, workflow.RegisterOptions{Name: workflows.TypeImport})
	main.RegisterWorkflowWithOptions(importing.Deletion, workflow.RegisterOptions{Name: workflows.TypeDeletion})

	kit := importacts.Kit{
		Store: w.store.Imports, Registry: w.cfg.Registry, Connections: opener,
		Wants: dispatchacts.Wants(w.store.Deliveries),
	}
	locks := &importacts.Locks{Store: w.store.Imports, Limits: wiring.LockLimits(w.cfg.Settings.Limits), Wake: w.wake}
	lifecycle := &importacts.Lifecycle{Kit: kit}
	loading := &importacts.Loading{
		Kit: kit, Warehouse: w.warehouse, Locks: locks, Observer: w.metrics, Report: w.report,
		Slots: q.slots.inUse,
	}
	reviews := &importacts.Reviews{Kit: kit, Locks: locks}
	audits := &activities.Audits{Store: w.store.Store}
	add(main, map[string]any{
		workflows.ActivityRecordCommand: audits.RecordCommand,

		workflows.ActivityAcquire:     locks.Acquire,
		workflows.ActivityNoteFailure: lifecycle.NoteFailure,
		workflows.ActivityNote:        lifecycle.Note,
		workflows.ActivityBeginReview: reviews.Begin,
		workflows.ActivityRemind:      reviews.Remind,
		workflows.ActivityDecide:      reviews.Decide,
		workflows.ActivityParkPart:    loading.ParkPart,
		workflows.ActivityPark:        loading.Park,
		workflows.ActivitySkipPart:    loading.SkipPart,
		workflows.ActivityPublish:     loading.Publish,
		workflows.ActivityCheckLoaded: loading.CheckLoaded,
		workflows.ActivityPurgeRows:   loading.PurgeRows,
		workflows.ActivityFinish:      loading.Finish,
		workflows.ActivityClose:       loading.Close,
		workflows.ActivityRemove:      loading.Remove,
	})
	for _, one := range q.callbacks {
		add(one, map[string]any{
			workflows.ActivityBeforeStart: lifecycle.BeforeStart,
			workflows.ActivityPlan:        lifecycle.Plan,
			workflows.ActivitySummarize:   lifecycle.Summarize,
			workflows.ActivityFinalize:    lifecycle.Finalize,
			workflows.ActivityOnSuccess:   lifecycle.OnSuccess,
			workflows.ActivityOnFailure:   lifecycle.OnFailure,
			workflows.ActivityCleanUp:     lifecycle.CleanUp,
			workflows.ActivityDecide:      reviews.Decide,
			workflows.ActivityRepair:      loading.Repair,
		})
	}
	for _, one := range q.loads {
		add(one, map[string]any{workflows.ActivityImportData: loading.ImportData})
	}
	w.registerAround(q, lifecycle)
}

// add registers activities by their names.
func add(registry worker.Registry, all map[string]any) {
	for name, fn := range all {
		registry.RegisterActivityWithOptions(fn, activity.RegisterOptions{Name: name})
	}
}

// wake tells the workflow of an import that it has got its locks.
func (w *Worker) wake(ctx context.Context, woken importstore.Woken) error {
	id := workflows.ImportID(woken.Domain, woken.ImportID)
	return w.temporal.SignalWorkflow(ctx, id, "", workflows.SignalLockGranted, nil)
}

// report sends the progress of a part to the run that loads it. ctx is that of the activity.
func (w *Worker) report(ctx context.Context, report importacts.PartReport) error {
	run := activity.GetInfo(ctx).WorkflowExecution
	return w.temporal.SignalWorkflow(ctx, run.ID, run.RunID, workflows.SignalPartProgress, report)
}
