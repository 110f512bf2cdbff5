// Package command has the commands to running workflows: their arguments, and the handlers that
// validate, deduplicate and execute them, as updates and as signals.
package command

import (
	"errors"
	"slices"

	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/workflows"
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
	// Audited says that the sender has recorded the command in the audit. Otherwise the workflow's activities record it.
	Audited bool `json:"audited,omitempty"`
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

// State tracks the commands of one run.
type State struct {
	// Cancel cancels the context of the import's work.
	Cancel workflow.CancelFunc
	// Cancelling is the accepted cancel command, nil without one.
	Cancelling *Command
	// SeenKeys are the keys of executed commands, oldest first.
	SeenKeys []string
	// Refusals counts refused signals.
	Refusals int
	// executing counts the signal commands that are being executed.
	executing int
	// Signals are the channels that the run receives from.
	Signals []workflow.ReceiveChannel
	// Accepted counts the commands of this run.
	Accepted int
	// Continuing is set once the run is to continue as new: decisions are for the next run.
	Continuing bool
	// Closing is set once the run only waits for updates in progress: further ones are for
	// the next run.
	Closing bool
	// Carried are signals for the next run, inherited those from the previous run.
	Carried, Inherited []CarriedSignal
}

// maxSeen bounds the remembered keys.
const maxSeen = 200

// CancelReason returns who cancelled the import and why; otherwise without that information.
func (o *State) CancelReason(otherwise string) string {
	switch {
	case o.Cancelling == nil:
		return otherwise
	case o.Cancelling.By == "" && o.Cancelling.Reason == "":
		return otherwise
	default:
		return "cancelled" + Signature(*o.Cancelling)
	}
}

// Signature returns " by WHO: WHY", without what the command leaves empty.
func Signature(o Command) string {
	text := ""
	if o.By != "" {
		text += " by " + o.By
	}
	if o.Reason != "" {
		text += ": " + o.Reason
	}
	return text
}

// Target is a workflow run that takes commands.
type Target interface {
	// CommandState returns the state of the run's commands.
	CommandState() *State
	// LogRefusal logs that a signal was refused: its sender gets no answer.
	LogRefusal(ctx workflow.Context, message string)
}

// Handle registers the update handler and the signal handler of a command. check
// validates the command without side effects; execute executes it. The argument is decoded
// here: an invalid one refuses the command and never fails the workflow task.
func Handle[T any, P Argument[T]](
	ctx workflow.Context, r Target, name, description string,
	check func(T) error, execute func(workflow.Context, T) error,
) error {
	state := r.CommandState()
	read := func(argument, further converter.RawValue) (T, error) {
		if further.Payload() != nil {
			var none T
			return none, errors.New("several arguments: want one JSON object")
		}
		return Decode[T, P](argument)
	}
	act := func(ctx workflow.Context, command T) error {
		state.Accepted++
		key := P(&command).command().Key
		if state.repeats(key) {
			return nil
		}
		if err := check(command); err != nil {
			return err
		}
		state.remember(key)
		if err := execute(ctx, command); err != nil {
			state.forget(key)
			return err
		}
		record(ctx, name, *P(&command).command(), command)
		return nil
	}
	signals := workflow.GetSignalChannelWithOptions(ctx, name, workflow.SignalChannelOptions{Description: description})
	state.Signals = append(state.Signals, signals)
	workflow.GoNamed(ctx, "signal-"+name, func(ctx workflow.Context) {
		// Signals are received until the run ends: a late one gets its refusal logged.
		ctx, cancel := workflow.NewDisconnectedContext(ctx)
		defer cancel()
		take := func(argument converter.RawValue) {
			state.executing++
			defer func() { state.executing-- }()
			command, err := read(argument, converter.RawValue{})
			switch {
			case err == nil && state.Continuing:
				err = state.carry(name, argument)
			case err == nil:
				err = act(ctx, command)
			}
			if err != nil {
				if message := state.refused(name, refusal(err)); message != "" {
					r.LogRefusal(ctx, message)
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
		if state.Closing || state.Continuing && (slices.Contains(decisionCommands, name) || tooLong(ctx)) {
			return ErrContinues()
		}
		return refusal(check(command))
	}
	return workflow.SetUpdateHandlerWithOptions(ctx, name, update, workflow.UpdateHandlerOptions{
		Description: description, Validator: validate,
	})
}

func (o *State) repeats(key string) bool { return key != "" && slices.Contains(o.SeenKeys, key) }

func (o *State) remember(key string) {
	if key == "" {
		return
	}
	o.SeenKeys = append(o.SeenKeys, key)
	if len(o.SeenKeys) > maxSeen {
		o.SeenKeys = o.SeenKeys[1:]
	}
}

func (o *State) forget(key string) {
	o.SeenKeys = slices.DeleteFunc(o.SeenKeys, func(k string) bool { return k == key })
}

// decisionCommands are refused by a run that continues as new.
var decisionCommands = []string{workflows.CommandRetryPart, workflows.CommandSkipPart, workflows.CommandDecide}
