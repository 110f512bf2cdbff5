package cli

import (
	"context"
	"time"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/internal/terminal"
)

// States of an action's workflow.
const (
	workflowRunning    = "running"
	workflowNotRunning = "not running"
	workflowFailing    = "failing"
	workflowUnknown    = "unknown"
)

// withWorkflows adds the states of the actions' workflows, unknown if Temporal does not answer.
func (s *session) withWorkflows(ctx context.Context, views ...destinationJSON) {
	client, err := s.Deliveries(ctx)
	for _, v := range views {
		for i := range v.Actions {
			a := &v.Actions[i]
			if err != nil {
				a.Workflow, a.WorkflowFault = workflowUnknown, err.Error()
				continue
			}
			standing, err := client.Workflow(ctx, deliveryacts.ActionRef{Destination: v.Name, Action: a.Name})
			switch {
			case err != nil:
				a.Workflow, a.WorkflowFault = workflowUnknown, err.Error()
			case standing.Fault != "":
				a.Workflow, a.WorkflowFault = workflowFailing, standing.Fault
			case standing.Running:
				a.Workflow = workflowRunning
			default:
				a.Workflow, a.WorkflowFault = workflowNotRunning, "workflow is not running; a worker starts it within a minute"
				if standing.ClosedAt != nil {
					a.WorkflowFault = "workflow closed at " + standing.ClosedAt.UTC().Format(time.RFC3339) +
						"; a worker restarts it within a minute"
				}
			}
		}
	}
}

// workflowState returns the worst state of the workflows of a destination's actions.
func (v destinationJSON) workflowState() string {
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
	if a.Workers == 0 && !a.Paused {
		return terminal.Coloured{Text: stateNoWorker, Colour: terminal.Red}
	}
	if a.Workflow == workflowNotRunning || a.Workflow == workflowFailing {
		return terminal.Coloured{Text: a.Workflow, Colour: terminal.Red}
	}
	return pausedCell(a.Paused)
}
