package importing_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	importacts "github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/importers"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/importing"
	"github.com/sluicehq/sluice/workflows/workflowtest"
)

// scheduled is a run of a ScheduledImport in the SDK's test environment.
type scheduled struct {
	*testsuite.TestWorkflowEnvironment
	t *testing.T

	created   importacts.CreatedImport
	createErr error
	// child is what the import does.
	child  func(ctx workflow.Context) (importing.ImportResult, error)
	asked  []importacts.ScheduledRun
	paused []importacts.SchedulePause
	// children are the imports that were started.
	children []workflow.Info
}

func setupScheduled(t *testing.T) *scheduled {
	t.Helper()
	suite := &testsuite.WorkflowTestSuite{}
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	s := &scheduled{
		TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), t: t,
		created: importacts.CreatedImport{
			ImportID: 7, Site: "example.com", Source: "noop", Status: importstore.StatusQueued, Phase: importstore.PhaseQueued, Summary: "noop",
		},
		child: func(workflow.Context) (importing.ImportResult, error) {
			return importing.ImportResult{PartResult: importacts.PartResult{RowsLoaded: 3}}, nil
		},
	}
	s.SetTestTimeout(10 * time.Second)
	s.RegisterWorkflowWithOptions(importing.ScheduledImport, workflow.RegisterOptions{Name: workflows.TypeScheduledImport})
	s.RegisterWorkflowWithOptions(func(ctx workflow.Context, in importing.ImportInput) (importing.ImportResult, error) {
		require.Equal(t, importing.ImportInput{ImportID: 7, Importer: "noop"}, in)
		s.children = append(s.children, *workflow.GetInfo(ctx))
		return s.child(ctx)
	}, workflow.RegisterOptions{Name: workflows.TypeImport})
	s.RegisterActivityWithOptions(func(_ context.Context, run importacts.ScheduledRun) (importacts.CreatedImport, error) {
		s.asked = append(s.asked, run)
		return s.created, s.createErr
	}, activity.RegisterOptions{Name: workflows.ActivityCreateImport})
	s.RegisterActivityWithOptions(func(_ context.Context, p importacts.SchedulePause) error {
		s.paused = append(s.paused, p)
		return nil
	}, activity.RegisterOptions{Name: workflows.ActivityPauseSchedule})
	workflowtest.RequireHeartbeats(t, s.TestWorkflowEnvironment)
	return s
}

// run carries the workflow out and returns its error.
func (s *scheduled) run(pauseAfter int) error {
	s.t.Helper()
	s.ExecuteWorkflow(workflows.TypeScheduledImport, importing.ScheduledInput{
		Schedule: "nightly", PauseAfterFailures: pauseAfter,
		Request: importacts.ScheduledRequest{Site: "example.com", Source: "noop", Args: json.RawMessage(`{"rows":3}`)},
	})
	require.True(s.t, s.IsWorkflowCompleted())
	return s.GetWorkflowError()
}

func (s *scheduled) outcome() importacts.ImportOutcome {
	s.t.Helper()
	var outcome importacts.ImportOutcome
	require.NoError(s.t, s.GetWorkflowResult(&outcome))
	return outcome
}

func failing(class importers.Class) func(workflow.Context) (importing.ImportResult, error) {
	return func(workflow.Context) (importing.ImportResult, error) {
		return importing.ImportResult{}, temporal.NewNonRetryableApplicationError("the file is gone", string(class), nil)
	}
}

// requireFailure checks the error of a run that has failed.
func requireFailure(t *testing.T, err error, class, message string, want importing.ScheduledFailure) {
	t.Helper()
	var app *temporal.ApplicationError
	require.ErrorAs(t, err, &app)
	require.True(t, app.NonRetryable())
	require.Equal(t, []string{class, message}, []string{app.Type(), app.Message()})
	var got importing.ScheduledFailure
	require.NoError(t, app.Details(&got))
	require.Equal(t, want, got)
}

func TestScheduledImport(t *testing.T) {
	t.Parallel()
	s := setupScheduled(t)
	start := time.Date(2026, 1, 1, 3, 0, 0, 5, time.UTC)
	s.SetStartTime(start)
	require.NoError(t, s.run(3))
	require.Equal(t, importacts.ImportOutcome{ImportID: 7, Status: importstore.StatusCompleted, RowsLoaded: 3}, s.outcome())
	require.Len(t, s.asked, 1)
	require.Equal(t, []any{"nightly", start.Truncate(time.Second), "noop"}, []any{s.asked[0].Schedule, s.asked[0].At, s.asked[0].Request.Source})
	require.NotEmpty(t, s.asked[0].RunID)
	require.Len(t, s.children, 1)
	require.Equal(t, workflows.ImportID("example.com", 7), s.children[0].WorkflowExecution.ID)
	require.Equal(t, "default-test-workflow-id", s.children[0].ParentWorkflowExecution.ID)
	require.Empty(t, s.paused)
	require.Equal(t, []string{"schedule/a", "scheduled/a", "dry-run/b/c"},
		[]string{workflows.ScheduleID("a"), workflows.ScheduledID("a"), workflows.DryRunID("b", "c")})
}

func TestScheduledImportUnchanged(t *testing.T) {
	t.Parallel()
	s := setupScheduled(t)
	s.child = func(workflow.Context) (importing.ImportResult, error) {
		return importing.ImportResult{Unchanged: "nothing new"}, nil
	}
	require.NoError(t, s.run(1))
	require.Equal(t, importacts.ImportOutcome{ImportID: 7, Status: importstore.StatusUnchanged, Reason: "nothing new"}, s.outcome())
}

// A time that has its rows already is not imported again.
func TestScheduledImportThatIsDone(t *testing.T) {
	t.Parallel()
	s := setupScheduled(t)
	s.created.Status = importstore.StatusCompleted
	require.NoError(t, s.run(1))
	require.Empty(t, s.children)
	require.Equal(t, importacts.ImportOutcome{ImportID: 7, Status: importstore.StatusCompleted}, s.outcome())
}

// Failures in a row are counted from run to run, and pause the schedule.
func TestScheduledImportFails(t *testing.T) {
	t.Parallel()
	before := func(failures int) error {
		return temporal.NewNonRetryableApplicationError("before", "x", nil, importing.ScheduledFailure{Failures: failures})
	}
	const reason = "import 7: the file is gone"
	for name, tc := range map[string]struct {
		last       error
		class      importers.Class
		pauseAfter int
		failures   int
		note       string
	}{
		"first":         {nil, importers.ClassInput, 3, 1, ""},
		"second":        {before(1), importers.ClassInput, 3, 2, ""},
		"third":         {before(2), importers.ClassInput, 3, 0, "3 failures in a row, the last: " + reason},
		"never":         {before(99), importers.ClassInput, 0, 100, ""},
		"declined":      {before(2), importers.ClassDeclined, 3, 2, ""},
		"another error": {errors.New("terminated"), importers.ClassInput, 3, 1, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setupScheduled(t)
			s.child = failing(tc.class)
			if tc.last != nil {
				s.SetLastError(tc.last)
			}
			requireFailure(t, s.run(tc.pauseAfter), string(tc.class), reason, importing.ScheduledFailure{ImportID: 7, Failures: tc.failures})
			if tc.note == "" {
				require.Empty(t, s.paused)
				return
			}
			require.Equal(t, []importacts.SchedulePause{{Schedule: "nightly", ImportID: 7, Note: tc.note}}, s.paused)
		})
	}
}

func TestScheduledImportCannotBeCreated(t *testing.T) {
	t.Parallel()
	s := setupScheduled(t)
	s.createErr = temporal.NewNonRetryableApplicationError("site x does not exist any more", string(importers.ClassInput), nil)
	requireFailure(t, s.run(1), "bad_input", "create the import: site x does not exist any more", importing.ScheduledFailure{})
	require.Equal(t, "it has failed: create the import: site x does not exist any more", s.paused[0].Note)
}

// Cancelling the run cancels its import, also one that is just being created.
func TestScheduledImportIsCancelled(t *testing.T) {
	t.Parallel()
	for name, delay := range map[string]time.Duration{"before it begins": 0, "under way": time.Minute} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setupScheduled(t)
			s.child = func(ctx workflow.Context) (importing.ImportResult, error) {
				err := workflow.Sleep(ctx, time.Hour)
				require.True(t, temporal.IsCanceledError(err))
				return importing.ImportResult{}, temporal.NewCanceledError("purged")
			}
			s.RegisterDelayedCallback(s.CancelWorkflow, delay)
			err := s.run(1)
			require.True(t, temporal.IsCanceledError(err), "%v", err)
			require.Len(t, s.children, 1)
			require.Empty(t, s.paused)
		})
	}
}

// An import that ends in time although its run was cancelled is reported with its status.
func TestScheduledImportIsCancelledTooLate(t *testing.T) {
	t.Parallel()
	s := setupScheduled(t)
	s.child = func(ctx workflow.Context) (importing.ImportResult, error) {
		require.Error(t, workflow.Sleep(ctx, time.Hour))
		return importing.ImportResult{}, nil
	}
	s.RegisterDelayedCallback(s.CancelWorkflow, time.Minute)
	require.NoError(t, s.run(1))
	require.Equal(t, importstore.StatusCompleted, s.outcome().Status)
}

// A schedule's input is small, whatever the request.
func TestScheduledInputIsSmall(t *testing.T) {
	t.Parallel()
	in := importing.ScheduledInput{Request: importacts.ScheduledRequest{Args: json.RawMessage(`"` + strings.Repeat("x", 30000) + `"`)}}
	data, err := json.Marshal(in)
	require.NoError(t, err)
	require.Less(t, len(data), importing.MaxScheduledInput)
	require.Less(t, importing.MaxScheduledInput, maxPayload)
}

func TestDryRun(t *testing.T) {
	t.Parallel()
	for name, fails := range map[string]int{"at once": 0, "after a worker's death": 1, "never": 5} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			suite := &testsuite.WorkflowTestSuite{}
			suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
			env := suite.NewTestWorkflowEnvironment()
			env.RegisterWorkflowWithOptions(importing.DryRun, workflow.RegisterOptions{Name: workflows.TypeDryRun})
			calls := 0
			env.RegisterActivityWithOptions(func(_ context.Context, r importacts.DryRunRequest) (importacts.DryRunReport, error) {
				calls++
				if calls <= fails {
					return importacts.DryRunReport{}, errors.New("the store is away")
				}
				return importacts.DryRunReport{Site: r.Site}, nil
			}, activity.RegisterOptions{Name: workflows.ActivityDryRun})
			env.ExecuteWorkflow(workflows.TypeDryRun, importacts.DryRunRequest{Site: "example.com"})
			require.Equal(t, min(fails+1, 2), calls)
			if fails > 1 {
				require.ErrorContains(t, env.GetWorkflowError(), "the store is away")
				return
			}
			var report importacts.DryRunReport
			require.NoError(t, env.GetWorkflowResult(&report))
			require.Equal(t, "example.com", report.Site)
		})
	}
}
