package importing_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	importacts "github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/importers"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
)

// dispatches registers a Dispatch that does not end before the import has, and returns those
// that were started.
func (r *run) dispatches() *[]importacts.Outcome {
	var started []importacts.Outcome
	r.RegisterWorkflowWithOptions(func(ctx workflow.Context, in importacts.Outcome) error {
		require.Equal(r.t, workflows.DispatchID(in.Site, in.ImportID, in.Generation), workflow.GetInfo(ctx).WorkflowExecution.ID)
		started = append(started, in)
		return workflow.Sleep(ctx, time.Hour)
	}, workflow.RegisterOptions{Name: workflows.TypeDispatch})
	return &started
}

// An import that has ended, in whatever way, starts what hands it over, and does not wait for
// it. The workflow ends as the import has.
func TestImportIsCounts(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		prepare func(r *run)
		status  string
		reason  string
		ends    func(t *testing.T, err error)
	}{
		"completed": {func(*run) {}, importstore.StatusCompleted, "", func(t *testing.T, err error) {
			t.Helper()
			require.NoError(t, err)
		}},
		"unchanged": {
			func(r *run) { r.planned.Unchanged = "import 3 has brought it in" }, importstore.StatusUnchanged,
			"import 3 has brought it in", func(t *testing.T, err error) {
				t.Helper()
				require.NoError(t, err)
			},
		},
		"failed": {
			func(r *run) { r.fail = failAt(workflows.ActivityPlan, permanent(importers.ClassInput)) }, importstore.StatusFailed,
			"", func(t *testing.T, err error) {
				t.Helper()
				var app *temporal.ApplicationError
				require.ErrorAs(t, err, &app)
				require.Equal(t, string(importers.ClassInput), app.Type())
			},
		},
		"cancelled": {
			func(r *run) { r.during[workflows.ActivityPlan] = r.CancelWorkflow }, importstore.StatusCancelled,
			"", func(t *testing.T, err error) {
				t.Helper()
				require.True(t, temporal.IsCanceledError(err))
			},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := setup(t)
			r.dispatch = &importacts.Outcome{
				ImportID: ImportID, Site: "example.com", Importer: "noop", Status: test.status, End: true,
			}
			test.prepare(r)
			started := r.dispatches()
			test.ends(t, r.start())
			want := *r.dispatch
			want.Reason = test.reason
			require.Equal(t, []importacts.Outcome{want}, *started)
			require.Equal(t, test.status, r.state().Phase)
		})
	}
}

// Without flows that want something nothing is started.
func TestImportIsNotCounts(t *testing.T) {
	t.Parallel()
	r := setup(t)
	started := r.dispatches()
	r.OnGetVersion("dispatch", workflow.DefaultVersion, workflow.Version(1)).Panic("no mark is left in the history")
	require.NoError(t, r.start())
	require.Empty(t, *started)
}

// A run that had ended before workers knew dispatches continues without one.
func TestImportOfBeforeDispatcher(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.dispatch = &importacts.Outcome{ImportID: ImportID, Site: "example.com", Status: importstore.StatusCompleted, End: true}
	started := r.dispatches()
	r.OnGetVersion("dispatch", workflow.DefaultVersion, workflow.Version(1)).Return(workflow.DefaultVersion)
	require.NoError(t, r.start())
	require.Empty(t, *started)
}

// What cannot be started is said, and does not change how the import has ended.
func TestDispatchThatIsNotStarted(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.dispatch = &importacts.Outcome{ImportID: ImportID, Site: "example.com", Status: importstore.StatusCompleted, End: true}
	r.dispatches()
	r.OnWorkflow(workflows.TypeDispatch, mock.Anything, mock.Anything).Return(testsuite.ErrMockStartChildWorkflowFailed)
	require.NoError(t, r.start())
	require.Len(t, r.notes, 1)
	require.Equal(t, importstore.LevelError, r.notes[0].Level)
	require.Contains(t, r.notes[0].Message, "What flows want of this import is not dispatched: ")
}
