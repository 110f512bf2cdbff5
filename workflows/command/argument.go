package command

import (
	"errors"
	"fmt"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/internal/inbound"
)

// TypeOtherRun is the error type of an update that names another run.
const TypeOtherRun = "other_run"

// Bounds of commands.
const (
	// MaxCommand bounds the argument of a command, in bytes.
	MaxCommand = 16 << 10
	// MaxRefusals bounds how many refused signals are logged, for an import or an action.
	MaxRefusals = 20
)

// Argument is the argument type of a command, which embeds a Command.
type Argument[T any] interface {
	*T
	command() *Command
}

// argumentOf names the argument of a command in errors.
var argumentOf = inbound.Subject{Object: "the argument", Field: "field"}

// Decode decodes the argument of a command. The SDK's own decoding accepts unknown and
// missing fields, and fails the workflow task or drops the signal on an undecodable payload.
func Decode[T any, P Argument[T]](argument converter.RawValue) (T, error) {
	var into T
	text, err := jsonOf(argument.Payload())
	if err != nil {
		return into, err
	}
	if err := inbound.Decode(argumentOf, text, &into); err != nil {
		return into, err
	}
	err = P(&into).command().clean()
	return into, err
}

// jsonOf returns the JSON of a payload. No argument, or the nil of an SDK, counts as {}.
func jsonOf(p *commonpb.Payload) ([]byte, error) {
	encoding := string(p.GetMetadata()[converter.MetadataEncoding])
	switch {
	case p == nil || encoding == converter.MetadataEncodingNil:
		return []byte("{}"), nil
	case encoding != converter.MetadataEncodingJSON:
		return nil, fmt.Errorf("invalid encoding %q of the argument: want %s",
			inbound.Cut(encoding, maxEncoding), converter.MetadataEncodingJSON)
	case len(p.GetData()) > MaxCommand:
		return nil, fmt.Errorf("argument of %d bytes: want at most %d", len(p.GetData()), MaxCommand)
	default:
		return p.GetData(), nil
	}
}

// maxEncoding bounds the name of an encoding in an error.
const maxEncoding = 50

// clean strips control characters from the texts of a command and refuses long texts.
func (o *Command) clean() error {
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

// refusal returns the error of a refused update: a non-retryable application error with only
// message and type of an activity's error. It adds no type of its own, which the Temporal CLI
// would append to the message.
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

// maxRefusal bounds the log line about a refused signal, in bytes of JSON.
const maxRefusal = 1000

// refused counts a refused signal and returns the line to log; "" beyond MaxRefusals.
func (o *State) refused(name string, why error) string {
	o.Refusals++
	switch {
	case o.Refusals > MaxRefusals:
		return ""
	case o.Refusals == MaxRefusals:
		return fmt.Sprintf("The signal %s was refused, after %d earlier refusals: %s. Further refusals are not logged.",
			name, MaxRefusals-1, inbound.Cut(why.Error(), maxRefusal))
	default:
		return fmt.Sprintf("The signal %s was refused: %s.", name, inbound.Cut(why.Error(), maxRefusal))
	}
}
