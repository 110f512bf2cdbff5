package e2e

import (
	"fmt"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	sdk "go.temporal.io/api/sdk/v1"
	"go.temporal.io/sdk/converter"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/polltest"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/delivery"
)

// shownJob is what `sluice job show` says about a job.
type shownJob struct {
	ID, State, Destination, Action, Error, By string
	Attempt                                   int32
	ReplayOf                                  *string    `json:"replay_of"`
	ParentJobID                               *string    `json:"parent_job_id"`
	DueAt                                     *time.Time `json:"due_at"`
	Transitions                               []struct {
		At            time.Time
		From          *string
		To, Error, By string
		Attempt       int32
	}
}

func (d *tale) shown(id string) (j shownJob) {
	d.t.Helper()
	d.sluice(&j, "job", "show", id)
	require.Equal(d.t, id, j.ID)
	return j
}

// requireAgreement waits until nothing is under way, and makes sure that the store, the
// commands and the workflows say the same about jobs, which are all that there are, and about
// the actions.
func (d *tale) requireAgreement(jobs ...string) {
	d.t.Helper()
	moves := map[deliveryacts.ActionRef]deliveryacts.JobCounts{}
	standing := map[deliveryacts.ActionRef]map[string]int64{}
	for _, id := range jobs {
		j := d.requireShown(id)
		ref := deliveryacts.ActionRef{Destination: j.Destination, Action: j.Action}
		if standing[ref] == nil {
			standing[ref] = map[string]int64{}
		}
		standing[ref][j.State]++
		counts := moves[ref]
		for _, line := range j.Transitions {
			counts.Add(countedAs(line.To))
		}
		moves[ref] = counts
	}
	for _, ref := range actors {
		polltest.Until(d.t, func(c *polltest.Check) {
			d.compare(c, ref, moves[ref], standing[ref])
		}, 30*time.Second, 50*time.Millisecond)
	}
}

// requireShown compares what a command says about a job with the store, line by line.
func (d *tale) requireShown(id string) shownJob {
	d.t.Helper()
	ctx, shown := enginetest.Context(d.t), d.shown(id)
	job, err := d.Store.Deliveries.Job(ctx, id)
	require.NoError(d.t, err)
	require.Equal(d.t, job.State, shown.State)
	require.Equal(d.t, job.Attempt, shown.Attempt)
	require.Equal(d.t, job.ParentJobID, shown.ParentJobID)
	require.Equal(d.t, job.DueAt == nil, shown.DueAt == nil)
	lines, err := d.Store.Deliveries.TransitionsOf(ctx, id)
	require.NoError(d.t, err)
	require.Len(d.t, shown.Transitions, len(lines))
	for i, line := range lines {
		why, err := deliverystore.ErrorOf(line.Error)
		require.NoError(d.t, err)
		told := shown.Transitions[i]
		require.Equal(d.t, line.StateBefore, told.From)
		require.Equal(d.t, []any{line.StateAfter, line.Attempt, why.Message, why.By},
			[]any{told.To, told.Attempt, told.Error, told.By})
		require.WithinDuration(d.t, line.At, told.At, 0)
	}
	return shown
}

// countedAs is what a load says that has brought a job to a state.
func countedAs(state string) deliveryacts.JobCounts {
	switch state {
	case deliverystore.JobSucceeded:
		return deliveryacts.JobCounts{Succeeded: 1}
	case deliverystore.JobFailed:
		return deliveryacts.JobCounts{Failed: 1}
	case deliverystore.JobDiscarded:
		return deliveryacts.JobCounts{Discarded: 1}
	default:
		return deliveryacts.JobCounts{}
	}
}

// compare compares what is known about an action: moves are those of its jobs by the store,
// standing is how many of them are in which state.
func (d *tale) compare(
	t *polltest.Check, ref deliveryacts.ActionRef, moves deliveryacts.JobCounts, standing map[string]int64,
) {
	ctx := enginetest.Context(d.t)
	state, err := d.State(ctx, ref)
	require.NoError(t, err)
	require.Equal(t, moves, state.Totals.JobCounts, "the query state")
	status := delivery.ActionIdle
	if state.Plan.Realtime {
		status = delivery.ActionDraining
	}
	require.Equal(t, status, state.Status)
	require.Equal(t, moves, d.historyOf(ref), "the results of activities in the history")
	require.Equal(t, delivery.ActionSummary(ref.Destination, ref.Action), d.summaryOf(t, ref))
	require.Contains(t, d.detailsOf(t, ref), fmt.Sprintf("| %d | %d | %d | %d | %d |",
		state.Totals.Batches, moves.Succeeded, moves.Failed, moves.Discarded, moves.Unknown), "the current details")

	var shown struct {
		Actions []struct {
			Name     string
			Interval string
			Realtime bool
			Jobs     map[string]int64
		}
	}
	d.sluice(&shown, "destination", "show", ref.Destination)
	for _, action := range shown.Actions {
		if action.Name != ref.Action {
			continue
		}
		if standing == nil {
			standing = map[string]int64{}
		}
		require.Equal(t, standing, action.Jobs, "sluice destination show")
		require.Equal(t, state.Plan.Interval, action.Interval)
		require.Equal(t, state.Plan.Realtime, action.Realtime)
	}
	backlog, err := d.Backlog(ctx, ref)
	require.NoError(t, err)
	waiting := standing[deliverystore.JobAcknowledged] + standing[deliverystore.JobFailed] + standing[deliverystore.JobAwaiting]
	require.Equal(t, waiting, backlog.Waiting, "the query backlog")
}

// detailsOf returns what the Web UI shows as the current details of an action's workflow.
func (d *tale) detailsOf(t *polltest.Check, ref deliveryacts.ActionRef) string {
	id := workflows.DestinationActionID(ref.Destination, ref.Action)
	answer, err := d.Temporal.QueryWorkflow(enginetest.Context(d.t), id, "", "__temporal_workflow_metadata")
	require.NoError(t, err)
	var about sdk.WorkflowMetadata
	require.NoError(t, answer.Get(&about))
	return about.GetCurrentDetails()
}

// summaryOf returns the summary of an action's workflow.
func (d *tale) summaryOf(t *polltest.Check, ref deliveryacts.ActionRef) (summary string) {
	id := workflows.DestinationActionID(ref.Destination, ref.Action)
	now, err := d.Temporal.DescribeWorkflowExecution(enginetest.Context(d.t), id, "")
	require.NoError(t, err)
	require.NoError(t, converter.GetDefaultDataConverter().FromPayload(
		now.GetExecutionConfig().GetUserMetadata().GetSummary(), &summary))
	return summary
}

// historyOf adds up the results of the drains of an action in the histories of all its runs.
func (d *tale) historyOf(ref deliveryacts.ActionRef) (sum deliveryacts.JobCounts) {
	d.t.Helper()
	id := workflows.DestinationActionID(ref.Destination, ref.Action)
	for run, first := "", true; first || run != ""; first = false {
		history := d.History(d.t, id, run)
		run = history.GetEvents()[0].GetWorkflowExecutionStartedEventAttributes().GetContinuedExecutionRunId()
		loads := map[int64]bool{}
		for _, event := range history.GetEvents() {
			switch event.GetEventType() {
			case enums.EVENT_TYPE_ACTIVITY_TASK_SCHEDULED:
				kind := event.GetActivityTaskScheduledEventAttributes().GetActivityType().GetName()
				loads[event.GetEventId()] = kind == workflows.ActivityDrain
			case enums.EVENT_TYPE_ACTIVITY_TASK_COMPLETED:
				if done := event.GetActivityTaskCompletedEventAttributes(); loads[done.GetScheduledEventId()] {
					sum.Add(d.deliveredBy(done))
				}
			}
		}
	}
	return sum
}

func (d *tale) deliveredBy(done *historypb.ActivityTaskCompletedEventAttributes) deliveryacts.JobCounts {
	d.t.Helper()
	var answer deliveryacts.Drained
	require.NoError(d.t, converter.GetDefaultDataConverter().FromPayloads(done.GetResult(), &answer))
	return answer.JobCounts
}
