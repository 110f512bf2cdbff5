package cli

import (
	"slices"

	importstore "github.com/sluicehq/sluice/store/importing"
)

// rowsPurged reports whether an import of that status has ended without rows, whatever its parts
// had loaded.
func rowsPurged(status string) bool {
	return importstore.Ended(status) && status != importstore.StatusCompleted && status != importstore.StatusUnchanged
}

// withoutPurged returns an import and its parts for display: rows that were loaded and then purged
// do not count as loaded. It also returns the number of purged rows.
func withoutPurged(s importstore.Summary, parts []importstore.Part) (importstore.Summary, []importstore.Part, int64) {
	if !rowsPurged(s.Import.Status) {
		return s, parts, 0
	}
	rows := s.RowsLoaded
	s.RowsLoaded = 0
	parts = slices.Clone(parts)
	for i := range parts {
		parts[i].RowsLoaded = 0
	}
	return s, parts, rows
}
