package cli

import (
	"context"
	"time"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/internal/terminal"
)

// How the workflow of an action stands.
const (
	workflowRunning    = "running"
	workflowNotRunning = "not running"
	workflowFailing    = "failing"
	workflowUnknown    = "unknown"
)

// withWorkflows adds to destinations how the workflows of their actions stand. Where Temporal
// does not answer that is unknown, and everything else is shown all the same.
func (s *session) withWorkflows(ctx context.Context, views ...destinationJSON) {
	client, err := s.Deliveries(ctx)
	for _, v := range views {
		for i := range v.Actions {
			a := &v.Actions[i]
			if err != nil {
				a.Workflow, a.WorkflowFault = workflowUnknown, err.Error()
				continue
			}
			standing, err := client.Workflow(ctx, activities.ActionRef{Destination: v.Name, Action: a.Name})
			switch {
			case err != nil:
				a.Workflow, a.WorkflowFault = workflowUnknown, err.Error()
			case standing.Fault != "":
				a.Workflow, a.WorkflowFault = workflowFailing, standing.Fault
			case standing.Running:
				a.Workflow = workflowRunning
			default:
				a.Workflow, a.WorkflowFault = workflowNotRunning, "its workflow does not run; a worker starts it within a minute"
				if standing.ClosedAt != nil {
					a.WorkflowFault = "its workflow was closed on " + standing.ClosedAt.UTC().Format(time.RFC3339) +
						"; a worker starts it again within a minute"
				}
			}
		}
	}
}

// standing returns the worst of how the workflows of a destination's actions stand.
func (v destinationJSON) standing() string {
	worst := workflowRunning
	for _, a := range v.Actions {
		if a.Workflow == workflowNotRunning || a.Workflow == workflowFailing && worst == workflowRunning {
			worst = a.Workflow
		}
	}
	return worst
}

// actionCell is the state of an action.
func actionCell(a actionJSON) terminal.Coloured {
	if a.Workflow == workflowNotRunning || a.Workflow == workflowFailing {
		return terminal.Coloured{Text: a.Workflow, Colour: terminal.Red}
	}
	return pausedCell(a.Paused)
}
