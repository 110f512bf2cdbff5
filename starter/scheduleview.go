package starter

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	importacts "github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/starter/internal/call"
	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/importing"
)

// maxNext is how many of the next runs are shown.
const maxNext = 5

// Schedule is a schedule as it is now.
type Schedule struct {
	Name    string
	Request importacts.ScheduledRequest
	Timing  Timing
	// Overlap is one of the constants that begin with Overlap.
	Overlap            string
	Catchup            time.Duration
	PauseAfterFailures int
	Paused             bool
	// Note is what it is for, or why it was paused or resumed last.
	Note      string
	CreatedAt time.Time
	// Next are the next runs, at most five, in the schedule's time zone; without the jitter
	// of those that are far ahead.
	Next []time.Time
	// Runs are the last runs, newest first, at most ten.
	Runs []Run
	// Started is how many runs were started; Skipped and Missed are how many were not,
	// because an import was under way, or because it was too late.
	Started, Skipped, Missed int
}

// The states of a run.
const (
	RunRunning    = "running"
	RunCompleted  = "completed"
	RunFailed     = "failed"
	RunCancelled  = "cancelled"
	RunTerminated = "terminated"
	// RunGone is a run that the server does not remember any more.
	RunGone = "gone"
)

// Run is a run of a schedule.
type Run struct {
	// At is the time that it was for, StartedAt when it began.
	At, StartedAt     time.Time
	WorkflowID, RunID string
	// Status is one of the constants that begin with Run.
	Status string
	// ImportID is its import; 0 if it has none (yet).
	ImportID int64
	// ImportStatus is the import's status; "" if it is gone.
	ImportStatus string
	// Reason says why it has failed.
	Reason string
}

// Schedule returns a schedule with its last runs, or store.ErrNotFound.
func (s *Starter) Schedule(ctx context.Context, name string) (Schedule, error) {
	return s.schedule(ctx, name, maxRuns)
}

// maxRuns is how many of the last runs the server remembers.
const maxRuns = 10

func (s *Starter) schedule(ctx context.Context, name string, runs int) (Schedule, error) {
	row, err := s.Store.Imports.Schedule(ctx, name)
	stored := err == nil
	if err != nil && !errors.Is(err, store.ErrNotFound) {
		return Schedule{}, err
	}
	if row.DeletedAt != nil {
		return Schedule{}, fmt.Errorf("schedule %s: %w", name, store.ErrNotFound)
	}
	now, err := s.Temporal.ScheduleClient().GetHandle(ctx, workflows.ScheduleID(name)).Describe(ctx)
	if call.IsNotFound(err) && stored {
		return storedSchedule(row)
	}
	if call.IsNotFound(err) {
		return Schedule{}, fmt.Errorf("schedule %s: %w", name, store.ErrNotFound)
	}
	if err != nil {
		return Schedule{}, fmt.Errorf("describe schedule %s: %w", name, err)
	}
	has, err := described(name, now.Schedule)
	if err != nil {
		return Schedule{}, fmt.Errorf("schedule %s: %w", name, err)
	}
	view := has.view(name)
	view.Paused, view.Note, view.CreatedAt = now.Schedule.State.Paused, now.Schedule.State.Note, now.Info.CreatedAt
	if stored {
		view.CreatedAt = row.CreatedAt
	}
	view.Started, view.Skipped, view.Missed = now.Info.NumActions, now.Info.NumActionsSkippedOverlap,
		now.Info.NumActionsMissedCatchupWindow
	for _, at := range now.Info.NextActionTimes[:min(len(now.Info.NextActionTimes), maxNext)] {
		view.Next = append(view.Next, at.In(view.Timing.Location()))
	}
	recent := slices.Clone(now.Info.RecentActions)
	slices.SortStableFunc(recent, func(a, b client.ScheduleActionResult) int { return b.ActualTime.Compare(a.ActualTime) })
	for _, action := range recent[:min(len(recent), runs)] {
		run, err := s.run(ctx, action)
		if err != nil {
			return Schedule{}, fmt.Errorf("schedule %s: %w", name, err)
		}
		view.Runs = append(view.Runs, run)
	}
	return view, nil
}

// view is a definition as people see it.
func (d definition) view(name string) Schedule {
	return Schedule{
		Name: name, Request: d.Input.Request, Timing: d.Timing, PauseAfterFailures: d.Input.PauseAfterFailures,
		Overlap: d.Overlap, Catchup: d.Catchup,
	}
}

// storedSchedule is a schedule that Temporal does not have (yet): it has no runs.
func storedSchedule(row importstore.Schedule) (Schedule, error) {
	d, err := parseDefinition(row)
	if err != nil {
		return Schedule{}, err
	}
	view := d.view(row.Name)
	view.Paused, view.Note, view.CreatedAt = row.Paused, row.Note, row.CreatedAt
	return view, nil
}

// inputOf reads what the schedule of that name starts. The error is errForeign unless it starts the import of a
// schedule of that name: the input of another program may well be readable as one of sluice's.
func inputOf(name string, action client.ScheduleAction) (importing.ScheduledInput, error) {
	var in importing.ScheduledInput
	start, ok := action.(*client.ScheduleWorkflowAction)
	if !ok || start.Workflow != workflows.TypeScheduledImport || len(start.Args) != 1 {
		return in, errForeign
	}
	payload, ok := start.Args[0].(*commonpb.Payload)
	if !ok {
		return in, errForeign
	}
	if err := converter.GetDefaultDataConverter().FromPayload(payload, &in); err != nil {
		return in, fmt.Errorf("%w: read its input: %w", errForeign, err)
	}
	if in.Schedule != name {
		return in, errForeign
	}
	return in, nil
}

// errForeign is of a schedule that another program has made under a name of Sluice's.
var errForeign = errors.New("it was not made by sluice: it starts something else")

// Schedules returns up to so many schedules by name that a filter selects, each with its last run, and whether
// there are more. Those that other programs have made under one of the names are left out. The error is that of the
// store or of Temporal.
func (s *Starter) Schedules(ctx context.Context, f ScheduleFilter, limit int) (list []Schedule, more bool, err error) {
	known, err := s.temporalSchedules(ctx)
	if err != nil {
		return nil, false, err
	}
	rows, err := s.Store.Imports.ListSchedules(ctx)
	if err != nil {
		return nil, false, fmt.Errorf("list the schedules of the store: %w", err)
	}
	for _, row := range rows {
		known[row.Name] = true
	}
	names := slices.Sorted(maps.Keys(known))
	for _, name := range names {
		// The listing is a little behind, and has schedules that are being deleted, and those of other programs.
		view, err := s.schedule(ctx, name, 1)
		if errors.Is(err, store.ErrNotFound) || errors.Is(err, errForeign) {
			continue
		}
		if err != nil {
			return nil, false, err
		}
		if !f.matches(view) {
			continue
		}
		if len(list) == limit {
			return list, true, nil
		}
		list = append(list, view)
	}
	return list, false, nil
}

// run finds out what has become of a run.
func (s *Starter) run(ctx context.Context, action client.ScheduleActionResult) (Run, error) {
	r := Run{At: action.ScheduleTime.UTC(), StartedAt: action.ActualTime.UTC(), Status: RunGone}
	if action.StartWorkflowResult == nil {
		return r, nil
	}
	r.WorkflowID, r.RunID = action.StartWorkflowResult.WorkflowID, action.StartWorkflowResult.FirstExecutionRunID
	now, err := s.Temporal.DescribeWorkflowExecution(ctx, r.WorkflowID, r.RunID)
	if call.IsNotFound(err) {
		return r, nil
	}
	if err != nil {
		return r, fmt.Errorf("describe run %s: %w", r.WorkflowID, err)
	}
	switch now.GetWorkflowExecutionInfo().GetStatus() {
	case enums.WORKFLOW_EXECUTION_STATUS_RUNNING:
		r.Status = RunRunning
		for _, child := range now.GetPendingChildren() {
			if id, err := workflows.ImportOf(child.GetWorkflowId()); err == nil {
				r.ImportID = id
			}
		}
	case enums.WORKFLOW_EXECUTION_STATUS_TERMINATED:
		r.Status = RunTerminated
	default:
		s.outcome(ctx, &r)
	}
	if r.ImportID == 0 {
		return r, nil
	}
	imp, err := s.Store.Imports.Import(ctx, r.ImportID)
	if errors.Is(err, store.ErrNotFound) {
		return r, nil
	}
	r.ImportStatus = imp.Status
	return r, err
}

// outcome returns the outcome of an ended run.
func (s *Starter) outcome(ctx context.Context, r *Run) {
	var outcome importacts.ImportOutcome
	err := s.Temporal.GetWorkflow(ctx, r.WorkflowID, r.RunID).Get(ctx, &outcome)
	var app *temporal.ApplicationError
	var failed importing.ScheduledFailure
	switch {
	case err == nil:
		r.Status, r.ImportID = RunCompleted, outcome.ImportID
	case temporal.IsCanceledError(err):
		r.Status, r.Reason = RunCancelled, "cancelled"
	case errors.As(err, &app):
		r.Status, r.Reason = RunFailed, app.Message()
		if app.HasDetails() && app.Details(&failed) == nil {
			r.ImportID = failed.ImportID
		}
	default:
		r.Status, r.Reason = RunFailed, err.Error()
	}
}
