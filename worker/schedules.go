package worker

import (
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/workflows"
)

// registerAround registers what leads to imports: schedules and dry runs. main polls
// QueueMain. Imports are created by the starter, which activities do not know.
func (w *Worker) registerAround(main worker.Registry, lifecycle *activities.Lifecycle) {
	scheduled := workflow.RegisterOptions{Name: workflows.TypeScheduledImport}
	main.RegisterWorkflowWithOptions(workflows.ScheduledImport, scheduled)
	main.RegisterWorkflowWithOptions(workflows.DryRun, workflow.RegisterOptions{Name: workflows.TypeDryRun})
	schedules := &activities.Schedules{
		Store: w.store, Create: w.starter().CreateScheduled, Pause: w.starter().PauseFailing,
	}
	for name, fn := range map[string]any{
		workflows.ActivityCreateImport:  schedules.CreateImport,
		workflows.ActivityAwaitImport:   schedules.AwaitImport,
		workflows.ActivityPauseSchedule: schedules.PauseSchedule,
		workflows.ActivityDryRun:        (&activities.DryRuns{Lifecycle: lifecycle}).DryRun,
	} {
		main.RegisterActivityWithOptions(fn, activity.RegisterOptions{Name: name})
	}
}
