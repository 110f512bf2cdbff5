package worker

import (
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	dispatchacts "github.com/sluicehq/sluice/activities/dispatch"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/dispatch"
)

// registerDispatcher registers what dispatches imports to destinations; main polls QueueMain.
func (w *Worker) registerDispatcher(main worker.Registry, service *deliveryclient.Client) {
	main.RegisterWorkflowWithOptions(dispatch.Dispatch, workflow.RegisterOptions{Name: workflows.TypeDispatch})
	acts := &dispatchacts.Dispatcher{Store: w.store.Imports, Warehouse: w.warehouse, Add: service.AddImportEvents}
	main.RegisterActivityWithOptions(acts.DispatchEnd, activity.RegisterOptions{Name: workflows.ActivityDispatchEnd})
	main.RegisterActivityWithOptions(acts.DispatchRows, activity.RegisterOptions{Name: workflows.ActivityDispatchRows})
}
