package workflows

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/store"
)

// Command has the fields that every command's argument shares.
type Command struct {
	// Key deduplicates the command: a second command with the same key has no effect. At
	// most inbound.MaxKey bytes; "" disables deduplication.
	Key string `json:"key,omitempty"`
	// By names the sender, Reason the motive; both are written to the import's log. At most
	// inbound.MaxName and inbound.MaxReason bytes.
	By     string `json:"by,omitempty"`
	Reason string `json:"reason,omitempty"`
	// Run, in an update, is the run of the workflow that the command is for; "" is any. A
	// reset replays updates on the new run, which refuses those that name another run.
	Run string `json:"run,omitempty"`
}

func (o *Command) command() *Command { return o }

// Commands without fields of their own.
type (
	// Pause is the argument of the command pause.
	Pause struct{ Command }
	// Resume is the argument of the command resume.
	Resume struct{ Command }
	// Cancel is the argument of the command cancel.
	Cancel struct{ Command }
)

// RetryPart is the argument of the command retry_part.
type RetryPart struct {
	Command
	Part int32 `json:"part" required:"true"`
}

// SkipPart is the argument of the command skip_part. Its Reason is required.
type SkipPart struct {
	Command
	Part int32 `json:"part" required:"true"`
}

// SetRate is the argument of the command set_rate.
type SetRate struct {
	Command
	// RowsPerSecond bounds the rows that all parts together load, at most
	// MaxRowsPerSecond; 0 is unlimited.
	RowsPerSecond int64 `json:"rows_per_second" required:"true"`
}

// Decide is the argument of the command decide. By is required; Reason too, to decline.
type Decide struct {
	Command
	// Verdict is store.Accepted or store.Declined: "accepted" or "declined".
	Verdict string `json:"verdict" required:"true"`
}

// commandState tracks the commands of one run.
type commandState struct {
	// cancel cancels the context of the import's work.
	cancel workflow.CancelFunc
	// cancelling is the accepted cancel command, nil without one.
	cancelling *Command
	// seenKeys are the keys of executed commands, oldest first.
	seenKeys []string
	// refusals counts refused signals.
	refusals int
	// executing counts the signal commands that are being executed.
	executing int
	// signals are the channels that the run receives from.
	signals []workflow.ReceiveChannel
	// accepted counts the commands of this run.
	accepted int
	// continuing is set once the run is to continue as new: decisions are for the next run.
	continuing bool
	// closing is set once the run only waits for updates in progress: further ones are for
	// the next run.
	closing bool
	// carried are signals for the next run, inherited those from the previous run.
	carried, inherited []CarriedSignal
}

// maxSeen bounds the remembered keys.
const maxSeen = 200

// cancelReason returns who cancelled the import and why; otherwise without that information.
func (o *commandState) cancelReason(otherwise string) string {
	switch {
	case o.cancelling == nil:
		return otherwise
	case o.cancelling.By == "" && o.cancelling.Reason == "":
		return otherwise
	default:
		return "cancelled" + signature(*o.cancelling)
	}
}

// signature returns " by WHO: WHY", without what the command leaves empty.
func signature(o Command) string {
	text := ""
	if o.By != "" {
		text += " by " + o.By
	}
	if o.Reason != "" {
		text += ": " + o.Reason
	}
	return text
}

// answered reports whether all commands have been executed.
func (r *importRun) answered(ctx workflow.Context) bool { return r.commands.answered(ctx) }

// handleCommands registers the handlers of all commands.
func (r *importRun) handleCommands(ctx workflow.Context) error {
	return errors.Join(
		handleCommand(ctx, r, CommandPause, `Pause the import: {"by": "..", "reason": ".."}.`, r.canPause, r.pause),
		handleCommand(ctx, r, CommandResume, `Resume a paused import: {"by": ".."}.`, r.canResume, r.resume),
		handleCommand(ctx, r, CommandCancel, `Cancel the import and purge its rows: {"by": "..", "reason": ".."}.`,
			r.canCancel, r.cancel),
		handleCommand(ctx, r, CommandRetryPart, `Retry a parked part: {"part": 0}.`,
			func(o RetryPart) error { return r.canDecidePart(o.Part) }, r.retryPart),
		handleCommand(ctx, r, CommandSkipPart, `Skip a parked part: {"part": 0, "reason": ".."}.`, r.canSkip, r.skipPart),
		handleCommand(ctx, r, CommandSetRate, `Limit the rows loaded per second, 0 for no limit: {"rows_per_second": 1000}.`,
			r.canSetRate, r.setRate),
		handleCommand(ctx, r, CommandDecide,
			`Accept or decline the import: {"verdict": "accepted", "by": "..", "reason": ".."}.`,
			r.canDecide, r.decide),
	)
}

// commandTarget is a workflow run that takes commands.
type commandTarget interface {
	// commandState returns the state of the run's commands.
	commandState() *commandState
	// logRefusal logs that a signal was refused: its sender gets no answer.
	logRefusal(ctx workflow.Context, message string)
}

func (r *importRun) commandState() *commandState { return &r.commands }

// handleCommand registers the update handler and the signal handler of a command. check
// validates the command without side effects; execute executes it. The argument is decoded
// here: an invalid one refuses the command and never fails the workflow task.
func handleCommand[T any, P commandArgument[T]](
	ctx workflow.Context, r commandTarget, name, description string,
	check func(T) error, execute func(workflow.Context, T) error,
) error {
	state := r.commandState()
	read := func(argument, further converter.RawValue) (T, error) {
		if further.Payload() != nil {
			var none T
			return none, errors.New("several arguments: want one JSON object")
		}
		return decodeCommand[T, P](argument)
	}
	act := func(ctx workflow.Context, command T) error {
		state.accepted++
		key := P(&command).command().Key
		if state.repeats(key) {
			return nil
		}
		if err := check(command); err != nil {
			return err
		}
		state.remember(key)
		err := execute(ctx, command)
		if err != nil {
			state.forget(key)
		}
		return err
	}
	signals := workflow.GetSignalChannelWithOptions(ctx, name, workflow.SignalChannelOptions{Description: description})
	state.signals = append(state.signals, signals)
	workflow.GoNamed(ctx, "signal-"+name, func(ctx workflow.Context) {
		// Signals are received until the run ends: a late one gets its refusal logged.
		ctx, cancel := workflow.NewDisconnectedContext(ctx)
		defer cancel()
		take := func(argument converter.RawValue) {
			state.executing++
			defer func() { state.executing-- }()
			command, err := read(argument, converter.RawValue{})
			switch {
			case err == nil && state.continuing:
				err = state.carry(name, argument)
			case err == nil:
				err = act(ctx, command)
			}
			if err != nil {
				if message := state.refused(name, refusal(err)); message != "" {
					r.logRefusal(ctx, message)
				}
			}
		}
		for _, argument := range state.inheritedSignals(name) {
			take(argument)
		}
		for {
			var argument converter.RawValue
			if !signals.Receive(ctx, &argument) {
				return
			}
			take(argument)
		}
	})
	update := func(ctx workflow.Context, argument, further converter.RawValue) error {
		command, err := read(argument, further)
		if err == nil {
			err = act(ctx, command)
		}
		return refusal(err)
	}
	validate := func(ctx workflow.Context, argument, further converter.RawValue) error {
		command, err := read(argument, further)
		if err != nil {
			return refusal(err)
		}
		common := P(&command).command()
		if run := common.Run; run != "" && run != workflow.GetInfo(ctx).WorkflowExecution.RunID {
			return temporal.NewNonRetryableApplicationError("the command is for another run of the workflow", TypeOtherRun, nil)
		}
		if state.repeats(common.Key) {
			return nil
		}
		if state.closing || state.continuing && (slices.Contains(decisionCommands, name) || tooLong(ctx)) {
			return errContinues()
		}
		return refusal(check(command))
	}
	return workflow.SetUpdateHandlerWithOptions(ctx, name, update, workflow.UpdateHandlerOptions{
		Description: description, Validator: validate,
	})
}

// logRefusal writes to the import's log.
func (r *importRun) logRefusal(ctx workflow.Context, message string) {
	if err := r.note(ctx, store.LevelWarn, message); err != nil {
		workflow.GetLogger(ctx).Error("could not note a refused signal", "error", err)
	}
}

func (o *commandState) repeats(key string) bool { return key != "" && slices.Contains(o.seenKeys, key) }

func (o *commandState) remember(key string) {
	if key == "" {
		return
	}
	o.seenKeys = append(o.seenKeys, key)
	if len(o.seenKeys) > maxSeen {
		o.seenKeys = o.seenKeys[1:]
	}
}

func (o *commandState) forget(key string) {
	o.seenKeys = slices.DeleteFunc(o.seenKeys, func(k string) bool { return k == key })
}

// notEnding returns an error once the import has begun to end.
func (r *importRun) notEnding() error {
	if r.ending || r.commands.cancelling != nil {
		return fmt.Errorf("too late: import %d is ending, its phase is %s", r.in.ImportID, r.phase)
	}
	return nil
}

func (r *importRun) canPause(Pause) error {
	switch {
	case r.review.open:
		return fmt.Errorf("import %d is in review: an import in review cannot be paused", r.in.ImportID)
	case r.turns.paused:
		return fmt.Errorf("import %d is paused already", r.in.ImportID)
	default:
		return r.notEnding()
	}
}

func (r *importRun) pause(ctx workflow.Context, o Pause) error {
	r.turns.paused = true
	r.turns.interrupt(false)
	return r.setPaused(ctx, "Paused"+signature(o.Command)+".")
}

func (r *importRun) canResume(Resume) error {
	if !r.turns.paused {
		return fmt.Errorf("import %d is not paused", r.in.ImportID)
	}
	return r.notEnding()
}

func (r *importRun) resume(ctx workflow.Context, o Resume) error {
	r.turns.paused = false
	return r.setPaused(ctx, "Resumed"+signature(o.Command)+".")
}

// setPaused publishes the paused flag in the details, a search attribute and the store.
func (r *importRun) setPaused(ctx workflow.Context, message string) error {
	paused := r.turns.paused
	r.describe(ctx)
	if err := workflow.UpsertTypedSearchAttributes(ctx, AttributePaused.ValueSet(paused)); err != nil {
		return fmt.Errorf("set search attributes: %w", err)
	}
	return r.write(ctx, activities.Note{Level: store.LevelInfo, Message: message, Paused: &paused})
}

func (r *importRun) canCancel(Cancel) error { return r.notEnding() }

func (r *importRun) cancel(_ workflow.Context, o Cancel) error {
	r.commands.cancelling = &o.Command
	r.commands.cancel()
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
	r.turns.interrupt(true)
	message := fmt.Sprintf("Rate limit set to %d rows per second%s.", rate, signature(o.Command))
	if rate == 0 {
		message = "Rate limit removed" + signature(o.Command) + "."
	}
	return r.write(ctx, activities.Note{Level: store.LevelInfo, Message: message, RowsPerSecond: &rate})
}

// decisionCommands are refused by a run that continues as new.
var decisionCommands = []string{CommandRetryPart, CommandSkipPart, CommandDecide}

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
	return r.note(ctx, store.LevelInfo, fmt.Sprintf("Retrying part %d%s.", o.Part, signature(o.Command)))
}

func (r *importRun) skipPart(ctx workflow.Context, o SkipPart) error {
	why := o.Reason
	if o.By != "" {
		why += " (" + o.By + ")"
	}
	return r.decidePart(ctx, o.Part, decideSkip, why)
}
