package worker

import (
	"context"
	"errors"

	"go.temporal.io/sdk/workflow"

	importacts "github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/importing"
)

// registerAround registers what leads to imports: schedules and dry runs. Imports are created by
// the starter, which activities do not know, and by a worker that has the importer.
func (w *Worker) registerAround(q *queues, lifecycle *importacts.Lifecycle) {
	main := q.main
	scheduled := workflow.RegisterOptions{Name: workflows.TypeScheduledImport}
	main.RegisterWorkflowWithOptions(importing.ScheduledImport, scheduled)
	main.RegisterWorkflowWithOptions(importing.DryRun, workflow.RegisterOptions{Name: workflows.TypeDryRun})
	schedules := &importacts.Schedules{
		Store: w.store.Imports, Create: w.starter().CreateScheduled, Pause: w.starter().PauseFailing,
	}
	add(main, map[string]any{
		workflows.ActivityAwaitImport:   schedules.AwaitImport,
		workflows.ActivityPauseSchedule: schedules.PauseSchedule,
	})
	for _, one := range q.callbacks {
		add(one, map[string]any{
			workflows.ActivityCreateImport: schedules.CreateImport,
			workflows.ActivityDryRun:       (&importacts.DryRuns{Lifecycle: lifecycle}).DryRun,
		})
	}
}

// syncSchedules makes Temporal's schedules what the store says, each once in an interval over
// all workers. A schedule of sluice's that only Temporal has is added to the store.
func (w *Worker) syncSchedules(ctx context.Context) error {
	names, err := w.store.Imports.UncomparedSchedules(ctx, w.cfg.ReconcileInterval, maxChecked)
	if err != nil {
		return err
	}
	var failed []error
	for _, name := range names {
		done, err := w.starter().SyncSchedule(ctx, name)
		if err != nil {
			// One that cannot be applied must not keep the others from it.
			failed = append(failed, err)
			continue
		}
		if done != "" {
			w.log.Info("made a schedule in Temporal what the store says", "schedule", name, "done", done)
		}
	}
	adopted, err := w.starter().AdoptSchedules(ctx)
	for _, name := range adopted {
		w.log.Info("added a schedule of Temporal to the store", "schedule", name)
	}
	return errors.Join(append(failed, err)...)
}
