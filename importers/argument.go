package importers

import (
	"encoding/json"
	"reflect"
	"strings"

	"github.com/sluicehq/sluice/calendar"
)

// Argument documents an argument of an import.
type Argument struct {
	// Name is the argument's key in the JSON object.
	Name string
	// Type is its JSON type, for instance "list of strings".
	Type string
	// Required reports whether an import needs it.
	Required bool
	// Default is the value of an omitted argument, "" if that is the type's zero value.
	Default string
	// Usage is its meaning, in one line.
	Usage string
}

// ArgumentsOf returns the arguments of a struct that DecodeArgs fills, in the order of its
// fields. Each field has the tag usage, and the tag default with its default or arg:"required".
func ArgumentsOf(args any) []Argument {
	t := reflect.TypeOf(args)
	all := make([]Argument, 0, t.NumField())
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		all = append(all, Argument{
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
