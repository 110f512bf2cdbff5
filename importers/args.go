package importers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"reflect"
	"slices"
	"strings"
)

// DecodeArgs reads the arguments of an import into the struct that into points
// to, whose fields carry json tags. It is what ParseArgs starts with: it refuses
// what encoding/json lets pass, such as names in another case, names given twice
// and text behind the object, and its errors name arguments but never quote
// their values, which may be secrets (only a type's own UnmarshalJSON may do
// so). Empty arguments count as {}.
func DecodeArgs(args json.RawMessage, into any) error {
	if len(bytes.TrimSpace(args)) == 0 {
		args = json.RawMessage("{}")
	}
	if err := checkNames(args, argNames(into)); err != nil {
		return err
	}
	dec := json.NewDecoder(bytes.NewReader(args))
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		// Value can hold the number that was given: its first word is the type.
		got, _, _ := strings.Cut(wrong.Value, " ")
		return fmt.Errorf("argument %q: want %s, got %s", wrong.Field, describe(wrong.Type), article(got))
	}
	if err != nil {
		return fmt.Errorf("arguments: %w", err)
	}
	return nil
}

// checkNames walks the outer object and refuses names that are unknown or come
// twice.
func checkNames(args json.RawMessage, valid []string) error {
	dec := json.NewDecoder(bytes.NewReader(args))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return errors.New("the arguments are not a JSON object")
	}
	var seen []string
	for dec.More() {
		t, err := dec.Token()
		name, isName := t.(string)
		var value json.RawMessage
		if err == nil {
			err = dec.Decode(&value)
		}
		if err != nil || !isName {
			return errors.New("the arguments are not valid JSON")
		}
		if !slices.Contains(valid, name) {
			return fmt.Errorf("unknown argument %q: the arguments are %s", name, strings.Join(valid, ", "))
		}
		if slices.Contains(seen, name) {
			return fmt.Errorf("argument %q is given twice", name)
		}
		seen = append(seen, name)
	}
	if _, err := dec.Token(); err != nil {
		return errors.New("the arguments are not valid JSON")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is text behind the arguments' JSON object")
	}
	return nil
}

// argNames returns the names in the json tags of the struct that v points to.
func argNames(v any) []string {
	t := reflect.TypeOf(v).Elem()
	names := make([]string, 0, t.NumField())
	for i := range t.NumField() {
		name, _, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

// describe says what a Go type is in JSON.
func describe(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64, reflect.Int32, reflect.Uint, reflect.Uint64, reflect.Uint32:
		return "a whole number"
	case reflect.Slice:
		return "a list"
	case reflect.String:
		return "a string"
	default:
		return "an object"
	}
}

func article(word string) string {
	if word == "object" || word == "array" {
		return "an " + word
	}
	return "a " + word
}
