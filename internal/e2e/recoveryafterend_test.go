package e2e

import (
	"context"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/importers/noop"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/wiring"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/worker"
)

// succeeding hangs in its first on_success until the worker stops.
type succeeding struct {
	importers.Importer
	calls   atomic.Int32
	entered chan struct{}
}

// OnSuccess counts its calls.
func (s *succeeding) OnSuccess(ctx context.Context, _ importers.Import, _ importers.Result) error {
	if s.calls.Add(1) > 1 {
		return nil
	}
	close(s.entered)
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-activity.GetWorkerStopChannel(ctx):
		return context.Canceled
	}
}

// closed waits until the workflow of an ended import has nothing left to do.
func (s *system) closed(imp importstore.Import) importstore.Import {
	s.t.Helper()
	s.WaitFor(s.t, imp.ID, "closed", func(now importstore.Summary) bool { return now.Import.ClosedAt != nil })
	now, err := s.Store.Imports.Import(enginetest.Context(s.t), imp.ID)
	require.NoError(s.t, err)
	return now
}

// Temporal has lost its database after an import's publication: on_success runs all the same.
func TestTemporalLostAfterPublication(t *testing.T) {
	t.Parallel()
	importer := &succeeding{Importer: enginetest.Impatient(noop.New()), entered: make(chan struct{})}
	s := setup(t, importer)
	s.Tune = soon
	stop := s.StartWorker(t)
	imp := s.noop(site, `{"rows": 100}`)
	<-importer.entered
	stop()
	now, err := s.Store.Imports.Import(enginetest.Context(t), imp.ID)
	require.NoError(t, err)
	require.Equal(t, importstore.StatusCompleted, now.Status)
	require.Nil(t, now.ClosedAt)
	calls := importer.calls.Load()
	s.LoseTemporal(t)
	s.StartWorker(t)
	s.closed(imp)
	require.Greater(t, importer.calls.Load(), calls)
	require.EqualValues(t, 100, s.end(imp, importstore.StatusCompleted).RowsLoaded)
	require.Contains(t, s.feedback(imp.ID), "warn: The workflow is started again for what follows the end of the import: "+
		"Temporal does not know its workflow.")
}

// A person has terminated the workflow of a published import: on_success does not run again.
func TestTerminatedAfterPublication(t *testing.T) {
	t.Parallel()
	importer := &succeeding{Importer: enginetest.Impatient(noop.New()), entered: make(chan struct{})}
	s := setup(t, importer)
	s.Tune = soon
	s.StartWorker(t)
	imp := s.noop(site, `{"rows": 100}`)
	<-importer.entered
	require.NoError(t, s.Temporal.TerminateWorkflow(enginetest.Context(t), imp.WorkflowID, "", "it hangs"))
	require.Equal(t, importstore.StatusCompleted, s.closed(imp).Status)
	require.Contains(t, s.feedback(imp.ID), "warn: What follows the end of the import (dispatch to flows, on_success) "+
		"may be incomplete: its workflow was terminated: it hangs.")
}

// Temporal has lost its database between an import's end and the dispatch: flows see the end.
func TestTemporalLostBeforeDispatch(t *testing.T) {
	t.Parallel()
	h := setupHanding(t, toDatabase)
	h.stop()
	registered := h.Tune
	h.Tune = func(cfg *worker.Config) { registered(cfg); soon(cfg) }
	h.stop = h.StartWorker(t)
	imp := h.noop(site, `{"rows": 4000, "delay": "50ms"}`)
	h.WaitLoading(t, imp.ID)
	h.stop()
	end := importstore.End{Status: importstore.StatusFailed, Class: string(importers.ClassInternal), Reason: "the disk is full"}
	_, err := h.Store.Imports.Finish(enginetest.Context(t), imp.ID, end, wiring.LockLimits(h.Settings.Limits))
	require.NoError(t, err)
	h.LoseTemporal(t)
	h.stop = h.StartWorker(t)
	require.Equal(t, importstore.StatusFailed, h.closed(imp).Status)
	h.waitNumber(1, "SELECT count(*) FROM ends WHERE status = 'failed' AND reason = 'the disk is full' AND import_id = $1", imp.ID)
}
