package cli

import (
	"slices"

	"github.com/sluicehq/sluice/store"
)

// rowsTakenBack says whether an import of that status has ended without leaving rows,
// whatever its parts had loaded.
func rowsTakenBack(status string) bool {
	return store.Ended(status) && status != store.StatusCompleted && status != store.StatusUnchanged
}

// takeBack returns an import and its parts as they are to be shown: what was loaded and
// taken back does not count as loaded. It returns the number of rows taken back, too.
func takeBack(s store.ImportSummary, parts []store.Part) (store.ImportSummary, []store.Part, int64) {
	if !rowsTakenBack(s.Import.Status) {
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
