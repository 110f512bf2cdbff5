package column

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"
)

// checkInside checks the elements of a value that has some.
func (t Type) checkInside(value []byte, zone *time.Location) error {
	switch t.name {
	case "Array":
		return t.checkArray(value, zone)
	case "Map":
		return t.checkMap(value, zone)
	case "Nested":
		tuple := t
		tuple.name = "Tuple"
		return Type{name: "Array", args: []Type{tuple}}.checkArray(value, zone)
	case "Tuple":
		return t.checkTuple(value, zone)
	case "JSON":
		return t.checkJSON(value, zone)
	default:
		return t.checkVariant(value, zone)
	}
}

func (t Type) checkArray(value []byte, zone *time.Location) error {
	var elements []json.RawMessage
	if value[0] != '[' || json.Unmarshal(value, &elements) != nil {
		return errors.New("want an array")
	}
	for i, element := range elements {
		if err := t.args[0].Check(element, zone); err != nil {
			return fmt.Errorf("element %d: %w", i+1, err)
		}
	}
	return nil
}

func (t Type) checkMap(value []byte, zone *time.Location) error {
	no := 0
	return members(value, func(key string, value json.RawMessage) error {
		no++
		quoted, err := json.Marshal(key)
		if err != nil {
			return errors.New("want keys in UTF-8")
		}
		if err := t.args[0].Check(quoted, zone); err != nil {
			return fmt.Errorf("key %d: %w", no, err)
		}
		if err := t.args[1].Check(value, zone); err != nil {
			return fmt.Errorf("value %d: %w", no, err)
		}
		return nil
	})
}

// checkTuple: elements with names come as an object, of which some may be left out; others
// come as an array.
func (t Type) checkTuple(value []byte, zone *time.Location) error {
	if t.names == nil {
		var elements []json.RawMessage
		if value[0] != '[' || json.Unmarshal(value, &elements) != nil || len(elements) != len(t.args) {
			return fmt.Errorf("want an array of %d elements", len(t.args))
		}
		for i, element := range elements {
			if err := t.args[i].Check(element, zone); err != nil {
				return fmt.Errorf("element %d: %w", i+1, err)
			}
		}
		return nil
	}
	return members(value, func(key string, value json.RawMessage) error {
		i := slices.Index(t.names, key)
		if i < 0 {
			return fmt.Errorf("want an object with the elements %q only", t.names)
		}
		if err := t.args[i].Check(value, zone); err != nil {
			return fmt.Errorf("element %q: %w", key, err)
		}
		return nil
	})
}

// checkVariant wants a value that fits one of the types.
func (t Type) checkVariant(value []byte, zone *time.Location) error {
	for _, arg := range t.args {
		if arg.Check(value, zone) == nil {
			return nil
		}
	}
	return errors.New("want a value that fits one of the Variant's types")
}

// checkJSON checks the paths that have a type, and numbers elsewhere.
func (t Type) checkJSON(value []byte, zone *time.Location) error {
	if value[0] != '{' {
		return errors.New("want an object")
	}
	return t.checkPaths("", value, zone, 0)
}

// maxJSONDepth bounds how deep the objects of a JSON column can be nested.
const maxJSONDepth = 200

func (t Type) checkPaths(prefix string, value []byte, zone *time.Location, depth int) error {
	if depth > maxJSONDepth {
		return fmt.Errorf("want objects that are nested no deeper than %d", maxJSONDepth)
	}
	return members(value, func(key string, value json.RawMessage) error {
		path := prefix + key
		i := slices.Index(t.names, path)
		switch {
		case i >= 0:
			if err := t.args[i].Check(value, zone); err != nil {
				return fmt.Errorf("path %q: %w", path, err)
			}
			return nil
		case value[0] == '{':
			return t.checkPaths(path+".", value, zone, depth+1)
		case isNumber(value):
			if checkInteger("Int64", value, 64, true) == nil || checkInteger("UInt64", value, 64, false) == nil {
				return nil
			}
			return checkFloat(value, 64)
		default:
			return nil
		}
	})
}

// members calls yield for each member of an object, in order.
func members(value []byte, yield func(key string, value json.RawMessage) error) error {
	wrong := errors.New("want an object")
	if value[0] != '{' {
		return wrong
	}
	dec := json.NewDecoder(bytes.NewReader(value))
	if _, err := dec.Token(); err != nil {
		return wrong
	}
	for dec.More() {
		token, err := dec.Token()
		key, isText := token.(string)
		var member json.RawMessage
		if err != nil || !isText || dec.Decode(&member) != nil {
			return wrong
		}
		if err := yield(key, member); err != nil {
			return err
		}
	}
	return nil
}
