package destinations

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/sluicehq/sluice/internal/inbound"
)

// Decode reads the data of an event or a job into the struct that into points to. At every
// depth it refuses unknown fields, fields in another case or given twice, null, and text
// behind the object. A field with the tag required:"true" must be there. Its errors name
// fields and never quote values, which may be personal.
func Decode(data json.RawMessage, into any) error {
	return inbound.Decode(inbound.Subject{Object: "the data", Field: "field", Quiet: true}, data, into)
}

// JobOf returns a job whose data are a value as JSON, such as the one that Decode has read. Its other fields have their
// defaults.
func JobOf(data any) (*Job, error) {
	text, err := json.Marshal(data)
	if err != nil {
		return nil, fmt.Errorf("encode the data of the job: %w", err)
	}
	return &Job{Data: text}, nil
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
