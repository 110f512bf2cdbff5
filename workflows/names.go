// Package workflows has what the workflows of both halves share: names, activity options and error
// types. This file has every name that other programs may depend on: task queues, workflow types,
// activities, updates, queries, search attributes and the forms of workflow IDs. Names are never
// changed once released, because running workflows carry them.
//
// The workflows are in importing and delivery, two halves that do not know each other, and in
// dispatch, the bridge between them.
package workflows

import (
	"fmt"
	"strconv"
	"strings"

	"go.temporal.io/sdk/temporal"
)

// QueueMain has all workflows and Sluice's own activities. Every worker polls it, whatever
// importers, destinations and kinds of connections it has: nothing on it needs one of them.
const QueueMain = "sluice"

// ImporterQueue returns the task queue that has an importer's callbacks. Only workers that have
// the importer poll it.
func ImporterQueue(importer string) string { return "sluice-importer-" + importer }

// LoadQueue returns the task queue that has the activities which load an importer's parts: few at
// a time, each with buffers of its own. Only workers that have the importer poll it.
func LoadQueue(importer string) string { return ImporterQueue(importer) + "-load" }

// ConnectionQueue returns the task queue that has the tests of a kind of connections. Only
// workers that have the kind poll it.
func ConnectionQueue(kind string) string { return "sluice-connection-" + kind }

// Workflow types.
const (
	// TypeImport carries out one import.
	TypeImport = "Import"
	// TypeDeletion deletes one import.
	TypeDeletion = "Deletion"
	// TypeConnectionTest tests a connection.
	TypeConnectionTest = "ConnectionTest"
	// TypeScheduledImport carries out one run of a schedule.
	TypeScheduledImport = "ScheduledImport"
	// TypeDryRun tells what an import would do.
	TypeDryRun = "DryRun"
	// TypeRetention purges events that are too old.
	TypeRetention = "Retention"
	// TypeSaltRotation rotates the salts of visitors' IDs.
	TypeSaltRotation = "SaltRotation"
	// TypeDispatch dispatches an import's end, or its rows, to destinations.
	TypeDispatch = "Dispatch"
	// TypeDestination starts the workflows of a destination's actions.
	TypeDestination = "Destination"
	// TypeDestinationAction delivers the jobs of an action.
	TypeDestinationAction = "DestinationAction"
	// TypeSync carries out the runs of a sync.
	TypeSync = "Sync"
	// TypeSyncWake wakes the workflow of a sync.
	TypeSyncWake = "SyncWake"
)

// Activities of an import.
const (
	ActivityBeforeStart = "before_start"
	ActivityPlan        = "plan"
	ActivityImportData  = "import_data"
	ActivityCheckLoaded = "check_loaded"
	ActivityParkPart    = "park_part"
	ActivityPark        = "park"
	ActivitySkipPart    = "skip_part"
	ActivitySummarize   = "summarize"
	ActivityFinalize    = "finalize"
	ActivityOnSuccess   = "on_success"
	ActivityNoteFailure = "note_failure"
	ActivityOnFailure   = "on_failure"
	ActivityPurgeRows   = "purge_rows"
	ActivityCleanUp     = "clean_up"
	ActivityPublish     = "publish"
	ActivityRepair      = "repair"
	ActivityFinish      = "finish"
	ActivityClose       = "close"
	ActivityRemove      = "remove"
	ActivityAcquire     = "acquire_locks"
	ActivityBeginReview = "begin_review"
	ActivityRemind      = "remind"
	ActivityDecide      = "decide"
	ActivityNote        = "note"
)

// ActivityTestConnection is the activity of a connection's test.
const ActivityTestConnection = "test_connection"

// Activities of schedules and of dry runs.
const (
	ActivityCreateImport  = "create_import"
	ActivityAwaitImport   = "await_import"
	ActivityPauseSchedule = "pause_schedule"
	ActivityDryRun        = "dry_run"
)

// ActivityPurgeEvents is the activity of retention.
const ActivityPurgeEvents = "purge_events"

// RetentionSchedule is the ID of the schedule of retention, and of the workflows that it
// starts, to which the server adds the time that each is for.
const RetentionSchedule = "retention"

// ActivityRecordCommand is the activity that records a command in the audit.
const ActivityRecordCommand = "record_command"

// ActivityRotateSalts is the activity of the rotation of salts.
const ActivityRotateSalts = "rotate_salts"

// SaltSchedule is the ID of the schedule of the rotation of salts, and of the workflows that it starts, to
// which the server adds the time that each is for.
const SaltSchedule = "salt-rotation"

// Activities of a dispatch.
const (
	ActivityDispatchEnd  = "dispatch_end"
	ActivityDispatchRows = "dispatch_rows"
)

// Activities of destinations.
const (
	ActivityDrain         = "drain"
	ActivityNextDue       = "next_due"
	ActivityApplySettings = "apply_settings"
)

// Activities of syncs.
const (
	ActivityWakeSync  = "wake_sync"
	ActivityBeginSync = "begin_sync"
	ActivitySyncPages = "sync_pages"
	ActivityRetrySync = "retry_sync"
	ActivityScanSync  = "scan_sync"
	ActivityCountSync = "count_sync"
	ActivityFindSync  = "find_sync"
	ActivityAuditSync = "audit_sync"
	ActivityEndSync   = "end_sync"
	ActivityPauseSync = "pause_sync"
)

// CommandRun is the command of a sync, in addition to pause and resume, that runs it at once: a Run.
const CommandRun = "run"

// SignalWake says to a sync that its next run is due. It carries nothing; sent without need, it does no harm
// but to start a run.
const SignalWake = "wake"

// QueryFreshness answers with a Freshness: how current a sync is.
const QueryFreshness = "freshness"

// Commands of an import. Each is an update, validated and answered at once, and a signal of
// the same name and argument, for senders that do not wait for the answer.
const (
	// CommandPause interrupts running attempts and pauses the import: a Pause.
	CommandPause = "pause"
	// CommandResume resumes a paused import: a Resume.
	CommandResume = "resume"
	// CommandCancel ends the import and purges its rows: a Cancel.
	CommandCancel = "cancel"
	// CommandRetryPart retries a parked part: a RetryPart.
	CommandRetryPart = "retry_part"
	// CommandSkipPart skips a parked part: a SkipPart.
	CommandSkipPart = "skip_part"
	// CommandSetRate limits the rows loaded per second: a SetRate.
	CommandSetRate = "set_rate"
	// CommandDecide accepts or declines the import: a Decide.
	CommandDecide = "decide"
)

// Commands of an action of a destination, in addition to pause and resume. They are updates
// and signals, too.
const (
	// CommandTrigger delivers waiting jobs at once: a Trigger.
	CommandTrigger = "trigger"
	// CommandSetSchedule changes the action's schedule: a SetSchedule.
	CommandSetSchedule = "set_schedule"
	// CommandSetJobRate limits the jobs per second: a SetJobRate. It has the same name as the
	// command of an import.
	CommandSetJobRate = CommandSetRate
	// CommandSetConcurrency limits the concurrent batches: a SetConcurrency.
	CommandSetConcurrency = "set_concurrency"
)

// Signals to an action of a destination. Neither carries anything; sent without need, they
// do no harm.
const (
	// SignalEnqueue says that there are jobs.
	SignalEnqueue = "enqueue"
	// SignalRefresh says that settings have changed.
	SignalRefresh = "refresh"
)

// QueryBacklog answers with a BacklogState: what waits for an action of a destination.
const QueryBacklog = "backlog"

// SignalLockGranted tells an import that waits for its locks that it has got them. Sent
// without need it does no harm.
const SignalLockGranted = "lock_granted"

// SignalPartProgress tells an import how far a running part is: an activities.PartReport. It
// is Sluice's own, and one that is lost, late or wrong does no harm but to the query progress.
const SignalPartProgress = "part_progress"

// Queries of an import. A dispatch has progress, too, and answers with a DispatchProgress.
const (
	// QueryState answers with a State.
	QueryState = "state"
	// QueryProgress answers with a Progress.
	QueryProgress = "progress"
	// QueryFeedback answers with the last lines that the workflow itself has written to
	// the import's log, a list of Line.
	QueryFeedback = "feedback"
)

// Search attributes, by which runs are found in the Temporal Web UI.
var (
	// AttributeSite is the site's domain.
	AttributeSite = temporal.NewSearchAttributeKeyKeyword("SluiceSite")
	// AttributeSource is the importer's name.
	AttributeSource = temporal.NewSearchAttributeKeyKeyword("SluiceSource")
	// AttributeStatus is the import's status, as `sluice import list` shows it.
	AttributeStatus = temporal.NewSearchAttributeKeyKeyword("SluiceStatus")
	// AttributePhase is the import's phase.
	AttributePhase = temporal.NewSearchAttributeKeyKeyword("SluicePhase")
	// AttributeErrorClass is the class of the error that ended the import.
	AttributeErrorClass = temporal.NewSearchAttributeKeyKeyword("SluiceErrorClass")
	// AttributePaused is whether the import is paused.
	AttributePaused = temporal.NewSearchAttributeKeyBool("SluicePaused")
	// AttributeRows is how many rows the import has loaded.
	AttributeRows = temporal.NewSearchAttributeKeyInt64("SluiceRows")
)

// SearchAttributes returns the names and types of all search attributes, as a
// namespace must have them: "Keyword", "Int" or "Bool".
func SearchAttributes() map[string]string {
	return map[string]string{
		AttributeSite.GetName():       "Keyword",
		AttributeSource.GetName():     "Keyword",
		AttributeStatus.GetName():     "Keyword",
		AttributePhase.GetName():      "Keyword",
		AttributeErrorClass.GetName(): "Keyword",
		AttributePaused.GetName():     "Bool",
		AttributeRows.GetName():       "Int",
	}
}

// MemoImport is the memo of an import's workflow that names the import beyond its number.
const MemoImport = "sluice_import"

// ImportID returns the workflow ID of an import.
func ImportID(site string, id int64) string { return fmt.Sprintf("import/%s/%d", site, id) }

// DispatchID returns the workflow ID of the dispatch of an import's end. Another end of the
// same import, which a reset has made possible, has a number: what is dispatched of the
// one does not have to wait for the other.
func DispatchID(site string, id int64, generation int32) string {
	dispatch := ImportID(site, id) + "/dispatch"
	if generation > 0 {
		dispatch += fmt.Sprintf("-%d", generation)
	}
	return dispatch
}

// ConnectionTestID returns the workflow ID of a connection's test.
func ConnectionTestID(name string) string { return "connection-test/" + name }

// ImportOf returns the number of the import that a workflow of that ID carries out.
func ImportOf(workflowID string) (int64, error) {
	parts := strings.Split(workflowID, "/")
	if len(parts) >= 3 && parts[0] == "import" {
		if id, err := strconv.ParseInt(parts[len(parts)-1], 10, 64); err == nil && id > 0 {
			return id, nil
		}
	}
	return 0, fmt.Errorf("%q is not the ID of an import's workflow: want import/<site>/<number>", workflowID)
}

// DeletionID returns the workflow ID of an import's deletion.
func DeletionID(site string, id int64) string { return fmt.Sprintf("delete/%s/%d", site, id) }

// ScheduleID returns the ID of a schedule.
func ScheduleID(name string) string { return "schedule/" + name }

// ScheduledID returns the workflow ID of a schedule's runs, to which the server adds the
// time that each is for.
func ScheduledID(name string) string { return "scheduled/" + name }

// DryRunID returns the workflow ID of a dry run.
func DryRunID(site, unique string) string { return "dry-run/" + site + "/" + unique }

// SyncID returns the workflow ID of a sync.
func SyncID(name string) string { return "sync/" + name }

// SyncScheduleID returns the ID of the schedule that wakes a sync, and of the workflows that it starts, to
// which the server adds the time that each is for.
func SyncScheduleID(name string) string { return "sync-wake/" + name }

// SyncQueue returns the task queue that has the activities of syncs between two kinds of connections. Only
// workers that have both kinds poll it.
func SyncQueue(from, to string) string { return "sluice-sync-" + from + "-" + to }

// SyncWatchQueue returns the task queue of a watch of a state file, by its ID. Only the watch polls it.
func SyncWatchQueue(id string) string { return "sluice-sync-watch-" + id }

// DestinationID returns the ID of the workflow that starts those of a destination's actions.
func DestinationID(destination string) string { return "destination/" + destination }

// DestinationActionID returns the workflow ID of an action of a destination.
func DestinationActionID(destination, action string) string {
	return "destination/" + destination + "/" + action
}

// DestinationQueue returns the task queue that has a destination's activities: one that hangs
// takes no slot from another. Only workers that have the destination poll it.
func DestinationQueue(destination string) string { return "sluice-destination-" + destination }
