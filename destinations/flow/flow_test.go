package flow_test

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/flow"
	"github.com/sluicehq/sluice/destinations/log"
	"github.com/sluicehq/sluice/destinations/postgres"
	"github.com/sluicehq/sluice/internal/outbound"
)

func registry() *destinations.Registry {
	return destinations.NewRegistry(log.New(), postgres.New(outbound.Loopback()))
}

const paid = `# What the shop is about.
flows:
  - name: paid-orders
    description: tells the log
    from: {source: shop, event: order.*}
    when: data.total > 10 && context.country != "FR"
    to:
      - destination: log
        action: write
        data:
          text: '"order " + string(data.id)'
          attributes: {total: data.total, tags: [name, 1, true, null], nested: {a: 'data.items | map(.sku)'}}
      - destination: postgres
        action: upsert
        when: |
          data.total > 100
        data:
          connection: '"dwh"'
          table: '"orders"'
          key: ['"id"']
          row: {id: data.id}
  - name: "off"
    enabled: false
    to: [{destination: log, action: write}]
`

// compile reads and compiles.
func compile(text string) (*flow.Program, error) {
	flows, err := flow.Parse("flows.yaml", []byte(text))
	if err != nil {
		return nil, err
	}
	return flow.Compile(registry(), flows)
}

func event(source, name, data string) destinations.Event {
	return destinations.Event{
		ID: "e1", Source: source, Name: name, Data: json.RawMessage(data), Context: json.RawMessage(`{"country": "DE"}`),
	}
}

func decide(t *testing.T, p *flow.Program, e destinations.Event) []flow.Decision {
	t.Helper()
	return p.Decide(context.Background(), &destinations.Toolkit{}, &destinations.Versions{}, e)
}

func decided(all []flow.Decision) (words []string) {
	for _, d := range all {
		words = append(words, d.Decided)
	}
	return words
}

func TestDecide(t *testing.T) {
	t.Parallel()
	p, err := compile(paid)
	require.NoError(t, err)
	all := decide(t, p, event("shop", "order.paid", `{"id": 9007199254740993, "total": 12.5, "items": [{"sku": "x"}]}`))
	require.Equal(t, []string{flow.DecidedJob, flow.DecidedFalse, flow.DecidedDisabled}, decided(all))
	jobs, err := flow.Jobs(all)
	require.NoError(t, err)
	require.Len(t, jobs, 1)
	require.Equal(t, []string{"log", "write"}, []string{jobs[0].Destination, jobs[0].Action})
	// All digits of an ID are kept.
	require.JSONEq(t, `{"text": "order 9007199254740993", "attributes": {"total": 12.5, "tags": ["order.paid", 1, true, null], "nested": {"a": ["x"]}}}`,
		string(jobs[0].Data))
	require.JSONEq(t, `{"country": "DE"}`, string(jobs[0].Context))

	all = decide(t, p, event("shop", "order.paid", `{"id": 7, "total": 101, "items": []}`))
	require.Equal(t, []string{flow.DecidedJob, flow.DecidedJob, flow.DecidedDisabled}, decided(all), "%+v", all)
	require.JSONEq(t, `{"connection": "dwh", "table": "orders", "key": ["id"], "row": {"id": 7}}`, string(all[1].Job.Data))

	for name, test := range map[string]struct {
		event destinations.Event
		want  string
	}{
		"another source": {event("crm", "order.paid", `{}`), flow.DecidedElse},
		"another name":   {event("shop", "cart.left", `{}`), flow.DecidedElse},
		"too little":     {event("shop", "order.paid", `{"total": 1}`), flow.DecidedFalse},
		"no total":       {event("shop", "order.paid", `{}`), flow.DecidedFault},
		"no object":      {event("shop", "order.paid", `[1]`), flow.DecidedFault},
		"no JSON":        {event("shop", "order.paid", `{`), flow.DecidedFault},
	} {
		all := decide(t, p, test.event)
		require.Equal(t, []string{test.want, flow.DecidedDisabled}, decided(all), name)
		_, err := flow.Jobs(all)
		require.Equal(t, test.want == flow.DecidedFault, err != nil, name)
	}
	_, err = flow.Jobs(decide(t, p, event("shop", "order.paid", `{}`)))
	require.ErrorContains(t, err, "flow paid-orders: flows.yaml:6:11: invalid operation")
}

func TestFlowsInGo(t *testing.T) {
	t.Parallel()
	p, err := flow.Compile(registry(), []flow.Flow{{
		Name: "all", To: []flow.Step{{Destination: "log", Action: "write", Data: map[string]any{"text": "name"}}},
	}})
	require.NoError(t, err)
	all := decide(t, p, event("any", "thing", ""))
	require.JSONEq(t, `{"text": "thing"}`, string(all[0].Job.Data))
	_, err = flow.Compile(registry(), []flow.Flow{{Name: "all", When: "nope", To: []flow.Step{{Destination: "log", Action: "write"}}}})
	require.EqualError(t, err, "flow all: when: unknown name nope")
	// Without a mapping an action is given what there is, which the log cannot use.
	p, err = flow.Compile(registry(), []flow.Flow{{Name: "all", To: []flow.Step{{Destination: "log", Action: "write"}}}})
	require.NoError(t, err)
	all = decide(t, p, event("any", "thing", `{"other": 1}`))
	require.Equal(t, []string{flow.DecidedFault}, decided(all))
	require.ErrorContains(t, all[0].Err, "flow all: to[0]: marshal for log/write: ")
	require.Equal(t, destinations.NewJob{}, all[0].Job)
}

// What a flow is stored as means the same as the flow.
func TestStoredFlow(t *testing.T) {
	t.Parallel()
	flows, err := flow.Parse("flows.yaml", []byte(paid))
	require.NoError(t, err)
	text, err := json.Marshal(flows)
	require.NoError(t, err)
	var again []flow.Flow
	require.NoError(t, json.Unmarshal(text, &again))
	p, err := flow.Compile(registry(), again)
	require.NoError(t, err)
	e := event("shop", "order.paid", `{"id": 7, "total": 101, "items": []}`)
	q, err := compile(paid)
	require.NoError(t, err)
	want, got := decide(t, q, e), decide(t, p, e)
	for i := range got {
		// Each job has an ID of its own.
		want[i].Job.ID, got[i].Job.ID = "", ""
	}
	require.Equal(t, want, got)
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	step := "\n    to: [{destination: log, action: write}]\n"
	for name, test := range map[string]struct{ text, want string }{
		"field":       {"flows:\n  - name: a\n    form: x" + step, `flows.yaml:3:5: there is no field "form": the fields are description, enabled, from, name, to, when`},
		"step field":  {"flows:\n  - name: a\n    to:\n      - destiny: log\n", `flows.yaml:4:9: there is no field "destiny": the fields are action, context, data, destination, version, when`},
		"top field":   {"flow: []\n", `flows.yaml:1:1: there is no field "flow": the fields are flows`},
		"destination": {"flows:\n  - name: a\n    to: [{destination: crm, action: write}]\n", `flows.yaml:3:24: unknown destination "crm" (want log, postgres)`},
		"action":      {"flows:\n  - name: a\n    to: [{destination: log, action: read}]\n", `flows.yaml:3:37: log: unknown action "read" (want write)`},
		"version":     {"flows:\n  - name: a\n    to: [{destination: log, action: write, version: v9}]\n", `flows.yaml:3:53: log: version "v9": the destination does not know the version: it takes none`},
		"name":        {"flows:\n  - name: A b" + step, `flows.yaml:2:11: the name "A b": want a lower-case letter, then up to 49 letters, digits, dashes and underscores`},
		"no name":     {"flows:\n  - when: 'true'" + step, `flows.yaml:2:9: the name "": want`},
		"twice":       {"flows:\n  - name: a" + step + "  - name: a" + step, "flows.yaml:4:11: there is a flow a already"},
		"no actions":  {"flows:\n  - name: a\n", "there are 0 actions: want 1 to 100"},
		"unknown":     {"flows:\n  - name: a\n    when: datum.total > 10" + step, "flows.yaml:3:11: unknown name datum"},
		"deep inside": {"flows:\n  - name: a\n    when: 'source == \"x\" && datum > 10'" + step, "flows.yaml:3:29: unknown name datum"},
		"block":       {"flows:\n  - name: a\n    when: |\n      source == \"x\" &&\n        datum > 10" + step, "flows.yaml:5:9: unknown name datum"},
		"type":        {"flows:\n  - name: a\n    when: source + 1" + step, "flows.yaml:3:18: invalid operation: + (mismatched types string and int)"},
		"not a bool":  {"flows:\n  - name: a\n    when: source" + step, "flows.yaml:3:11: expected bool, but got string"},
		"syntax":      {"flows:\n  - name: a\n    when: source ==" + step, "flows.yaml:3:"},
		"mapping":     {"flows:\n  - name: a\n    to: [{destination: log, action: write, data: {text: nome}}]\n", "flows.yaml:3:57: unknown name nome"},
		"no mapping":  {"flows:\n  - name: a\n    to: [{destination: log, action: write, data: name}]\n", "flows.yaml:3:50: want fields with expressions"},
		"import":      {"flows:\n  - name: a\n    from: {import: csv, source: shop}" + step, "flows.yaml:3:33: it is a flow about imports, which have no source"},
		"no importer": {"flows:\n  - name: a\n    from: {import: ''}" + step, `flows.yaml:3:20: want a name, or "*" for any`},
		"no imports":  {"flows:\n  - name: a\n    from: {records: true}" + step, "flows.yaml:3:21: records are those of imports: want import beside it"},
		"records":     {"flows:\n  - name: a\n    from: {import: csv, records: true, event: x}" + step, "flows.yaml:3:47: it is a flow about records, which are all called record"},
		"no truth":    {"flows:\n  - name: a\n    from: {import: csv, records: some}" + step, "flows.yaml:3:34: want true or false"},
		"no end": {"flows:\n  - name: a\n    from: {import: csv, event: import.complete}" + step, `flows.yaml:3:32: imports do not end as "import.complete": ` +
			"want one of import.completed, import.unchanged, import.failed, import.cancelled, import.declined, or a pattern"},
		"enabled":   {"flows:\n  - name: a\n    enabled: maybe" + step, "flows.yaml:3:14: want true or false"},
		"no list":   {"flows: a\n", "flows.yaml:1:8: want a list"},
		"no object": {"- a\n", "flows.yaml:1:1: want an object"},
		"key twice": {"flows: []\nflows: []\n", "flows.yaml:2:"},
		"documents": {"flows: []\n---\nflows: []\n", "flows.yaml:3:6: a second document: want a single one"},
		"alias":     {"flows:\n  - &a {name: x}\n  - *a\n", "anchors, aliases and tags are not for here"},
		"not YAML":  {"flows: [\n", "flows.yaml:1:"},
		"too long":  {"flows:\n  - name: a\n    when: " + strings.Repeat("1+", 3000) + "1" + step, "the expression has 6001 bytes: want at most 4096"},
		"too deep":  {"flows:\n  - name: a\n    to: [{destination: log, action: write, data: {a: " + strings.Repeat("[", 30) + strings.Repeat("]", 30) + "}}]\n", "it is too deep"},
		"too large": {strings.Repeat("#", flow.MaxFile+1), "flows.yaml has 1048577 bytes: want at most 1048576"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := compile(test.text)
			require.ErrorContains(t, err, test.want)
		})
	}
	_, err := compile("flows:\n  - name: a\n    when: nope\n    to: [{destination: crm, action: x}]\n")
	require.EqualError(t, err, "flows.yaml:3:11: unknown name nope\n"+
		`flows.yaml:4:24: unknown destination "crm" (want log, postgres)`)
	_, err = compile("flows:\n  - name: a\n    to: [{destination: crm, action: x}]\n")
	require.EqualError(t, err, `flows.yaml:3:24: unknown destination "crm" (want log, postgres)`)
	for _, text := range []string{"", "# nothing\n", "flows: []\n"} {
		p, err := compile(text)
		require.NoError(t, err, text)
		require.Empty(t, decide(t, p, event("a", "b", "{}")))
	}
}

// FuzzLoad: nothing makes the loader panic; what it takes can be run, and every fault has a
// place.
func FuzzLoad(f *testing.F) {
	f.Add(paid)
	for _, text := range []string{
		"flows:\n  - name: a\n    when: |\n      data.x[\n    to: [{destination: log, action: write, data: {text: 'filter(data, # > 1)'}}]\n",
		"flows: [{name: a, when: 'all(data.list, {# > 1})', to: [{destination: log, action: write}]}]", "a: &a [*a]", "flows: !!x []", "\x00", "? a\n: b", "<<: *x",
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		p, err := compile(text)
		if err != nil {
			require.True(t, strings.HasPrefix(err.Error(), "flows.yaml"), "%q: %s", text, err)
			return
		}
		for _, d := range decide(t, p, event("shop", "order.paid", `{"total": 12, "list": [1, 2], "id": "x"}`)) {
			require.Equal(t, d.Decided == flow.DecidedFault, d.Err != nil)
		}
	})
}

// A destination that other processes offer gets unprepared jobs: data and context are what the flow makes
// of the event.
func TestDestinationOfAnotherProcess(t *testing.T) {
	t.Parallel()
	parse := func(step string) []flow.Flow {
		flows, err := flow.Parse("f.yaml", []byte("flows:\n  - name: a\n    to: ["+step+"]\n"))
		require.NoError(t, err)
		return flows
	}
	offered := map[string][]string{"crm": {"delete", "upsert"}}
	flows := parse("{destination: crm, action: upsert, version: v2, when: data.n > 1, data: {twice: data.n * 2}}")
	p, err := flow.CompileOffered(registry(), offered, flows)
	require.NoError(t, err)
	for _, program := range []*flow.Program{p, flow.CompileEach(registry(), flows)} {
		require.Empty(t, program.Faults())
		d := decide(t, program, event("shop", "order", `{"n": 2}`))
		require.Len(t, d, 1)
		require.Equal(t, flow.DecidedJob, d[0].Decided)
		job := d[0].Job
		require.True(t, job.Unprepared)
		require.Equal(t, []string{"crm", "upsert", "v2"}, []string{job.Destination, job.Action, job.Version})
		require.JSONEq(t, `{"twice": 4}`, string(job.Data))
		require.JSONEq(t, `{"country": "DE"}`, string(job.Context))
		require.Equal(t, flow.DecidedFalse, decide(t, program, event("shop", "order", `{"n": 1}`))[0].Decided)
	}
	for step, want := range map[string]string{
		"{destination: bi, action: load}":                                               `f.yaml:3:24: unknown destination "bi" (want crm, log, postgres)`,
		"{destination: crm, action: load}":                                              `f.yaml:3:37: crm: unknown action "load" (want delete, upsert)`,
		"{destination: log, action: load}":                                              `f.yaml:3:37: log: unknown action "load" (want write)`,
		"{destination: Crm, action: write}":                                             `f.yaml:3:24: unknown destination "Crm" (want crm, log, postgres)`,
		"{destination: crm, action: upsert, version: " + strings.Repeat("v", 101) + "}": "the version has 101 bytes: want at most 100",
	} {
		_, err := flow.CompileOffered(registry(), offered, parse(step))
		require.ErrorContains(t, err, want)
	}
	invalid := flow.CompileEach(registry(), []flow.Flow{{Name: "a", To: []flow.Step{{Destination: "", Action: "x"}}}})
	require.Contains(t, invalid.Faults(), "a", "no job can have that name")
}

// nothing has an action for which no event is of interest.
type nothing struct{ destinations.Destination }

func (n nothing) Actions() []destinations.Action {
	return []destinations.Action{nothingToDo{n.Destination.Actions()[0]}}
}

type nothingToDo struct{ destinations.Action }

func (nothingToDo) Marshal(context.Context, *destinations.Toolkit, destinations.Event) (*destinations.Job, error) {
	return nil, nil //nolint:nilnil // no job
}

// What a flow cannot make of an event is said with the place of the condition or the mapping, and one flow's fault is no
// other's.
func TestDecideFaults(t *testing.T) {
	t.Parallel()
	const step = "\n    to:\n      - {destination: log, action: write, data: {text: name}"
	huge := `{"text": "` + strings.Repeat("x", 300_000) + `"}`
	for name, test := range map[string]struct {
		flow  string
		event destinations.Event
		want  string
	}{
		"no truth": {
			"when: data.flag" + step + "}", event("shop", "x", `{"flag": "yes"}`), "flows.yaml:3:11: want true or false, not string",
		},
		"no truth of a step": {
			"description: x" + step + ", when: data.flag}", event("shop", "x", `{"flag": 1}`),
			"flows.yaml:5:69: want true or false, not int",
		},
		"context": {
			"description: x" + step + "}",
			destinations.Event{Source: "shop", Name: "x", Context: json.RawMessage(`["DE"]`)},
			"the context: not a JSON object",
		},
		"data": {"description: x" + step + "}", event("shop", "x", `null`), "the data: not a JSON object"},
		"expression of the context": {
			"description: x" + step + ", context: {c: data.a.b}}", event("shop", "x", `{}`),
			"flows.yaml:5:76: cannot fetch b from <nil>",
		},
		"several expressions": {
			"description: x\n    to:\n      - destination: log\n        action: write\n        data:\n          text: data.a.b\n" +
				"          attributes: {list: [data.a - 1]}",
			event("shop", "x", `{}`),
			"flows.yaml:9:31: invalid operation: <nil> - int\nflows.yaml:8:17: cannot fetch b from <nil>",
		},
		"no JSON": {
			"description: x\n    to: [{destination: log, action: write, data: {text: name, attributes: {n: data.a / data.b}}}]",
			event("shop", "x", `{"a": 1, "b": 0}`), "flows.yaml:4:50: what the expressions give cannot be written as JSON",
		},
		"too large": {
			"description: x\n    to: [{destination: log, action: write, data: {text: name}, context: {many: 'map(1..1000, data.text)'}}]",
			event("shop", "x", huge), "flows.yaml:4:73: what the expressions give has more than 1048576 bytes as JSON",
		},
		"too deep": {
			"description: x\n    to: [{destination: log, action: write, data: {text: name}, context: {deep: 'reduce(1..1200, [#acc], [])'}}]",
			event("shop", "x", `{}`), "flows.yaml:4:73: what the expressions give is nested more than 1000 levels",
		},
		"too large a job": {
			"description: x\n    to: [{destination: log, action: write, data: {text: name}, context: {many: 'map(1..4, data.text)'}}]",
			event("shop", "x", huge),
			"flows.yaml:4:10: job of log/write: the job is too large: it has 1200034 bytes, and may have 1048576",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p, err := compile("flows:\n  - name: a\n    " + test.flow + "\n" +
				"  - name: b\n    to: [{destination: log, action: write, data: {text: '\"x\"'}, context: {}}]\n")
			require.NoError(t, err)
			all := decide(t, p, test.event)
			require.Equal(t, flow.DecidedFault, all[0].Decided)
			require.EqualError(t, all[0].Err, test.want)
			require.False(t, all[0].Faulty)
			require.Equal(t, destinations.NewJob{}, all[0].Job)
		})
	}

	// A job for another process is bounded, too, and an action may have nothing to do.
	flows, err := flow.Parse("flows.yaml", []byte("flows:\n  - name: a\n    to: [{destination: crm, action: upsert}, {destination: log, action: write}]\n"))
	require.NoError(t, err)
	d, err := registry().Lookup("log")
	require.NoError(t, err)
	all := decide(t, flow.CompileEach(destinations.NewRegistry(nothing{d}), flows),
		event("shop", "x", `{"text": "`+strings.Repeat("x", destinations.MaxPayload)+`"}`))
	require.Equal(t, []string{flow.DecidedFault, flow.DecidedNothing}, decided(all))
	require.EqualError(t, all[0].Err,
		"flows.yaml:3:10: job of crm/upsert: the job is too large: it has 1048605 bytes, and may have 1048576")
	jobs, err := flow.Jobs(all[1:])
	require.NoError(t, err)
	require.Empty(t, jobs)
}

// Whole numbers keep their digits; what is beyond a float is a text.
func TestNumbers(t *testing.T) {
	t.Parallel()
	e := event("shop", "x", `{"n": [1, -9007199254740993, 9223372036854775808, 1e3, 2.50, 1e400, -0, {"deep": 1e999}]}`)
	for expression, want := range map[string]string{
		`data.n`:                   `[1,-9007199254740993,9223372036854775808,1000,2.5,"1e400",0,{"deep":"1e999"}]`,
		`map(data.n[:6], type(#))`: `["int","int","float","float","float","string"]`,
	} {
		d := evaluate(single(t, expression), e)
		require.NoError(t, d.Err, expression)
		require.JSONEq(t, `{"text": "x", "attributes": {"a": `+want+`}}`, string(d.Job.Data), expression)
	}
}
