// Package importing has the workflows of imports: the import itself, its deletion, its dry run and
// the run of a schedule.
package importing

import (
	"cmp"
	"fmt"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
	importacts "github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/importers"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/command"
)

// ImportInput starts an Import workflow. ImportID and Importer are required; everything else
// stands in the store.
type ImportInput struct {
	ImportID int64 `json:"import_id"`
	// Importer is the importer's name: its callbacks run on its task queues. Required.
	Importer string `json:"importer"`
	// GiveUp, if set, says why the import is ended without doing anything else: its
	// workflow was terminated, or an earlier run had begun to end it.
	GiveUp string `json:"give_up,omitempty"`
	// GiveUpClass is the class of that end. Defaults to importers.ClassInternal.
	GiveUpClass string `json:"give_up_class,omitempty"`
	// Ended, if set, is the status with which an earlier run has ended the import, with GiveUp
	// and GiveUpClass: this run does what follows the end.
	Ended string `json:"ended,omitempty"`
	// Purge says that the warehouse may have rows of another import of the same number: they
	// are purged first.
	Purge bool `json:"purge,omitempty"`
	// Resumed says that an earlier run continued as this one, with the following: the
	// import has been planned already.
	Resumed bool `json:"resumed,omitempty"`
	// Checked says that before_start has succeeded.
	Checked bool `json:"checked,omitempty"`
	// InReview says that it waits for a decision, or has it.
	InReview bool `json:"in_review,omitempty"`
	// FencingToken is the fencing token of its locks.
	FencingToken int64 `json:"fencing_token,omitempty"`
	// Paused and RowsPerSecond are what people have set.
	Paused        bool   `json:"paused,omitempty"`
	RowsPerSecond *int64 `json:"rows_per_second,omitempty"`
	// Seen are the keys of the commands that were carried out.
	Seen []string `json:"seen,omitempty"`
	// Retrying are parts that are retried, and that the store may know as parked.
	Retrying []int32 `json:"retrying,omitempty"`
	// Signals are commands that the run before has left.
	Signals []command.CarriedSignal `json:"signals,omitempty"`
	// Refused is how many signals were refused.
	Refused int `json:"refused,omitempty"`
}

// ImportResult is what an import has brought in.
type ImportResult struct {
	importacts.PartResult
	Days string `json:"days"`
	// Unchanged says why there was nothing to bring in, if there was not.
	Unchanged string `json:"unchanged,omitempty"`
}

// importRun is the state of one run of the Import workflow.
type importRun struct {
	in    ImportInput
	phase string
	// waiting says what the import waits for, while it does.
	waiting string
	// reason says why the import has failed, once it has.
	reason string
	// fencingToken is the fencing token of the import's locks, 0 while it has none.
	fencingToken int64
	plan         importacts.Planned
	parts        []*partRun
	// asOf is when the figures of parts were last reported.
	asOf time.Time
	// checked says that before_start has succeeded.
	checked bool
	// parkedAtOnce says that the import is shown as parked as soon as a part is.
	parkedAtOnce bool
	// ending says that the end has begun: commands come too late.
	ending bool

	gate     pauseGate
	commands command.State
	review   reviewing
	lines    []Line
	// writing lets one note be written at a time: they arrive in their order.
	writing workflow.Mutex
}

// Import carries out one import:
//
//	before_start, acquire_locks, plan, import_data for every part, check_loaded, summarize,
//	a review if it is required, finalize, clean_up, publish, on_success
//
// and where something fails or the workflow is cancelled
//
//	note_failure and on_failure unless before_start has failed, purge_rows, clean_up, finish
//
// The importer's callbacks, import_data and repair run on the task queues of the importer, all other
// activities on the main one. Its rows become visible with publish, all at once. Its locks are released with its
// end, or with the beginning of its review. What flows want of its end, or of its
// rows, is left to a Dispatch, which is started at last.
func Import(ctx workflow.Context, in ImportInput) (ImportResult, error) {
	if in.Importer == "" {
		return ImportResult{}, temporal.NewNonRetryableApplicationError(
			"the input names no importer", string(importers.ClassInternal), nil)
	}
	run := &importRun{
		in: in, phase: importstore.PhaseQueued, fencingToken: in.FencingToken, lines: []Line{},
		writing: workflow.NewMutex(ctx),
		checked: in.Resumed || in.Checked,
	}
	if in.InReview {
		run.phase = importstore.PhaseInReview
	}
	work, cancel := workflow.WithCancel(ctx)
	defer cancel()
	run.commands.Cancel, run.commands.Inherited = cancel, in.Signals
	if err := run.serve(ctx); err != nil {
		return ImportResult{}, err
	}
	result, err := run.carryOut(ctx, work)
	if command.IsContinueAsNew(err) {
		return ImportResult{}, err
	}
	// Every accepted command gets a response.
	settled, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	if waitErr := workflow.Await(settled, func() bool { return run.answered(ctx) }); waitErr != nil && err == nil {
		err = waitErr
	}
	return result, err
}

// carryOut works until the import has ended. work is ctx, and is cancelled by the command
// to cancel too.
func (r *importRun) carryOut(ctx, work workflow.Context) (ImportResult, error) {
	if r.in.Ended != "" {
		return r.follow(ctx)
	}
	r.watch(work, r.commands.Cancel)
	err := r.work(work)
	switch {
	case r.continues(ctx, err):
		err = r.continueAsNew(ctx)
	case r.commands.Continuing && r.commands.Cancelling == nil && ctx.Err() == nil:
		// The work was done, or has failed, before it could stop.
	case work.Err() != nil && (err == nil || !workflows.IsPermanent(err)):
		// A command to cancel that was accepted is kept: also in the last moment, and where
		// an attempt that it has stopped has failed of something else.
		err = work.Err()
	}
	switch {
	case workflows.IsType(err, activities.TypeUnfinished):
		err = r.reloadOpenParts(ctx)
	case err == nil:
		return r.complete(ctx)
	case workflows.IsType(err, activities.TypeUnchanged):
		return r.unchanged(ctx, err)
	}
	if command.IsContinueAsNew(err) {
		return ImportResult{}, err
	}
	return ImportResult{}, r.giveUp(ctx, err)
}

// work goes through all phases up to the point of no return.
func (r *importRun) work(ctx workflow.Context) error {
	if r.in.GiveUp != "" {
		r.checked = true
		class := cmp.Or(r.in.GiveUpClass, string(importers.ClassInternal))
		return temporal.NewNonRetryableApplicationError(r.in.GiveUp, class, nil)
	}
	if r.in.Purge {
		if err := workflows.Execute(workflows.Purging(ctx, "purge what another import has left"), workflows.ActivityPurgeRows,
			r.self()); err != nil {
			return err
		}
	}
	err := r.goThrough(ctx)
	for workflows.IsType(err, activities.TypeUnlocked) {
		// A reset has brought the run back to a point behind the grant of locks that
		// the import no longer has, because it had ended.
		r.fencingToken, r.in.Resumed, r.in.InReview, r.checked = 0, false, false, false
		r.parts, r.plan = nil, importacts.Planned{}
		err = r.goThrough(ctx)
	}
	return err
}

func (r *importRun) goThrough(ctx workflow.Context) error {
	if !r.in.Resumed {
		if err := r.check(ctx); err != nil {
			return err
		}
		if err := r.lock(ctx); err != nil {
			return err
		}
	}
	if r.in.InReview {
		if err := r.readPlan(ctx, "read the plan"); err != nil {
			return err
		}
		return r.afterLoad(ctx)
	}
	if err := r.enter(ctx, importstore.PhasePlanning); err != nil {
		return err
	}
	if err := r.readPlan(ctx, "cut into parts"); err != nil {
		return err
	}
	if r.plan.Unchanged != "" {
		return temporal.NewNonRetryableApplicationError(r.plan.Unchanged, activities.TypeUnchanged, nil)
	}
	if r.in.RowsPerSecond != nil {
		r.plan.RowsPerSecond = *r.in.RowsPerSecond
	}
	if err := r.enter(ctx, importstore.PhaseLoading); err != nil {
		return err
	}
	if err := r.loadParts(ctx); err != nil {
		return err
	}
	if err := workflows.Execute(workflows.Bookkeeping(ctx, "check what was loaded"), workflows.ActivityCheckLoaded,
		r.self()); err != nil {
		return err
	}
	if r.plan.Summarize {
		if err := r.callback(ctx, "sum up", workflows.ActivitySummarize, nil); err != nil {
			return err
		}
	}
	return r.afterLoad(ctx)
}

// check lets the importer check its source, once.
func (r *importRun) check(ctx workflow.Context) error {
	if r.checked {
		return nil
	}
	if err := r.enter(ctx, importstore.PhaseBeforeStart); err != nil {
		return err
	}
	if err := r.callback(ctx, "check the source", workflows.ActivityBeforeStart, nil); err != nil {
		return err
	}
	r.checked = true
	return nil
}

// afterLoad goes through the phases behind loading, up to the point of no return.
func (r *importRun) afterLoad(ctx workflow.Context) error {
	if r.plan.Review {
		if err := r.awaitDecision(ctx); err != nil {
			return err
		}
	}
	if err := r.enter(ctx, importstore.PhaseFinalize); err != nil {
		return err
	}
	return r.callback(ctx, "finalize", workflows.ActivityFinalize, nil)
}

// callback runs a callback of the importer that can be interrupted.
func (r *importRun) callback(ctx workflow.Context, summary, activity string, result any) error {
	return r.gate.run(ctx, r, func(ctx workflow.Context) error {
		return workflow.ExecuteActivity(workflows.Callback(ctx, r.in.Importer, summary), activity, r.self()).Get(ctx, result)
	})
}

// self names the import, with the grant of locks that it uses.
func (r *importRun) self() importacts.ImportRef {
	return importacts.ImportRef{ImportID: r.in.ImportID, FencingToken: r.fencingToken}
}

// enter notes the phase where people see it. The store's copy is written by the
// phase's own activities.
func (r *importRun) enter(ctx workflow.Context, phase string) error {
	r.phase = phase
	r.describe(ctx)
	status := importstore.StatusRunning
	switch phase {
	case importstore.PhaseBeforeStart, importstore.PhaseLocking:
		status = importstore.StatusQueued
	case importstore.PhaseInReview, importstore.PhaseStagingDone:
		status = importstore.StatusInReview
	case importstore.PhaseLoading:
		if r.parkedAtOnce && r.hasParked() {
			status = importstore.StatusParked
		}
	}
	err := workflow.UpsertTypedSearchAttributes(ctx, workflows.AttributeStatus.ValueSet(status),
		workflows.AttributePhase.ValueSet(phase))
	if err != nil {
		return fmt.Errorf("set search attributes: %w", err)
	}
	return nil
}

// note writes a line to the import's log.
func (r *importRun) note(ctx workflow.Context, level, message string) error {
	return r.write(ctx, importacts.Note{Level: level, Message: message})
}

// write writes a note down, behind those that were written before.
func (r *importRun) write(ctx workflow.Context, note importacts.Note) error {
	r.remember(ctx, note.Level, note.Message)
	note.ImportID = r.in.ImportID
	if err := r.writing.Lock(ctx); err != nil {
		return err
	}
	defer r.writing.Unlock()
	return workflows.Execute(workflows.Bookkeeping(ctx, workflows.Summary(note.Message)), workflows.ActivityNote, note)
}

// maxLines is how many lines of the log a workflow remembers.
const maxLines = 20

func (r *importRun) remember(ctx workflow.Context, level, message string) {
	r.lines = append(r.lines, Line{At: workflow.Now(ctx).UTC().Truncate(time.Millisecond), Level: level, Message: message})
	if len(r.lines) > maxLines {
		r.lines = r.lines[1:]
	}
}
