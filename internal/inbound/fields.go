package inbound

import (
	"cmp"
	"encoding"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
)

// field is a field of a struct, or the elements of a map.
type field struct {
	of       reflect.Type
	required bool
	no       int
}

// fieldsOf returns the fields of a struct by their JSON names. named means that no other names are
// valid; a map accepts any name.
func fieldsOf(t reflect.Type) (known map[string]field, named bool) {
	if t == nil || t.Kind() != reflect.Struct {
		return nil, false
	}
	known = map[string]field{}
	addFields(t, known)
	return known, true
}

func addFields(t reflect.Type, known map[string]field) {
	for f := range t.Fields() {
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case f.Anonymous && name == "" && f.Type.Kind() == reflect.Struct:
			addFields(f.Type, known)
		case f.IsExported() && name != "-":
			name = cmp.Or(name, f.Name)
			known[name] = field{of: f.Type, required: f.Tag.Get("required") == "true", no: len(known)}
		}
	}
}

var (
	jsonDecoder = reflect.TypeFor[json.Unmarshaler]()
	textDecoder = reflect.TypeFor[encoding.TextUnmarshaler]()
	rawMessage  = reflect.TypeFor[json.RawMessage]()
)

func takesAnything(t reflect.Type) bool { return t == rawMessage || t.Kind() == reflect.Interface }

func decodesItself(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(jsonDecoder) || reflect.PointerTo(t).Implements(textDecoder)
}

// fits returns an error if a token does not begin a value of the type.
func (w *walker) fits(token json.Token, t reflect.Type, path string) error {
	if decodesItself(t) && token != nil {
		return nil
	}
	got, want := kindOf(token), describe(t)
	number, isNumber := token.(json.Number)
	switch {
	case got == described[t.Kind()]:
		if !isNumber {
			return nil
		}
		err := inRange(number.String(), t)
		if err == nil {
			return nil
		}
		if errors.Is(err, strconv.ErrRange) {
			return fmt.Errorf("%s %s: the number is too large: want %s", w.subject.Field, quote(path), bounds(t))
		}
	case path == "":
		return fmt.Errorf("%s not a JSON object", w.subject.be())
	}
	return fmt.Errorf("%s %s: want %s, got %s", w.subject.Field, quote(path), want, got)
}

// inRange returns an error if the type cannot hold the number.
func inRange(number string, t reflect.Type) error {
	var err error
	switch t.Kind() {
	case reflect.Float32, reflect.Float64:
		_, err = strconv.ParseFloat(number, t.Bits())
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		_, err = strconv.ParseUint(number, 10, t.Bits())
	default:
		_, err = strconv.ParseInt(number, 10, t.Bits())
	}
	return err
}

// bounds describes the range of a type.
func bounds(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Float32, reflect.Float64:
		return fmt.Sprintf("at most %g", math.MaxFloat64)
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		return fmt.Sprintf("0 to %d", uint64(math.MaxUint64)>>(64-t.Bits()))
	default:
		most := int64(math.MaxInt64) >> (64 - t.Bits())
		return fmt.Sprintf("%d to %d", -most-1, most)
	}
}

// described maps kinds of Go types to their JSON types, as kindOf names them.
var described = map[reflect.Kind]string{
	reflect.Bool: "true or false", reflect.String: "a string", reflect.Slice: "an array", reflect.Array: "an array",
	reflect.Int: "a number", reflect.Int8: "a number", reflect.Int16: "a number", reflect.Int32: "a number",
	reflect.Int64: "a number", reflect.Uint: "a number", reflect.Uint8: "a number", reflect.Uint16: "a number",
	reflect.Uint32: "a number", reflect.Uint64: "a number", reflect.Float32: "a number", reflect.Float64: "a number",
	reflect.Struct: "an object", reflect.Map: "an object",
}

func kindOf(token json.Token) string {
	switch v := token.(type) {
	case nil:
		return "null"
	case bool:
		return "true or false"
	case string:
		return "a string"
	case json.Number:
		return "a number"
	case json.Delim:
		if v == '[' {
			return "an array"
		}
	}
	return "an object"
}

// describe returns the JSON type of a Go type.
func describe(t reflect.Type) string {
	switch t.Kind() {
	case reflect.Slice, reflect.Array:
		return "a list"
	case reflect.Float32, reflect.Float64:
		return "a number"
	case reflect.Struct:
		if decodesItself(t) {
			return "a value"
		}
	}
	if is := described[t.Kind()]; is != "a number" {
		return is
	}
	return "a whole number"
}
