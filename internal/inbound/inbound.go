// Package inbound validates outside input: JSON objects of users, commands of other services, texts
// of people. All decoding of such JSON is in this package.
package inbound

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"unicode/utf8"
)

// MaxDepth is the maximum nesting depth of objects and lists.
const MaxDepth = 200

// Subject names an object in errors.
type Subject struct {
	// Object is its name, such as "the arguments"; Plural selects "are" or "is".
	Object string
	Plural bool
	// Field is the noun for one of its fields, such as "argument".
	Field string
	// Quiet omits the errors of types that decode themselves, because they may quote a secret.
	Quiet bool
}

func (s Subject) be() string {
	if s.Plural {
		return s.Object + " are"
	}
	return s.Object + " is"
}

// Decode decodes one JSON object into the struct that into points to, by its json tags. At every
// depth it rejects names that are unknown, in another case or duplicates, null, values of another
// type or out of range, invalid UTF-8, and text after the object. A field with the tag
// required:"true" must be present. Errors name fields and never quote values.
//
// Fields of type json.RawMessage and any accept every JSON value, including null, but no duplicate
// names.
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
		return fmt.Errorf("%s not valid: the value of a %s is invalid", s.be(), s.Field)
	default:
		return fmt.Errorf("%s not valid: %w", s.be(), err)
	}
}

// check returns an error unless data is exactly one JSON object.
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
		return fmt.Errorf("unexpected text after the JSON object of %s", s.Object)
	}
	return fmt.Errorf("%s not valid JSON", s.be())
}

// errSyntax is unreachable: the text was validated before.
var errSyntax = errors.New("not valid JSON")
