package command

import (
	"encoding/json"
	"errors"
	"fmt"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// Bounds of one run of a workflow that takes commands; beyond them it continues as new. The
// server refuses updates beyond 2,000 per run and terminates a run at 51,200 events.
const (
	MaxRunEvents   = 1500
	MaxRunCommands = 200
	// maxFinalEvents bounds a run that waits for its activities to stop: from then on, commands
	// are for the next run.
	maxFinalEvents = MaxRunEvents + 200
)

// CarriedSignal is a signal that arrived while a run was continuing as new; the next run
// executes it.
type CarriedSignal struct {
	Name     string          `json:"name"`
	Argument json.RawMessage `json:"argument"`
}

// maxCarried bounds the arguments of all carried signals together, in bytes.
const maxCarried = 32 << 10

// tooLong reports whether a run that is about to continue as new refuses further commands.
func tooLong(ctx workflow.Context) bool {
	return workflow.GetInfo(ctx).GetCurrentHistoryLength() >= maxFinalEvents
}

// IsContinueAsNew reports whether err continues the workflow as a new run.
func IsContinueAsNew(err error) bool {
	var again *workflow.ContinueAsNewError
	return errors.As(err, &again)
}

// ErrContinues refuses a command for the next run.
func ErrContinues() error {
	return temporal.NewNonRetryableApplicationError(
		"the workflow continues as a new run: repeat the command", TypeOtherRun, nil)
}

// Answered reports whether all commands have been executed, signals not yet received
// included.
func (o *State) Answered(ctx workflow.Context) bool {
	for _, signals := range o.Signals {
		if signals.Len() > 0 {
			return false
		}
	}
	return workflow.AllHandlersFinished(ctx) && o.executing == 0
}

// carry stores a signal for the next run. The error is a refusal.
func (o *State) carry(name string, argument converter.RawValue) error {
	text, err := jsonOf(argument.Payload())
	if err != nil {
		return err
	}
	if !json.Valid(text) {
		return errors.New("the argument is not valid JSON")
	}
	size := len(text)
	for _, carried := range o.Carried {
		size += len(carried.Argument)
	}
	if size > maxCarried {
		return fmt.Errorf("the workflow continues as a new run with more than %d bytes of signals: send the signal again",
			maxCarried)
	}
	o.Carried = append(o.Carried, CarriedSignal{Name: name, Argument: text})
	return nil
}

// inheritedSignals returns the arguments of the named signals from the previous run, as
// payloads from the server.
func (o *State) inheritedSignals(name string) (arguments []converter.RawValue) {
	for _, signal := range o.Inherited {
		if signal.Name == name {
			arguments = append(arguments, converter.NewRawValue(&commonpb.Payload{
				Metadata: map[string][]byte{converter.MetadataEncoding: []byte(converter.MetadataEncodingJSON)},
				Data:     signal.Argument,
			}))
		}
	}
	return arguments
}
