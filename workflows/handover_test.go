package workflows_test

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

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
)

// handing is a run of a Handover in the SDK's test environment.
type handing struct {
	*testsuite.TestWorkflowEnvironment
	t *testing.T

	end  func() (activities.HandedOver, error)
	page func(p activities.HandoverPage) (activities.HandedPage, error)
	ends int
	// pages are those that were asked for.
	pages []activities.HandoverPage
	notes []activities.Note
}

func setupHandover(t *testing.T) *handing {
	t.Helper()
	suite := &testsuite.WorkflowTestSuite{}
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	h := &handing{
		TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), t: t,
		end: func() (activities.HandedOver, error) { return activities.HandedOver{Jobs: 1}, nil },
	}
	h.SetTestTimeout(time.Minute)
	h.RegisterWorkflowWithOptions(workflows.Handover, workflow.RegisterOptions{Name: workflows.TypeHandover})
	h.RegisterActivityWithOptions(func(_ context.Context, end activities.Handover) (activities.HandedOver, error) {
		require.Equal(t, handover(true, end.Records), end)
		h.ends++
		return h.end()
	}, activity.RegisterOptions{Name: workflows.ActivityHandOverEnd})
	h.RegisterActivityWithOptions(func(_ context.Context, p activities.HandoverPage) (activities.HandedPage, error) {
		h.pages = append(h.pages, p)
		return h.page(p)
	}, activity.RegisterOptions{Name: workflows.ActivityHandOverRows})
	h.RegisterActivityWithOptions(func(_ context.Context, n activities.Note) error {
		h.notes = append(h.notes, n)
		return nil
	}, activity.RegisterOptions{Name: workflows.ActivityNote})
	return h
}

// handover is what is to be handed over of an import of ten thousand rows.
func handover(end, records bool) activities.Handover {
	return activities.Handover{
		ImportID: importID, Generation: 2, Site: "example.com", Importer: "csv", Status: store.StatusCompleted,
		FinishedAt: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), PartResult: activities.PartResult{RowsLoaded: 10000},
		End: end, Records: records,
	}
}

// pagesOf hands over so many pages of ten rows.
func pagesOf(pages int32) func(activities.HandoverPage) (activities.HandedPage, error) {
	return func(p activities.HandoverPage) (activities.HandedPage, error) {
		handed := activities.HandedPage{HandedOver: activities.HandedOver{Rows: 10, Jobs: 9, Unfit: 1}}
		if p.Tell > 0 {
			handed.Told = 1
		}
		if p.From.Part < pages-1 {
			handed.Next = &activities.RowCursor{Part: p.From.Part + 1}
		}
		return handed, nil
	}
}

// run carries the workflow out and returns its error.
func (h *handing) run(in workflows.HandoverInput) error {
	h.t.Helper()
	h.ExecuteWorkflow(workflows.TypeHandover, in)
	require.True(h.t, h.IsWorkflowCompleted())
	return h.GetWorkflowError()
}

func (h *handing) progress() workflows.HandoverProgress {
	h.t.Helper()
	var p workflows.HandoverProgress
	value, err := h.QueryWorkflow(workflows.QueryProgress)
	require.NoError(h.t, err)
	require.NoError(h.t, value.Get(&p))
	return p
}

// requireNote checks the only line that was written to the import's log.
func (h *handing) requireNote(level, message string) {
	h.t.Helper()
	require.Equal(h.t, []activities.Note{{ImportID: importID, Level: level, Message: message}}, h.notes)
}

func TestHandover(t *testing.T) {
	t.Parallel()
	h := setupHandover(t)
	h.page = pagesOf(3)
	require.NoError(t, h.run(workflows.HandoverInput{Handover: handover(true, true)}))
	var result workflows.HandoverResult
	require.NoError(t, h.GetWorkflowResult(&result))
	want := workflows.HandoverResult{HandedOver: activities.HandedOver{Rows: 30, Jobs: 28, Unfit: 3, Told: 3}}
	require.Equal(t, want, result)
	require.Equal(t, workflows.HandoverProgress{
		HandoverResult: want, RowsTotal: 10000, Next: activities.RowCursor{Part: 2},
	}, h.progress())
	require.Equal(t, 1, h.ends)
	require.Len(t, h.pages, 3)
	h.requireNote(store.LevelWarn,
		"Handed over by flows: 30 rows, 28 jobs. Flows or actions could not make sense of 3, of which the log names 3.")
}

func TestHandoverOfAnEnd(t *testing.T) {
	t.Parallel()
	h := setupHandover(t)
	calls := 0
	h.end = func() (activities.HandedOver, error) {
		calls++
		if calls < 5 {
			return activities.HandedOver{}, errors.New("the store is away")
		}
		return activities.HandedOver{Jobs: 2}, nil
	}
	require.NoError(t, h.run(workflows.HandoverInput{Handover: handover(true, false)}))
	require.Empty(t, h.pages)
	require.Zero(t, h.progress().RowsTotal)
	h.requireNote(store.LevelInfo, "Handed over by flows: 2 jobs.")
}

// A long handover goes on in new runs, each with a short history, from where the one before
// stood: every page is asked for once, and the end is not told again.
func TestHandoverContinuesAsNew(t *testing.T) {
	t.Parallel()
	const pages = 400
	in := workflows.HandoverInput{Handover: handover(true, true)}
	seen := map[activities.RowCursor]int{}
	ends, told := 0, 0
	for runs := 1; ; runs++ {
		h := setupHandover(t)
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
			var result workflows.HandoverResult
			require.NoError(t, h.GetWorkflowResult(&result))
			require.Equal(t, activities.HandedOver{Rows: 10 * pages, Jobs: 9*pages + 1, Unfit: pages, Told: 20}, result.HandedOver)
			require.Len(t, h.notes, 1)
			break
		}
		require.Empty(t, h.notes)
		require.Equal(t, workflows.TypeHandover, again.WorkflowType.Name)
		in = workflows.HandoverInput{}
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

// What was not handed over is said, whatever the reason.
func TestHandoverOfNotEverything(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		page    activities.HandedPage
		message string
	}{
		"deleted": {
			activities.HandedPage{Stopped: "the import was deleted"},
			"Handed over by flows: 0 rows, 0 jobs. The rest is not handed over: the import was deleted.",
		},
		"rows gone": {
			activities.HandedPage{HandedOver: activities.HandedOver{Rows: 7, Jobs: 7, Missing: 3}},
			"Handed over by flows: 7 rows, 7 jobs. The warehouse no longer has 3 rows.",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := setupHandover(t)
			h.page = func(activities.HandoverPage) (activities.HandedPage, error) { return test.page, nil }
			require.NoError(t, h.run(workflows.HandoverInput{Handover: handover(false, true)}))
			require.Zero(t, h.ends)
			h.requireNote(store.LevelWarn, test.message)
		})
	}
	h := setupHandover(t)
	h.page = func(p activities.HandoverPage) (activities.HandedPage, error) {
		if p.From.Part == 1 {
			h.CancelWorkflow()
			return activities.HandedPage{}, errors.New("the store is away")
		}
		return pagesOf(5)(p)
	}
	err := h.run(workflows.HandoverInput{Handover: handover(false, true)})
	require.True(t, temporal.IsCanceledError(err), "%v", err)
	h.requireNote(store.LevelWarn, "Handed over by flows: 10 rows, 9 jobs. Flows or actions could not make sense of 1, of which the "+
		"log names 1. The rest is not handed over: cancelled.")
}

func TestHandoverID(t *testing.T) {
	t.Parallel()
	require.Equal(t, "import/example.com/7/handover", workflows.HandoverID("example.com", 7, 0))
	require.Equal(t, "import/example.com/7/handover-2", workflows.HandoverID("example.com", 7, 2))
	for _, generation := range []int32{0, 2} {
		_, err := workflows.ImportOf(workflows.HandoverID("example.com", 7, generation))
		require.Error(t, err, "commands are for imports")
	}
}
