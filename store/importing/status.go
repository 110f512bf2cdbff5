package importing

import "slices"

// The statuses of an import.
const (
	// StatusQueued means that the import has not begun: it waits for a worker, or for
	// its locks.
	StatusQueued = "queued"
	// StatusRunning means that its workflow is at work.
	StatusRunning = "running"
	// StatusParked means that the retries of parts are exhausted, and that the import waits for a
	// decision: to retry or skip them, or to cancel.
	StatusParked = "parked"
	// StatusInReview means that its rows are loaded and invisible, and that it waits for the
	// decision of a review.
	StatusInReview = "in_review"
	// StatusCompleted means that its rows are visible.
	StatusCompleted = "completed"
	// StatusUnchanged means that its source had nothing that was not imported before.
	StatusUnchanged = "unchanged"
	// StatusFailed means that it ended with an error and left no rows.
	StatusFailed = "failed"
	// StatusCancelled means that it was cancelled; it left no rows.
	StatusCancelled = "cancelled"
	// StatusDeclined means that its review has declined it; it left no rows.
	StatusDeclined = "declined"
	// StatusDeleting means that its rows are being purged, it itself last.
	StatusDeleting = "deleting"
)

// The phases of an import that is under way. An import that has ended has its
// status as its phase.
const (
	PhaseQueued      = "queued"
	PhaseBeforeStart = "before_start"
	PhaseLocking     = "locking"
	PhasePlanning    = "planning"
	PhaseLoading     = "loading"
	PhaseInReview    = "in_review"
	PhaseStagingDone = "staging_done"
	PhaseFinalize    = "finalize"
	PhaseOnFailure   = "on_failure"
	PhaseCleanUp     = "clean_up"
)

// The statuses of a part.
const (
	PartWaiting = "waiting"
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

// ended are the statuses of imports that are over.
var ended = []string{StatusCompleted, StatusUnchanged, StatusFailed, StatusCancelled, StatusDeclined}

// Statuses returns all statuses of imports, in the order in which they come.
func Statuses() []string {
	active := []string{StatusQueued, StatusRunning, StatusParked, StatusInReview}
	return slices.Concat(active, ended, []string{StatusDeleting})
}

// Ended reports whether an import of that status has ended.
func Ended(status string) bool { return slices.Contains(ended, status) }

// The decisions of a review.
const (
	// Accepted lets the rows become visible.
	Accepted = "accepted"
	// Declined purges them.
	Declined = "declined"
)
