package dispatch_test

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	dispatchacts "github.com/sluicehq/sluice/activities/dispatch"
	importacts "github.com/sluicehq/sluice/activities/importing"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/dispatch"
)

// handing is a run of a Dispatch in the SDK's test environment.
type handing struct {
	*testsuite.TestWorkflowEnvironment
	t *testing.T

	end  func() (dispatchacts.Counts, error)
	page func(p dispatchacts.PageRequest) (dispatchacts.PageResult, error)
	ends int
	// pages are those that were requested.
	pages []dispatchacts.PageRequest
	notes []importacts.Note
}

func setupDispatch(t *testing.T) *handing {
	t.Helper()
	suite := &testsuite.WorkflowTestSuite{}
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	h := &handing{
		TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), t: t,
		end: func() (dispatchacts.Counts, error) { return dispatchacts.Counts{Jobs: 1}, nil },
	}
	h.SetTestTimeout(time.Minute)
	h.RegisterWorkflowWithOptions(dispatch.Dispatch, workflow.RegisterOptions{Name: workflows.TypeDispatch})
	h.RegisterActivityWithOptions(func(_ context.Context, end importacts.Outcome) (dispatchacts.Counts, error) {
		require.Equal(t, outcome(true, end.Records), end)
		h.ends++
		return h.end()
	}, activity.RegisterOptions{Name: workflows.ActivityDispatchEnd})
	h.RegisterActivityWithOptions(func(_ context.Context, p dispatchacts.PageRequest) (dispatchacts.PageResult, error) {
		h.pages = append(h.pages, p)
		return h.page(p)
	}, activity.RegisterOptions{Name: workflows.ActivityDispatchRows})
	h.RegisterActivityWithOptions(func(_ context.Context, n importacts.Note) error {
		h.notes = append(h.notes, n)
		return nil
	}, activity.RegisterOptions{Name: workflows.ActivityNote})
	return h
}

const importID = 7

// outcome returns what is to be dispatched of an import of ten thousand rows.
func outcome(end, records bool) importacts.Outcome {
	return importacts.Outcome{
		ImportID: importID, Generation: 2, Site: "example.com", Importer: "csv", Status: importstore.StatusCompleted,
		FinishedAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), PartResult: importacts.PartResult{RowsLoaded: 10000},
		End: end, Records: records,
	}
}

// pagesOf dispatches so many pages of ten rows.
func pagesOf(pages int32) func(dispatchacts.PageRequest) (dispatchacts.PageResult, error) {
	return func(p dispatchacts.PageRequest) (dispatchacts.PageResult, error) {
		counts := dispatchacts.PageResult{Counts: dispatchacts.Counts{Rows: 10, Jobs: 9, Unfit: 1}}
		if p.Tell > 0 {
			counts.Told = 1
		}
		if p.From.Part < pages-1 {
			counts.Next = &dispatchacts.RowCursor{Part: p.From.Part + 1}
		}
		return counts, nil
	}
}

// run carries the workflow out and returns its error.
func (h *handing) run(in dispatch.Input) error {
	h.t.Helper()
	h.ExecuteWorkflow(workflows.TypeDispatch, in)
	require.True(h.t, h.IsWorkflowCompleted())
	return h.GetWorkflowError()
}

func (h *handing) progress() dispatch.Progress {
	h.t.Helper()
	var p dispatch.Progress
	value, err := h.QueryWorkflow(workflows.QueryProgress)
	require.NoError(h.t, err)
	require.NoError(h.t, value.Get(&p))
	return p
}

// requireNote checks the only line that was written to the import's log.
func (h *handing) requireNote(level, message string) {
	h.t.Helper()
	require.Equal(h.t, []importacts.Note{{ImportID: importID, Level: level, Message: message}}, h.notes)
}

func TestDispatch(t *testing.T) {
	t.Parallel()
	h := setupDispatch(t)
	h.page = pagesOf(3)
	require.NoError(t, h.run(dispatch.Input{Outcome: outcome(true, true)}))
	var result dispatch.Result
	require.NoError(t, h.GetWorkflowResult(&result))
	want := dispatch.Result{Counts: dispatchacts.Counts{Rows: 30, Jobs: 28, Unfit: 3, Told: 3}}
	require.Equal(t, want, result)
	require.Equal(t, dispatch.Progress{
		Result: want, RowsTotal: 10000, Next: dispatchacts.RowCursor{Part: 2},
	}, h.progress())
	require.Equal(t, 1, h.ends)
	require.Len(t, h.pages, 3)
	h.requireNote(importstore.LevelWarn,
		"Dispatched by flows: 30 rows, 28 jobs. Flows or actions could not make sense of 3, of which the log names 3.")
}

func TestDispatchOfAnEnd(t *testing.T) {
	t.Parallel()
	h := setupDispatch(t)
	calls := 0
	h.end = func() (dispatchacts.Counts, error) {
		calls++
		if calls < 5 {
			return dispatchacts.Counts{}, errors.New("the store is away")
		}
		return dispatchacts.Counts{Jobs: 2}, nil
	}
	require.NoError(t, h.run(dispatch.Input{Outcome: outcome(true, false)}))
	require.Empty(t, h.pages)
	require.Zero(t, h.progress().RowsTotal)
	h.requireNote(importstore.LevelInfo, "Dispatched by flows: 2 jobs.")
}

// A long dispatch continues in new runs, each with a short history, from where the one before
// stood: every page is requested once, and the end is not dispatched again.
func TestDispatchContinuesAsNew(t *testing.T) {
	t.Parallel()
	const pages = 400
	in := dispatch.Input{Outcome: outcome(true, true)}
	seen := map[dispatchacts.RowCursor]int{}
	ends, told := 0, 0
	for runs := 1; ; runs++ {
		h := setupDispatch(t)
		h.page = pagesOf(pages)
		err := h.run(in)
		for _, p := range h.pages {
			seen[p.From]++
			told += min(1, p.Tell)
		}
		require.LessOrEqual(t, len(h.pages), 150)
		ends += h.ends
		var again *workflow.ContinueAsNewError
		if !errors.As(err, &again) {
			require.NoError(t, err)
			require.Equal(t, 3, runs)
			var result dispatch.Result
			require.NoError(t, h.GetWorkflowResult(&result))
			require.Equal(t, dispatchacts.Counts{Rows: 10 * pages, Jobs: 9*pages + 1, Unfit: pages, Told: 20}, result.Counts)
			require.Len(t, h.notes, 1)
			break
		}
		require.Empty(t, h.notes)
		require.Equal(t, workflows.TypeDispatch, again.WorkflowType.Name)
		in = dispatch.Input{}
		require.NoError(t, converter.GetDefaultDataConverter().FromPayloads(again.Input, &in))
		size, err := converter.GetDefaultDataConverter().ToPayload(in)
		require.NoError(t, err)
		require.Less(t, size.Size(), 1000)
	}
	require.Equal(t, 1, ends)
	require.Len(t, seen, pages)
	for at, n := range seen {
		require.Equal(t, 1, n, "%+v", at)
	}
	require.Equal(t, 20, told)
}

// What was not dispatched is said, whatever the reason.
func TestDispatchOfNotEverything(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		page    dispatchacts.PageResult
		message string
	}{
		"deleted": {
			dispatchacts.PageResult{Stopped: "the import was deleted"},
			"Dispatched by flows: 0 rows, 0 jobs. The rest is not dispatched: the import was deleted.",
		},
		"rows gone": {
			dispatchacts.PageResult{Counts: dispatchacts.Counts{Rows: 7, Jobs: 7, Missing: 3}},
			"Dispatched by flows: 7 rows, 7 jobs. The warehouse no longer has 3 rows.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := setupDispatch(t)
			h.page = func(dispatchacts.PageRequest) (dispatchacts.PageResult, error) { return test.page, nil }
			require.NoError(t, h.run(dispatch.Input{Outcome: outcome(false, true)}))
			require.Zero(t, h.ends)
			h.requireNote(importstore.LevelWarn, test.message)
		})
	}
	h := setupDispatch(t)
	h.page = func(p dispatchacts.PageRequest) (dispatchacts.PageResult, error) {
		if p.From.Part == 1 {
			h.CancelWorkflow()
			return dispatchacts.PageResult{}, errors.New("the store is away")
		}
		return pagesOf(5)(p)
	}
	err := h.run(dispatch.Input{Outcome: outcome(false, true)})
	require.True(t, temporal.IsCanceledError(err), "%v", err)
	h.requireNote(importstore.LevelWarn, "Dispatched by flows: 10 rows, 9 jobs. Flows or actions could not make sense of 1, of which the "+
		"log names 1. The rest is not dispatched: cancelled.")
}

func TestDispatchID(t *testing.T) {
	t.Parallel()
	require.Equal(t, "import/example.com/7/dispatch", workflows.DispatchID("example.com", 7, 0))
	require.Equal(t, "import/example.com/7/dispatch-2", workflows.DispatchID("example.com", 7, 2))
	for _, generation := range []int32{0, 2} {
		_, err := workflows.ImportOf(workflows.DispatchID("example.com", 7, generation))
		require.Error(t, err, "commands are for imports")
	}
}
