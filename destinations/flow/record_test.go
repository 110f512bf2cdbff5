package flow_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/flow"
)

// A mapping of records says everything that is wrong with it, each fault with the path of its field.
func TestCompileMapping(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		fields map[string]any
		want   string
	}{
		"none": {nil, "the mapping has no fields: want at least one"},
		"everything at once": {
			map[string]any{
				"tags": []any{"data.tag", "nope"}, "address": map[string]any{"city": "datum.city"},
				"email": strings.Repeat("1+", 2048) + "1", "name": "data.name +",
			},
			"mapping: address.city: unknown name datum\n" +
				"mapping: email: the expression has 4097 bytes: want at most 4096\n" +
				"mapping: name: unexpected token EOF\n" +
				"mapping: tags[1]: unknown name nope",
		},
	} {
		_, err := flow.CompileMapping(test.fields)
		require.EqualError(t, err, test.want, name)
	}
}

// A record is mapped by its fields. Those without a value are omitted, inside objects, too, as a field that is not sent
// keeps its value on the other side; lists keep their length.
func TestApplyMapping(t *testing.T) {
	t.Parallel()
	m, err := flow.CompileMapping(map[string]any{
		"email": "lower(data.email)", "site": "context.site", "none": "data.none", "nothing": nil,
		"address": map[string]any{"city": "data.address.city", "zip": "data.address.zip"},
		"given":   "data.address", "tags": []any{"data.tag", "data.none", nil}, "version": 2, "empty": map[string]any{"a": nil},
	})
	require.NoError(t, err)
	got, err := m.Apply(
		json.RawMessage(`{"email": "Ann@Example.com", "address": {"city": "Bern", "zip": null, "at": {"x": null}}, "tag": 9007199254740993}`),
		map[string]any{"site": "example.com"})
	require.NoError(t, err)
	require.JSONEq(t, `{"address":{"city":"Bern"},"email":"ann@example.com","empty":{},"given":{"at":{},"city":"Bern"},`+
		`"site":"example.com","tags":[9007199254740993,null,null],"version":2}`, string(got))
	require.Contains(t, string(got), "[9007199254740993,", "all digits of an ID are kept")
}

// The error of a record names the fields and quotes nothing of the record; what it wraps may.
func TestApplyMappingFails(t *testing.T) {
	t.Parallel()
	m, err := flow.CompileMapping(map[string]any{
		"email": "data.email + 1", "ok": "data.email", "list": []any{"data.email", "data.email - 1"},
	})
	require.NoError(t, err)
	_, err = m.Apply(json.RawMessage(`{"email": "ann@example.com"}`), nil)
	require.EqualError(t, err, "field email: the expression fails for this record\nfield list: the expression fails for this record")
	var field *flow.FieldError
	require.ErrorAs(t, err, &field)
	require.Equal(t, "email", field.Field)
	require.EqualError(t, field.Err, "mapping: email: invalid operation: string + int")

	for _, record := range []string{`[1]`, `null`, `{`, `"x"`} {
		_, err = m.Apply(json.RawMessage(record), nil)
		require.EqualError(t, err, "the record is not a JSON object", record)
	}
}

// What a mapping gives is bounded, whether it is written or would be, and has to be JSON.
func TestApplyMappingBounds(t *testing.T) {
	t.Parallel()
	record, err := json.Marshal(map[string]any{"text": strings.Repeat("x", 500_000), "zero": 0})
	require.NoError(t, err)
	for name, test := range map[string]struct {
		fields map[string]any
		want   string
	}{
		"as much as fits": {map[string]any{"a": "data.text", "b": "data.text"}, ""},
		"more when it is written": {
			map[string]any{"a": "data.text", "b": "data.text", "c": "data.text"},
			"the result of the mapping has more than 1048576 bytes as JSON",
		},
		"more before it is written": {
			map[string]any{"a": "map(1..1000, data.text)"},
			"the result of the mapping has more than 1048576 bytes as JSON",
		},
		"deeper than it may be": {
			map[string]any{"a": "reduce(1..1200, [#acc], [])"}, "the result of the mapping is nested more than 1000 levels",
		},
		"no JSON": {map[string]any{"a": "1 / data.zero"}, "the result of the mapping cannot be written as JSON"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m, err := flow.CompileMapping(test.fields)
			require.NoError(t, err)
			got, err := m.Apply(record, nil)
			if test.want != "" {
				require.EqualError(t, err, test.want)
				return
			}
			require.NoError(t, err)
			require.LessOrEqual(t, len(got), destinations.MaxPayload)
			require.Len(t, got, len(`{"a":"","b":""}`)+1_000_000)
		})
	}
}
