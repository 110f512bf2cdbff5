package delivery

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/workflows"
)

// The statuses of an action of a destination.
const (
	// ActionIdle means that the action waits for its schedule or for a retry.
	ActionIdle = "idle"
	// ActionDraining means that a drain runs: jobs are delivered. A realtime action always has one.
	ActionDraining = "draining"
	// ActionPaused means that jobs wait until the action is resumed.
	ActionPaused = "paused"
)

// ActionState is the state of an action's workflow.
type ActionState struct {
	deliveryacts.ActionRef
	// Status is ActionIdle or another of its kind.
	Status string                  `json:"status"`
	Plan   deliveryacts.ActionPlan `json:"plan"`
	// Running is how many drains run.
	Running int `json:"running"`
	// NextRun is the next run of the schedule, NextDue when the next job is due or a lease expires.
	NextRun time.Time `json:"next_run,omitzero"`
	NextDue time.Time `json:"next_due,omitzero"`
	// Unhealthy are up to five unhealthy connections that jobs wait for.
	Unhealthy []deliveryacts.UnhealthyConnection `json:"unhealthy,omitempty"`
	// Totals are since the workflow was started.
	Totals ActionTotals `json:"totals"`
	// Refusal is the error of the last refused signal.
	Refusal string `json:"refusal,omitempty"`
}

// BacklogState counts the waiting jobs of an action, according to its last known status.
type BacklogState struct {
	// Due is how many jobs can be claimed now, Waiting how many can be claimed now or later. Both are
	// counted up to deliverystore.MaxBacklog.
	Due     int64 `json:"due"`
	Waiting int64 `json:"waiting"`
	// Scheduled is how many of the waiting jobs are due later.
	Scheduled int64 `json:"scheduled"`
}

func (r *actionRun) state() ActionState {
	return ActionState{
		ActionRef: r.ref, Status: r.status(), Plan: r.known.Plan, Running: r.running,
		NextRun: r.known.NextRun, NextDue: r.known.NextDue,
		Unhealthy: r.known.Unhealthy,
		Totals:    r.totals, Refusal: r.refusal,
	}
}

func (r *actionRun) status() string {
	switch {
	case r.known.Plan.Paused:
		return ActionPaused
	case r.running > 0:
		return ActionDraining
	default:
		return ActionIdle
	}
}

func (r *actionRun) backlog() BacklogState {
	return BacklogState{
		Due: r.known.Due, Waiting: r.known.Waiting, Scheduled: max(0, r.known.Waiting-r.known.Due-r.known.Blocked),
	}
}

// describe shows the state as the run's current details in the Web UI.
func (r *actionRun) describe(ctx workflow.Context) {
	s := r.state()
	var text strings.Builder
	fmt.Fprintf(&text, "**%s**", s.Status)
	switch {
	case s.Status == ActionPaused:
		text.WriteString("\n\nJobs wait for the command `resume`.")
	case !s.NextRun.IsZero():
		fmt.Fprintf(&text, "\n\nNext run of %q at %s.", s.Plan.Interval, s.NextRun.Format(time.RFC3339))
	}
	for _, u := range s.Unhealthy {
		fmt.Fprintf(&text, "\n\nConnection `%s` is %s", u.Connection, u.State)
		if !u.OpenUntil.IsZero() {
			fmt.Fprintf(&text, ", circuit open until %s after %d consecutive failures",
				u.OpenUntil.Format(time.RFC3339), u.Failures)
		}
		if u.Reason != "" {
			text.WriteString(": " + workflows.Cell(u.Reason))
		}
	}
	fmt.Fprintf(&text, "\n\n| Batches | Succeeded | Failed | Discarded | Unknown | Due |\n"+
		"| --- | --- | --- | --- | --- | --- |\n| %d | %d | %d | %d | %d | %d |\n",
		s.Totals.Batches, s.Totals.Succeeded, s.Totals.Failed, s.Totals.Discarded, s.Totals.Unknown, r.known.Due)
	workflow.SetCurrentDetails(ctx, text.String())
}
