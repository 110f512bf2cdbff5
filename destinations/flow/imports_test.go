package flow_test

import (
	"encoding/json"
	"math"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/flow"
	"github.com/sluicehq/sluice/warehouse/schema"
)

const aboutImports = `flows:
  - name: everything
    to: [{destination: log, action: write, data: {text: name}}]
  - name: csv-ends
    from: {import: csv}
    to: [{destination: log, action: write, data: {text: 'context.site + " " + data.status + " " + string(data.rows_loaded)'}}]
  - name: failures
    from: {import: "*", event: import.failed}
    when: data.error_class == "bad_input" && data.finished_at > data.created_at
    to: [{destination: log, action: write, data: {text: data.reason}}]
  - name: rows
    from: {import: google_*, records: true}
    when: data.table == "imported_pages"
    to: [{destination: log, action: write, data: {text: data.row.page, attributes: {row: data.row}}}]
`

func endEvent(t *testing.T, importer, status string) destinations.Event {
	t.Helper()
	e, err := flow.SampleEnd(importer, status).Event()
	require.NoError(t, err)
	return e
}

func recordEvent(t *testing.T, importer string, table *schema.Table) destinations.Event {
	t.Helper()
	e, err := flow.SampleRecord(importer, table).Event()
	require.NoError(t, err)
	return e
}

// Flows about events hear nothing of imports, those about imports nothing of events, and
// each flow receives its own importers, ends and rows.
func TestFlowsAboutImports(t *testing.T) {
	t.Parallel()
	p, err := compile(aboutImports)
	require.NoError(t, err)
	const not, job, unmet = flow.DecidedElse, flow.DecidedJob, flow.DecidedFalse
	for name, test := range map[string]struct {
		event destinations.Event
		want  []string
		text  string
	}{
		"event":         {event("shop", "import.failed", `{}`), []string{job, not, not, not}, "import.failed"},
		"completed":     {endEvent(t, "csv", flow.EndCompleted), []string{not, job, not, not}, "example.com completed 97"},
		"failed":        {endEvent(t, "noop", flow.EndFailed), []string{not, not, job, not}, "the header is wrong"},
		"cancelled":     {endEvent(t, "csv", flow.EndCancelled), []string{not, job, not, not}, "example.com cancelled 0"},
		"row":           {recordEvent(t, "google_analytics_4", schema.Pages), []string{not, not, not, job}, "page"},
		"another table": {recordEvent(t, "google_analytics_4", schema.Visitors), []string{not, not, not, unmet}, ""},
		"another's row": {recordEvent(t, "csv", schema.Pages), []string{not, not, not, not}, ""},
		"unknown importer": {
			destinations.Event{Source: flow.SourceImport, Name: "import.declined", Context: []byte(`{"importer": 7}`)},
			[]string{not, not, not, not},
			"",
		},
	} {
		all := decide(t, p, test.event)
		require.Equal(t, test.want, decided(all), "%s: %+v", name, all)
		jobs, err := flow.Jobs(all)
		require.NoError(t, err, name)
		if test.text == "" {
			require.Empty(t, jobs, name)
			continue
		}
		require.Len(t, jobs, 1, name)
		var data struct{ Text string }
		require.NoError(t, json.Unmarshal(jobs[0].Data, &data))
		require.Equal(t, test.text, data.Text, name)
	}
}

// What a flow could want is known without compiling it, from a stored flow too.
func TestWants(t *testing.T) {
	t.Parallel()
	flows, err := flow.Parse("flows.yaml", []byte(aboutImports))
	require.NoError(t, err)
	text, err := json.Marshal(flows)
	require.NoError(t, err)
	var stored []flow.Flow
	require.NoError(t, json.Unmarshal(text, &stored))
	wants := func(importer, status string) (names []string) {
		for i := range stored {
			if stored[i].WantsEnd(importer, status) {
				names = append(names, stored[i].Name)
			}
			if stored[i].WantsRecords(importer) {
				names = append(names, "records of "+stored[i].Name)
			}
		}
		return names
	}
	require.Equal(t, []string{"csv-ends"}, wants("csv", flow.EndCompleted))
	require.Equal(t, []string{"csv-ends", "failures"}, wants("csv", flow.EndFailed))
	require.Equal(t, []string{"failures", "records of rows"}, wants("google_analytics_4", flow.EndFailed))
	require.Empty(t, wants("noop", flow.EndCompleted))
	for i := range stored {
		stored[i].Disabled = true
	}
	require.Empty(t, wants("csv", flow.EndFailed))
}

// Samples have every field that there is, in the form that it has.
func TestSamples(t *testing.T) {
	t.Parallel()
	for _, name := range flow.EndEvents() {
		status := name[len("import."):]
		e := endEvent(t, "csv", status)
		require.Equal(t, []string{"import", name}, []string{e.Source, e.Name})
		require.JSONEq(t, `{"import_id": 1, "site": "example.com", "importer": "csv"}`, string(e.Context))
		require.Equal(t, flow.SampleEnd("csv", status).FinishedAt, e.SentAt)
		require.Equal(t, status == flow.EndCompleted, flow.SampleEnd("csv", status).Reason == "")
	}
	e := recordEvent(t, "csv", schema.Visitors)
	require.Equal(t, []string{"import", "record"}, []string{e.Source, e.Name})
	require.JSONEq(t, `{"table": "imported_visitors", "row": {"date": "2021-01-31", "visitors": 1, "pageviews": 1, "bounces": 1,
		"visits": 1, "visit_duration": 1}}`, string(e.Data))
	require.Len(t, flow.EndEvents(), 5)
}

// A sample of an import is one of its ends or one row of a table, and what is neither is refused.
func TestSampleOfImport(t *testing.T) {
	t.Parallel()
	for want, args := range map[string][2]string{
		"import.completed": {"", ""}, "import.failed": {flow.EndFailed, ""}, "record": {"", "imported_pages"},
	} {
		e, err := flow.SampleOfImport("csv", args[0], args[1])
		require.NoError(t, err)
		require.Equal(t, []string{"sample", "import", want}, []string{e.ID, e.Source, e.Name})
		require.JSONEq(t, `{"import_id": 1, "site": "example.com", "importer": "csv"}`, string(e.Context))
	}
	for want, args := range map[string][2]string{
		"want the status of an end or a table, not both":                                {flow.EndFailed, "imported_pages"},
		`end "complete": want one of completed, unchanged, failed, cancelled, declined`: {"complete", ""},
	} {
		_, err := flow.SampleOfImport("csv", args[0], args[1])
		require.EqualError(t, err, want)
	}
	_, err := flow.SampleOfImport("csv", "", "imported_pagez")
	require.ErrorContains(t, err, `"imported_pagez"`)
	require.ErrorContains(t, err, "imported_pages")
}

// A row whose values JSON does not have is no event.
func TestRecordWithoutJSON(t *testing.T) {
	t.Parallel()
	_, err := flow.ImportRecord{Table: "imported_pages", Row: map[string]any{"visitors": math.NaN()}}.Event()
	require.EqualError(t, err, "write the data of record: json: unsupported value: NaN")
}
