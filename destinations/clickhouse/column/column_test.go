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

// Each type takes what the engine stores as it is, and refuses its neighbour with what would fit.
func TestChecks(t *testing.T) {
	t.Parallel()
	deep := func(open, end string, levels int) string {
		return `{"a": ` + strings.Repeat(open, levels) + `1.5` + strings.Repeat(end, levels) + `}`
	}
	for _, test := range []struct{ text, value, want string }{
		{"String", ``, "want a JSON value"},
		{"String", `{`, "want a JSON value"},
		{"Nothing", `null`, ""},
		{"AggregateFunction(uniq, UInt64)", `null`, ""},
		{"Decimal32(2)", `1234567.89`, ""},
		{"Decimal32(2)", `12345678.9`, "want a number of at most 7 digits before the point and 2 behind it (Decimal(9, 2))"},
		{"Decimal(9)", ``, "parse a column's type: Decimal has 1 arguments (want 2)"},
		{"Time", `"12:00:00"`, ""},
		{"Time", `"-999:59:59.000"`, ""},
		{"Time", `"12:60:00"`, "want a time such as 12:00:00, up to 999:59:59"},
		{"Time", `43200`, "want a time such as 12:00:00, up to 999:59:59"},
		{"Time", `"12:00:00.5"`, "want a time with at most 0 digits of a fraction of a second"},
		{"Time64(3)", `"12:00:00.1230"`, ""},
		{"Time64(3)", `"12:00:00.1234"`, "want a time with at most 3 digits of a fraction of a second"},
		{"Date", `true`, "want a date such as 2026-02-01, from 1970-01-01 to 2149-06-06"},
		{"DateTime", `[1]`, "want a time such as 2026-02-01T12:00:00Z, or a whole number of Unix seconds"},
		{"DateTime", `"2026-02-01T25:00:00Z"`, "want a date and a time that exist"},
		{"DateTime", `"2026-03-29 02:30:00"`, ""},
		{"DateTime", `"1970-01-01 00:30:00"`, ""},
		{"DateTime", `"1970-01-01T00:30:00+01"`, "want a time from 1970-01-01 00:00:00 to 2106-02-07 06:28:15 UTC"},
		{"DateTime64(9)", `"2262-04-12T00:00:00Z"`, "want a time from 1900-01-01 00:00:00 to 2262-04-11 23:47:15 UTC"},
		{"DateTime", `1.5`, "want a whole number of 1/10^0 seconds since 1970, from 1970-01-01 00:00:00 to 2106-02-07 06:28:15 UTC"},
		{"Variant(UInt8, Array(UInt8))", `"x"`, "want a value that fits one of the Variant's types"},
		{"Variant(Date, String)", `"2500-01-01"`, "want a value that no type of the Variant changes: as a Date, " +
			"want a date such as 2026-02-01, from 1970-01-01 to 2149-06-06"},
		{"JSON", `[1]`, "want an object"},
		{"JSON", `{"a": [1, true]}`, `path "a": want an array of either numbers or bools`},
		{
			"JSON", `{"a": [1.5, 9007199254740993]}`,
			`path "a": element 2: want a whole number that 64 bits of floating point can hold exactly`,
		},
		{"Dynamic", `{"a": {"b": 1e400}}`, `path "a.b": want a number that 64 bits of floating point can hold`},
		{"JSON", deep("[", "]", 199), ""},
		{"JSON", deep(`{"b": `, "}", 150), ""},
		{"Map(UInt8, String)", `{"300": "x"}`, "key 1: want a whole number from 0 to 255 (UInt8)"},
		{"Map(String, UInt8)", `[1]`, "want an object"},
		{"Enum8('a\\n\\t\\r\\0\\b\\f' = 1, 'it''s' = 2, '\\'' = 3)", `"a\n\t\r\u0000\b\f"`, ""},
		{"Enum8('a\\n\\t\\r\\0\\b\\f' = 1, 'it''s' = 2, '\\'' = 3)", `"it's"`, ""},
		{"Enum8('a\\n\\t\\r\\0\\b\\f' = 1, 'it''s' = 2, '\\'' = 3)", `"'"`, ""},
		{"Enum8('a' = 1, 'b' = 2)", `"n"`, "want one of the 2 values of the Enum8"},
		{"Tuple(a Array(, b UInt8)", ``, "parse a column's type: a bracket or a quote is not closed"},
		{"Tuple(a Map(String))", ``, "parse a column's type: Map has 1 arguments (want 2)"},
		{"Array(x))((y)", ``, "parse a column's type: a bracket or a quote is not closed"},
		{"Enum8('a' = 1, 'b) = 2)", ``, "parse a column's type: a bracket or a quote is not closed"},
		{"DateTime64(x)", ``, "parse a column's type: a parameter of DateTime64 is no number"},
	} {
		typ, err := column.Parse(test.text)
		if err == nil {
			err = typ.Check(json.RawMessage(test.value), nil)
		}
		if test.want == "" {
			require.NoError(t, err, "%s %s", test.text, test.value)
			continue
		}
		require.EqualError(t, err, test.want, "%s %.50s", test.text, test.value)
	}
	// A value that is too deep is named by its path, level by level.
	typ, err := column.Parse("JSON")
	require.NoError(t, err)
	err = typ.Check(json.RawMessage(deep("[", "]", 201)), time.UTC)
	require.ErrorContains(t, err, `path "a": element 1: `)
	require.ErrorContains(t, err, "want values that are nested no deeper than 200")
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
