package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"

	dispatchacts "github.com/sluicehq/sluice/activities/dispatch"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/starter"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/dispatch"
)

const toDatabase = `flows:
  - name: events
    to: [{destination: crm, action: post}]
  - name: ends
    from: {import: noop}
    to:
      - destination: postgres
        action: upsert
        data:
          connection: '"dwh"'
          table: '"ends"'
          key: ['"import_id"', '"generation"']
          row:
            import_id: data.import_id
            generation: data.generation
            status: data.status
            rows_loaded: data.rows_loaded
            reason: data.reason
  - name: rows
    from: {import: "no*", records: true}
    to:
      - destination: postgres
        action: upsert
        data:
          connection: '"dwh"'
          table: '"rows"'
          key: ['"import_id"', '"visitors"']
          row: {import_id: context.import_id, date: data.row.date, visitors: data.row.visitors}
`

// What an import has loaded arrives in another database, each row and the end once, also
// when workers die in between and when it is dispatched twice.
func TestImportArrives(t *testing.T) {
	t.Parallel()
	h := setupHanding(t, toDatabase)
	request := h.noopRequest(site, `{"rows": 3004, "parts": 3, "bad_rows": 4}`)
	request.Settings.ChunkRows = 700
	imp := h.System.Start(t, request)
	h.WaitFor(t, imp.ID, "completed", func(now importstore.Summary) bool { return now.Import.Status == importstore.StatusCompleted })
	// A worker stops in the middle of a page, or somewhere near it.
	polltest.Eventually(t, func() bool { return h.jobs("postgres") > 100 }, time.Minute, 10*time.Millisecond)
	h.stop()
	require.Less(t, h.jobs("postgres"), 3001, "it was still at work")
	h.stop = h.StartWorker(t)
	h.end(imp, importstore.StatusCompleted)
	want := dispatch.Result{Counts: dispatchacts.Counts{Rows: 3000, Jobs: 3001}}
	require.Equal(t, want, h.dispatched(imp, 0))
	h.waitNumber(3000, "SELECT count(*) FROM rows")
	require.EqualValues(t, h.visitors(imp), h.number("SELECT sum(visitors) FROM rows WHERE import_id = $1", imp.ID))
	h.waitNumber(1, "SELECT count(*) FROM ends WHERE status = 'completed' AND rows_loaded = 3000 AND import_id = $1", imp.ID)
	require.Equal(t, 3001, h.jobs("postgres"))
	require.Contains(t, h.feedback(imp.ID), "info: Dispatched by flows: 3000 rows, 3001 jobs.")

	require.Equal(t, want, h.again(imp, 0), "what is there already counts like the first time")
	require.Equal(t, 3001, h.jobs("postgres"))
	require.Zero(t, h.jobs("crm"), "flows about events hear nothing of imports")

	// It is a child that was left behind.
	for _, event := range h.History(t, imp.WorkflowID, "").GetEvents() {
		a := event.GetStartChildWorkflowExecutionInitiatedEventAttributes()
		if a == nil {
			continue
		}
		require.Equal(t, enums.PARENT_CLOSE_POLICY_ABANDON, a.GetParentClosePolicy())
		require.Equal(t, enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE_FAILED_ONLY, a.GetWorkflowIdReusePolicy())
		require.NotEmpty(t, event.GetUserMetadata().GetSummary().GetData())
		require.Equal(t, workflows.DispatchID(site, imp.ID, 0), a.GetWorkflowId())
		return
	}
	t.Fatal("no dispatch was started")
}

// Every end of an import is reported, and each end of an import that is run again.
func TestEndsArrive(t *testing.T) {
	t.Parallel()
	h := setupHanding(t, toDatabase)
	ended := func(imp importstore.Import, generation int32, status, reason string) {
		h.end(imp, status)
		require.EqualValues(t, 1, h.dispatched(imp, generation).Jobs)
		h.waitNumber(1, "SELECT count(*) FROM ends WHERE import_id = $1 AND generation = $2 AND status = $3 AND reason LIKE $4",
			imp.ID, generation, status, reason)
	}
	failed := h.noop(site, `{"rows": 10, "fail": "plan", "permanent": true, "fail_times": 1}`)
	ended(failed, 0, importstore.StatusFailed, "%plan%")
	ended(h.noop(site, `{"rows": 10, "unchanged": true}`), 0, importstore.StatusUnchanged, "%")
	cancelled := h.noop(site, `{"rows": 3000, "delay": "20ms"}`)
	h.WaitLoading(t, cancelled.ID)
	require.NoError(t, h.Starter.Cancel(enginetest.Context(t), cancelled.ID, starter.By{Who: "ann"}))
	ended(cancelled, 0, importstore.StatusCancelled, "%ann%")
	request, yes := h.noopRequest(site, `{"rows": 10}`), true
	request.Review = &yes
	declined := h.System.Start(t, request)
	h.waitPhase(declined.ID, importstore.PhaseInReview)
	require.NoError(t, h.Starter.Decide(enginetest.Context(t), declined.ID, importstore.Declined, starter.By{Who: "ann", Why: "a look"}))
	ended(declined, 0, importstore.StatusDeclined, "%a look%")
	terminated := h.noop(site, `{"rows": 3000, "delay": "20ms"}`)
	h.WaitLoading(t, terminated.ID)
	require.NoError(t, h.Temporal.TerminateWorkflow(enginetest.Context(t), terminated.WorkflowID, "", "for a test"))
	require.NoError(t, h.recover(terminated.ID))
	ended(terminated, 0, importstore.StatusFailed, "%terminated%")

	h.Reset(t, failed.WorkflowID)
	h.WaitFor(t, failed.ID, "completed", func(now importstore.Summary) bool { return now.Import.Status == importstore.StatusCompleted })
	h.end(failed, importstore.StatusCompleted)
	require.Equal(t, dispatchacts.Counts{Rows: 10, Jobs: 11}, h.dispatched(failed, 1).Counts)
	h.waitNumber(1, "SELECT count(*) FROM ends WHERE import_id = $1 AND generation = 1 AND status = 'completed'", failed.ID)
	require.EqualValues(t, 6, h.number("SELECT count(*) FROM ends"))
	h.waitNumber(10, "SELECT count(*) FROM rows")
}

const toSink = `flows:
  - name: rows
    from: {import: noop, records: true}
    when: data.row.visitors != 3
    to: [{destination: crm, action: post, data: {bad: 'data.row.visitors == 5 ? int(data.table) : false'}}]
`

// Rows that no job can be made of are counted and logged, and block no other row;
// a worker that does not know a destination of the flows leaves the dispatch to another.
func TestUnfitRowsAreLogged(t *testing.T) {
	t.Parallel()
	h := setupHanding(t, toSink)
	imp := h.noop(site, `{"rows": 120, "parts": 2}`)
	h.end(imp, importstore.StatusCompleted)
	want := dispatch.Result{Counts: dispatchacts.Counts{Rows: 120, Jobs: 118, Unfit: 1, Told: 1}}
	require.Equal(t, want, h.dispatched(imp, 0))
	lines := h.feedback(imp.ID)
	require.Contains(t, lines[len(lines)-1], "warn: Dispatched by flows: 120 rows, 118 jobs. Flows or actions could not make sense of 1")
	require.Contains(t, lines[len(lines)-2], "of imported_visitors could not be dispatched: flow rows: ")
	require.Eventually(t, func() bool { jobs, _ := h.sink.counts(); return jobs == 118 }, time.Minute, 50*time.Millisecond)

	// Once the flow is fixed, what was unfit is dispatched, and nothing else.
	h.apply(`flows: [{name: rows, from: {import: noop, records: true}, to: [{destination: crm, action: post, data: {bad: false}}]}]`)
	require.Equal(t, dispatchacts.Counts{Rows: 120, Jobs: 120}, h.again(imp, 0).Counts)
	require.Eventually(t, func() bool { jobs, _ := h.sink.counts(); return jobs == 120 }, time.Minute, 50*time.Millisecond)
	_, twice := h.sink.counts()
	require.Zero(t, twice)
}

// An import that no flow is for leaves no trace of dispatchs.
func TestNothingIsDispatched(t *testing.T) {
	t.Parallel()
	h := setupHanding(t, `flows:
  - name: events
    to: [{destination: crm, action: post}]
  - name: others
    from: {import: csv}
    to: [{destination: crm, action: post}]
  - name: ends
    from: {import: noop, event: import.failed}
    to: [{destination: crm, action: post}]
`)
	imp := h.noop(site, `{"rows": 20}`)
	h.end(imp, importstore.StatusCompleted)
	with := h.History(t, imp.WorkflowID, "").GetEvents()
	for _, event := range with {
		require.NotContains(t, []enums.EventType{
			enums.EVENT_TYPE_START_CHILD_WORKFLOW_EXECUTION_INITIATED, enums.EVENT_TYPE_MARKER_RECORDED,
		}, event.GetEventType())
	}
	require.Zero(t, h.jobs("crm"))
}
