package cli

import (
	"time"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// importJSON is the JSON form of an import. Fields are only ever added. rows_purged counts rows that
// were loaded by an import that has ended without rows.
type importJSON struct {
	ID             int64            `json:"id"`
	Site           string           `json:"site"`
	Source         string           `json:"source"`
	Label          string           `json:"label"`
	Status         string           `json:"status"`
	Phase          string           `json:"phase"`
	StartDate      *calendar.Day    `json:"start_date"`
	EndDate        *calendar.Day    `json:"end_date"`
	Days           []calendar.Range `json:"days"`
	RowsRead       int64            `json:"rows_read"`
	RowsLoaded     int64            `json:"rows_loaded"`
	RowsPurged     int64            `json:"rows_purged"`
	RowsRejected   int64            `json:"rows_rejected"`
	RowsOutOfRange int64            `json:"rows_out_of_range"`
	RowsLeftOut    int64            `json:"rows_left_out"`
	// Warnings and Errors are the numbers of such lines in the import's log. LastError is the
	// last error line, "" if there is none.
	Warnings      int64      `json:"warnings"`
	Errors        int64      `json:"errors"`
	LastError     string     `json:"last_error"`
	Parts         []partJSON `json:"parts"`
	RequestedBy   string     `json:"requested_by"`
	Paused        bool       `json:"paused"`
	RowsPerSecond int64      `json:"rows_per_second"`
	WaitUntil     *time.Time `json:"wait_until"`
	WaitReason    string     `json:"wait_reason"`
	Review        bool       `json:"review"`
	Schedule      string     `json:"schedule"`
	// NoWorker says that the import waits because no live worker has its importer.
	NoWorker     bool   `json:"no_worker"`
	AttemptError string `json:"attempt_error"`
	// WorkflowFault is the error of a failing workflow task, "" if none fails.
	WorkflowFault string     `json:"workflow_fault"`
	Error         string     `json:"error"`
	ErrorClass    string     `json:"error_class"`
	WorkflowID    string     `json:"workflow_id"`
	RunID         string     `json:"run_id"`
	CreatedAt     time.Time  `json:"created_at"`
	StartedAt     *time.Time `json:"started_at"`
	FinishedAt    *time.Time `json:"finished_at"`
}

// partJSON is the JSON form of a part.
type partJSON struct {
	Part           int32  `json:"part"`
	Table          string `json:"table"`
	Label          string `json:"label"`
	Status         string `json:"status"`
	BytesTotal     int64  `json:"bytes_total"`
	BytesRead      int64  `json:"bytes_read"`
	Chunks         int32  `json:"chunks"`
	Attempts       int64  `json:"attempts"`
	RowsRead       int64  `json:"rows_read"`
	RowsLoaded     int64  `json:"rows_loaded"`
	RowsPurged     int64  `json:"rows_purged"`
	RowsRejected   int64  `json:"rows_rejected"`
	RowsOutOfRange int64  `json:"rows_out_of_range"`
	RowsLeftOut    int64  `json:"rows_left_out"`
	// Days are the days that the part covers, ClaimedDays those that it has imported.
	Days        []calendar.Range `json:"days"`
	ClaimedDays []calendar.Range `json:"claimed_days"`
	Error       string           `json:"error"`
	StartedAt   *time.Time       `json:"started_at"`
	FinishedAt  *time.Time       `json:"finished_at"`
}

func importView(workers store.Workers, s importstore.Summary, parts []importstore.Part) importJSON {
	i := s.Import
	s, _, back := withoutPurged(s, nil)
	view := importJSON{
		ID: i.ID, Site: s.Domain, Source: i.Source, Label: i.Label, Status: i.Status, Phase: i.Phase,
		StartDate: i.StartDate, EndDate: i.EndDate, Days: []calendar.Range(i.Days),
		RowsRead: s.RowsRead, RowsLoaded: s.RowsLoaded, RowsPurged: back, RowsRejected: s.RowsRejected,
		RowsOutOfRange: s.RowsOutOfRange, RowsLeftOut: s.RowsLeftOut, Warnings: s.Warnings,
		Errors: s.Errors, LastError: s.LastError,
		RequestedBy: i.RequestedBy, Paused: i.Paused, RowsPerSecond: i.Rate, WaitUntil: i.WaitUntil, WaitReason: i.WaitReason,
		Review: i.Review, Schedule: i.Schedule,
		NoWorker: noImporter(workers, i) != "",
		Parts:    partViews(i.Status, parts), AttemptError: i.AttemptError, WorkflowFault: i.WorkflowFault,
		Error: i.Error, ErrorClass: i.ErrorClass,
		WorkflowID: i.WorkflowID, RunID: i.RunID,
		CreatedAt: i.CreatedAt, StartedAt: i.StartedAt, FinishedAt: i.FinishedAt,
	}
	if view.Days == nil {
		view.Days = []calendar.Range{}
	}
	return view
}

// partViews are the parts of an import of that status.
func partViews(status string, parts []importstore.Part) []partJSON {
	views := make([]partJSON, len(parts))
	for i, p := range parts {
		views[i] = partJSON{
			Part: p.No, Table: p.TableName, Label: p.Label, Status: p.Status,
			BytesTotal: p.BytesTotal, BytesRead: p.BytesRead, Chunks: p.NextChunk, Attempts: p.FencingToken,
			RowsRead: p.RowsRead, RowsLoaded: p.RowsLoaded, RowsRejected: p.RowsRejected, RowsOutOfRange: p.RowsOutOfRange,
			RowsLeftOut: p.RowsLeftOut, Days: append([]calendar.Range{}, p.Days...),
			ClaimedDays: append([]calendar.Range{}, p.ClaimedDays...),
			Error:       p.Error, StartedAt: p.StartedAt, FinishedAt: p.FinishedAt,
		}
		if rowsPurged(status) {
			views[i].RowsLoaded, views[i].RowsPurged = 0, p.RowsLoaded
		}
	}
	return views
}

type feedbackJSON struct {
	Seq     int32     `json:"seq"`
	At      time.Time `json:"at"`
	Level   string    `json:"level"`
	Message string    `json:"message"`
}

type rejectJSON struct {
	File   string `json:"file"`
	Line   int64  `json:"line"`
	Column string `json:"column"`
	Reason string `json:"reason"`
	Sample string `json:"sample"`
}
