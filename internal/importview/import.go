// Package importview has the JSON form of imports that the command line writes and the API answers with. Fields
// are only ever added.
package importview

import (
	"fmt"
	"time"

	"github.com/sluicehq/sluice/calendar"
	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// Import is an import without its parts.
type Import struct {
	ID        int64            `json:"id"`
	Site      string           `json:"site" doc:"Domain of the site."`
	Source    string           `json:"source" doc:"Name of the importer."`
	Label     string           `json:"label"`
	Status    string           `json:"status" doc:"queued, running, parked, in_review, completed, unchanged, failed, cancelled, declined or deleting."`
	Phase     string           `json:"phase" doc:"Phase of the status; the status itself after the end."`
	StartDate *calendar.Day    `json:"start_date" nullable:"true" doc:"First day of the source."`
	EndDate   *calendar.Day    `json:"end_date" nullable:"true" doc:"Last day of the source."`
	Days      []calendar.Range `json:"days" doc:"Days that are imported, in the time zone of the site."`
	// RowsRead = RowsLoaded + RowsPurged + RowsRejected + RowsOutOfRange + RowsLeftOut.
	RowsRead       int64  `json:"rows_read" doc:"Sum of the five counts that follow."`
	RowsLoaded     int64  `json:"rows_loaded"`
	RowsPurged     int64  `json:"rows_purged" doc:"Rows that an import without result had loaded."`
	RowsRejected   int64  `json:"rows_rejected"`
	RowsOutOfRange int64  `json:"rows_out_of_range"`
	RowsLeftOut    int64  `json:"rows_left_out" doc:"Rows of days that are not imported."`
	PartsTotal     int64  `json:"parts_total"`
	PartsDone      int64  `json:"parts_done" doc:"Parts that are loaded or skipped."`
	Warnings       int64  `json:"warnings" doc:"Number of warnings in the feedback."`
	Errors         int64  `json:"errors" doc:"Number of errors in the feedback."`
	LastError      string `json:"last_error" doc:"Last error of the feedback; empty without one."`
	RequestedBy    string `json:"requested_by"`
	Paused         bool   `json:"paused"`
	RowsPerSecond  int64  `json:"rows_per_second" doc:"Limit of the rate; 0 for none."`
	// WaitUntil and WaitReason are of an import that waits for its source.
	WaitUntil     *time.Time `json:"wait_until" doc:"When an import that waits for its source continues."`
	WaitReason    string     `json:"wait_reason"`
	Review        bool       `json:"review" doc:"The rows become visible once a reviewer has accepted them."`
	Schedule      string     `json:"schedule" doc:"Name of the schedule that started the import; empty without one."`
	NoWorker      bool       `json:"no_worker" doc:"The import waits because no live worker has its importer."`
	AttemptError  string     `json:"attempt_error" doc:"Error of the last attempt while it is retried."`
	WorkflowFault string     `json:"workflow_fault" doc:"Error of a failing workflow task; empty if none fails."`
	Error         string     `json:"error" doc:"Why the import has ended."`
	ErrorClass    string     `json:"error_class"`
	WorkflowID    string     `json:"workflow_id"`
	RunID         string     `json:"run_id"`
	CreatedAt     time.Time  `json:"created_at"`
	CheckedAt     *time.Time `json:"checked_at" doc:"When a worker has found that the source can be imported."`
	StartedAt     *time.Time `json:"started_at"`
	FinishedAt    *time.Time `json:"finished_at"`
}

// New returns the form of an import.
func New(workers store.Workers, s importstore.Summary) Import {
	i := s.Import
	s, _, purged := WithoutPurged(s, nil)
	view := Import{
		ID: i.ID, Site: s.Domain, Source: i.Source, Label: i.Label, Status: i.Status, Phase: i.Phase,
		StartDate: i.StartDate, EndDate: i.EndDate, Days: append([]calendar.Range{}, i.Days...),
		RowsRead: s.RowsRead, RowsLoaded: s.RowsLoaded, RowsPurged: purged, RowsRejected: s.RowsRejected,
		RowsOutOfRange: s.RowsOutOfRange, RowsLeftOut: s.RowsLeftOut, PartsTotal: s.PartsTotal, PartsDone: s.PartsDone,
		Warnings: s.Warnings, Errors: s.Errors, LastError: s.LastError,
		RequestedBy: i.RequestedBy, Paused: i.Paused, RowsPerSecond: i.Rate, WaitUntil: i.WaitUntil, WaitReason: i.WaitReason,
		Review: i.Review, Schedule: i.Schedule, NoWorker: NoImporter(workers, i) != "",
		AttemptError: i.AttemptError, WorkflowFault: i.WorkflowFault, Error: i.Error, ErrorClass: i.ErrorClass,
		WorkflowID: i.WorkflowID, RunID: i.RunID,
		CreatedAt: i.CreatedAt, CheckedAt: i.CheckedAt, StartedAt: i.StartedAt, FinishedAt: i.FinishedAt,
	}
	return view
}

// NeedsWorker reports whether an import needs a live worker with its importer now.
func NeedsWorker(i importstore.Import) bool {
	return i.Status == importstore.StatusQueued || i.Status == importstore.StatusRunning
}

// NoImporter describes an import whose importer no live worker has; "" if one has, or if the import needs none.
func NoImporter(workers store.Workers, i importstore.Import) string {
	if !NeedsWorker(i) || len(workers.WithImporter(i.Source)) > 0 {
		return ""
	}
	return fmt.Sprintf("no live worker offers importer %q", i.Source)
}
