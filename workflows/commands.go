package workflows

import (
	"errors"
	"fmt"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/internal/inbound"
)

// TypeOtherRun is the type of the error of an update that is for another run.
const TypeOtherRun = "other_run"

// Limits of commands.
const (
	// MaxCommand bounds the argument of a command, in bytes.
	MaxCommand = 16 << 10
	// MaxRefusals bounds how many refused signals are logged, for an import or an action.
	MaxRefusals = 20
	// MaxRowsPerSecond bounds set_rate of an import.
	MaxRowsPerSecond = 1_000_000_000
	// MinJobsPerSecond and MaxJobsPerSecond bound set_rate of an action, beside 0.
	MinJobsPerSecond = 0.001
	MaxJobsPerSecond = 1_000_000
)

// command is the argument of a command, which embeds an Order.
type command[T any] interface {
	*T
	order() *Order
}

// argumentOf is what errors call the argument of a command.
var argumentOf = inbound.Subject{Object: "the argument", Field: "field"}

// decodeCommand reads the argument of a command. The payload is decoded here and not by the
// SDK, which takes unknown and missing fields, and fails the workflow task or drops the
// signal where it cannot decode.
func decodeCommand[T any, P command[T]](argument converter.RawValue) (T, error) {
	var into T
	text, err := jsonOf(argument.Payload())
	if err != nil {
		return into, err
	}
	if err := inbound.Decode(argumentOf, text, &into); err != nil {
		return into, err
	}
	err = P(&into).order().clean()
	return into, err
}

// jsonOf returns the JSON of a payload. No argument, or the nil of an SDK, counts as {}.
func jsonOf(p *commonpb.Payload) ([]byte, error) {
	encoding := string(p.GetMetadata()[converter.MetadataEncoding])
	switch {
	case p == nil || encoding == converter.MetadataEncodingNil:
		return []byte("{}"), nil
	case encoding != converter.MetadataEncodingJSON:
		return nil, fmt.Errorf("the argument has the encoding %q: want %s",
			inbound.Cut(encoding, maxEncoding), converter.MetadataEncodingJSON)
	case len(p.GetData()) > MaxCommand:
		return nil, fmt.Errorf("the argument has %d bytes: want at most %d", len(p.GetData()), MaxCommand)
	default:
		return p.GetData(), nil
	}
}

// maxEncoding bounds the name of an encoding in an error.
const maxEncoding = 50

// clean takes the control characters out of the texts of an order, and refuses long ones.
func (o *Order) clean() error {
	var faults [4]error
	o.Key, faults[0] = inbound.Text("key", o.Key, inbound.MaxKey)
	o.By, faults[1] = inbound.Text("by", o.By, inbound.MaxName)
	o.Reason, faults[2] = inbound.Text("reason", o.Reason, inbound.MaxReason)
	o.Run, faults[3] = inbound.Text("run", o.Run, inbound.MaxKey)
	for _, fault := range faults {
		if fault != nil {
			return fault
		}
	}
	return nil
}

// refusal is the error of an update that was refused: an application error that is not
// retryable, and that has of an activity's error no more than message and type. It has no type
// of its own: the Temporal CLI would show that behind the sentence.
func refusal(err error) error {
	var app *temporal.ApplicationError
	switch {
	case err == nil || temporal.IsCanceledError(err):
		return err
	case errors.As(err, &app):
		return temporal.NewNonRetryableApplicationError(app.Message(), app.Type(), nil)
	default:
		return temporal.NewNonRetryableApplicationError(err.Error(), "", nil)
	}
}

// maxRefusal bounds the line about a refused signal, in bytes of JSON.
const maxRefusal = 1000

// refused counts a signal that was refused, and returns the line to log about it; "" for
// those beyond MaxRefusals.
func (o *orders) refused(name string, why error) string {
	o.refusals++
	switch {
	case o.refusals > MaxRefusals:
		return ""
	case o.refusals == MaxRefusals:
		return fmt.Sprintf("The signal %s was refused, as %d before: %s. Further refusals are not logged.",
			name, MaxRefusals-1, inbound.Cut(why.Error(), maxRefusal))
	default:
		return fmt.Sprintf("The signal %s was refused: %s.", name, inbound.Cut(why.Error(), maxRefusal))
	}
}
