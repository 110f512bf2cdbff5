package delivery_test

import (
	"encoding/json"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	dispatchacts "github.com/sluicehq/sluice/activities/dispatch"
	"github.com/sluicehq/sluice/destinations/flow"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	"github.com/sluicehq/sluice/warehouse/schema"
)

// apply makes the flows those of a text in YAML.
func (h *fixture) apply(t *testing.T, text string) {
	t.Helper()
	flows, err := flow.Parse("flows.yaml", []byte(text))
	require.NoError(t, err)
	set := deliverystore.FlowSet{Prune: true}
	for _, f := range flows {
		spec, err := json.Marshal(f)
		require.NoError(t, err)
		set.Flows = append(set.Flows, deliverystore.FlowSpec{Name: f.Name, Spec: spec})
	}
	_, err = h.store.Deliveries.ApplyFlows(h.ctx, set)
	require.NoError(t, err)
}

// rows are rows of pages, whose numbers of visitors are from zero on.
func rows(t *testing.T, n int) []dispatchacts.ImportEvent {
	t.Helper()
	events := make([]dispatchacts.ImportEvent, n)
	for i := range events {
		record := flow.SampleRecord("csv", schema.Pages)
		record.Row["visitors"] = i
		e, err := record.Event()
		require.NoError(t, err)
		events[i] = dispatchacts.ImportEvent{Event: e, Key: fmt.Sprintf("import/1/0/imported_pages/0/0/%d", i)}
	}
	return events
}

const someRows = `flows:
  - name: events
    to: [{destination: log, action: write}]
  - name: even-rows
    from: {import: csv, records: true}
    when: data.row.visitors % 2 == 0
    to: [{destination: log, action: write, data: {text: 'data.row.visitors == 4 ? nil : data.row.page'}}]
`

// Rows become jobs as flows say, and nothing is kept of those that none wants. What a flow
// cannot make sense of keeps no other from its way, and repetitions change nothing.
func TestAddImportEvents(t *testing.T) {
	t.Parallel()
	h := setupLog(t)
	answers, err := h.AddImportEvents(h.ctx, rows(t, 3))
	require.NoError(t, err)
	require.Equal(t, make([]dispatchacts.AddedImportEvent, 3), answers, "there are no flows")

	h.apply(t, someRows)
	for range 2 {
		answers, err = h.AddImportEvents(h.ctx, rows(t, 10))
		require.NoError(t, err)
		for i, a := range answers {
			if i == 4 {
				require.ErrorContains(t, a.Unfit, "flow even-rows: ")
				require.Zero(t, a.Jobs)
				continue
			}
			require.NoError(t, a.Unfit)
			require.Equal(t, (i+1)%2, a.Jobs, i)
		}
		jobs, err := h.store.Deliveries.ListJobs(h.ctx, deliverystore.JobFilter{}, deliverystore.Page{})
		require.NoError(t, err)
		require.Len(t, jobs, 4)
		events, err := h.store.Deliveries.ListEvents(h.ctx, deliverystore.EventFilter{Sources: []string{"import"}}, deliverystore.Page{})
		require.NoError(t, err)
		require.Len(t, events, 4, "an event without jobs is not stored")
	}
}

// What cannot be stored is unfit, and no reason to try for ever.
func TestImportEventThatCannotBeStored(t *testing.T) {
	t.Parallel()
	h := setupLog(t)
	h.apply(t, "flows:\n  - name: a\n    from: {import: csv, records: true}\n    to: [{destination: log, action: write, data: {text: '\"x\"'}}]\n")
	events := rows(t, 2)
	record := flow.SampleRecord("csv", schema.Pages)
	record.Row["page"] = "\x00"
	var err error
	events[0].Event, err = record.Event()
	require.NoError(t, err)
	answers, err := h.AddImportEvents(h.ctx, events)
	require.NoError(t, err)
	require.ErrorIs(t, answers[0].Unfit, deliverystore.ErrPayload)
	require.Equal(t, dispatchacts.AddedImportEvent{Jobs: 1}, answers[1])
}

// A flow to an action that a destination does not have stops no import: its rows are kept for the
// flow, which may be corrected.
func TestFlowsThatAreNotUnderstood(t *testing.T) {
	t.Parallel()
	h := setupLog(t)
	h.apply(t, "flows:\n  - name: a\n    from: {import: csv, records: true}\n    to: [{destination: log, action: read}]\n")
	answers, err := h.AddImportEvents(h.ctx, rows(t, 1))
	require.NoError(t, err)
	require.Equal(t, []dispatchacts.AddedImportEvent{{}}, answers)
	kept, err := h.store.Deliveries.FlowFaults(h.ctx)
	require.NoError(t, err)
	require.EqualValues(t, 1, kept["a"].Events)
	require.Contains(t, kept["a"].Reason, `log: unknown action "read"`)
}

// The rows of an import become unprepared jobs of a destination that this program does not have.
func TestImportEventsForAnotherProgram(t *testing.T) {
	t.Parallel()
	h := setupLog(t)
	h.apply(t, "flows:\n  - name: a\n    from: {import: csv, records: true}\n    to: [{destination: crm, action: write}]\n")
	answers, err := h.AddImportEvents(h.ctx, rows(t, 1))
	require.NoError(t, err)
	require.Equal(t, []dispatchacts.AddedImportEvent{{Jobs: 1}}, answers)
	jobs, err := h.store.Deliveries.ListJobs(h.ctx, deliverystore.JobFilter{Destinations: []string{"crm"}}, deliverystore.Page{})
	require.NoError(t, err)
	require.Len(t, jobs, 1)
	job, err := h.store.Deliveries.Job(h.ctx, jobs[0].ID)
	require.NoError(t, err)
	require.True(t, job.Unprepared)
}

// An event cannot have the source of an import's events.
func TestReservedSource(t *testing.T) {
	t.Parallel()
	h := setupLog(t)
	_, err := h.AddEvent(h.ctx, deliveryclient.EventRequest{Source: "import", Name: "import.completed"})
	require.ErrorIs(t, err, deliveryclient.ErrReservedSource)
	_, err = h.AddEvent(h.ctx, deliveryclient.EventRequest{Source: "shop", Parts: []deliveryclient.EventRequest{{Source: "import"}}})
	require.ErrorIs(t, err, deliveryclient.ErrReservedSource)
	_, err = h.AddEvent(h.ctx, deliveryclient.EventRequest{Source: "imports", Name: "import.completed"})
	require.NoError(t, err)
}
