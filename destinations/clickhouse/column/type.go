// Package column reads ClickHouse's names of types, and checks that values of JSON fit them.
// The engine changes silently what does not fit: the number 300 becomes 44 in a UInt8, and
// the year 1900 becomes 1970 in a Date. The rules are those of the input format JSONEachRow
// (https://clickhouse.com/docs/interfaces/formats/JSONEachRow).
package column

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Bounds of what Parse reads.
const (
	// MaxTypeBytes is how long the name of a type can be.
	MaxTypeBytes = 1 << 20
	// MaxDepth is how deep types can be nested.
	MaxDepth = 32
)

// Type is the type of a column. The zero value fits any value.
type Type struct {
	// name is the family, such as UInt8, Decimal or Array.
	name string
	// args are the types inside: of Nullable, Array, Map, Tuple, Nested, Variant and JSON.
	args []Type
	// names are the names of args, nil where they have none.
	names []string
	// numbers are the parameters of Decimal, FixedString, DateTime64 and Time64.
	numbers []int
	// zone is the time zone of DateTime and DateTime64, "" for the server's.
	zone string
	// values are the names and numbers of an Enum.
	values map[string]int64
}

// aliases are types that stand for others.
var aliases = map[string]string{
	"Point": "Tuple(Float64, Float64)", "Ring": "Array(Point)", "LineString": "Array(Point)",
	"MultiLineString": "Array(LineString)", "Polygon": "Array(Ring)", "MultiPolygon": "Array(Polygon)",
}

// Parse reads the name of a type as DESCRIBE TABLE tells it, such as
// "Map(LowCardinality(String), Array(Decimal(9, 2)))". A family that it does not know is no
// error: such a type fits any value, and the engine alone judges it.
func Parse(text string) (Type, error) {
	if len(text) > MaxTypeBytes {
		return Type{}, fmt.Errorf("parse a column's type: it has %d bytes (want at most %d)", len(text), MaxTypeBytes)
	}
	return parse(text, 0)
}

func parse(text string, depth int) (Type, error) {
	if depth > MaxDepth {
		return Type{}, fmt.Errorf("parse a column's type: it is nested deeper than %d", MaxDepth)
	}
	name, rest, hasArgs := strings.Cut(strings.TrimSpace(text), "(")
	t := Type{name: strings.TrimSpace(name)}
	if whole := aliases[t.name]; whole != "" && !hasArgs {
		return parse(whole, depth+1)
	}
	if !hasArgs {
		err := t.complete(nil)
		return t, err
	}
	inside, closed := strings.CutSuffix(strings.TrimSpace(rest), ")")
	if !closed {
		return Type{}, errors.New("parse a column's type: a bracket is not closed")
	}
	args, err := split(inside, ',')
	if err != nil {
		return Type{}, err
	}
	if err := t.take(args, depth); err != nil {
		return Type{}, err
	}
	err = t.complete(args)
	return t, err
}

// take reads the arguments of a type.
func (t *Type) take(args []string, depth int) error {
	switch t.name {
	case "Nullable", "LowCardinality", "Array", "Map", "Variant":
		return t.takeTypes(args, depth)
	case "SimpleAggregateFunction":
		if len(args) < 2 {
			return errors.New("parse a column's type: a SimpleAggregateFunction has no type")
		}
		return t.takeTypes(args[1:], depth)
	case "QBit":
		return t.takeTypes(args[:1], depth)
	case "Tuple", "Nested", "JSON":
		return t.takeNamed(args, depth)
	case "Enum", "Enum8", "Enum16":
		return t.takeValues(args)
	case "DateTime":
		return t.takeZone(args)
	case "DateTime64":
		if err := t.takeNumbers(args[:1]); err != nil {
			return err
		}
		return t.takeZone(args[1:])
	case "Decimal", "FixedString", "Time64", "Decimal32", "Decimal64", "Decimal128", "Decimal256":
		return t.takeNumbers(args)
	default:
		return nil
	}
}

// complete checks that a type has the arguments that it needs.
func (t *Type) complete(args []string) error {
	want := map[string]int{
		"Nullable": 1, "LowCardinality": 1, "Array": 1, "Map": 2, "Decimal": 2, "FixedString": 1, "DateTime64": 1,
		"Time64": 1, "QBit": 1,
		"Enum8": 1, "Enum16": 1, "Tuple": 1, "Nested": 1, "Variant": 1, "SimpleAggregateFunction": 2,
	}[t.name]
	if len(args) < want {
		return fmt.Errorf("parse a column's type: %s has %d arguments (want %d)", t.name, len(args), want)
	}
	return nil
}

func (t *Type) takeTypes(args []string, depth int) error {
	for _, arg := range args {
		inner, err := parse(arg, depth+1)
		if err != nil {
			return err
		}
		t.args = append(t.args, inner)
	}
	return nil
}

// takeNamed reads types that may have a name before them. Of a JSON's arguments, those that
// are no types are left out.
func (t *Type) takeNamed(args []string, depth int) error {
	for _, arg := range args {
		words, err := split(arg, ' ')
		if err != nil {
			return err
		}
		if t.name == "JSON" && (len(words) < 2 || words[0] == "SKIP" || words[0] == "max_dynamic_paths" ||
			words[0] == "max_dynamic_types") {
			continue
		}
		if len(words) > 1 {
			t.names = append(t.names, unquote(words[0], '`'))
			arg = strings.TrimPrefix(arg, words[0])
		}
		if err := t.takeTypes([]string{arg}, depth); err != nil {
			return err
		}
	}
	if len(t.names) != 0 && len(t.names) != len(t.args) {
		return errors.New("parse a column's type: only some of its elements have names")
	}
	return nil
}

func (t *Type) takeValues(args []string) error {
	t.values = make(map[string]int64, len(args))
	for _, arg := range args {
		parts, err := split(arg, '=')
		if err != nil {
			return err
		}
		if len(parts) != 2 {
			return errors.New("parse a column's type: a value of an Enum has no number")
		}
		n, err := strconv.ParseInt(parts[1], 10, 16)
		if err != nil {
			return errors.New("parse a column's type: a value of an Enum has no number")
		}
		t.values[unquote(parts[0], '\'')] = n
	}
	return nil
}

func (t *Type) takeZone(args []string) error {
	if len(args) > 0 {
		t.zone = unquote(args[0], '\'')
	}
	return nil
}

func (t *Type) takeNumbers(args []string) error {
	for _, arg := range args {
		n, err := strconv.ParseUint(arg, 10, 31)
		if err != nil {
			return fmt.Errorf("parse a column's type: a parameter of %s is no number", t.name)
		}
		t.numbers = append(t.numbers, int(n))
	}
	return nil
}
