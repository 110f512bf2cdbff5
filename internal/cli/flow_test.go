package cli

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
)

const shopFlows = `flows:
  - name: paid-orders
    from: {source: shop, event: order.*}
    when: data.total > 10
    to:
      - destination: log
        action: write
        data: {text: '"order " + string(data.id)'}
      - destination: webhook
        action: post
        when: data.total > 1000
`

// fileOf writes a file of the test's own.
func fileOf(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

func TestFlowTest(t *testing.T) {
	t.Parallel()
	path := fileOf(t, "flows.yaml", shopFlows)
	event := `{"source": "shop", "name": "order.paid", "data": {"id": 7, "total": 12}}`
	golden(t, "flow-test", offline().ok(t, "flow", "test", "-f", path, "--event", event))
	var decisions []deliveryclient.FlowDecision
	offline().json(t, &decisions, "flow", "test", "-f", path, "--event", "@"+fileOf(t, "event.json", event))
	require.Len(t, decisions, 2)
	require.Equal(t, []string{"job", "condition not met"}, []string{decisions[0].Decided, decisions[1].Decided})
	require.JSONEq(t, `{"text": "order 7"}`, string(decisions[0].Data))
	s := offline()
	s.stdin = shopFlows
	r := s.run(t, "flow", "test", "-f", "-", "--event", `{"source": "shop", "name": "order.paid"}`)
	require.Equal(t, exitFailure, r.code, "a flow that fails is a failure")
	require.Contains(t, r.out, "-:4:11: invalid operation")
	require.Empty(t, r.err)

	offline().fails(t, "--file is missing: want a file of flows, such as -f flows.yaml", "flow", "test")
	offline().fails(t, "--file: open /nope: no such file or directory", "apply", "-f", "/nope")
	offline().fails(t, "--event is missing: want an event, such as --event @event.json, or an importer, such as --import csv", "flow", "test", "-f", path)
	offline().fails(t, `--event: unknown field "trigger": the fields are id, source, name, version, context, data, sent_at, received_at`,
		"flow", "test", "-f", path, "--event", `{"trigger": "x"}`)
	bad := fileOf(t, "bad.yaml", strings.Replace(shopFlows, "data.total > 10", "datum", 1))
	offline().fails(t, bad+":4:11: unknown name datum", "apply", "-f", bad)
}

// apply refuses mappings that no event can satisfy, before it opens the store.
func TestApplyRefusesMappings(t *testing.T) {
	t.Parallel()
	for data, want := range map[string]string{
		`{text: name, bogus: "1"}`:       `:8:28: unknown field "bogus": the fields are level, text, attributes`,
		`{text: 5}`:                      `:8:22: field "text": want a string, got a number`,
		`{text: '"x"', level: '"loud"'}`: `:8:15: marshal for log/write: field "level" of the data: want debug, info, warn or error`,
		`{level: data.level}`:            `:8:15: field "text" is required`,
	} {
		bad := fileOf(t, "bad.yaml", strings.Replace(shopFlows, `{text: '"order " + string(data.id)'}`, data, 1))
		for _, command := range []string{"apply", "diff", "flow test"} {
			offline().fails(t, bad+want, append(strings.Fields(command), "-f", bad)...)
		}
	}
	bad := fileOf(t, "bad.yaml", shopFlows+"        data: {}\n")
	offline().fails(t, bad+`:12:15: field "connection" is required`+"\n"+bad+`:12:15: field "type" is required`+"\n"+
		bad+`:12:15: field "data" is required`, "apply", "-f", bad)
}

const importFlows = `flows:
  - name: failures
    from: {import: csv, event: import.failed}
    to:
      - destination: webhook
        action: post
        data: {connection: '"ops"', type: name, data: {site: data.site, why: data.reason}}
  - name: pages
    from: {import: "*", records: true}
    when: data.table == "imported_pages"
    to:
      - destination: log
        action: write
        data: {text: 'data.row.page + " on " + data.row.date'}
`

func TestFlowTestOfImports(t *testing.T) {
	t.Parallel()
	path := fileOf(t, "flows.yaml", importFlows)
	golden(t, "flow-test-end", offline().ok(t, "flow", "test", "-f", path, "--import", "csv", "--end", "failed"))
	golden(t, "flow-test-row", offline().ok(t, "flow", "test", "-f", path, "--import", "google_analytics_4", "--table", "imported_pages"))
	var decisions []deliveryclient.FlowDecision
	offline().json(t, &decisions, "flow", "test", "-f", path, "--import", "csv")
	for _, d := range decisions {
		require.Equal(t, "not for this event", d.Decided, "it has completed")
	}
	for want, args := range map[string][]string{
		`--import: unknown importer "x" (want csv, google_analytics_4, noop)`:          {"--import", "x"},
		"--end running: want one of completed, unchanged, failed, cancelled, declined": {"--import", "csv", "--end", "running"},
		"--end and --table exclude each other":                                         {"--import", "csv", "--end", "failed", "--table", "imported_pages"},
		"--event and --import exclude each other":                                      {"--import", "csv", "--event", "{}"},
		"--end and --table require --import":                                           {"--end", "failed"},
	} {
		offline().fails(t, want, append([]string{"flow", "test", "-f", path}, args...)...)
	}
	r := offline().run(t, "flow", "test", "-f", path, "--import", "csv", "--table", "x")
	require.Contains(t, r.err, `sluice: --table: unknown imported table "x" (want imported_browsers,`)
}

func TestApply(t *testing.T) {
	t.Parallel()
	_, s := systemWithoutWorker(t)
	require.Equal(t, "No flows found. Apply a file of flows with `sluice apply -f FILE`.\n", s.ok(t, "flow", "list"))
	path := fileOf(t, "flows.yaml", shopFlows)
	golden(t, "diff-added", s.ok(t, "diff", "-f", path))
	require.Equal(t, "FLOW         CHANGE  VERSION\npaid-orders  added         1\n", s.ok(t, "apply", "-f", path))
	require.Equal(t, "FLOW         CHANGE     VERSION\npaid-orders  unchanged        1\n", s.ok(t, "apply", "-f", path))
	require.Equal(t, "No changes.\n", s.ok(t, "diff", "-f", path))

	changed := fileOf(t, "changed.yaml", strings.Replace(shopFlows, "data.total > 10\n", "data.total > 20\n    enabled: false\n", 1))
	golden(t, "diff-changed", s.ok(t, "diff", "-f", changed))
	var changes []deliveryclient.FlowChange
	s.json(t, &changes, "apply", "-f", changed, "--by", "bob")
	require.Equal(t, []string{"paid-orders", "changed"}, []string{changes[0].Name, changes[0].Change})
	require.EqualValues(t, 2, changes[0].Version)
	golden(t, "flow-list", s.ok(t, "flow", "list"))
	golden(t, "flow-show", s.ok(t, "flow", "show", "paid-orders"))
	var shown deliveryclient.Flow
	s.json(t, &shown, "flow", "show", "paid-orders")
	require.Len(t, shown.Versions, 2)
	require.Equal(t, "bob", shown.Versions[0].By)

	other := fileOf(t, "other.yaml", strings.Replace(shopFlows, "paid-orders", "others", 1))
	require.NotContains(t, s.ok(t, "diff", "-f", other), "paid-orders")
	require.Contains(t, s.ok(t, "diff", "-f", other, "--prune"), "flow paid-orders would be removed\n- {\n")
	require.Equal(t, "FLOW         CHANGE   VERSION\nothers       added          1\npaid-orders  removed        3\n",
		s.ok(t, "apply", "-f", other, "--prune"))
	s.fails(t, "flow paid-orders: not found: see `sluice flow list`", "flow", "show", "paid-orders")
	var flows []deliveryclient.Flow
	s.json(t, &flows, "flow", "list")
	require.Len(t, flows, 1)
}

func TestLineDiff(t *testing.T) {
	t.Parallel()
	lines := strings.Fields
	for _, test := range []struct{ before, after, want string }{
		{"", "", ""},
		{"a b", "a b", "  a|  b"},
		{"a b c", "a c", "  a|- b|  c"},
		{"a c", "a b c", "  a|+ b|  c"},
		{"a b c", "a x c", "  a|- b|+ x|  c"},
		{"", "a", "+ a"},
		{"a", "", "- a"},
		{"a b a", "b a b", "- a|  b|  a|+ b"},
	} {
		require.Equal(t, test.want, strings.Join(lineDiff(lines(test.before), lines(test.after)), "|"))
	}
}

// What was applied is what happens to the next event.
func TestFlowsRun(t *testing.T) {
	t.Parallel()
	_, s := systemWithoutWorker(t)
	send := func(data string) []string {
		return []string{"event", "send", "--source", "shop", "--name", "order.paid", "--data", data}
	}
	s.ok(t, send(`{"id": 6, "total": 12}`)...)
	require.Equal(t, "[]\n", s.ok(t, "job", "list", "-o", "json"), "no flow, no job")
	s.ok(t, "apply", "-f", fileOf(t, "flows.yaml", shopFlows))
	s.ok(t, send(`{"id": 7, "total": 12}`)...)
	s.ok(t, send(`{"id": 8, "total": 2}`)...)
	var jobs []deliveryclient.JobDetails
	s.json(t, &jobs, "job", "list", "--destination", "log")
	require.Len(t, jobs, 1)
	require.Equal(t, []string{"log", "write"}, []string{jobs[0].Destination, jobs[0].Action})
	require.Contains(t, s.ok(t, "job", "show", jobs[0].ID, "-o", "json"), "order 7")

	r := s.run(t, send(`{"id": 9, "total": "a lot"}`)...)
	require.Zero(t, r.code, "an event that a flow fails for is kept for it: %s", r.err)
	require.Contains(t, r.out, "\nflow paid-orders failed: ")
	var flows []deliveryclient.Flow
	s.json(t, &flows, "flow", "list")
	require.EqualValues(t, 1, flows[0].KeptEvents)
	require.Contains(t, flows[0].LastFailure, "invalid operation")
	require.Contains(t, s.ok(t, "flow", "show", "paid-orders"), "1 event kept because the flow failed; last error: ")
	r = s.run(t, "flow", "replay", "paid-orders")
	require.Equal(t, exitFailure, r.code)
	require.Contains(t, r.out, "replayed 0 events for flow paid-orders: 0 jobs\n1 event")

	// The fixed flow creates the job of the kept event.
	fixed := strings.NewReplacer("data.total > 1000", `data.total != "a lot" && data.total > 1000`,
		"data.total > 10", `data.total == "a lot" || data.total > 1`).Replace(shopFlows)
	require.Contains(t, s.ok(t, "apply", "-f", fileOf(t, "flows.yaml", fixed)), "replayed 1 event for flow paid-orders: 1 job")
	s.ok(t, send(`{"id": 10, "total": 2}`)...)
	s.json(t, &jobs, "job", "list", "--destination", "log")
	require.Len(t, jobs, 3)
	s.json(t, &flows, "flow", "list")
	require.Zero(t, flows[0].KeptEvents)
}
