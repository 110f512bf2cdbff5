package importview

import (
	"encoding/json"
	"time"

	importacts "github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/starter"
)

// Schedule is a schedule of imports.
type Schedule struct {
	Name               string                    `json:"name"`
	Site               string                    `json:"site" doc:"Domain of the site."`
	Source             string                    `json:"source" doc:"Name of the importer."`
	Args               json.RawMessage           `json:"args" doc:"Arguments of the importer, an object."`
	Label              string                    `json:"label"`
	Review             *bool                     `json:"review" doc:"Whether its imports need a review; null for the importer's choice."`
	RowsPerSecond      int64                     `json:"rows_per_second" doc:"Limit of the rate; 0 for none."`
	Notify             []string                  `json:"notify" doc:"E-mail addresses that receive notifications."`
	Settings           importacts.ImportSettings `json:"settings"`
	Cron               string                    `json:"cron" doc:"Cron expression; empty for an interval."`
	EverySeconds       float64                   `json:"every_seconds" doc:"Interval; 0 for a cron expression."`
	TimeZone           string                    `json:"time_zone" doc:"IANA name of the zone of the cron expression."`
	JitterSeconds      float64                   `json:"jitter_seconds"`
	Overlap            string                    `json:"overlap" doc:"What happens while an import of the schedule is under way."`
	CatchupSeconds     float64                   `json:"catchup_seconds" doc:"How late a run may begin."`
	PauseAfterFailures int                       `json:"pause_after_failures" doc:"Consecutive failures after which it is paused; 0 for never."`
	Paused             bool                      `json:"paused"`
	Note               string                    `json:"note"`
	CreatedAt          time.Time                 `json:"created_at"`
	Next               []time.Time               `json:"next" doc:"Next runs, at most five."`
	Runs               []Run                     `json:"runs" doc:"Last runs, newest first."`
	Started            int                       `json:"started"`
	Skipped            int                       `json:"skipped" doc:"Runs that were skipped because an import was under way."`
	Missed             int                       `json:"missed" doc:"Runs that were not started because it was too late."`
}

// Run is a run of a schedule.
type Run struct {
	At           time.Time `json:"at" doc:"Time that it is for."`
	StartedAt    time.Time `json:"started_at"`
	Status       string    `json:"status" doc:"running, completed, failed, cancelled, terminated or gone."`
	ImportID     int64     `json:"import_id" doc:"Its import; 0 without one."`
	ImportStatus string    `json:"import_status"`
	Reason       string    `json:"reason"`
	WorkflowID   string    `json:"workflow_id"`
	RunID        string    `json:"run_id"`
}

// ScheduleOf returns the form of a schedule.
func ScheduleOf(s starter.Schedule) Schedule {
	view := Schedule{
		Name: s.Name, Site: s.Request.Site, Source: s.Request.Source, Args: s.Request.Args, Label: s.Request.Label,
		Review: s.Request.Review, RowsPerSecond: s.Request.RowsPerSecond, Notify: append([]string{}, s.Request.Notify...),
		Settings: s.Request.Settings, Cron: s.Timing.Cron, EverySeconds: s.Timing.Every.Seconds(),
		TimeZone: s.Timing.TimeZone, JitterSeconds: s.Timing.Jitter.Seconds(),
		Overlap: s.Overlap, CatchupSeconds: s.Catchup.Seconds(),
		PauseAfterFailures: s.PauseAfterFailures, Paused: s.Paused, Note: s.Note, CreatedAt: s.CreatedAt,
		Next: append([]time.Time{}, s.Next...), Runs: []Run{}, Started: s.Started, Skipped: s.Skipped, Missed: s.Missed,
	}
	for _, r := range s.Runs {
		view.Runs = append(view.Runs, Run{
			At: r.At, StartedAt: r.StartedAt, Status: r.Status, ImportID: r.ImportID, ImportStatus: r.ImportStatus,
			Reason: r.Reason, WorkflowID: r.WorkflowID, RunID: r.RunID,
		})
	}
	return view
}
