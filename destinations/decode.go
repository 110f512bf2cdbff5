package destinations

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
)

// Decode reads the data of an event or a job into the struct that into points to. It refuses
// what encoding/json lets pass: fields that there are not, and text behind the object. Its
// errors name fields and never quote values, which may be personal.
func Decode(data json.RawMessage, into any) error {
	if text := bytes.TrimSpace(data); len(text) == 0 || text[0] != '{' {
		return errors.New("the data is not a JSON object")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if err == nil {
		if _, err := dec.Token(); !errors.Is(err, io.EOF) {
			return errors.New("there is text behind the data's JSON object")
		}
		return nil
	}
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		// Value can hold a number that was given: its first word is the type.
		got, _, _ := strings.Cut(wrong.Value, " ")
		return fmt.Errorf("field %q of the data: it is not for a JSON %s", wrong.Field, got)
	}
	if name, unknown := strings.CutPrefix(err.Error(), "json: unknown field "); unknown {
		return fmt.Errorf("the data has a field that there is not: %s", name)
	}
	return errors.New("the data cannot be read")
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
