package enginetest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/sluicehq/sluice/internal/delay"
	"github.com/sluicehq/sluice/starter"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// Start starts an import.
func (s *System) Start(tb testing.TB, r starter.Request) importstore.Import {
	tb.Helper()
	imp, err := s.Starter.StartImport(Context(tb), r)
	require.NoError(tb, err)
	return imp
}

// Wait waits until an import has ended, and returns its last state.
func (s *System) Wait(tb testing.TB, id int64) importstore.Summary {
	tb.Helper()
	last, err := s.Starter.Wait(Context(tb), id, nil)
	require.NoErrorf(tb, err, "import %d is %s, %s: %s", id,
		last.Import.Status, last.Import.Phase, last.Import.AttemptError)
	return last
}

// WaitFor waits up to a minute until an import meets the condition.
func (s *System) WaitFor(tb testing.TB, id int64, what string, is func(importstore.Summary) bool) importstore.Summary {
	tb.Helper()
	ctx, cancel := context.WithTimeout(Context(tb), time.Minute)
	defer cancel()
	var now importstore.Summary
	for range delay.Rounds(ctx, 20*time.Millisecond) {
		var err error
		now, err = s.Store.Imports.Summary(Context(tb), id)
		require.NoError(tb, err)
		if is(now) {
			return now
		}
	}
	require.FailNowf(tb, "timed out", "import %d: %s: it is %s, %s, with %d rows: %s%s", id, what,
		now.Import.Status, now.Import.Phase, now.RowsLoaded, now.Import.Error, now.Import.AttemptError)
	return now
}

// WaitLoading waits until some of an import's rows, but not all, are loaded.
func (s *System) WaitLoading(tb testing.TB, id int64) importstore.Summary {
	tb.Helper()
	now := s.WaitFor(tb, id, "loading", func(now importstore.Summary) bool {
		return now.RowsLoaded > 0 || importstore.Ended(now.Import.Status)
	})
	require.Falsef(tb, importstore.Ended(now.Import.Status), "import %d has ended too soon: %s", id, now.Import.Error)
	return now
}

// WaitParked waits until an import is parked and has no running part.
func (s *System) WaitParked(tb testing.TB, id int64) importstore.Summary {
	tb.Helper()
	now := s.WaitFor(tb, id, "parked", func(now importstore.Summary) bool {
		if now.Import.Status != importstore.StatusParked {
			return importstore.Ended(now.Import.Status)
		}
		parts, err := s.Store.Imports.ListParts(Context(tb), id)
		require.NoError(tb, err)
		return !slices.ContainsFunc(parts, func(p importstore.Part) bool {
			return p.Status == importstore.PartWaiting || p.Status == importstore.PartRunning
		})
	})
	require.Equalf(tb, importstore.StatusParked, now.Import.Status, "import %d has ended: %s", id, now.Import.Error)
	return now
}

// History returns the history of a run of a workflow; an empty run ID is the latest.
func (s *System) History(tb testing.TB, workflowID, runID string) *historypb.History {
	tb.Helper()
	history := &historypb.History{}
	events := s.Temporal.GetWorkflowHistory(Context(tb), workflowID, runID, false,
		enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	for events.HasNext() {
		event, err := events.Next()
		require.NoError(tb, err)
		history.Events = append(history.Events, event)
	}
	return history
}

// Reset resets a workflow to the end of its first task, as the Web UI does, and returns the new
// run's ID.
func (s *System) Reset(tb testing.TB, workflowID string) (runID string) {
	tb.Helper()
	var first int64
	for _, event := range s.History(tb, workflowID, "").GetEvents() {
		if event.GetEventType() == enums.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
			first = event.GetEventId()
			break
		}
	}
	require.NotZero(tb, first, "the workflow has not begun")
	answer, err := s.Temporal.ResetWorkflowExecution(Context(tb), &workflowservice.ResetWorkflowExecutionRequest{
		Namespace:                 s.Namespace(),
		WorkflowExecution:         &commonpb.WorkflowExecution{WorkflowId: workflowID},
		Reason:                    "the cause is fixed",
		WorkflowTaskFinishEventId: first,
		RequestId:                 unique(tb),
	})
	require.NoError(tb, err)
	return answer.GetRunId()
}

// FindWorkflow returns the ID of a workflow of that type; "" if there is none in the visibility
// store yet.
func (s *System) FindWorkflow(tb testing.TB, workflowType string) string {
	tb.Helper()
	found, err := s.Temporal.ListWorkflow(Context(tb), &workflowservice.ListWorkflowExecutionsRequest{
		Query: "WorkflowType = '" + workflowType + "'", PageSize: 1,
	})
	require.NoError(tb, err)
	for _, run := range found.GetExecutions() {
		return run.GetExecution().GetWorkflowId()
	}
	return ""
}
