package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"

	importacts "github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/internal/enginetest"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// An import of as many parts as there can be keeps every run's history short, and
// everything in it small.
func TestHistoryOfManyParts(t *testing.T) {
	t.Parallel()
	s := setupNoop(t)
	s.Settings.Worker.LoadSlots = 16
	s.StartWorker(t)
	request := s.noopRequest(site, `{"rows": 3000, "parts": 1000}`)
	request.Settings.Parallelism = 16
	imp := s.Start(t, request)
	last := s.end(imp, importstore.StatusCompleted)
	require.EqualValues(t, importers.MaxParts, last.PartsDone)
	require.Equal(t, sumTo(3000), s.visitors(imp))

	run, runs, events := imp.RunID, 0, 0
	for run != "" {
		history := s.History(t, imp.WorkflowID, run)
		runs++
		events += len(history.GetEvents())
		require.Less(t, len(history.GetEvents()), 2000)
		run = ""
		for _, event := range history.GetEvents() {
			require.Less(t, event.Size(), 64<<10)
			if event.GetEventType() == enums.EVENT_TYPE_WORKFLOW_EXECUTION_CONTINUED_AS_NEW {
				run = event.GetWorkflowExecutionContinuedAsNewEventAttributes().GetNewExecutionRunId()
			}
		}
	}
	require.Equal(t, 7, runs)
	require.LessOrEqual(t, s.reports(imp), importacts.MaxReports)
	require.Equal(t, int64(3000), s.queryProgress(enginetest.Context(t), imp).RowsLoaded, "the last run knows of those before")
	t.Logf("%d runs with %d events", runs, events)
}
