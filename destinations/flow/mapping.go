package flow

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/sluicehq/sluice/destinations"
)

// mapping makes a value of an event; nil leaves the event's own.
type mapping func(s *scope) (any, error)

// mapping compiles a mapping; none is nil. known is what it gives, as far as that is the same for
// every event.
func (c *compiler) mapping(f *Flow, path string, fields map[string]any) (m mapping, known any) {
	if fields == nil {
		return nil, unknown
	}
	return c.value(f, path, fields)
}

// value compiles a part of a mapping.
func (c *compiler) value(f *Flow, path string, value any) (m mapping, known any) {
	switch v := value.(type) {
	case string:
		program := c.expression(f, path, v)
		m = func(s *scope) (any, error) {
			result, err := s.run(program)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", f.place(path), err)
			}
			return result, nil
		}
		if program == nil || !c.strict {
			return m, unknown
		}
		return m, c.known(f, path, func() (any, error) { return constant(v, program) })
	case []any:
		items, list := make([]mapping, len(v)), make([]any, len(v))
		for i, item := range v {
			items[i], list[i] = c.value(f, element(path, i), item)
		}
		return func(s *scope) (any, error) {
			list, faults := make([]any, len(items)), make([]error, len(items))
			for i, item := range items {
				list[i], faults[i] = item(s)
			}
			return list, errors.Join(faults...)
		}, list
	case map[string]any:
		names, fields, object := slices.Sorted(maps.Keys(v)), map[string]mapping{}, map[string]any{}
		for _, name := range names {
			fields[name], object[name] = c.value(f, path+"."+name, v[name])
		}
		return func(s *scope) (any, error) {
			object, faults := make(map[string]any, len(names)), make([]error, len(names))
			for i, name := range names {
				object[name], faults[i] = fields[name](s)
			}
			return object, errors.Join(faults...)
		}, object
	default:
		m = func(*scope) (any, error) { return value, nil }
		if !c.strict {
			return m, unknown
		}
		return m, c.known(f, path, func() (any, error) { return asJSON(value) })
	}
}

// maxWritten is up to what estimate of its size a value is written as JSON. The estimate is
// up to six times too large; what was written is measured with the job.
const maxWritten = 6 * destinations.MaxPayload

// apply makes JSON by a mapping; without one it is the event's. place returns where the mapping stands.
func (m mapping) apply(env Env, own json.RawMessage, place func() string) (json.RawMessage, error) {
	if m == nil {
		return own, nil
	}
	value, err := m(newScope(env))
	if err != nil {
		return nil, err
	}
	// A value can hold the same text many times over, which costs nothing before it is
	// written.
	if fault := checkWritten(value); fault != "" {
		return nil, fmt.Errorf("%s: what the expressions give %s", place(), fault)
	}
	text, err := json.Marshal(value)
	if err != nil {
		return nil, fmt.Errorf("%s: what the expressions give cannot be written as JSON", place())
	}
	return text, nil
}
