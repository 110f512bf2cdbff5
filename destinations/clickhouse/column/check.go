package column

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Check returns why a value of JSON does not fit the type, nil if the engine stores exactly
// this value. zone is the server's time zone, for times without one; nil if it is not known.
// The error says what would fit. It never holds the value, which may be personal.
func (t Type) Check(value json.RawMessage, zone *time.Location) error {
	value = bytes.TrimSpace(value)
	if len(value) == 0 || !json.Valid(value) {
		return errors.New("want a JSON value")
	}
	if string(value) == "null" {
		if t.nullable() {
			return nil
		}
		return fmt.Errorf("want a value, not null (%s is not Nullable)", t.name)
	}
	switch t.name {
	case "Nullable", "LowCardinality", "SimpleAggregateFunction":
		return t.args[0].Check(value, zone)
	case "Array", "QBit", "Map", "Tuple", "Nested", "Variant", "JSON", "Dynamic":
		return t.checkInside(value, zone)
	case "Date", "Date32", "DateTime", "DateTime64", "DateTime32", "Time", "Time64":
		return t.checkTime(value, zone)
	case "Bool":
		return oneOf(value, "want true, false, 1 or 0", "true", "false", "1", "0")
	case "UUID", "IPv4", "IPv6", "FixedString", "Enum", "Enum8", "Enum16":
		return t.checkText(value)
	default:
		return t.checkNumber(value)
	}
}

// nullable says whether null is a value of the type. A type that is not known may have it.
func (t Type) nullable() bool {
	switch t.name {
	case "Nullable", "Variant", "Dynamic", "":
		return true
	case "LowCardinality", "SimpleAggregateFunction":
		return t.args[0].nullable()
	default:
		return strings.HasPrefix(t.name, "AggregateFunction") || t.name == "Nothing"
	}
}

func oneOf(value []byte, want string, values ...string) error {
	for _, v := range values {
		if string(value) == v {
			return nil
		}
	}
	return errors.New(want)
}

// text returns a JSON string.
func text(value []byte) (string, bool) {
	if value[0] != '"' {
		return "", false
	}
	var s string
	err := json.Unmarshal(value, &s)
	return s, err == nil
}

// unquoted returns the text of a JSON number, or of a string that holds one.
func unquoted(value []byte) (literal string, isNumber bool) {
	if s, ok := text(value); ok {
		return s, false
	}
	return string(value), true
}

// isNumber says whether a JSON value is a number.
func isNumber(value []byte) bool { return value[0] == '-' || value[0] >= '0' && value[0] <= '9' }
