package importview

import (
	"slices"
	"time"

	"github.com/sluicehq/sluice/calendar"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// Part is a part of an import.
type Part struct {
	Part           int32  `json:"part" doc:"Number of the part, from 0."`
	Table          string `json:"table" doc:"Table that it loads."`
	Label          string `json:"label"`
	Status         string `json:"status" doc:"waiting, running, parked, done, skipped or failed."`
	BytesTotal     int64  `json:"bytes_total" doc:"Size of the source; 0 if it does not report one."`
	BytesRead      int64  `json:"bytes_read"`
	Chunks         int32  `json:"chunks" doc:"Number of loaded chunks."`
	Attempts       int64  `json:"attempts"`
	RowsRead       int64  `json:"rows_read"`
	RowsLoaded     int64  `json:"rows_loaded"`
	RowsPurged     int64  `json:"rows_purged"`
	RowsRejected   int64  `json:"rows_rejected"`
	RowsOutOfRange int64  `json:"rows_out_of_range"`
	RowsLeftOut    int64  `json:"rows_left_out"`
	// Days are the days that the part covers, ClaimedDays those that it has imported.
	Days        []calendar.Range `json:"days" doc:"Days that the part covers."`
	ClaimedDays []calendar.Range `json:"claimed_days" doc:"Days that it has imported."`
	Error       string           `json:"error"`
	StartedAt   *time.Time       `json:"started_at"`
	FinishedAt  *time.Time       `json:"finished_at"`
}

// Parts returns the form of the parts of an import of that status.
func Parts(status string, parts []importstore.Part) []Part {
	views := make([]Part, len(parts))
	for i, p := range parts {
		views[i] = Part{
			Part: p.No, Table: p.TableName, Label: p.Label, Status: p.Status,
			BytesTotal: p.BytesTotal, BytesRead: p.BytesRead, Chunks: p.NextChunk, Attempts: p.FencingToken,
			RowsRead: p.RowsRead, RowsLoaded: p.RowsLoaded, RowsRejected: p.RowsRejected, RowsOutOfRange: p.RowsOutOfRange,
			RowsLeftOut: p.RowsLeftOut, Days: append([]calendar.Range{}, p.Days...),
			ClaimedDays: append([]calendar.Range{}, p.ClaimedDays...),
			Error:       p.Error, StartedAt: p.StartedAt, FinishedAt: p.FinishedAt,
		}
		if RowsPurged(status) {
			views[i].RowsLoaded, views[i].RowsPurged = 0, p.RowsLoaded
		}
	}
	return views
}

// RowsPurged reports whether an import of that status has ended without rows, whatever its parts had loaded.
func RowsPurged(status string) bool {
	return importstore.Ended(status) && status != importstore.StatusCompleted && status != importstore.StatusUnchanged
}

// WithoutPurged returns an import and its parts for display: rows that were loaded and then purged do not count as
// loaded. It also returns the number of purged rows.
func WithoutPurged(s importstore.Summary, parts []importstore.Part) (importstore.Summary, []importstore.Part, int64) {
	if !RowsPurged(s.Import.Status) {
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
