package flow_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/clickhouse"
	"github.com/sluicehq/sluice/destinations/flow"
	"github.com/sluicehq/sluice/destinations/log"
	"github.com/sluicehq/sluice/destinations/postgres"
	"github.com/sluicehq/sluice/destinations/smtp"
	"github.com/sluicehq/sluice/destinations/webhook"
	"github.com/sluicehq/sluice/internal/outbound"
)

// A mapping to each destination of the program is checked against the fields of its data.
func TestMappingsToStockDestinations(t *testing.T) {
	t.Parallel()
	guard := outbound.Loopback()
	stock := destinations.NewRegistry(log.New(), postgres.New(guard), clickhouse.New(guard), smtp.New(guard), webhook.New(guard))
	for ref, want := range map[string]string{
		"log/write":         "the fields are level, text, attributes",
		"postgres/upsert":   "the fields are connection, table, key, newest, row",
		"clickhouse/insert": "the fields are connection, table, id_column, row",
		"smtp/send":         "the fields are connection, to, subject, text, html",
		"webhook/post":      "the fields are connection, type, data",
	} {
		destination, action, _ := strings.Cut(ref, "/")
		flows, err := flow.Parse("flows.yaml", []byte(mapped(destination, action, `{bogus: "1"}`)))
		require.NoError(t, err)
		_, err = flow.Compile(stock, flows)
		require.ErrorContains(t, err, `flows.yaml:6:16: unknown field "bogus": `+want)
	}
}

// What is wrong with a file is said with its place.
func TestParseFaults(t *testing.T) {
	t.Parallel()
	many := strings.Repeat("  - {name: a, to: []}\n", flow.MaxFlows+1)
	for text, want := range map[string]string{
		"flows:\n  - name: a\n    name: b\n    to: []\n":              "flows.yaml:3:5: ",
		"flows:\n  - name: [a]\n    to: []\n":                         "flows.yaml:2:11: want a text",
		"flows:\n  - name: a\n    enabled: maybe\n    to: []\n":       "flows.yaml:3:14: want true or false",
		"flows:\n  - name: a\n    from: {import: \"\"}\n    to: []\n": `flows.yaml:3:20: want a name, or "*" for any`,
		"flows:\n  - name: a\n    to: x\n":                            "flows.yaml:3:9: want a list, with a dash before each item",
		"flows:\n  - &a x\n":                                          "flows.yaml:2:5: anchors, aliases and tags are not for here: write it out",
		"flows:\n  - x\n":                                             "flows.yaml:2:5: want an object, with a name and a colon on each line",
		"flows:\n  - {7: a}\n":                                        "flows.yaml:2:6: want a name",
		"flows:\n" + many:                                             "want at most ",
		"flows: []\n---\nflows: []\n":                                 "a second document: want a single one",
		strings.Repeat("#", flow.MaxFile+1):                           "want at most ",
		"flows:\n  - name: a\n    from: {source: sluice}\n    to:\n      - {destination: log, action: write, data: {text: name}}\n": "flows do not see events of the source sluice",
	} {
		_, err := compile(text)
		require.ErrorContains(t, err, want, "%.80s", text)
	}
	// Truths and numbers stand for the texts that they look like.
	flows, err := flow.Parse("flows.yaml", []byte("flows:\n  - name: 7\n    when: true\n    to:\n      - {destination: log, action: write, "+
		"version: 1.5, data: {text: '\"x\"', attributes: {a: 1.25}}}\n"))
	require.NoError(t, err)
	require.Equal(t, []string{"7", "true", "1.5"}, []string{flows[0].Name, flows[0].When, flows[0].To[0].Version})
}

// A flow that is stored in another form than this program knows is unreadable, and says why.
func TestReadFlow(t *testing.T) {
	t.Parallel()
	good := flow.Read("a", []byte(`{"name": "a", "to": [{"destination": "log", "action": "write", "data": {"text": "name"}}]}`))
	bad := flow.Read("b", []byte(`{"name": "b", "window": "5m"}`))
	p := flow.CompileEach(registry(), []flow.Flow{good, bad})
	require.ErrorContains(t, p.Faults()["b"], `unknown field "window"`)
	require.NoError(t, p.Faults()["a"])
	require.NotNil(t, p.Only("a"))
	require.Nil(t, p.Only("none"))
	var none *flow.Program
	require.Nil(t, none.Only("a"))
	jobs, kept := flow.Split(decide(t, p, event("shop", "order", `{}`)))
	require.Len(t, jobs, 1)
	require.Len(t, kept, 1)
	require.True(t, kept[0].Faulty)
}
