package workflows_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/workflows"
)

// Names are carried by running workflows and by other programs: changing one of these
// lines is a breaking change.
func TestNames(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"sluice", "sluice-importer-csv", "sluice-importer-csv-load", "sluice-connection-webhook"},
		[]string{
			workflows.QueueMain, workflows.ImporterQueue("csv"), workflows.LoadQueue("csv"), workflows.ConnectionQueue("webhook"),
		})
	require.Equal(t, []string{"Import", "Deletion"}, []string{workflows.TypeImport, workflows.TypeDeletion})
	require.Equal(t, []string{
		"before_start", "plan", "import_data", "check_loaded", "park_part", "park", "skip_part", "summarize", "finalize", "on_success", "on_failure", "purge_rows",
		"clean_up", "publish", "finish", "close", "remove",
	}, []string{
		workflows.ActivityBeforeStart, workflows.ActivityPlan, workflows.ActivityImportData, workflows.ActivityCheckLoaded, workflows.ActivityParkPart,
		workflows.ActivityPark, workflows.ActivitySkipPart, workflows.ActivitySummarize, workflows.ActivityFinalize, workflows.ActivityOnSuccess, workflows.ActivityOnFailure,
		workflows.ActivityPurgeRows, workflows.ActivityCleanUp, workflows.ActivityPublish, workflows.ActivityFinish, workflows.ActivityClose,
		workflows.ActivityRemove,
	})
	require.Equal(t, []string{"acquire_locks", "begin_review", "remind", "decide", "note", "note_failure", "repair"}, []string{
		workflows.ActivityAcquire, workflows.ActivityBeginReview, workflows.ActivityRemind, workflows.ActivityDecide,
		workflows.ActivityNote, workflows.ActivityNoteFailure, workflows.ActivityRepair,
	})
	require.Equal(t, "record_command", workflows.ActivityRecordCommand)
	require.Equal(t, []string{"pause", "resume", "cancel", "retry_part", "skip_part", "set_rate", "decide", "lock_granted", "part_progress"},
		[]string{
			workflows.CommandPause, workflows.CommandResume, workflows.CommandCancel, workflows.CommandRetryPart,
			workflows.CommandSkipPart, workflows.CommandSetRate, workflows.CommandDecide, workflows.SignalLockGranted,
			workflows.SignalPartProgress,
		})
	require.Equal(t, []string{"state", "progress", "feedback"},
		[]string{workflows.QueryState, workflows.QueryProgress, workflows.QueryFeedback})
	require.Equal(t, map[string]string{
		"SluiceSite": "Keyword", "SluiceSource": "Keyword", "SluiceStatus": "Keyword", "SluicePhase": "Keyword",
		"SluiceErrorClass": "Keyword", "SluicePaused": "Bool", "SluiceRows": "Int",
	}, workflows.SearchAttributes())
	require.Equal(t, "import/example.com/7", workflows.ImportID("example.com", 7))
	require.Equal(t, "delete/example.com/7", workflows.DeletionID("example.com", 7))
	require.Equal(t, []string{"Destination", "DestinationAction", "drain", "next_due", "apply_settings"}, []string{
		workflows.TypeDestination, workflows.TypeDestinationAction, workflows.ActivityDrain, workflows.ActivityNextDue,
		workflows.ActivityApplySettings,
	})
	require.Equal(t, []string{"trigger", "set_schedule", "set_rate", "set_concurrency", "enqueue", "refresh", "backlog"},
		[]string{
			workflows.CommandTrigger, workflows.CommandSetSchedule, workflows.CommandSetJobRate, workflows.CommandSetConcurrency,
			workflows.SignalEnqueue, workflows.SignalRefresh, workflows.QueryBacklog,
		})
	require.Equal(t, []string{"destination/crm", "destination/crm/post", "sluice-destination-crm"}, []string{
		workflows.DestinationID("crm"), workflows.DestinationActionID("crm", "post"), workflows.DestinationQueue("crm"),
	})
	require.Equal(t, []string{
		"Sync", "SyncWake", "wake_sync", "begin_sync", "sync_pages", "retry_sync", "scan_sync", "count_sync", "find_sync", "audit_sync", "end_sync", "pause_sync", "run",
		"wake", "freshness", "sync/news", "sync-wake/news", "sluice-sync-mailchimp-ometria",
	}, []string{
		workflows.TypeSync, workflows.TypeSyncWake, workflows.ActivityWakeSync, workflows.ActivityBeginSync,
		workflows.ActivitySyncPages, workflows.ActivityRetrySync, workflows.ActivityScanSync, workflows.ActivityCountSync,
		workflows.ActivityFindSync, workflows.ActivityAuditSync, workflows.ActivityEndSync,
		workflows.ActivityPauseSync, workflows.CommandRun, workflows.SignalWake, workflows.QueryFreshness,
		workflows.SyncID("news"), workflows.SyncScheduleID("news"), workflows.SyncQueue("mailchimp", "ometria"),
	})
	id, err := workflows.ImportOf(workflows.ImportID("example.com/blog", 7))
	require.NoError(t, err)
	require.EqualValues(t, 7, id)
	for _, other := range []string{"", "import/7", "delete/example.com/7", "import/example.com/x", "import/example.com/-1"} {
		_, err := workflows.ImportOf(other)
		require.ErrorContains(t, err, "want import/<site>/<number>", other)
	}
}
