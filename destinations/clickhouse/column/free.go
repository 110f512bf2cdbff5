package column

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// checkVariant wants a value that fits one of the types, and that no other one would take and
// change: the engine takes whichever it tries first.
func (t Type) checkVariant(value []byte, zone *time.Location) error {
	fits := false
	for _, arg := range t.args {
		err := arg.Check(value, zone)
		if err != nil && arg.changes(value) {
			return fmt.Errorf("want a value that no type of the Variant changes: as a %s, %w", arg.name, err)
		}
		fits = fits || err == nil
	}
	if !fits {
		return errors.New("want a value that fits one of the Variant's types")
	}
	return nil
}

// changes says whether the engine may read a value as this type although it does not fit.
// Integers are not among those: of a Variant, their range is checked.
func (t Type) changes(value []byte) bool {
	lossy := slices.ContainsFunc([]string{"Date", "Time", "Decimal", "Float", "BFloat"}, func(prefix string) bool {
		return strings.HasPrefix(t.name, prefix)
	})
	literal, number := unquoted(value)
	return lossy && (number && isNumber(value) || literal != "" && strings.ContainsAny(literal[:1], "+-.0123456789"))
}

// maxFreeDepth bounds how deep values without a type can be nested.
const maxFreeDepth = 200

// checkJSON checks an object: the paths that have a type, and what the engine would change
// elsewhere.
func (t Type) checkJSON(value []byte, zone *time.Location) error {
	if value[0] != '{' {
		return errors.New("want an object")
	}
	return t.checkFree("", value, zone, 0)
}

// checkFree checks a value whose type the engine guesses. Fractions become a Float64; in an
// array with fractions, whole numbers do, too, and in one with numbers true becomes 1.
func (t Type) checkFree(path string, value []byte, zone *time.Location, depth int) error {
	switch {
	case depth > maxFreeDepth:
		return fmt.Errorf("want values that are nested no deeper than %d", maxFreeDepth)
	case value[0] == '{':
		return members(value, func(key string, value json.RawMessage) error {
			return t.checkPath(strings.TrimPrefix(path+"."+key, "."), value, zone, depth)
		})
	case value[0] == '[':
		return t.checkFreeArray(path, value, zone, depth)
	case isNumber(value) && !wholeNumber.Match(value):
		return checkFloat(value, 64)
	default:
		return nil
	}
}

// checkPath checks the value at a path of a JSON column.
func (t Type) checkPath(path string, value []byte, zone *time.Location, depth int) error {
	i := slices.Index(t.names, path)
	if i < 0 && value[0] == '{' {
		return t.checkFree(path, value, zone, depth+1)
	}
	var err error
	if i >= 0 {
		err = t.args[i].Check(value, zone)
	} else {
		err = t.checkFree(path, value, zone, depth+1)
	}
	if err != nil {
		return fmt.Errorf("path %q: %w", path, err)
	}
	return nil
}

func (t Type) checkFreeArray(path string, value []byte, zone *time.Location, depth int) error {
	var elements []json.RawMessage
	if json.Unmarshal(value, &elements) != nil {
		return errors.New("want an array")
	}
	numbers, fractions, bools := false, false, false
	for _, e := range elements {
		numbers = numbers || isNumber(e)
		fractions = fractions || isNumber(e) && !wholeNumber.Match(e)
		bools = bools || e[0] == 't' || e[0] == 'f'
	}
	if numbers && bools {
		return errors.New("want an array of either numbers or bools")
	}
	for i, e := range elements {
		err := t.checkFree(path, e, zone, depth+1)
		if fractions && isNumber(e) {
			err = checkFloat(e, 64)
		}
		if err != nil {
			return fmt.Errorf("element %d: %w", i+1, err)
		}
	}
	return nil
}
