package worker

import (
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/workflows"
)

// RegisterConnections registers the workflow and the activity that test connections; main
// polls QueueMain.
func RegisterConnections(main worker.Registry, service *connections.Connections) {
	named := workflow.RegisterOptions{Name: workflows.TypeConnectionTest}
	main.RegisterWorkflowWithOptions(workflows.ConnectionTest, named)
	tests := &activities.Connections{Service: service}
	main.RegisterActivityWithOptions(tests.Test, activity.RegisterOptions{Name: workflows.ActivityTestConnection})
}
