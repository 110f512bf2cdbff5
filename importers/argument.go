package importers

import "github.com/sluicehq/sluice/internal/structdoc"

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
	fields := structdoc.Of(args)
	all := make([]Argument, len(fields))
	for i, f := range fields {
		all[i] = Argument(f)
	}
	return all
}
