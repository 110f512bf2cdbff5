package e2e

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"

	importacts "github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/internal/enginetest"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/importing"
)

// queryProgress asks an import's workflow how far it is.
func (s *system) queryProgress(ctx context.Context, imp importstore.Import) importing.Progress {
	s.t.Helper()
	value, err := s.Temporal.QueryWorkflow(ctx, imp.WorkflowID, "", workflows.QueryProgress)
	require.NoError(s.t, err)
	var p importing.Progress
	require.NoError(s.t, value.Get(&p))
	return p
}

// reports counts the progress signals in the histories of all runs of an import.
func (s *system) reports(imp importstore.Import) (n int) {
	s.t.Helper()
	for run := imp.RunID; run != ""; {
		history := s.History(s.t, imp.WorkflowID, run)
		require.Less(s.t, len(history.GetEvents()), 2000)
		run = ""
		for _, event := range history.GetEvents() {
			if signal := event.GetWorkflowExecutionSignaledEventAttributes(); signal.GetSignalName() == workflows.SignalPartProgress {
				n++
			}
			if event.GetEventType() == enums.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW {
				run = event.GetWorkflowExecutionContinuedAsNewEventAttributes().GetNewExecutionRunId()
			}
		}
	}
	return n
}

// The progress of an import moves within its only part, also where an attempt is interrupted,
// and takes few signals.
func TestProgressWithinPart(t *testing.T) {
	t.Parallel()
	s := setupNoop(t)
	ctx := enginetest.Context(t)
	s.StartWorker(t)
	imp := s.noop(site, `{"rows": 10000, "delay": "20ms"}`)
	s.WaitLoading(t, imp.ID)
	seen := []importing.Progress{}
	interrupted := false
	s.WaitFor(t, imp.ID, "progress", func(now importstore.Summary) bool {
		p := s.queryProgress(ctx, imp)
		if p.PartsDone == 0 && p.RowsLoaded > 0 && (len(seen) == 0 || p.RowsLoaded > seen[len(seen)-1].RowsLoaded) {
			seen = append(seen, p)
		}
		if len(seen) == 3 && !interrupted {
			interrupted = true
			require.NoError(t, s.Starter.SetRate(ctx, imp.ID, 1_000_000, ann))
		}
		return now.Import.FinishedAt != nil
	})
	s.end(imp, importstore.StatusCompleted)
	require.GreaterOrEqual(t, len(seen), 6)
	require.True(t, interrupted)
	for i, p := range seen {
		require.Less(t, p.RowsLoaded, int64(10000))
		require.WithinDuration(t, time.Now(), p.AsOf, time.Minute)
		if i > 0 {
			require.GreaterOrEqual(t, p.RowsLoaded-seen[i-1].RowsLoaded, int64(500), "a step is 5 %%: %v", seen)
			require.True(t, p.AsOf.After(seen[i-1].AsOf))
		}
	}
	require.Equal(t, 1, s.queryProgress(ctx, imp).PartsDone)
	require.EqualValues(t, 10000, s.queryProgress(ctx, imp).RowsLoaded)
	require.GreaterOrEqual(t, s.reports(imp), len(seen))
	require.LessOrEqual(t, s.reports(imp), importacts.MaxReports)
}
