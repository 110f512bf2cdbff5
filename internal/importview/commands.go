package importview

import importstore "github.com/sluicehq/sluice/store/importing"

// Commands that an import may be given, as the last element of their paths at the API; CommandDelete is a method.
const (
	CommandPause  = "pause"
	CommandResume = "resume"
	CommandRate   = "rate"
	CommandCancel = "cancel"
	CommandDecide = "decision"
	CommandDelete = "delete"
)

// Commands returns the commands that an import in this state accepts, from callers with every permission. The workflow
// decides: its state may have changed meanwhile.
func Commands(i importstore.Import) []string {
	switch {
	case importstore.Ended(i.Status):
		return []string{CommandDelete}
	case i.Status == importstore.StatusDeleting, ending(i.Phase):
		return []string{}
	case i.Status == importstore.StatusInReview && i.Paused:
		return []string{CommandDecide, CommandResume, CommandCancel}
	case i.Status == importstore.StatusInReview:
		return []string{CommandDecide, CommandCancel}
	case i.Paused:
		return []string{CommandResume, CommandRate, CommandCancel}
	default:
		return []string{CommandPause, CommandRate, CommandCancel}
	}
}

// ending tells whether a phase is of an import that can no longer be stopped.
func ending(phase string) bool {
	switch phase {
	case importstore.PhaseStagingDone, importstore.PhaseFinalize, importstore.PhaseOnFailure, importstore.PhaseCleanUp:
		return true
	default:
		return false
	}
}
