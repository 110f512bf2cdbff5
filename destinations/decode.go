package destinations

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/internal/inbound"
)

// Decode reads the data of an event or a job into the struct that into points to. At every
// depth it refuses unknown fields, fields in another case or given twice, null, and text
// behind the object. A field with the tag required:"true" must be there. Its errors name
// fields and never quote values, which may be personal.
func Decode(data json.RawMessage, into any) error {
	return inbound.Decode(inbound.Subject{Object: "the data", Field: "field", Quiet: true}, data, into)
}

// JobOf returns the job of an event by its data, which Decode has filled, or the error of an earlier step of Marshal.
func JobOf[T any](data T, err error) (*Job, error) {
	if err != nil {
		return nil, err
	}
	encoded, err := json.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("encode the data of the job: %w", err)
	}
	return &Job{Data: encoded}, nil
}

// CheckConnection checks the field "connection" of the data of an event, the name of a connection. Its error does not
// quote the name, which may be a secret in the wrong place.
func CheckConnection(name string) error {
	if connections.CheckName(name) != nil {
		return errors.New(`field "connection" of the data: want the name of a connection`)
	}
	return nil
}

// Join returns an error with the texts of several on one line, as people are shown it in
// tables; nil if there are none.
func Join(faults ...error) error {
	all := errors.Join(faults...)
	if all == nil {
		return nil
	}
	return &joined{all}
}

type joined struct{ error }

// Error returns the texts, with semicolons between them.
func (j *joined) Error() string { return strings.ReplaceAll(j.error.Error(), "\n", "; ") }

// Unwrap returns the errors as errors.Join has joined them.
func (j *joined) Unwrap() error { return j.error }
