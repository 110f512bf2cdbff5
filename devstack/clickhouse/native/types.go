package native

import (
	"fmt"
	"strconv"
	"strings"
)

// shape is the way in which the values of a type are laid out.
type shape uint8

const (
	shapeFixed          shape = iota // each value has size bytes
	shapeText                        // length and bytes
	shapeNullable                    // a byte each, then the values
	shapeArray                       // the ends, then the values
	shapeTuple                       // the values of one element after the other
	shapeLowCardinality              // a dictionary and indices
)

// layout is a type as far as the length of its values is concerned.
type layout struct {
	shape shape
	size  int64
	inner []layout
}

// sizes are those of the types that always have the same one.
var sizes = map[string]int64{
	"Bool": 1, "Int8": 1, "UInt8": 1, "Enum8": 1, "Nothing": 1,
	"Int16": 2, "UInt16": 2, "Enum16": 2, "Date": 2, "BFloat16": 2,
	"Int32": 4, "UInt32": 4, "Float32": 4, "Date32": 4, "DateTime": 4, "Decimal32": 4, "IPv4": 4, "Time": 4,
	"Int64": 8, "UInt64": 8, "Float64": 8, "DateTime64": 8, "Decimal64": 8, "Time64": 8,
	"Int128": 16, "UInt128": 16, "Decimal128": 16, "UUID": 16, "IPv6": 16,
	"Int256": 32, "UInt256": 32, "Decimal256": 32,
}

// geometry are the types that are names for others.
var geometry = map[string]string{
	"Point":           "Tuple(Float64, Float64)",
	"Ring":            "Array(Point)",
	"LineString":      "Array(Point)",
	"Polygon":         "Array(Ring)",
	"MultiLineString": "Array(LineString)",
	"MultiPolygon":    "Array(Polygon)",
}

// CheckType returns an error that wraps ErrUnsupportedType if values of the
// type with the given name cannot be sent or received.
func CheckType(name string) error {
	_, err := parseType(name, 0)
	return err
}

// parseType finds the layout of the type with the given name.
func parseType(text string, depth int) (layout, error) {
	if depth > maxDepth {
		return layout{}, fmt.Errorf("%w: types nested more than %d deep", ErrMalformed, maxDepth)
	}
	text = strings.TrimSpace(text)
	name, rest, hasArgs := strings.Cut(text, "(")
	args, closed := strings.CutSuffix(rest, ")")
	if hasArgs != closed {
		return layout{}, fmt.Errorf("%w: type %.100q", ErrMalformed, text)
	}
	if size, ok := sizes[name]; ok {
		return layout{size: size}, nil
	}
	if strings.HasPrefix(name, "Interval") {
		return layout{size: 8}, nil
	}
	if other, ok := geometry[name]; ok {
		return parseType(other, depth+1)
	}
	switch name {
	case "String":
		return layout{shape: shapeText}, nil
	case "FixedString":
		return fixedString(args)
	case "Decimal":
		return decimal(args)
	}
	inner, err := parseArgs(name, splitArgs(args), depth)
	if err != nil {
		return layout{}, err
	}
	switch {
	case name == "Tuple" && len(inner) > 0:
		return layout{shape: shapeTuple, inner: inner}, nil
	case name == "Map" && len(inner) == 2, name == "Nested" && len(inner) > 0:
		return layout{shape: shapeArray, inner: []layout{{shape: shapeTuple, inner: inner}}}, nil
	case name == "Array" && len(inner) == 1:
		return layout{shape: shapeArray, inner: inner}, nil
	case name == "Nullable" && len(inner) == 1:
		return layout{shape: shapeNullable, inner: inner}, nil
	case name == "LowCardinality" && len(inner) == 1:
		return lowCardinality(inner[0])
	case name == "SimpleAggregateFunction" && len(inner) == 1:
		return inner[0], nil
	}
	return layout{}, fmt.Errorf("%w %.100s", ErrUnsupportedType, text)
}

// parseArgs finds the layouts of the types that are a type's arguments.
func parseArgs(name string, args []string, depth int) ([]layout, error) {
	switch name {
	case "Tuple", "Nested", "Map", "Array", "Nullable", "LowCardinality":
	case "SimpleAggregateFunction":
		if len(args) > 0 {
			args = args[1:] // the function
		}
	default:
		return nil, nil // refused by the caller
	}
	inner := make([]layout, 0, len(args))
	for _, arg := range args {
		l, err := parseType(elementType(arg), depth+1)
		if err != nil {
			return nil, err
		}
		inner = append(inner, l)
	}
	return inner, nil
}

func fixedString(arg string) (layout, error) {
	n, err := strconv.ParseUint(strings.TrimSpace(arg), 10, 32)
	if err != nil || n == 0 || n > maxFixedString {
		return layout{}, fmt.Errorf("%w: type FixedString(%.100s)", ErrMalformed, arg)
	}
	return layout{size: int64(n)}, nil
}

// decimal chooses the size by the precision
// (https://clickhouse.com/docs/sql-reference/data-types/decimal).
func decimal(args string) (layout, error) {
	precision, _, _ := strings.Cut(args, ",")
	p, err := strconv.Atoi(strings.TrimSpace(precision))
	switch {
	case err != nil || p < 1 || p > 76:
		return layout{}, fmt.Errorf("%w: type Decimal(%.100s)", ErrMalformed, args)
	case p <= 9:
		return layout{size: 4}, nil
	case p <= 18:
		return layout{size: 8}, nil
	case p <= 38:
		return layout{size: 16}, nil
	}
	return layout{size: 32}, nil
}

// lowCardinality keeps the layout of the dictionary, in which NULL is the
// first value rather than a byte beside each.
func lowCardinality(of layout) (layout, error) {
	if of.shape == shapeNullable {
		of = of.inner[0]
	}
	if of.shape != shapeFixed && of.shape != shapeText {
		return layout{}, fmt.Errorf("%w: dictionary of a type that is nested", ErrMalformed)
	}
	return layout{shape: shapeLowCardinality, inner: []layout{of}}, nil
}
