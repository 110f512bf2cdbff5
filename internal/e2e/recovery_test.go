package e2e

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/worker"
)

// watched notes from which cursors the parts of an import are read.
type watched struct {
	importers.Importer
	mu   sync.Mutex
	from map[int][]importers.Cursor
}

// ImportData notes the cursor.
func (w *watched) ImportData(
	ctx context.Context, imp importers.Import, part importers.Part, from importers.Cursor,
) (importers.Reader, error) {
	w.mu.Lock()
	w.from[part.No] = append(w.from[part.No], from)
	w.mu.Unlock()
	return w.Importer.ImportData(ctx, imp, part, from)
}

// soon makes workers compare imports with their workflows all the time.
func soon(cfg *worker.Config) {
	cfg.ReconcileInterval, cfg.AbandonedAfter = 200*time.Millisecond, 200*time.Millisecond
}

// recovering is a system that loses things.
func recovering(t *testing.T) (*system, *watched) {
	t.Helper()
	w := &watched{Importer: enginetest.Impatient(noop.New()), from: map[int][]importers.Cursor{}}
	s := setup(t, w)
	s.Tune = soon
	return s, w
}

// lose deletes the workflow of an import.
func (s *system) lose(imp importstore.Import) {
	s.t.Helper()
	ctx := enginetest.Context(s.t)
	_, err := s.Temporal.WorkflowService().DeleteWorkflowExecution(ctx, &workflowservice.DeleteWorkflowExecutionRequest{
		Namespace: s.Namespace(), WorkflowExecution: &commonpb.WorkflowExecution{WorkflowId: imp.WorkflowID},
	})
	require.NoError(s.t, err)
}

// Temporal has lost its database while an import is half loaded: it completes, and reads
// nothing twice that was recorded.
func TestTemporalLostWhileLoading(t *testing.T) {
	t.Parallel()
	s, w := recovering(t)
	stop := s.StartWorker(t)
	imp := s.noop(site, `{"rows": 4000, "parts": 2, "delay": "20ms"}`)
	s.WaitFor(t, imp.ID, "half loaded", func(now importstore.Summary) bool { return now.RowsLoaded > 1000 })
	stop()
	s.LoseTemporal(t)
	half, err := s.Store.Imports.ListParts(enginetest.Context(t), imp.ID)
	require.NoError(t, err)
	w.mu.Lock()
	w.from = map[int][]importers.Cursor{}
	w.mu.Unlock()
	s.StartWorker(t)
	last := s.end(imp, importstore.StatusCompleted)
	require.EqualValues(t, 4000, last.RowsLoaded)
	require.Equal(t, imp.WorkflowID, last.Import.WorkflowID)
	require.NotEqual(t, imp.RunID, last.Import.RunID)
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, part := range half {
		require.Positive(t, part.NextChunk)
		require.Equal(t, importers.Cursor(part.Cursor), w.from[int(part.No)][0], "it resumes at its cursor")
	}
	require.Contains(t, s.feedback(imp.ID),
		"warn: The workflow is started again from the last checkpoints: Temporal does not know its workflow.")
}

// An import that waits for a decision keeps waiting, and accepts commands.
func TestTemporalLostWhileWaiting(t *testing.T) {
	t.Parallel()
	s, _ := recovering(t)
	ctx := enginetest.Context(t)
	for _, domain := range []string{"parked.example", "paused.example", "cancelled.example", "accepted.example"} {
		s.AddSite(t, domain)
	}
	stop := s.StartWorker(t)
	review := s.reviewed(`{"rows": 500}`)
	next := s.noop(site, `{"rows": 10, "start_date": "2022-01-01", "end_date": "2022-01-10"}`)
	s.end(next, importstore.StatusCompleted)
	parked := s.noop("parked.example", `{"rows": 100, "fail": "import_data", "fail_times": 10}`)
	s.WaitParked(t, parked.ID)
	paused := s.noop("paused.example", `{"rows": 4000, "delay": "20ms"}`)
	s.WaitLoading(t, paused.ID)
	require.NoError(t, s.Starter.SetRate(ctx, paused.ID, 1_000_000, ann))
	require.NoError(t, s.Starter.Pause(ctx, paused.ID, ann))
	cancelled := s.noop("cancelled.example", `{"rows": 4000, "delay": "20ms"}`)
	s.WaitLoading(t, cancelled.ID)
	waiting := s.noop("cancelled.example", `{"rows": 10}`)
	s.waitPhase(waiting.ID, importstore.PhaseLocking)
	stop()
	s.LoseTemporal(t)
	s.StartWorker(t)

	require.NoError(t, s.Starter.Cancel(ctx, cancelled.ID, bob))
	require.Equal(t, "cancelled by bob: as agreed", s.end(cancelled, importstore.StatusCancelled).Import.Error)
	s.end(waiting, importstore.StatusCompleted)

	require.NoError(t, s.Starter.RetryPart(ctx, parked.ID, 0, bob))
	s.end(parked, importstore.StatusCompleted)

	now, err := s.Store.Imports.Summary(ctx, paused.ID)
	require.NoError(t, err)
	require.True(t, now.Import.Paused)
	require.EqualValues(t, 1_000_000, now.Import.Rate)
	require.NoError(t, s.Starter.Resume(ctx, paused.ID, bob))
	require.EqualValues(t, 4000, s.end(paused, importstore.StatusCompleted).RowsLoaded)

	require.NoError(t, s.Starter.Decide(ctx, review.ID, importstore.Accepted, bob))
	require.EqualValues(t, 500, s.end(review, importstore.StatusCompleted).RowsLoaded)
}

// Every command works on an import whose workflow is gone, without waiting for a worker to
// notice.
func TestCommandsWithoutWorkflow(t *testing.T) {
	t.Parallel()
	s, _ := recovering(t)
	s.Tune = nil
	ctx := enginetest.Context(t)
	s.StartWorker(t)
	imp := s.reviewed(`{"rows": 50}`)
	s.lose(imp)
	require.NoError(t, s.Starter.Decide(ctx, imp.ID, importstore.Accepted, bob))
	s.end(imp, importstore.StatusCompleted)
	require.NoError(t, s.Starter.Delete(ctx, imp.ID))
	require.NoError(t, s.Starter.WaitDeleted(ctx, imp.ID))

	imp = s.noop(site, `{"rows": 4000, "delay": "20ms"}`)
	s.WaitLoading(t, imp.ID)
	s.lose(imp)
	require.ErrorContains(t, s.Starter.Delete(ctx, imp.ID), "cancel it first with `sluice import cancel 2`")
	require.NoError(t, s.Starter.Cancel(ctx, imp.ID, bob))
	s.end(imp, importstore.StatusCancelled)
}

// A deletion whose workflow is lost, for any reason, continues.
func TestDeletionWithoutWorkflow(t *testing.T) {
	t.Parallel()
	s, _ := recovering(t)
	ctx := enginetest.Context(t)
	stop := s.StartWorker(t)
	imp := s.noop(site, `{"rows": 50}`)
	s.end(imp, importstore.StatusCompleted)
	stop()
	require.NoError(t, s.Starter.Delete(ctx, imp.ID))
	deleting, err := s.Store.Imports.Import(ctx, imp.ID)
	require.NoError(t, err)
	require.NoError(t, s.Temporal.TerminateWorkflow(ctx, deleting.WorkflowID, "", "by mistake"))
	s.StartWorker(t)
	require.NoError(t, s.Starter.WaitDeleted(ctx, imp.ID))
}

// What has begun to end is ended by the next run, as the first has said.
func TestTemporalLostWhileEnding(t *testing.T) {
	t.Parallel()
	s, _ := recovering(t)
	ctx := enginetest.Context(t)
	stop := s.StartWorker(t)
	imp := s.noop(site, `{"rows": 4000, "delay": "20ms"}`)
	s.WaitLoading(t, imp.ID)
	stop()
	require.NoError(t, s.Store.Imports.NoteEnding(ctx, imp.ID, importstore.End{
		Status: importstore.StatusCancelled, Class: string(importers.ClassCancelled), Reason: "cancelled by ann",
	}))
	require.NoError(t, s.Store.Imports.FailOpenParts(ctx, imp.ID, ""))
	s.LoseTemporal(t)
	s.StartWorker(t)
	require.Equal(t, "cancelled by ann", s.end(imp, importstore.StatusCancelled).Import.Error)
}

// A run that has timed out, and one that the server has terminated, continue; one that a person
// has terminated or cancelled ends.
func TestClosedRuns(t *testing.T) {
	t.Parallel()
	s, _ := recovering(t)
	ctx := enginetest.Context(t)
	stop := s.StartWorker(t)
	imp := s.reviewed(`{"rows": 50}`)
	stop()
	require.NoError(t, s.Temporal.CancelWorkflow(ctx, imp.WorkflowID, ""))
	s.StartWorker(t)
	s.end(imp, importstore.StatusCancelled)
	for _, id := range []int64{imp.ID, 4711} {
		recovery, err := s.Starter.Recover(ctx, id)
		require.NoError(t, err)
		require.Equal(t, starter.Recovery{}, recovery, "it has ended, or never was")
	}
}
