// Package inbound checks what comes from outside: JSON objects of users, commands of other
// services, texts of people. It is the one place that decodes such JSON.
package inbound

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"unicode/utf8"
)

// MaxDepth bounds the objects and lists inside each other.
const MaxDepth = 200

// Subject is what an object is called in errors.
type Subject struct {
	// Object names it, such as "the arguments"; "are" or "is" follows as Plural says.
	Object string
	Plural bool
	// Field names one of its fields, such as "argument".
	Field string
	// Quiet leaves out the errors of types that decode themselves. They may quote a secret.
	Quiet bool
}

func (s Subject) be() string {
	if s.Plural {
		return s.Object + " are"
	}
	return s.Object + " is"
}

// Decode reads one JSON object into the struct that into points to, whose fields carry json
// tags. At every depth it refuses names that are unknown, in another case or given twice,
// null, values of another type or beyond their type's range, invalid UTF-8, and text behind
// the object. A field with the tag required:"true" must be there. Errors name fields and
// never quote values.
//
// Fields of type json.RawMessage and any take every JSON value, null included; names given
// twice are refused there, too.
func Decode(s Subject, data []byte, into any) error {
	if err := check(s, data); err != nil {
		return err
	}
	w := walker{subject: s, dec: json.NewDecoder(bytes.NewReader(data))}
	w.dec.UseNumber()
	if err := w.value(reflect.TypeOf(into).Elem(), "", 0); err != nil {
		return err
	}
	err := json.Unmarshal(data, into)
	var wrong *json.UnmarshalTypeError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrong) && wrong.Field != "":
		return fmt.Errorf("%s %s: want %s", s.Field, quote(wrong.Field), describe(wrong.Type))
	case errors.As(err, &wrong) || s.Quiet:
		return fmt.Errorf("%s not valid: a value is not what its %s takes", s.be(), s.Field)
	default:
		return fmt.Errorf("%s not valid: %w", s.be(), err)
	}
}

// check says whether data is one JSON object and nothing else.
func check(s Subject, data []byte) error {
	text := bytes.TrimSpace(data)
	switch {
	case len(text) == 0 || text[0] != '{':
		return fmt.Errorf("%s not a JSON object", s.be())
	case !utf8.Valid(data):
		return fmt.Errorf("%s not valid JSON: want UTF-8", s.be())
	case json.Valid(data):
		return nil
	}
	var first json.RawMessage
	if json.NewDecoder(bytes.NewReader(data)).Decode(&first) == nil {
		return fmt.Errorf("there is text behind the JSON object of %s", s.Object)
	}
	return fmt.Errorf("%s not valid JSON", s.be())
}

// errSyntax cannot happen: the text was checked before.
var errSyntax = errors.New("not valid JSON")
