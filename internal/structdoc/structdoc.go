// Package structdoc describes the fields of structs that JSON is decoded into, for people who fill them in.
package structdoc

import (
	"encoding/json"
	"reflect"
	"strings"

	"github.com/sluicehq/sluice/calendar"
)

// Field describes a field.
type Field struct {
	// Name is the field's key in the JSON object.
	Name string
	// Type is its JSON type, for instance "list of strings".
	Type string
	// Required reports whether it is needed.
	Required bool
	// Default is the value of an omitted field, "" if that is the type's zero value.
	Default string
	// Usage is its meaning, in one line.
	Usage string
}

// Of returns the fields of a struct in their order. Each has the tag usage, and the tag default with its default or
// arg:"required".
func Of(value any) []Field {
	t := reflect.TypeOf(value)
	all := make([]Field, 0, t.NumField())
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		all = append(all, Field{
			Name: name, Type: typeName(f.Type), Required: f.Tag.Get("arg") == "required",
			Default: f.Tag.Get("default"), Usage: f.Tag.Get("usage"),
		})
	}
	return all
}

// typeName returns the JSON type of a field.
func typeName(t reflect.Type) string {
	switch {
	case t.Kind() == reflect.Pointer:
		return typeName(t.Elem())
	case t == reflect.TypeFor[calendar.Day]():
		return "day"
	case t == reflect.TypeFor[json.RawMessage]():
		return "JSON"
	}
	switch t.Kind() {
	case reflect.String:
		return "string"
	case reflect.Bool:
		return "boolean"
	case reflect.Int, reflect.Int32, reflect.Int64:
		return "integer"
	case reflect.Float64:
		return "number"
	case reflect.Slice:
		return "list of " + typeName(t.Elem()) + "s"
	default:
		return "object"
	}
}
