package importing_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/workflow"

	importacts "github.com/sluicehq/sluice/activities/importing"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/importing"
)

// requireContinued checks that a run continued as new, with nothing but the import's
// number, and without ending it.
func (r *run) requireContinued(err error) importing.ImportInput {
	r.t.Helper()
	var again *workflow.ContinueAsNewError
	require.ErrorAs(r.t, err, &again)
	require.Equal(r.t, workflows.TypeImport, again.WorkflowType.Name)
	var in importing.ImportInput
	require.NoError(r.t, converter.GetDefaultDataConverter().FromPayloads(again.Input, &in))
	require.Equal(r.t, importing.ImportInput{ImportID: ImportID, Importer: "noop", Resumed: true, FencingToken: fencingToken}, in)
	for _, name := range append(slices.Clone(failedEnd), happyEnd...) {
		require.Zero(r.t, r.calledTimes(name), name)
	}
	return in
}

func TestImportContinuesAsNew(t *testing.T) {
	t.Parallel()
	first := setup(t)
	first.planned = plan(1000)
	first.planned.Parallelism = 16
	in := first.requireContinued(first.start())
	require.Equal(t, 1, first.calledTimes(workflows.ActivityBeforeStart))
	require.Equal(t, importacts.MaxPlannedParts, first.progress().PartsDone)
	require.Equal(t, 1000, first.progress().PartsTotal)

	last := setup(t)
	last.planned = plan(1000)
	last.planned.Open, last.planned.Parts = 40, last.planned.Parts[:40]
	last.ExecuteWorkflow(workflows.TypeImport, in)
	require.NoError(t, last.GetWorkflowError())
	require.Zero(t, last.calledTimes(workflows.ActivityBeforeStart), "that was before")
	require.Equal(t, 1, last.calledTimes(workflows.ActivityPlan))
	require.Equal(t, happyEnd, last.once()[len(last.once())-len(happyEnd):])
	require.Equal(t, 1000, last.progress().PartsDone)
}

// A parked part does not keep those of later runs waiting.
func TestParkedPartIsTakenAlong(t *testing.T) {
	t.Parallel()
	first := setup(t)
	first.planned = plan(200)
	first.load = func(_ context.Context, part int32, _ int) error {
		if part == 3 {
			return transient()
		}
		return nil
	}
	in := first.requireContinued(first.start())
	require.Len(t, first.parked, 1)
	require.Zero(t, first.calledTimes(workflows.ActivityPark), "the import continues")

	second := setup(t)
	second.planned = plan(200)
	second.planned.Open, second.planned.Parts = 3, []importacts.PlannedPart{
		{No: 3, Parked: true}, {No: 198, Label: "file 198"}, {No: 199, Label: "file 199"},
	}
	second.RegisterDelayedCallback(func() {
		require.Equal(t, []string{importstore.PartParked, importstore.PartDone, importstore.PartDone}, second.statuses())
		require.Equal(t, "part 3", second.state().Parts[0].Label, "labels may be left out")
		require.Equal(t, 1, second.calledTimes(workflows.ActivityPark))
		require.Zero(t, second.calledTimes("import_data 3"), "only a decision starts it again")
		second.retry(3)
	}, time.Hour)
	second.ExecuteWorkflow(workflows.TypeImport, in)
	require.NoError(t, second.GetWorkflowError())
	require.Zero(t, second.calledTimes(workflows.ActivityParkPart), "it was parked already")
	require.Equal(t, 1, second.calledTimes("import_data 3"))
	require.Equal(t, 200, second.progress().PartsDone)
}

// An import that only waits keeps its history short.
func TestParkedImportContinuesAsNewWhenSuggested(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.SetContinueAsNewSuggested(true)
	r.load = func(context.Context, int32, int) error { return transient() }
	r.requireContinued(r.start())
	require.Len(t, r.parked, 2)
}

// A cancellation that comes with the last part of a run is not lost.
func TestCancelledInsteadOfContinued(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.planned = plan(importacts.MaxPlannedParts + 1)
	r.planned.Parallelism = 1
	last := int32(importacts.MaxPlannedParts - 1)
	r.load = func(_ context.Context, part int32, _ int) error {
		if part == last {
			r.CancelWorkflow()
		}
		return nil
	}
	require.Error(t, r.start())
	require.Equal(t, 1, r.calledTimes(fmt.Sprintf("import_data %d", last)))
	require.Equal(t, failedEnd, r.once()[len(r.once())-len(failedEnd):])
}
