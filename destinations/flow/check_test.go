package flow_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/flow"
)

// mapped is a file with one flow, whose step begins in line 4 and whose data in column 15.
func mapped(destination, action, data string) string {
	return fmt.Sprintf("flows:\n  - name: a\n    to:\n      - destination: %s\n        action: %s\n        data: %s\n", destination, action, data)
}

// Compile refuses mappings that no event can satisfy.
func TestCompileRefusesMappings(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct{ destination, action, data, want string }{
		"unknown field": {
			"log", "write", `{text: name, bogus: "1"}`,
			`flows.yaml:6:28: unknown field "bogus": the fields are level, text, attributes`,
		},
		"type of a constant": {"log", "write", `{text: 5}`, `flows.yaml:6:22: field "text": want a string, got a number`},
		"type of an expression": {
			"log", "write", `{text: '1 + 2'}`, `flows.yaml:6:22: field "text": want a string, got a number`,
		},
		"null": {"log", "write", `{text: null}`, `flows.yaml:6:22: field "text": want a string, got null`},
		"list": {
			"postgres", "upsert", `{connection: '"dwh"', table: '"t"', key: '"id"', row: data}`,
			`flows.yaml:6:56: field "key": want a list, got a string`,
		},
		"inside a list": {
			"postgres", "upsert", `{connection: '"dwh"', table: '"t"', key: [name, 1], row: data}`,
			`flows.yaml:6:63: field "key[1]": want a string, got a number`,
		},
		"required field": {"log", "write", `{level: name}`, `flows.yaml:6:15: field "text" is required`},
		"everything at once": {
			"postgres", "upsert", `{text: name, table: 5, key: [data.key]}`,
			`flows.yaml:6:35: field "table": want a string, got a number` + "\n" +
				`flows.yaml:6:16: unknown field "text": the fields are connection, table, key, newest, row` + "\n" +
				`flows.yaml:6:15: field "connection" is required` + "\n" +
				`flows.yaml:6:15: field "row" is required`,
		},
		"value of a constant": {
			"log", "write", `{text: '"x"', level: '"loud"'}`,
			`flows.yaml:6:15: marshal for log/write: field "level" of the data: want debug, info, warn or error`,
		},
		"failing constant": {"log", "write", `{text: '["a"][3]'}`, `flows.yaml:6:22: index out of range: 3 (array length is 1)`},
		"no JSON":          {"log", "write", `{text: name, attributes: {n: 1 / 0}}`, `flows.yaml:6:44: the value cannot be written as JSON`},
		"nothing":          {"log", "write", `{}`, `flows.yaml:6:15: field "text" is required`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := compile(mapped(test.destination, test.action, test.data))
			require.EqualError(t, err, test.want)
		})
	}
}

// Compile takes what an event can satisfy.
func TestCompileTakesMappings(t *testing.T) {
	t.Parallel()
	for _, data := range []string{
		`{text: '"x"'}`, `{text: name, level: '"warn"'}`, `{text: data.text, level: data.level}`, `{text: now().String()}`,
		`{text: 'true ? "x" : name', attributes: {any: [1, null, {deep: 2}]}}`, `{text: '"a" + "b"', attributes: '{"a": 1}'}`,
		`{text: name, attributes: data}`, `{text: 'let x = 1; data.list[x]'}`,
	} {
		_, err := compile(mapped("log", "write", data))
		require.NoError(t, err, data)
	}
}

// plain hides the Data of its actions.
type plain struct{ destinations.Destination }

func (p plain) Actions() []destinations.Action {
	return []destinations.Action{struct{ destinations.Action }{p.Destination.Actions()[0]}}
}

// An action without Data is not checked before there is an event.
func TestCompileWithoutData(t *testing.T) {
	t.Parallel()
	flows, err := flow.Parse("flows.yaml", []byte(mapped("log", "write", `{bogus: 1}`)))
	require.NoError(t, err)
	d, err := registry().Lookup("log")
	require.NoError(t, err)
	_, err = flow.Compile(destinations.NewRegistry(plain{d}), flows)
	require.NoError(t, err)
}

// A flow that is in force keeps its other steps and conditions: an upgrade makes none faulty.
func TestCompileEachTakesMappings(t *testing.T) {
	t.Parallel()
	flows, err := flow.Parse("flows.yaml", []byte(mapped("log", "write", `{bogus: 1, text: '[1][3]'}`)))
	require.NoError(t, err)
	p := flow.CompileEach(registry(), flows)
	require.Empty(t, p.Faults())
	all := p.Decide(context.Background(), &destinations.Toolkit{}, &destinations.Versions{}, event("shop", "x", `{}`))
	require.Equal(t, []string{flow.DecidedFault}, decided(all))
	require.False(t, all[0].Faulty)
}
