package cli

import (
	"slices"

	"github.com/sluicehq/sluice/store"
)

// rowsPurged reports whether an import of that status has ended without rows, whatever its parts
// had loaded.
func rowsPurged(status string) bool {
	return store.Ended(status) && status != store.StatusCompleted && status != store.StatusUnchanged
}

// withoutPurged returns an import and its parts for display: rows that were loaded and then purged
// do not count as loaded. It also returns the number of purged rows.
func withoutPurged(s store.ImportSummary, parts []store.Part) (store.ImportSummary, []store.Part, int64) {
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
