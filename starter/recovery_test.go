package starter_test

import (
	"context"
	"encoding/json"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/config"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
)

// feedback returns the log of an import, a line each.
func feedback(t *testing.T, s *enginetest.System, id int64) []string {
	t.Helper()
	lines, err := s.Store.Imports.ListFeedback(enginetest.Context(t), importstore.FeedbackQuery{ImportID: id, RowLimit: 100})
	require.NoError(t, err)
	texts := []string{}
	for _, line := range lines {
		texts = append(texts, line.Level+": "+line.Message)
	}
	return texts
}

// What has become of a workflow decides how its import continues, and stands in the import's log.
func TestRecover(t *testing.T) {
	t.Parallel()
	s := setup(t)
	ctx := enginetest.Context(t)
	terminate := func(t *testing.T, imp importstore.Import) {
		t.Helper()
		require.NoError(t, s.Temporal.TerminateWorkflow(ctx, imp.WorkflowID, "", "a mistake"))
	}
	// end replaces the workflow of an import by one that ends at once, as cancelled or as completed.
	end := func(t *testing.T, imp importstore.Import, cancelled bool) {
		t.Helper()
		terminate(t, imp)
		run, err := s.Temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
			ID: imp.WorkflowID, TaskQueue: "ends", WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
		}, "ends", cancelled)
		require.NoError(t, err)
		require.Equal(t, cancelled, run.Get(ctx, nil) != nil)
	}
	ending := worker.New(s.Temporal, "ends", worker.Options{LocalActivityWorkerOnly: true})
	ending.RegisterWorkflowWithOptions(func(_ workflow.Context, cancelled bool) error {
		if cancelled {
			return temporal.NewCanceledError()
		}
		return nil
	}, workflow.RegisterOptions{Name: "ends"})
	require.NoError(t, ending.Start())
	t.Cleanup(ending.Stop)
	for name, tc := range map[string]struct {
		happens func(t *testing.T, imp importstore.Import)
		want    starter.Recovery
		log     []string
	}{
		"it runs": {func(*testing.T, importstore.Import) {}, starter.Recovery{}, []string{}},
		"it was terminated": {
			terminate,
			starter.Recovery{Cause: "its workflow was terminated: a mistake", Ends: true},
			[]string{"warn: The workflow is started again to end the import: its workflow was terminated: a mistake."},
		},
		"it was terminated by the server": {
			func(t *testing.T, imp importstore.Import) {
				t.Helper()
				options, err := starter.TemporalOptions(slog.New(slog.DiscardHandler), s.Environ())
				require.NoError(t, err)
				options.Identity = "history-service"
				server, err := client.NewLazyClient(options)
				require.NoError(t, err)
				defer server.Close()
				require.NoError(t, server.TerminateWorkflow(ctx, imp.WorkflowID, "", "too long"))
			},
			starter.Recovery{Cause: "by the server, its workflow was terminated: too long"},
			[]string{"warn: The workflow is started again from the last checkpoints: by the server, its workflow was terminated: too long."},
		},
		"it was cancelled": {
			func(t *testing.T, imp importstore.Import) { t.Helper(); end(t, imp, true) },
			starter.Recovery{Cause: "its workflow was cancelled", Ends: true},
			[]string{"warn: The workflow is started again to end the import: its workflow was cancelled."},
		},
		"it has ended by itself": {
			func(t *testing.T, imp importstore.Import) { t.Helper(); end(t, imp, false) },
			starter.Recovery{Cause: "its workflow has ended as completed, the import has not"},
			[]string{"warn: The workflow is started again from the last checkpoints: its workflow has ended as completed, the import has not."},
		},
		"it has timed out": {
			func(t *testing.T, imp importstore.Import) {
				t.Helper()
				terminate(t, imp)
				run, err := s.Temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
					ID: imp.WorkflowID, TaskQueue: "nobody", WorkflowExecutionTimeout: time.Second,
					WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
				}, workflows.TypeImport)
				require.NoError(t, err)
				require.Error(t, run.Get(ctx, nil))
			},
			starter.Recovery{Cause: "its workflow has timed out"},
			[]string{"warn: The workflow is started again from the last checkpoints: its workflow has timed out."},
		},
		"it was about to end": {
			func(t *testing.T, imp importstore.Import) {
				t.Helper()
				require.NoError(t, s.Store.Imports.NoteEnding(ctx, imp.ID, importstore.End{
					Status: importstore.StatusFailed, Class: "bad_input", Reason: "no such file",
				}))
				end(t, imp, false)
			},
			starter.Recovery{Cause: "its workflow has ended as completed, the import has not", Ends: true},
			[]string{"warn: The workflow is started again to end the import: its workflow has ended as completed, the import has not."},
		},
		"what follows its end was lost": {
			func(t *testing.T, imp importstore.Import) {
				t.Helper()
				_, err := s.Store.Imports.Finish(ctx, imp.ID, importstore.End{Status: importstore.StatusCompleted}, importstore.LockLimits{})
				require.NoError(t, err)
				end(t, imp, false)
			},
			starter.Recovery{Cause: "its workflow has ended as completed, the import has not"},
			[]string{"warn: The workflow is started again for what follows the end of the import: " +
				"its workflow has ended as completed, the import has not."},
		},
		"another import had its name": {
			func(t *testing.T, imp importstore.Import) {
				t.Helper()
				terminate(t, imp)
				_, err := s.Temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
					ID: imp.WorkflowID, TaskQueue: workflows.QueueMain, Memo: map[string]any{workflows.MemoImport: "another"},
					WorkflowIDReusePolicy: enums.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE,
				}, workflows.TypeImport)
				require.NoError(t, err)
			},
			starter.Recovery{Cause: "the workflow of its name belonged to an import that a restore of the store has removed"},
			[]string{"warn: The workflow is started again from the last checkpoints: the workflow of its name belonged to an import " +
				"that a restore of the store has removed."},
		},
		"the import has ended": {
			func(t *testing.T, imp importstore.Import) {
				t.Helper()
				_, err := s.Store.Imports.Finish(ctx, imp.ID, importstore.End{Status: importstore.StatusCompleted}, importstore.LockLimits{})
				require.NoError(t, err)
				terminate(t, imp)
			},
			starter.Recovery{},
			[]string{"warn: What follows the end of the import (dispatch to flows, on_success) may be incomplete: " +
				"its workflow was terminated: a mistake."},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			domain := "s" + time.Now().Format("150405.000000000") + ".com"
			s.AddSite(t, domain) //nolint:contextcheck // It has the context of the test.
			r := starter.Request{Site: domain, Source: "noop", Args: json.RawMessage(`{"rows": 3}`)}
			imp := s.Start(t, r) //nolint:contextcheck // It has the context of the test.
			tc.happens(t, imp)
			got, err := s.Starter.Recover(ctx, imp.ID)
			require.NoError(t, err)
			require.Equal(t, tc.want, got)
			log := feedback(t, s, imp.ID) //nolint:contextcheck // It has the context of the test.
			require.Equal(t, tc.log, log)
			got, err = s.Starter.Recover(ctx, imp.ID)
			require.NoError(t, err)
			require.Equal(t, starter.Recovery{}, got, "it is recovered once")
		})
	}
	got, err := s.Starter.Recover(ctx, 404)
	require.NoError(t, err)
	require.Equal(t, starter.Recovery{}, got, "there is nothing to recover")
}

// The workflows of imports and of deletions start again in an empty Temporal.
func TestRecoverFromAnEmptyTemporal(t *testing.T) {
	t.Parallel()
	s := setup(t)
	ctx := enginetest.Context(t)
	s.AddSite(t, "other.com")
	running := s.Start(t, request(`{"rows": 3}`))
	deleted := s.Start(t, starter.Request{Site: "other.com", Source: "noop", Args: json.RawMessage(`{"rows": 3}`)})
	_, err := s.Store.Imports.Finish(ctx, deleted.ID, importstore.End{Status: importstore.StatusFailed}, importstore.LockLimits{})
	require.NoError(t, err)
	require.NoError(t, s.Starter.Delete(ctx, deleted.ID))
	s.LoseTemporal(t)
	for _, imp := range []importstore.Import{running, deleted} {
		got, err := s.Starter.Recover(ctx, imp.ID)
		require.NoError(t, err)
		require.Equal(t, starter.Recovery{Cause: "Temporal does not know its workflow"}, got)
	}
	s.StartWorker(t)
	require.Equal(t, importstore.StatusCompleted, s.Wait(t, running.ID).Import.Status)
	require.NoError(t, s.Starter.WaitDeleted(ctx, deleted.ID))
}

// A cancellation without a worker is requested from Temporal, and stands in the log at once.
func TestCancelWithoutWorker(t *testing.T) {
	t.Parallel()
	s := setup(t)
	ctx := enginetest.Context(t)
	imp := s.Start(t, request(`{"rows": 3}`))
	s.Starter.AnswerTimeout = 200 * time.Millisecond
	require.NoError(t, s.Starter.Cancel(ctx, imp.ID, starter.By{Who: "ann", Why: "wrong file"}))
	require.Equal(t, []string{"info: Cancellation requested by ann: wrong file."}, feedback(t, s, imp.ID))
	s.StartWorker(t)
	require.Equal(t, importstore.StatusCancelled, s.Wait(t, imp.ID).Import.Status)
}

// The check of a source is waited for, and its refusal is the error of the call.
func TestStartImportChecks(t *testing.T) {
	t.Parallel()
	s := setup(t)
	ctx := enginetest.Context(t)
	r := request(`{"rows": 3, "fail": "before_start", "permanent": true}`)
	r.CheckTimeout = 100 * time.Millisecond
	imp, err := s.Starter.StartImport(ctx, r)
	require.NoError(t, err)
	require.Nil(t, imp.CheckedAt, "no worker has checked it yet")
	impatient, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
	defer cancel()
	_, err = s.Starter.AwaitCheck(impatient, imp, time.Minute)
	require.ErrorIs(t, err, context.DeadlineExceeded)
	s.StartWorker(t)
	_, err = s.Starter.AwaitCheck(ctx, imp, time.Minute)
	var refused *starter.CheckError
	require.ErrorAs(t, err, &refused)
	require.EqualError(t, err, "import 1: noop failed as configured in before_start")
	require.Equal(t, "bad_input", refused.Class)
	good := request(`{"rows": 3}`)
	good.CheckTimeout = time.Minute
	imp, err = s.Starter.StartImport(ctx, good)
	require.NoError(t, err)
	require.NotNil(t, imp.CheckedAt)
}

// A dry run without an answer ends with its caller's patience.
func TestDryRunWithoutWorker(t *testing.T) {
	t.Parallel()
	s := setup(t)
	ctx, cancel := context.WithTimeout(enginetest.Context(t), 300*time.Millisecond)
	defer cancel()
	_, err := s.Starter.DryRun(ctx, request(`{"rows": 3}`))
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

// The options of the Temporal client come from the environment, as in Temporal's own tools.
func TestTemporalOptions(t *testing.T) {
	t.Parallel()
	logger := slog.New(slog.DiscardHandler)
	options, err := starter.TemporalOptions(logger, []string{"HOME=/nonexistent"})
	require.NoError(t, err)
	require.Equal(t, []string{config.DefaultTemporalAddress, config.DefaultNamespace}, []string{options.HostPort, options.Namespace})
	options, err = starter.TemporalOptions(logger, []string{"TEMPORAL_ADDRESS=a:1", "TEMPORAL_ADDRESS=b:2", "TEMPORAL_NAMESPACE=n"})
	require.NoError(t, err)
	require.Equal(t, []string{"b:2", "n"}, []string{options.HostPort, options.Namespace}, "the last one wins")
	_, err = starter.TemporalOptions(logger, []string{"TEMPORAL_TLS=true", "TEMPORAL_TLS_CLIENT_CERT_PATH=/nonexistent"})
	require.ErrorContains(t, err, "read the configuration of the Temporal client: ")
}

// The text of a timing is shown to people; a time zone that this machine lacks is UTC.
func TestTimingText(t *testing.T) {
	t.Parallel()
	require.Equal(t, "cron 0 3 * * *", starter.Timing{Cron: "0 3 * * *"}.String())
	require.Equal(t, "every 6h0m0s", starter.Timing{Every: 6 * time.Hour}.String())
	require.Equal(t, time.UTC, starter.Timing{TimeZone: "Mars"}.Location())
}
