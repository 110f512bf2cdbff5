package flow

import (
	"encoding/json"
	"errors"
	"maps"
	"slices"

	"github.com/sluicehq/sluice/destinations"
)

// Mapping maps records that are no events, in the language of flows: text is an expression, objects and
// lists contain more of them, and everything else stands for itself. It needs no registry of
// destinations. It is safe for concurrent use.
type Mapping struct {
	names  []string
	fields []mapping
}

// CompileMapping compiles a mapping. The error reports every fault, each with the path of its field.
func CompileMapping(fields map[string]any) (*Mapping, error) {
	m, c, f := &Mapping{names: slices.Sorted(maps.Keys(fields))}, &compiler{}, &Flow{what: "mapping"}
	if len(fields) == 0 {
		return nil, errors.New("the mapping has no fields: want at least one")
	}
	for _, name := range m.names {
		field, _ := c.value(f, name, fields[name])
		m.fields = append(m.fields, field)
	}
	if err := errors.Join(c.faults...); err != nil {
		return nil, err
	}
	return m, nil
}

// FieldError means that an expression of a mapping has failed for a record. Its text has nothing of the
// record.
type FieldError struct {
	// Field is the top-level field of the mapping.
	Field string
	// Err is the error of the expression. It can quote personal data: do not log it.
	Err error
}

// Error names the field.
func (e *FieldError) Error() string {
	return "field " + e.Field + ": the expression fails for this record"
}

// Errors of a record: its data or the result of a mapping are not usable as JSON, or too large.
var (
	errRecord = errors.New("the record is not a JSON object")
	errResult = errors.New("the result of the mapping cannot be written as JSON")
	errLarge  = errors.New("the result of the mapping " + tooLarge)
)

// Apply maps a record. Expressions see its JSON object as data and the values of context as context.
// Fields without a value (null) are omitted, also inside objects: a field that is not sent keeps its
// value on the other side. Errors of expressions are of type *FieldError.
func (m *Mapping) Apply(data json.RawMessage, context map[string]any) (json.RawMessage, error) {
	env := Env{Context: context}
	var err error
	if env.Data, err = object(data); err != nil {
		return nil, errRecord
	}
	result, faults, s := make(map[string]any, len(m.names)), []error{}, newScope(env)
	for i, name := range m.names {
		value, err := m.fields[i](s)
		if err != nil {
			faults = append(faults, &FieldError{Field: name, Err: err})
			continue
		}
		if value = withoutNull(value); value != nil {
			result[name] = value
		}
	}
	if len(faults) > 0 {
		return nil, errors.Join(faults...)
	}
	if fault := checkWritten(result); fault != "" {
		return nil, errors.New("the result of the mapping " + fault)
	}
	text, err := json.Marshal(result)
	switch {
	case err != nil:
		return nil, errResult
	case len(text) > destinations.MaxPayload:
		return nil, errLarge
	}
	return text, nil
}

// withoutNull removes fields without a value from objects.
func withoutNull(value any) any {
	object, ok := value.(map[string]any)
	if !ok {
		return value
	}
	kept := make(map[string]any, len(object))
	for name, v := range object {
		if v = withoutNull(v); v != nil {
			kept[name] = v
		}
	}
	return kept
}
