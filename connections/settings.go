package connections

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

// DecodeSettings reads the settings of a connection into the struct that into points to,
// whose fields carry json tags. It is what ParseSettings starts with: it refuses what
// encoding/json lets pass, namely names in another case, names given twice and text
// behind the object, and its errors name settings but never quote their values. Empty
// settings count as {}.
func DecodeSettings(settings json.RawMessage, into any) error {
	if len(bytes.TrimSpace(settings)) == 0 {
		settings = json.RawMessage("{}")
	}
	if err := checkNames(settings, settingNames(into)); err != nil {
		return err
	}
	err := json.Unmarshal(settings, into)
	var wrong *json.UnmarshalTypeError
	if errors.As(err, &wrong) {
		return fmt.Errorf("setting %q: want %s", wrong.Field, describe(wrong.Type))
	}
	if err != nil {
		// The text of a type's own UnmarshalJSON may hold the value.
		return errors.New("the settings cannot be read")
	}
	return nil
}

// checkNames walks the outer object and refuses names that are unknown or come twice.
func checkNames(settings json.RawMessage, valid []string) error {
	dec := json.NewDecoder(bytes.NewReader(settings))
	if t, err := dec.Token(); err != nil || t != json.Delim('{') {
		return errors.New("the settings are not a JSON object")
	}
	var seen []string
	for dec.More() {
		t, err := dec.Token()
		name, isName := t.(string)
		var value json.RawMessage
		if err == nil {
			err = dec.Decode(&value)
		}
		switch {
		case err != nil || !isName:
			return errors.New("the settings are not valid JSON")
		case !slices.Contains(valid, name) && len(valid) == 0:
			return errors.New("there are no settings for this kind")
		case !slices.Contains(valid, name):
			return fmt.Errorf("unknown setting %q: the settings are %s", name, strings.Join(valid, ", "))
		case slices.Contains(seen, name):
			return fmt.Errorf("setting %q is given twice", name)
		}
		seen = append(seen, name)
	}
	if _, err := dec.Token(); err != nil {
		return errors.New("the settings are not valid JSON")
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("there is text behind the settings' JSON object")
	}
	return nil
}

// settingNames returns the names in the json tags of the struct that v points to.
func settingNames(v any) []string {
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
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Slice:
		return "a list"
	case reflect.String:
		return "a string"
	default:
		return "an object"
	}
}
