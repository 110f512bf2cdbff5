package worker

import (
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/workflows"
)

// registerConnections registers the workflow that tests connections, and its activity for each
// kind of them.
func registerConnections(q *queues, service *connections.Connections) {
	named := workflow.RegisterOptions{Name: workflows.TypeConnectionTest}
	q.main.RegisterWorkflowWithOptions(workflows.ConnectionTest, named)
	tests := &activities.Connections{Service: service}
	for _, one := range q.tests {
		one.RegisterActivityWithOptions(tests.Test, activity.RegisterOptions{Name: workflows.ActivityTestConnection})
	}
}
