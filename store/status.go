package store

import "slices"

// The statuses of an import.
const (
	// StatusQueued means that the import has not begun.
	StatusQueued = "queued"
	// StatusRunning means that its workflow is at work.
	StatusRunning = "running"
	// StatusParked means that parts have failed too often, and that it waits for
	// somebody to retry or skip them, or to cancel.
	StatusParked = "parked"
	// StatusCompleted means that its rows are visible.
	StatusCompleted = "completed"
	// StatusFailed means that it ended with an error and left no rows.
	StatusFailed = "failed"
	// StatusCancelled means that somebody cancelled it; it left no rows.
	StatusCancelled = "cancelled"
	// StatusDeleting means that its rows are being purged, it itself last.
	StatusDeleting = "deleting"
)

// The phases of an import that is under way. An import that has ended has its
// status as its phase.
const (
	PhaseQueued      = "queued"
	PhaseBeforeStart = "before_start"
	PhasePlanning    = "planning"
	PhaseLoading     = "loading"
	PhaseOnSuccess   = "on_success"
	PhaseOnFailure   = "on_failure"
	PhaseCleanUp     = "clean_up"
)

// The statuses of a part.
const (
	PartPending = "pending"
	PartRunning = "running"
	PartDone    = "done"
	PartParked  = "parked"
	PartSkipped = "skipped"
	PartFailed  = "failed"
)

// What happens when a part's retries are exhausted.
const (
	// OnPartFailurePark lets the import wait for a decision.
	OnPartFailurePark = "park"
	// OnPartFailureFail fails the import.
	OnPartFailureFail = "fail"
)

// The levels of feedback.
const (
	LevelInfo  = "info"
	LevelWarn  = "warn"
	LevelError = "error"
)

// Ended says whether an import of that status is over.
func Ended(status string) bool {
	return slices.Contains([]string{StatusCompleted, StatusFailed, StatusCancelled}, status)
}
