package column_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/destinations/clickhouse/column"
)

func TestParse(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"", "UInt8", "Array(Tuple(a UInt8, `b c` Nullable(String)))", "Enum8('a, (b' = 1, 'it\\'s' = -2)", "Map(String, Array(Decimal(9, 2)))",
		"DateTime64(3, 'Europe/Berlin')", "JSON(max_dynamic_paths=8, a.b UInt32, SKIP c.d, SKIP REGEXP 'x')", "AggregateFunction(uniq, UInt64)",
		"SimpleAggregateFunction(sum, UInt64)", "Variant(UInt8, String)", "MultiPolygon", "Nested(a Int32, b String)", "Interval(x)",
	} {
		_, err := column.Parse(text)
		require.NoError(t, err, text)
	}
	for _, text := range []string{
		"Array(", "Array", "Array()x", "Map(String)", "Decimal(9)", "Decimal(a, b)", "Enum8('a')", "Enum8('a' = x)", "Enum8('a = 1)",
		"DateTime64()", "FixedString(-1)", "Nullable", "Tuple(a UInt8, String)", "SimpleAggregateFunction(sum)", "Array(UInt8))(",
		strings.Repeat("Array(", 40) + "UInt8" + strings.Repeat(")", 40), strings.Repeat("x", column.MaxTypeBytes+1),
	} {
		_, err := column.Parse(text)
		require.ErrorContains(t, err, "parse a column's type", "%.50s", text)
	}
}

// What does not fit says what would, and never the value.
func TestReasons(t *testing.T) {
	t.Parallel()
	for text, test := range map[string]struct{ value, want string }{
		"UInt8":                          {`300`, "want a whole number from 0 to 255 (UInt8)"},
		"Nullable(Int16)":                {`40000`, "want a whole number from -32768 to 32767 (Int16)"},
		"Array(UInt8)":                   {`[1, 300]`, "element 2: want a whole number"},
		"Map(String, UInt8)":             {`{"hunter2": null}`, "value 1: want a value, not null"},
		"Tuple(a UInt8, b Date)":         {`{"b": "1900-01-01"}`, `element "b": want a date such as`},
		"Date":                           {`"1900-01-01"`, "from 1970-01-01 to 2149-06-06"},
		"Decimal(9, 2)":                  {`"1.239"`, "at most 7 digits before the point and 2 behind it"},
		"FixedString(2)":                 {`"hunter2"`, "at most 2 bytes"},
		"Enum8('a' = 1)":                 {`"hunter2"`, "want one of the 1 values"},
		"String":                         {`null`, "not null (String is not Nullable)"},
		"DateTime('Europe/Berlin')":      {`"2026-03-29 02:30:00"`, "exists in the time zone Europe/Berlin"},
		"DateTime64(3)":                  {`"2026-02-01T12:00:00.1234Z"`, "at most 3 digits"},
		"JSON(a.b UInt8)":                {`{"a": {"b": 300}}`, `path "a.b": want a whole number`},
		"Tuple(UInt8, String)":           {`[1]`, "want an array of 2 elements"},
		"Nested(a Int32, b String)":      {`[{"c": 1}]`, `want an object with the elements ["a" "b"] only`},
		"LowCardinality(FixedString(1))": {`"ab"`, "at most 1 bytes"},
	} {
		typ, err := column.Parse(text)
		require.NoError(t, err)
		err = typ.Check(json.RawMessage(test.value), time.UTC)
		require.ErrorContains(t, err, test.want, text)
		require.NotContains(t, err.Error(), "hunter2")
	}
}

func FuzzParse(f *testing.F) {
	for _, text := range []string{"Array(Tuple(a UInt8))", "Enum8('a' = 1)", "JSON(a.b UInt32, SKIP c)", "DateTime64(3, 'UTC')", "x((", "Nested(`a` Int8)"} {
		f.Add(text, `[{"a": 1}]`)
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		typ, err := column.Parse(text)
		if err != nil {
			return
		}
		if err := typ.Check(json.RawMessage(value), time.UTC); err != nil && err.Error() == "" {
			t.Fatal("an error says nothing")
		}
	})
}
