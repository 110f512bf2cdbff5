package importing

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// ScheduledRequest is the import that a schedule asks for at each of its times. It stands
// in the schedule's action: arguments are in normal form, and name connections instead of
// holding secrets.
type ScheduledRequest struct {
	// Site is the domain of the site that the data belong to.
	Site string `json:"site"`
	// Source is the importer's name.
	Source string `json:"source"`
	// Label says what people see; "" is what the importer is called.
	Label string `json:"label,omitempty"`
	// Args are the importer's arguments.
	Args json.RawMessage `json:"args"`
	// By says who has made the schedule.
	By string `json:"by,omitempty"`
	// Notify are e-mail addresses that receive notifications about each import.
	Notify []string `json:"notify,omitempty"`
	// Review says whether rows wait for a decision; nil is what the importer says.
	Review *bool `json:"review,omitempty"`
	// RowsPerSecond bounds how fast rows are loaded; 0 is as fast as it goes.
	RowsPerSecond int64 `json:"rows_per_second,omitempty"`
	// Settings replace settings of the worker, one by one.
	Settings ImportSettings `json:"settings,omitzero"`
}

// ImportSettings replace those settings of an import that are set.
type ImportSettings struct {
	Parallelism    *int     `json:"parallelism,omitempty"`
	MaxRejects     *int64   `json:"max_rejects,omitempty"`
	MaxRejectShare *float64 `json:"max_reject_share,omitempty"`
	OnPartFailure  *string  `json:"on_part_failure,omitempty"`
}

// ScheduledRun is one run of a schedule.
type ScheduledRun struct {
	// Schedule is the schedule's name.
	Schedule string `json:"schedule"`
	// At is the time that the run is for.
	At time.Time `json:"at"`
	// RunID is the run of the workflow.
	RunID string `json:"run_id"`
	// Request is what to import.
	Request ScheduledRequest `json:"request"`
}

// CreatedImport is the import of a run.
type CreatedImport struct {
	ImportID int64  `json:"import_id"`
	Site     string `json:"site"`
	Source   string `json:"source"`
	// Status and Phase are the import's when it was created or found.
	Status string `json:"status"`
	Phase  string `json:"phase"`
	// Summary and Details are what the Web UI shows about its workflow.
	Summary string `json:"summary"`
	Details string `json:"details"`
}

// ImportOutcome is how an import has ended.
type ImportOutcome struct {
	ImportID   int64  `json:"import_id"`
	Status     string `json:"status"`
	Class      string `json:"class,omitempty"`
	Reason     string `json:"reason,omitempty"`
	RowsLoaded int64  `json:"rows_loaded"`
}

// Schedules has the activities of scheduled imports.
type Schedules struct {
	// Store is the system of record. Required.
	Store *importstore.Store
	// Create creates the import of a run without starting its workflow, or returns the one
	// that the run has created before. Required.
	Create func(ctx context.Context, run ScheduledRun) (CreatedImport, error)
	// Pause pauses a schedule, unless it is paused. Required.
	Pause func(ctx context.Context, schedule, note string) error
}

// CreateImport creates the import of a run.
func (s *Schedules) CreateImport(ctx context.Context, run ScheduledRun) (CreatedImport, error) {
	created, err := s.Create(ctx, run)
	return created, activities.Failure(err)
}

// AwaitedImport is an import whose end is awaited. It is no activity about that import: an import
// that has not ended has no attempt error for it.
type AwaitedImport struct {
	ImportID int64 `json:"import_id"`
}

// TypePending is the type of the error that says of an import that it has not ended yet.
const TypePending = "pending"

// AwaitImport returns how an import has ended, and fails while it has not: its retries are
// the waiting, which costs nothing in between.
func (s *Schedules) AwaitImport(ctx context.Context, in AwaitedImport) (ImportOutcome, error) {
	summary, err := s.Store.Summary(ctx, in.ImportID)
	if err != nil {
		return ImportOutcome{}, activities.Failure(err)
	}
	imp := summary.Import
	if !importstore.Ended(imp.Status) {
		return ImportOutcome{}, temporal.NewApplicationError(
			fmt.Sprintf("import %d is %s, %s", imp.ID, imp.Status, imp.Phase), TypePending)
	}
	return ImportOutcome{
		ImportID: imp.ID, Status: imp.Status, Class: imp.ErrorClass, Reason: imp.Error, RowsLoaded: summary.RowsLoaded,
	}, nil
}

// SchedulePause asks to pause a schedule whose imports keep failing.
type SchedulePause struct {
	Schedule string `json:"schedule"`
	// ImportID is the last import; 0 if it could not be created.
	ImportID int64 `json:"import_id,omitempty"`
	// Note says why, for people.
	Note string `json:"note"`
}

// PauseSchedule pauses a schedule and says so in the log of its last import.
func (s *Schedules) PauseSchedule(ctx context.Context, p SchedulePause) error {
	if err := s.Pause(ctx, p.Schedule, activities.Plain(p.Note)); err != nil {
		return activities.Failure(err)
	}
	if p.ImportID == 0 {
		return nil
	}
	err := s.Store.AddFeedback(ctx, p.ImportID, importstore.LevelError, runOf(ctx)+"/paused-schedule",
		fmt.Sprintf("Schedule %s is paused: %s. Resume it with `sluice schedule resume %s`.", p.Schedule, p.Note, p.Schedule))
	if errors.Is(err, store.ErrNotFound) {
		// It is gone, and its log with it.
		return nil
	}
	return activities.Failure(err)
}
