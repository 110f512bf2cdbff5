package clickhouse_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	clickhousego "github.com/ClickHouse/clickhouse-go/v2"
	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/destinations"
)

// value is a value of JSON for a column, and what the table then has as text: "-" if the row
// is to be discarded.
type value struct{ json, stored string }

// values are the kinds of values that ClickHouse changes, and such as are near them.
var values = map[string][]value{
	"UInt8": {
		{`255`, "255"},
		{`300`, "-"},
		{`256`, "-"},
		{`-1`, "-"},
		{`"300"`, "-"},
		{`"7"`, "7"},
		{`""`, "-"},
		{`1.5`, "-"},
		{`1e2`, "-"},
		{`null`, "-"},
		{`true`, "1"},
		{`"x"`, "-"},
		{`[1]`, "-"},
		{`{}`, "-"},
	},
	"Int8":   {{`-128`, "-128"}, {`-129`, "-"}, {`128`, "-"}, {`true`, "-"}},
	"UInt16": {{`65535`, "65535"}, {`65536`, "-"}},
	"Int16":  {{`32767`, "32767"}, {`40000`, "-"}},
	"UInt32": {{`4294967295`, "4294967295"}, {`4294967301`, "-"}},
	"Int32":  {{`-2147483648`, "-2147483648"}, {`99999999999`, "-"}},
	"UInt64": {{`18446744073709551615`, "18446744073709551615"}, {`18446744073709551616`, "-"}},
	"Int64":  {{`-9223372036854775808`, "-9223372036854775808"}, {`9223372036854775808`, "-"}},
	"UInt128": {
		{`340282366920938463463374607431768211455`, "340282366920938463463374607431768211455"},
		{`340282366920938463463374607431768211456`, "-"},
	},
	"Int128": {{`170141183460469231731687303715884105728`, "-"}, {`"-5"`, "-5"}},
	"UInt256": {
		{`115792089237316195423570985008687907853269984665640564039457584007913129639936`, "-"}, {`12`, "12"},
	},
	"Int256": {{`"-1"`, "-1"}, {`1e60`, "-"}},
	"Float32": {
		{`0.1`, "0.1"},
		{`16777216`, "16777216"},
		{`16777217`, "-"},
		{`1e39`, "-"},
		{`1e-50`, "-"},
		{`null`, "-"},
		{`"nan"`, "nan"},
		{`"1.5"`, "1.5"},
		{`true`, "-"},
	},
	"Float64":  {{`1e400`, "-"}, {`9007199254740993`, "-"}, {`9007199254740992`, "9007199254740992"}, {`0`, "0"}, {`-123.456`, "-123.456"}},
	"BFloat16": {{`256`, "256"}, {`257`, "-"}},
	"Decimal(9, 2)": {
		{`1.23`, "1.23"},
		{`1.239`, "-"},
		{`"1.239"`, "-"},
		{`"1.230"`, "1.23"},
		{`1234567.89`, "1234567.89"},
		{`12345678.9`, "-"},
		{`1e3`, "1000"},
		{`1e-3`, "-"},
		{`12e-1`, "1.2"},
		{`null`, "-"},
		{`-0.01`, "-0.01"},
		{`"x"`, "-"},
		{`1e999999999`, "-"},
		{`0e999999999`, "-"},
	},
	"Decimal(38, 10)": {{`12345678901234567890.5`, "12345678901234567890.5"}, {`0.00000000001`, "-"}},
	"Decimal(76, 20)": {{`1e60`, "-"}, {`1e-20`, "0.00000000000000000001"}},
	"Bool":            {{`true`, "true"}, {`0`, "false"}, {`2`, "-"}, {`"yes"`, "-"}, {`"true"`, "-"}, {`null`, "-"}},
	"Date": {
		{`"1970-01-01"`, "1970-01-01"},
		{`"2149-06-06"`, "2149-06-06"},
		{`"1900-01-01"`, "-"},
		{`"2200-01-01"`, "-"},
		{`"2026-02-30"`, "-"},
		{`"2026-13-01"`, "-"},
		{`"0000-00-00"`, "-"},
		{`"2026-02-01T12:00:00Z"`, "-"},
		{`20000`, "2024-10-04"},
		{`70000`, "-"},
		{`1769947200`, "-"},
		{`-1`, "-"},
		{`null`, "-"},
		{`"20260201"`, "2026-02-01"},
		{`""`, "-"},
		{`"01.02.2026"`, "-"},
	},
	"Date32": {
		{`"1900-01-01"`, "1900-01-01"}, {`"1899-12-31"`, "-"}, {`"2299-12-31"`, "2299-12-31"}, {`"2300-01-01"`, "-"}, {`-30000`, "-"},
	},
	"DateTime('UTC')": {
		{`"1950-01-01T00:00:00Z"`, "-"},
		{`"2150-01-01T00:00:00Z"`, "-"},
		{`"2106-02-07 06:28:15"`, "2106-02-07 06:28:15"},
		{`"2106-02-07 06:28:16"`, "-"},
		{`"1970-01-01 00:00:00"`, "1970-01-01 00:00:00"},
		{`"1970-01-01T00:00:00+01:00"`, "-"},
		{`"2026-02-01T12:00:00+03:00"`, "2026-02-01 09:00:00"},
		{`"2026-02-01T12:00:00-0330"`, "2026-02-01 15:30:00"},
		{`"2026-02-01T12:00:00.123Z"`, "-"},
		{`"2026-02-01T12:00:00.000Z"`, "2026-02-01 12:00:00"},
		{`"2026-02-01"`, "2026-02-01 00:00:00"},
		{`"2026-02-01T12:34"`, "2026-02-01 12:34:00"},
		{`1769947200`, "2026-02-01 12:00:00"},
		{`"1769947200"`, "2026-02-01 12:00:00"},
		{`4294967296`, "-"},
		{`1769947200123`, "-"},
		{`-5`, "-"},
		{`"10"`, "-"},
		{`"2026-02-01T24:00:00Z"`, "-"},
		{`null`, "-"},
		{`""`, "-"},
		{`1769947200.5`, "-"},
		{`"2026-02-01 12:00:00 +03"`, "2026-02-01 09:00:00"},
		{`"2026-02-01 12:00:00 UTC"`, "2026-02-01 12:00:00"},
	},
	"DateTime('Europe/Berlin')": {
		{`"2026-03-29 02:30:00"`, "-"},
		{`"1970-01-01 00:30:00"`, "-"},
		{`"2026-02-01 12:00:00"`, "2026-02-01 12:00:00"},
		{`"2026-02-01T12:00:00Z"`, "2026-02-01 13:00:00"},
	},
	"DateTime64(3, 'UTC')": {
		{`"1850-01-01T00:00:00Z"`, "-"},
		{`"2350-01-01T00:00:00Z"`, "-"},
		{`"1900-01-01T00:00:00Z"`, "1900-01-01 00:00:00.000"},
		{`"2026-02-01T12:00:00.123Z"`, "2026-02-01 12:00:00.123"},
		{`"2026-02-01T12:00:00.1234Z"`, "-"},
		{`1769947200123`, "2026-02-01 12:00:00.123"},
		{`"1769947200"`, "2026-02-01 12:00:00.000"},
		{`"2026-02-30T00:00:00Z"`, "-"},
		{`"2026-02-01T12:00:00.120000+01:00"`, "2026-02-01 11:00:00.120"},
		{`99999999999999999999`, "-"},
	},
	"DateTime64(9, 'UTC')": {{`"2290-01-01T00:00:00Z"`, "-"}, {`"2026-02-01T12:00:00.123456789Z"`, "2026-02-01 12:00:00.123456789"}},
	"FixedString(2)":       {{`"ab"`, "ab"}, {`"abc"`, "-"}, {`"ü"`, "ü"}, {`"üx"`, "-"}, {`12`, "-"}},
	"Enum8('a' = 1, 'b' = 44)": {
		{`"a"`, "a"}, {`"c"`, "-"}, {`44`, "b"}, {`300`, "-"}, {`null`, "-"}, {`"it's"`, "-"},
	},
	"Enum16('it\\'s, (' = 1000)": {{`"it's, ("`, "it's, ("}, {`"x"`, "-"}},
	"UUID": {
		{`"61f0c404-5cb3-11e7-907b-a6006ad3dba0"`, "61f0c404-5cb3-11e7-907b-a6006ad3dba0"},
		{`"zzzzzzzz-zzzz-zzzz-zzzz-zzzzzzzzzzzz"`, "-"},
		{`"61f0c4045cb311e7907ba6006ad3dba0"`, "61f0c404-5cb3-11e7-907b-a6006ad3dba0"},
		{`""`, "-"},
		{`null`, "-"},
	},
	"IPv4":                               {{`"1.2.3.4"`, "1.2.3.4"}, {`"1.2.3.400"`, "-"}, {`""`, "-"}, {`"::1"`, "-"}, {`null`, "-"}},
	"IPv6":                               {{`"::1"`, "::1"}, {`"1.2.3.4"`, "::ffff:1.2.3.4"}, {`"fe80::1%eth0"`, "-"}, {`"x"`, "-"}},
	"String":                             {{`"x"`, "x"}, {`12`, "12"}, {`1.50`, "1.50"}, {`{"a": 1}`, `{"a":1}`}, {`null`, "-"}, {`"\ud800"`, "-"}},
	"LowCardinality(String)":             {{`"x"`, "x"}, {`null`, "-"}},
	"LowCardinality(Nullable(String))":   {{`null`, "NULL"}},
	"LowCardinality(FixedString(1))":     {{`"a"`, "a"}, {`"ab"`, "-"}},
	"Nullable(UInt8)":                    {{`null`, "NULL"}, {`300`, "-"}},
	"Nullable(Date)":                     {{`"1900-01-01"`, "-"}},
	"SimpleAggregateFunction(max, Int8)": {{`5`, "5"}, {`300`, "-"}},
	"Array(UInt8)": {
		{`[1, 255]`, "[1,255]"}, {`[1, 300]`, "-"}, {`[null]`, "-"}, {`"x"`, "-"}, {`"[1]"`, "-"}, {`null`, "-"}, {`[]`, "[]"}, {`[1.5]`, "-"},
	},
	"Array(Nullable(Date))":       {{`[null, "2026-02-01"]`, "[NULL,'2026-02-01']"}, {`["1900-01-01"]`, "-"}},
	"Array(Array(Decimal(9, 2)))": {{`[[1.23], []]`, "[[1.23],[]]"}, {`[[1.239]]`, "-"}},
	"Map(String, UInt8)":          {{`{"a": 1}`, "{'a':1}"}, {`{"a": 300}`, "-"}, {`{"a": null}`, "-"}, {`[]`, "-"}, {`null`, "-"}},
	"Map(UInt8, String)":          {{`{"1": "x"}`, "{1:'x'}"}, {`{"300": "x"}`, "-"}, {`{"x": "x"}`, "-"}},
	"Tuple(UInt8, String)":        {{`[1, "x"]`, "(1,'x')"}, {`[300, "x"]`, "-"}, {`[1]`, "-"}, {`null`, "-"}},
	"Tuple(a UInt8, b String)": {
		{`{"a": 1, "b": "x"}`, "(1,'x')"}, {`{"a": 300}`, "-"}, {`{"a": 1, "c": 2}`, "-"}, {`{"a": null}`, "-"}, {`{"a": 1}`, "(1,'')"},
	},
	"Variant(UInt8, Array(UInt8))": {{`7`, "7"}, {`null`, "ᴺᵁᴸᴸ"}},
	"JSON(a Date)": {
		{`{"a": "1900-01-01"}`, "-"},
		{`{"a": "2026-02-01", "b": {"c": "1900-01-01"}}`, `{"a":"2026-02-01","b":{"c":"1900-01-01"}}`},
		{`{"n": 18446744073709551616}`, "-"},
		{`{"n": 1e400}`, "-"},
		{`[1]`, "-"},
		{`null`, "-"},
	},
	"JSON": {
		{`{"a": [9007199254740993, 0.5]}`, "-"},
		{`{"a": [true, 1]}`, "-"},
		{`{"a": {"b": [[1, 1e400]]}}`, "-"},
		{`{"a": [1, 1.5, null]}`, `{"a":[1,1.5,null]}`},
		{`{"a": {"b": [{"c": 9007199254740993}]}}`, `{"a":{"b":[{"c":9007199254740993}]}}`},
	},
	"Dynamic":                        {{`1e400`, "-"}, {`[9007199254740993, 0.5]`, "-"}, {`"2026-02-30"`, "2026-02-30"}, {`9007199254740993`, "9007199254740993"}},
	"Variant(DateTime, String)":      {{`"1900-01-01T00:00:00Z"`, "-"}, {`"12"`, "-"}, {`"x"`, "x"}, {`"2026-02-01T12:00:00Z"`, "2026-02-01 12:00:00"}},
	"Variant(Decimal(9, 2), String)": {{`1.239`, "-"}, {`1.23`, "1.23"}},
	"Variant(UInt8, String)":         {{`300`, "300"}, {`7`, "7"}, {`"x"`, "x"}},
	"IntervalDay":                    {{`99999999999999999999`, "-"}, {`5`, "5"}},
	"QBit(Float32, 2)":               {{`[1, 16777217]`, "-"}, {`[1]`, "-"}, {`"x"`, "-"}},
	"Point":                          {{`[1, 2]`, "(1,2)"}, {`[1]`, "-"}, {`[9007199254740993, 0]`, "-"}},
}

// Nothing is stored changed: a value that does not fit its column is discarded, with column
// and reason; every other one is stored as it is.
func TestValues(t *testing.T) {
	t.Parallel()
	for typ, values := range values {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			tab := newTable(t, "")
			tab.exec(t, "CREATE OR REPLACE TABLE orders (job_id String, v "+typ+") ENGINE = MergeTree ORDER BY job_id")
			var rows []string
			for _, v := range values {
				rows = append(rows, `{"v": `+v.json+`}`)
			}
			batch := jobs(rows...)
			reports := deliver(t, tab.opener(), batch...)
			stored := tab.texts(t)
			for i, v := range values {
				then, text := reports[batch[i].ID], stored[batch[i].ID]
				if v.stored != "-" {
					require.NoError(t, then.Error, v.json)
					require.Equal(t, []string{v.stored}, text, v.json)
					continue
				}
				require.Empty(t, text, v.json)
				require.ErrorContains(t, then.Error, `column "v"`, v.json)
				require.ErrorContains(t, then.Error, "table orders", v.json)
				require.True(t, then.ForceDiscard, v.json)
				require.Equal(t, destinations.ErrorClassJob, destinations.ClassOf(then.Error))
				if strings.HasPrefix(v.json, `"`) && len(v.json) > len(`"true"`) {
					require.NotContains(t, then.Error.Error(), strings.Trim(v.json, `"`), "errors hold no values")
				}
			}
		})
	}
}

// texts returns what the table has in its column v, by job.
func (t table) texts(tb testing.TB) map[string][]string {
	tb.Helper()
	options, err := clickhousego.ParseDSN(t.dsn)
	require.NoError(tb, err)
	conn, err := clickhousego.Open(options)
	require.NoError(tb, err)
	defer func() { require.NoError(tb, conn.Close()) }()
	var all []struct {
		ID   string `ch:"job_id"`
		Text string `ch:"text"`
	}
	require.NoError(tb, conn.Select(tb.Context(), &all, "SELECT job_id, ifNull(toString(v), 'NULL') AS text FROM orders"))
	texts := map[string][]string{}
	for _, row := range all {
		texts[row.ID] = append(texts[row.ID], row.Text)
	}
	return texts
}

// Columns that a row leaves out have their defaults, and a null is none, whatever the server's
// profile says.
func TestDefaults(t *testing.T) {
	t.Parallel()
	tab := newTable(t, "")
	tab.exec(t, "CREATE OR REPLACE TABLE orders (job_id String, v UInt8 DEFAULT 7, w Nullable(UInt8) DEFAULT 8) "+
		"ENGINE = MergeTree ORDER BY job_id")
	profile := tab.behind(t, func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		for setting, value := range map[string]string{
			"input_format_null_as_default": "1", "input_format_allow_errors_num": "10", "input_format_skip_unknown_fields": "1",
		} {
			if !q.Has(setting) {
				q.Set(setting, value)
			}
		}
		r.URL.RawQuery = q.Encode()
		tab.engine.ServeHTTP(w, r)
	})
	reports := deliver(t, profile.opener(), jobs(`{}`, `{"v": null}`, `{"w": null}`, `{"w": null, "v": 1}`)...)
	require.ErrorContains(t, reports["001"].Error, `column "v": want a value, not null (UInt8 is not Nullable)`)
	require.Equal(t, map[string][]string{"000": {"7"}, "002": {"7"}, "003": {"1"}}, tab.texts(t))
	tab.exec(t, "CREATE OR REPLACE TABLE orders (job_id String, v String) ENGINE = MergeTree ORDER BY job_id")
	bad := deliver(t, profile.opener(), jobs(`{"v": "x"}`, `{"v": "\ud800"}`)...)["001"]
	require.ErrorContains(t, bad.Error, `column "v": ClickHouse answered with error 25`)
	require.True(t, bad.ForceDiscard)
}

// Of many faults of a row the first are reported, with the number of the others.
func TestManyFaults(t *testing.T) {
	t.Parallel()
	tab := newTable(t, "")
	columns, row, unknown := []string{}, map[string]any{}, map[string]any{}
	for i := range 20 {
		name := fmt.Sprintf("c%02d", i)
		columns = append(columns, name+" UInt8")
		row[name], unknown["x"+name] = 300, 1
	}
	tab.exec(t, "CREATE OR REPLACE TABLE orders (job_id String, "+strings.Join(columns, ", ")+") ENGINE = MergeTree ORDER BY job_id")
	first, err := json.Marshal(row)
	require.NoError(t, err)
	second, err := json.Marshal(unknown)
	require.NoError(t, err)
	reports := deliver(t, tab.opener(), jobs(string(first), string(second))...)
	for id, column := range map[string]string{"000": `"c04"`, "001": `"xc04"`} {
		require.ErrorContains(t, reports[id].Error, column)
		require.ErrorContains(t, reports[id].Error, "and 15 more")
		require.NotContains(t, reports[id].Error.Error(), "c05")
	}
}
