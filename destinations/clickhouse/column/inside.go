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
	case "Array", "QBit":
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
	case "Dynamic":
		return t.checkFree("", value, zone, 0)
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
