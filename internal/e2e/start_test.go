package e2e

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/workflowservice/v1"
	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/internal/enginetest"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/worker"
	"github.com/sluicehq/sluice/workflows"
)

// runs counts the runs of a workflow.
func (s *system) runs(workflowID string) int {
	s.t.Helper()
	count := 0
	require.EventuallyWithT(s.t, func(collect *assert.CollectT) {
		list, err := s.Temporal.ListWorkflow(enginetest.Context(s.t), &workflowservice.ListWorkflowExecutionsRequest{
			Query: "WorkflowId = '" + workflowID + "'",
		})
		require.NoError(collect, err)
		require.NotEmpty(collect, list.GetExecutions())
		for _, run := range list.GetExecutions() {
			require.NotEqual(collect, enums.WORKFLOW_EXECUTION_STATUS_RUNNING, run.GetStatus())
		}
		count = len(list.GetExecutions())
	}, time.Minute, 50*time.Millisecond)
	return count
}

// However often and from wherever an import's workflow is started, it runs once.
func TestStartedTwice(t *testing.T) {
	t.Parallel()
	s := setupNoop(t)
	ctx := enginetest.Context(t)
	request := s.noopRequest(site, `{"rows": 200}`)
	request.IdempotencyKey = "nightly-2021-01"
	imp := s.Start(t, request)
	again := imp
	again.RunID = ""
	var starting errgroup.Group
	for range 5 {
		starting.Go(func() error {
			launched, err := s.Starter.Launch(ctx, again, site)
			assert.Equal(t, imp.RunID, launched.RunID)
			return err
		})
		starting.Go(func() error {
			repeated, err := s.Starter.StartImport(ctx, request)
			assert.Equal(t, imp.ID, repeated.ID)
			return err
		})
	}
	require.NoError(t, starting.Wait())
	s.StartWorker(t)
	last := s.end(imp, importstore.StatusCompleted)
	require.EqualValues(t, 200, last.RowsLoaded)

	// Nor does it begin again once it has ended.
	_, err := s.Starter.Launch(ctx, again, site)
	require.NoError(t, err)
	repeated, err := s.Starter.StartImport(ctx, request)
	require.NoError(t, err)
	require.Equal(t, imp.ID, repeated.ID)
	require.Equal(t, 1, s.runs(imp.WorkflowID))
}

// Two imports of a site come one after the other: the second waits for the first, says
// so, and begins when that has ended.
func TestTwoImportsOfOneSite(t *testing.T) {
	t.Parallel()
	s := setupNoop(t)
	s.StartWorker(t)
	first := s.noop(site, `{"rows": 2000, "delay": "50ms", "start_date": "2021-01-01", "end_date": "2021-01-10"}`)
	s.WaitLoading(t, first.ID)
	second := s.noop(site, `{"rows": 100, "start_date": "2021-02-01", "end_date": "2021-02-10"}`)
	s.waitPhase(second.ID, importstore.PhaseLocking)
	s.waitLine(second.ID, "info: Waiting for import 1 (site:example.com).")
	require.Equal(t, "queued", s.attributes(second.WorkflowID, "")["SluiceStatus"])
	ended := s.end(first, importstore.StatusCompleted)
	last := s.end(second, importstore.StatusCompleted)
	require.False(t, last.Import.StartedAt.Before(*ended.Import.FinishedAt), "it has begun after the other's end")
}

// An import whose starter died before it could start the workflow is started by a
// worker.
func TestAbandonedImport(t *testing.T) {
	t.Parallel()
	s := setupNoop(t)
	ctx := enginetest.Context(t)
	owner, err := s.Store.Imports.Site(ctx, site)
	require.NoError(t, err)
	imp, created, err := s.Store.Imports.CreateImport(ctx, importstore.NewImport{ImportFields: importstore.ImportFields{
		SiteID: owner.ID, Source: "noop", Label: "abandoned", Args: json.RawMessage(`{"rows": 20}`),
		OnPartFailure: importstore.OnPartFailurePark, ChunkRows: 10, ChunkBytes: 1 << 20, Parallelism: 1,
		ReviewReminderS: 1, ReviewExpiryS: 1,
	}})
	require.NoError(t, err)
	require.True(t, created)
	s.Tune = func(cfg *worker.Config) {
		cfg.ReconcileInterval, cfg.AbandonedAfter = 20*time.Millisecond, 200*time.Millisecond
	}
	s.StartWorker(t)
	last := s.end(imp, importstore.StatusCompleted)
	require.Equal(t, workflows.ImportID(site, imp.ID), last.Import.WorkflowID)
	require.GreaterOrEqual(t, last.Import.StartedAt.Sub(last.Import.CreatedAt), 200*time.Millisecond)

	// The same for a deletion that was never started.
	require.NoError(t, s.Store.Imports.RequestDeletion(ctx, imp.ID))
	require.NoError(t, s.Starter.WaitDeleted(ctx, imp.ID))
	requireNothing(t, s.System, last.Import)
}
