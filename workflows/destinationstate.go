package workflows

import (
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
)

// What an action of a destination does.
const (
	// ActionIdle waits for jobs, or for its time.
	ActionIdle = "idle"
	// ActionLoading loads.
	ActionLoading = "loading"
	// ActionPaused loads nothing, because somebody wants it so.
	ActionPaused = "paused"
	// ActionOpen loads nothing for a while, because nothing has come of the loads before.
	ActionOpen = "open"
	// ActionProbing tries with one job whether the destination is well again.
	ActionProbing = "probing"
)

// ActionState is how an action of a destination stands.
type ActionState struct {
	activities.ActionRef
	// Status is ActionIdle or another of its kind.
	Status string                `json:"status"`
	Plan   activities.ActionPlan `json:"plan"`
	// Running is how many loads run.
	Running int `json:"running"`
	// NextRun is the next time of the schedule, NextDue when a job is due or a lease ends.
	NextRun time.Time `json:"next_run,omitzero"`
	NextDue time.Time `json:"next_due,omitzero"`
	// OpenUntil is until when the circuit breaker is open, Failures after how many loads of
	// which nothing has come, Reason why.
	OpenUntil time.Time `json:"open_until,omitzero"`
	Failures  int32     `json:"failures,omitempty"`
	Reason    string    `json:"reason,omitempty"`
	// Totals are since the workflow was started.
	Totals ActionTotals `json:"totals"`
	// Refusal is the last signal that could not be obeyed.
	Refusal string `json:"refusal,omitempty"`
}

// BacklogState is what waits for an action, as the store has said last.
type BacklogState struct {
	// Due is how many jobs can be loaded now, Waiting how many in all can be now or later;
	// store.MaxBacklog stands for as many or more.
	Due     int64 `json:"due"`
	Waiting int64 `json:"waiting"`
	// Expected is how many there may be, by what was heard since.
	Expected int64 `json:"expected"`
}

func (r *actionRun) state(ctx workflow.Context) ActionState {
	return ActionState{
		ActionRef: r.ref, Status: r.status(ctx), Plan: r.known.Plan, Running: r.running,
		NextRun: r.known.NextRun, NextDue: r.known.NextDue,
		OpenUntil: r.known.OpenUntil, Failures: r.known.Failures, Reason: r.known.Reason,
		Totals: r.totals, Refusal: r.refusal,
	}
}

// inWords is the status as people call it.
func (s ActionState) inWords() string {
	if s.Status == ActionOpen {
		return "left alone until " + s.OpenUntil.Format(time.RFC3339)
	}
	return s.Status
}

func (r *actionRun) status(ctx workflow.Context) string {
	switch {
	case r.known.Plan.Paused:
		return ActionPaused
	case r.known.OpenUntil.After(workflow.Now(ctx)):
		return ActionOpen
	case r.running > 0 && r.known.Tripped:
		return ActionProbing
	case r.running > 0:
		return ActionLoading
	default:
		return ActionIdle
	}
}

func (r *actionRun) backlog() BacklogState {
	return BacklogState{Due: r.known.Due, Waiting: r.known.Waiting, Expected: r.expected}
}

// describe shows the state as the run's current details in the Web UI.
func (r *actionRun) describe(ctx workflow.Context) {
	s := r.state(ctx)
	var text strings.Builder
	fmt.Fprintf(&text, "**%s**", s.inWords())
	if s.Reason != "" {
		fmt.Fprintf(&text, ", %d loads in a row without a success: %s", s.Failures, cell(s.Reason))
	}
	switch {
	case s.Status == ActionPaused:
		text.WriteString("\n\nJobs wait until somebody gives the order `resume`.")
	case s.Status == ActionOpen:
		text.WriteString("\n\nThen one job is tried.")
	case !s.NextRun.IsZero():
		fmt.Fprintf(&text, "\n\nNext load by %s at %s.", s.Plan.Interval, s.NextRun.Format(time.RFC3339))
	}
	fmt.Fprintf(&text, "\n\n| Loads | Succeeded | Failed | Discarded | Unknown | Due at the last look |\n"+
		"| --- | --- | --- | --- | --- | --- |\n| %d | %d | %d | %d | %d | %d |\n",
		s.Totals.Loads, s.Totals.Succeeded, s.Totals.Failed, s.Totals.Discarded, s.Totals.Unknown, r.known.Due)
	workflow.SetCurrentDetails(ctx, text.String())
}
