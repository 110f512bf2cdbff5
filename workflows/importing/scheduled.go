package importing

import (
	"errors"
	"fmt"
	"time"

	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	importacts "github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/importers"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
)

// ScheduledInput starts a ScheduledImport workflow. It is the input of a schedule's
// action, at most MaxScheduledInput bytes, and everything that a schedule knows.
type ScheduledInput struct {
	// Schedule is the schedule's name.
	Schedule string `json:"schedule"`
	// Request is what to import.
	Request importacts.ScheduledRequest `json:"request"`
	// PauseAfterFailures is after how many failures in a row the schedule is paused; 0 is
	// never.
	PauseAfterFailures int `json:"pause_after_failures,omitempty"`
}

// MaxScheduledInput bounds a ScheduledInput, in bytes of JSON.
const MaxScheduledInput = 32 << 10

// ScheduledFailure goes along with the error of a ScheduledImport that has failed. The
// server hands it on to the next run: that is how failures in a row are counted.
type ScheduledFailure struct {
	// ImportID is the import; 0 if it could not be created.
	ImportID int64 `json:"import_id,omitempty"`
	// Failures is how many runs in a row have failed, this one included.
	Failures int `json:"failures"`
}

// scheduledRun is the state of a ScheduledImport.
type scheduledRun struct {
	in      ScheduledInput
	created importacts.CreatedImport
}

// ScheduledImport is what a schedule starts at each of its times: it creates an import,
// runs it as a child and waits for its end, so that the schedule knows whether the one
// before is still under way. It fails if the import does. Cancelling it cancels the
// import; terminating it leaves the import alone.
func ScheduledImport(ctx workflow.Context, in ScheduledInput) (importacts.ImportOutcome, error) {
	r := &scheduledRun{in: in}
	outcome, err := r.carryOut(ctx)
	if err != nil {
		return importacts.ImportOutcome{}, r.fail(ctx, err)
	}
	return outcome, nil
}

func (r *scheduledRun) carryOut(ctx workflow.Context) (importacts.ImportOutcome, error) {
	// What is begun is brought to its end, also in a run that is cancelled: an import that
	// is created has a workflow, which then ends it.
	work, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	run := importacts.ScheduledRun{
		Schedule: r.in.Schedule, At: scheduledTime(ctx), RunID: workflow.GetInfo(ctx).WorkflowExecution.RunID,
		Request: r.in.Request,
	}
	creating := workflows.Creation(work, r.in.Request.Source, "create the import of "+run.At.Format(time.RFC3339))
	if err := workflow.ExecuteActivity(creating, workflows.ActivityCreateImport, run).Get(work, &r.created); err != nil {
		return importacts.ImportOutcome{}, err
	}
	workflow.SetCurrentDetails(ctx, fmt.Sprintf("Import **%d** of **%s**, by schedule **%s**.",
		r.created.ImportID, r.created.Site, r.in.Schedule))
	if importstore.Ended(r.created.Status) {
		// An earlier run for the same time has brought it in.
		return importacts.ImportOutcome{ImportID: r.created.ImportID, Status: r.created.Status}, nil
	}
	return r.follow(ctx, work)
}

// follow runs the import and waits for its end.
func (r *scheduledRun) follow(ctx, work workflow.Context) (importacts.ImportOutcome, error) {
	importing, cancel := workflow.WithCancel(work)
	defer cancel()
	child := workflow.ExecuteChildWorkflow(workflow.WithChildOptions(importing, r.childOptions()), workflows.TypeImport,
		ImportInput{ImportID: r.created.ImportID, Importer: r.created.Source})
	err := child.GetChildWorkflowExecution().Get(work, nil)
	if _, ok := errors.AsType[*temporal.ChildWorkflowExecutionAlreadyStartedError](err); ok {
		return r.await(ctx, work)
	}
	if err != nil {
		return importacts.ImportOutcome{}, fmt.Errorf("start the import: %w", err)
	}
	onCancel(ctx, work, child, cancel)
	var result ImportResult
	if err := child.Get(work, &result); err != nil {
		return importacts.ImportOutcome{}, err
	}
	outcome := importacts.ImportOutcome{
		ImportID: r.created.ImportID, Status: importstore.StatusCompleted, RowsLoaded: result.RowsLoaded,
	}
	if result.Unchanged != "" {
		outcome.Status, outcome.Reason = importstore.StatusUnchanged, result.Unchanged
	}
	return outcome, nil
}

// onCancel waits until what is awaited is there, and calls cancel if the workflow is
// cancelled before.
func onCancel(ctx, work workflow.Context, awaited workflow.Future, cancel func()) {
	selector := workflow.NewSelector(work).AddFuture(awaited, func(workflow.Future) {})
	selector.AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) { cancel() })
	selector.Select(work)
}

// await waits for the end of an import whose workflow another process has started: a worker
// that took it for abandoned, or another run for the same time.
func (r *scheduledRun) await(ctx, work workflow.Context) (importacts.ImportOutcome, error) {
	ended := workflow.ExecuteActivity(workflows.Polling(work, "wait for the import"), workflows.ActivityAwaitImport,
		importacts.AwaitedImport{ImportID: r.created.ImportID})
	var cancelled workflow.Future
	onCancel(ctx, work, ended, func() {
		cancelled = workflow.RequestCancelExternalWorkflow(work, workflows.ImportID(r.created.Site, r.created.ImportID), "")
	})
	if cancelled != nil {
		if err := cancelled.Get(work, nil); err != nil {
			workflow.GetLogger(ctx).Warn("could not cancel the import", "error", err)
		}
	}
	var outcome importacts.ImportOutcome
	if err := ended.Get(work, &outcome); err != nil {
		return outcome, err
	}
	switch outcome.Status {
	case importstore.StatusCompleted, importstore.StatusUnchanged:
		return outcome, nil
	case importstore.StatusCancelled:
		return outcome, temporal.NewCanceledError(outcome.Reason)
	default:
		return outcome, temporal.NewNonRetryableApplicationError(outcome.Reason, outcome.Class, nil)
	}
}

// childOptions are those of the import's workflow, as if a person had started it.
func (r *scheduledRun) childOptions() workflow.ChildWorkflowOptions {
	return workflow.ChildWorkflowOptions{
		WorkflowID: workflows.ImportID(r.created.Site, r.created.ImportID), TaskQueue: workflows.QueueMain,
		WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE,
		ParentClosePolicy:     enums.PARENT_CLOSE_POLICY_ABANDON,
		// A cancelled import purges its rows before the next one begins.
		WaitForCancellation: true,
		StaticSummary:       r.created.Summary, StaticDetails: r.created.Details,
		TypedSearchAttributes: temporal.NewSearchAttributes(
			workflows.AttributeSite.ValueSet(r.created.Site), workflows.AttributeSource.ValueSet(r.created.Source),
			workflows.AttributeStatus.ValueSet(r.created.Status), workflows.AttributePhase.ValueSet(r.created.Phase),
		),
	}
}

// fail returns the error that ends the run, after having paused the schedule if this was
// one failure too many.
func (r *scheduledRun) fail(ctx workflow.Context, cause error) error {
	class, reason := workflows.Explain(cause)
	id := r.created.ImportID
	if id == 0 {
		reason = "create the import: " + reason
	} else {
		reason = fmt.Sprintf("import %d: %s", id, reason)
	}
	if class == string(importers.ClassCancelled) {
		// A requested cancellation is neither a failure nor the end of a series of failures.
		return temporal.NewCanceledError(reason)
	}
	end := ScheduledFailure{ImportID: id, Failures: failuresBefore(ctx)}
	if class != string(importers.ClassDeclined) {
		end.Failures++
	}
	if most := r.in.PauseAfterFailures; most > 0 && end.Failures >= most {
		pause := importacts.SchedulePause{
			Schedule: r.in.Schedule, ImportID: id, Note: fmt.Sprintf("%d failures in a row, the last: %s", end.Failures, reason),
		}
		if end.Failures == 1 {
			pause.Note = "it has failed: " + reason
		}
		work, stop := workflow.NewDisconnectedContext(ctx)
		defer stop()
		if err := workflows.Execute(workflows.Bookkeeping(work, "pause the schedule"), workflows.ActivityPauseSchedule,
			pause); err != nil {
			return err
		}
		// A resumed schedule starts with a failure count of 0.
		end.Failures = 0
	}
	return temporal.NewNonRetryableApplicationError(reason, class, nil, end)
}

// failuresBefore returns how many runs in a row have failed before this one.
func failuresBefore(ctx workflow.Context) int {
	var app *temporal.ApplicationError
	var last ScheduledFailure
	if err := workflow.GetLastError(ctx); errors.As(err, &app) && app.HasDetails() && app.Details(&last) == nil {
		return last.Failures
	}
	return 0
}

// scheduledTime returns the time of the run, to the second: that of the schedule, or the start of a
// run that was triggered.
func scheduledTime(ctx workflow.Context) time.Time {
	if at, ok := workflow.GetTypedSearchAttributes(ctx).GetTime(attributeScheduledTime); ok {
		return at.UTC()
	}
	return workflow.GetInfo(ctx).WorkflowStartTime.UTC().Truncate(time.Second)
}

// attributeScheduledTime is set by the server on what a schedule starts.
var attributeScheduledTime = temporal.NewSearchAttributeKeyTime("TemporalScheduledStartTime")
