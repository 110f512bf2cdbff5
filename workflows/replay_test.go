package workflows_test

import (
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	historypb "go.temporal.io/api/history/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/delivery"
	"github.com/sluicehq/sluice/workflows/dispatch"
	"github.com/sluicehq/sluice/workflows/importing"
	"github.com/sluicehq/sluice/workflows/syncing"
)

const replayFolder = "testdata/replay"

// Workflows started by an earlier version continue with this one: replaying their histories
// produces the same commands.
func TestReplay(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(replayFolder + "/*.json")
	require.NoError(t, err)
	require.GreaterOrEqual(t, len(files), 9)
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			history := readHistory(t, file)
			logger := log.NewStructuredLogger(slog.New(slog.DiscardHandler))
			require.NoError(t, replayer(t).ReplayWorkflowHistory(logger, history))
			// A worker may take a run over with any of its tasks; of a long history, a
			// sample is enough.
			var tasks []int64
			for _, event := range history.GetEvents() {
				if event.GetEventType() == enums.EVENT_TYPE_WORKFLOW_TASK_COMPLETED {
					tasks = append(tasks, event.GetWorkflowTaskCompletedEventAttributes().GetStartedEventId())
				}
			}
			for i := 0; i < len(tasks); i += 1 + len(tasks)/40 {
				part := &historypb.History{Events: history.GetEvents()[:tasks[i]]}
				require.NoErrorf(t, replayer(t).ReplayWorkflowHistory(logger, part), "up to event %d", tasks[i])
			}
		})
	}
}

func readHistory(t *testing.T, file string) *historypb.History {
	t.Helper()
	f, err := os.Open(file)
	require.NoError(t, err)
	defer f.Close() //nolint:errcheck // nothing was written
	history, err := client.HistoryFromJSON(f, client.HistoryJSONOptions{})
	require.NoError(t, err)
	return history
}

func replayer(t *testing.T) worker.WorkflowReplayer {
	t.Helper()
	r, err := worker.NewWorkflowReplayerWithOptions(worker.WorkflowReplayerOptions{})
	require.NoError(t, err)
	r.RegisterWorkflowWithOptions(importing.Import, workflow.RegisterOptions{Name: workflows.TypeImport})
	r.RegisterWorkflowWithOptions(importing.Deletion, workflow.RegisterOptions{Name: workflows.TypeDeletion})
	r.RegisterWorkflowWithOptions(importing.ScheduledImport, workflow.RegisterOptions{Name: workflows.TypeScheduledImport})
	r.RegisterWorkflowWithOptions(importing.DryRun, workflow.RegisterOptions{Name: workflows.TypeDryRun})
	r.RegisterWorkflowWithOptions(dispatch.Dispatch, workflow.RegisterOptions{Name: workflows.TypeDispatch})
	r.RegisterWorkflowWithOptions(delivery.Destination, workflow.RegisterOptions{Name: workflows.TypeDestination})
	r.RegisterWorkflowWithOptions(delivery.DestinationAction,
		workflow.RegisterOptions{Name: workflows.TypeDestinationAction})
	r.RegisterWorkflowWithOptions(syncing.Sync, workflow.RegisterOptions{Name: workflows.TypeSync})
	r.RegisterWorkflowWithOptions(syncing.SyncWake, workflow.RegisterOptions{Name: workflows.TypeSyncWake})
	return r
}

// maxPayload is the size above which a payload does not belong into a history.
const maxPayload = 64 << 10

// What stands in a history is small, is explained to people, and is retried as long as
// it must be.
func TestRecordedHistories(t *testing.T) {
	t.Parallel()
	forever := []string{
		workflows.ActivityParkPart, workflows.ActivityPark, workflows.ActivitySkipPart, workflows.ActivityPurgeRows,
		workflows.ActivityPublish, workflows.ActivityFinish, workflows.ActivityClose, workflows.ActivityRemove,
		workflows.ActivityPauseSchedule, workflows.ActivityAwaitImport, workflows.ActivityAcquire,
		workflows.ActivityBeginReview, workflows.ActivityNote, workflows.ActivityDrain, workflows.ActivityNextDue,
		workflows.ActivityDispatchEnd, workflows.ActivityDispatchRows, workflows.ActivityCheckLoaded,
		workflows.ActivityNoteFailure, workflows.ActivityEndSync, workflows.ActivityWakeSync,
	}
	seen := map[string]bool{}
	files, err := filepath.Glob(replayFolder + "/*.json")
	require.NoError(t, err)
	for _, name := range files {
		history := readHistory(t, name)
		require.Less(t, len(history.GetEvents()), 2000, name)
		for _, event := range history.GetEvents() {
			// An event is larger than any payload in it.
			require.Less(t, event.Size(), maxPayload, name)
			scheduled := event.GetActivityTaskScheduledEventAttributes()
			if scheduled == nil {
				continue
			}
			activity := scheduled.GetActivityType().GetName()
			seen[activity] = true
			require.NotEmptyf(t, event.GetUserMetadata().GetSummary().GetData(), "%s of %s needs a summary", activity, name)
			require.NotZero(t, scheduled.GetStartToCloseTimeout().AsDuration(), activity)
			limited := scheduled.GetRetryPolicy().GetMaximumAttempts() != 0
			require.Equal(t, !slices.Contains(forever, activity), limited, activity)
		}
	}
	require.Len(t, seen, 39, "every activity but remind, repair, purge_events, find_sync and audit_sync is among them")
}
