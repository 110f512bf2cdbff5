package importing

import (
	"errors"
	"fmt"
	"strings"

	"go.temporal.io/sdk/workflow"

	importacts "github.com/sluicehq/sluice/activities/importing"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/command"
)

// RetryPart is the argument of the command retry_part.
type RetryPart struct {
	command.Command
	Part int32 `json:"part" required:"true"`
}

// SkipPart is the argument of the command skip_part. Its Reason is required.
type SkipPart struct {
	command.Command
	Part int32 `json:"part" required:"true"`
}

// SetRate is the argument of the command set_rate.
type SetRate struct {
	command.Command
	// RowsPerSecond bounds the rows that all parts together load, at most
	// MaxRowsPerSecond; 0 is unlimited.
	RowsPerSecond int64 `json:"rows_per_second" required:"true"`
}

// MaxRowsPerSecond bounds set_rate of an import.
const MaxRowsPerSecond = 1_000_000_000

// Decide is the argument of the command decide. By is required; Reason too, to decline.
type Decide struct {
	command.Command
	// Verdict is importstore.Accepted or importstore.Declined: "accepted" or "declined".
	Verdict string `json:"verdict" required:"true"`
}

// answered reports whether all commands have been executed.
func (r *importRun) answered(ctx workflow.Context) bool { return r.commands.Answered(ctx) }

// handleCommands registers the handlers of all commands.
func (r *importRun) handleCommands(ctx workflow.Context) error {
	return errors.Join(
		command.Handle(ctx, r, workflows.CommandPause, `Pause the import: {"by": "..", "reason": ".."}.`, r.canPause,
			r.pause),
		command.Handle(ctx, r, workflows.CommandResume, `Resume a paused import: {"by": ".."}.`, r.canResume, r.resume),
		command.Handle(ctx, r, workflows.CommandCancel, `Cancel the import and purge its rows: {"by": "..", "reason": ".."}.`,
			r.canCancel, r.cancel),
		command.Handle(ctx, r, workflows.CommandRetryPart, `Retry a parked part: {"part": 0}.`,
			func(o RetryPart) error { return r.canDecidePart(o.Part) }, r.retryPart),
		command.Handle(ctx, r, workflows.CommandSkipPart, `Skip a parked part: {"part": 0, "reason": ".."}.`, r.canSkip,
			r.skipPart),
		command.Handle(ctx, r, workflows.CommandSetRate,
			`Limit the rows loaded per second, 0 for no limit: {"rows_per_second": 1000}.`,
			r.canSetRate, r.setRate),
		command.Handle(ctx, r, workflows.CommandDecide,
			`Accept or decline the import: {"verdict": "accepted", "by": "..", "reason": ".."}.`,
			r.canDecide, r.decide),
	)
}

func (r *importRun) CommandState() *command.State { return &r.commands }

// LogRefusal writes to the import's log.
func (r *importRun) LogRefusal(ctx workflow.Context, message string) {
	if err := r.note(ctx, importstore.LevelWarn, message); err != nil {
		workflow.GetLogger(ctx).Error("could not note a refused signal", "error", err)
	}
}

// notEnding returns an error once the import has begun to end.
func (r *importRun) notEnding() error {
	if r.ending || r.commands.Cancelling != nil {
		return fmt.Errorf("too late: import %d is ending, its phase is %s", r.in.ImportID, r.phase)
	}
	return nil
}

func (r *importRun) canPause(command.Pause) error {
	switch {
	case r.review.open:
		return fmt.Errorf("import %d is in review: an import in review cannot be paused", r.in.ImportID)
	case r.gate.paused:
		return fmt.Errorf("import %d is paused already", r.in.ImportID)
	default:
		return r.notEnding()
	}
}

func (r *importRun) pause(ctx workflow.Context, o command.Pause) error {
	r.gate.paused = true
	r.gate.interrupt(false)
	return r.setPaused(ctx, "Paused"+command.Signature(o.Command)+".")
}

func (r *importRun) canResume(command.Resume) error {
	if !r.gate.paused {
		return fmt.Errorf("import %d is not paused", r.in.ImportID)
	}
	return r.notEnding()
}

func (r *importRun) resume(ctx workflow.Context, o command.Resume) error {
	r.gate.paused = false
	return r.setPaused(ctx, "Resumed"+command.Signature(o.Command)+".")
}

// setPaused publishes the paused flag in the details, a search attribute and the store.
func (r *importRun) setPaused(ctx workflow.Context, message string) error {
	paused := r.gate.paused
	r.describe(ctx)
	if err := workflow.UpsertTypedSearchAttributes(ctx, workflows.AttributePaused.ValueSet(paused)); err != nil {
		return fmt.Errorf("set search attributes: %w", err)
	}
	return r.write(ctx, importacts.Note{Level: importstore.LevelInfo, Message: message, Paused: &paused})
}

func (r *importRun) canCancel(command.Cancel) error { return r.notEnding() }

func (r *importRun) cancel(_ workflow.Context, o command.Cancel) error {
	r.commands.Cancelling = &o.Command
	r.commands.Cancel()
	return nil
}

func (r *importRun) canSetRate(o SetRate) error {
	if o.RowsPerSecond < 0 || o.RowsPerSecond > MaxRowsPerSecond {
		return fmt.Errorf("invalid rows_per_second %d: want 1 to %d, or 0 for no limit", o.RowsPerSecond, MaxRowsPerSecond)
	}
	return r.notEnding()
}

func (r *importRun) setRate(ctx workflow.Context, o SetRate) error {
	rate := o.RowsPerSecond
	r.plan.RowsPerSecond, r.in.RowsPerSecond = rate, &rate
	r.gate.interrupt(true)
	message := fmt.Sprintf("Rate limit set to %d rows per second%s.", rate, command.Signature(o.Command))
	if rate == 0 {
		message = "Rate limit removed" + command.Signature(o.Command) + "."
	}
	return r.write(ctx, importacts.Note{Level: importstore.LevelInfo, Message: message, RowsPerSecond: &rate})
}

func (r *importRun) canSkip(o SkipPart) error {
	if strings.TrimSpace(o.Reason) == "" {
		return errors.New("skipping a part requires a reason")
	}
	return r.canDecidePart(o.Part)
}

func (r *importRun) retryPart(ctx workflow.Context, o RetryPart) error {
	if err := r.decidePart(ctx, o.Part, decideRetry, ""); err != nil {
		return err
	}
	return r.note(ctx, importstore.LevelInfo, fmt.Sprintf("Retrying part %d%s.", o.Part, command.Signature(o.Command)))
}

func (r *importRun) skipPart(ctx workflow.Context, o SkipPart) error {
	why := o.Reason
	if o.By != "" {
		why += " (" + o.By + ")"
	}
	return r.decidePart(ctx, o.Part, decideSkip, why)
}
