package worker

import (
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/starter"
	"github.com/sluicehq/sluice/workflows"
)

// registerHandovers registers what hands imports over to destinations; main polls QueueMain.
func (w *Worker) registerHandovers(main worker.Registry, service *starter.Destinations) {
	main.RegisterWorkflowWithOptions(workflows.Handover, workflow.RegisterOptions{Name: workflows.TypeHandover})
	acts := &activities.Handovers{Store: w.store, Warehouse: w.warehouse, Add: service.AddImportEvents}
	main.RegisterActivityWithOptions(acts.HandOverEnd, activity.RegisterOptions{Name: workflows.ActivityHandOverEnd})
	main.RegisterActivityWithOptions(acts.HandOverRows, activity.RegisterOptions{Name: workflows.ActivityHandOverRows})
}
