package e2e

import (
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/warehouse"
)

// A failed import whose cause is fixed is run again by a reset of its workflow, from
// whatever point it had failed at.
func TestResetOfAFailedImport(t *testing.T) {
	t.Parallel()
	s := setupNoop(t)
	s.StartWorker(t)
	for _, at := range []string{"before_start", "plan", "import_data", "finalize"} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			domain := at + ".example"
			s := &system{System: s.System, t: t}
			s.AddSite(t, domain)
			imp := s.noop(domain, `{"rows": 500, "parts": 3, "bad_rows": 4, "fail": "`+at+`", "permanent": true, "fail_times": 1}`)
			failed := s.end(imp, importstore.StatusFailed)
			require.Equal(t, "bad_input", failed.Import.ErrorClass)

			run := s.Reset(t, imp.WorkflowID)
			s.WaitFor(t, imp.ID, "completed", func(now importstore.Summary) bool {
				return now.Import.Status == importstore.StatusCompleted
			})
			last := s.end(imp, importstore.StatusCompleted)
			require.Equal(t, run, last.Import.RunID)
			require.EqualValues(t, 500, last.RowsRead)
			require.EqualValues(t, 496, last.RowsLoaded)
			require.EqualValues(t, 4, last.RowsRejected)
			require.Equal(t, sumTo(500)-sumTo(4), s.visitors(imp))
			require.Empty(t, last.Import.Error)
			require.Empty(t, last.Import.ErrorClass)
			rejects, err := s.Warehouse.Rejects(enginetest.Context(t), uint64(imp.SiteID), uint64(imp.ID), warehouse.RejectFilter{}, 0, 10)
			require.NoError(t, err)
			require.Len(t, rejects, 4, "those of the first run are not there twice")
			require.Equal(t, "completed", s.attributes(imp.WorkflowID, "")["SluiceStatus"])
		})
	}
}

// A cancelled import can be run again in the same way.
func TestResetOfACancelledImport(t *testing.T) {
	t.Parallel()
	s := setupNoop(t)
	s.StartWorker(t)
	imp := s.noop(site, `{"rows": 3000, "parts": 3, "delay": "20ms"}`)
	s.WaitLoading(t, imp.ID)
	require.NoError(t, s.Starter.Cancel(enginetest.Context(t), imp.ID, starter.By{}))
	s.end(imp, importstore.StatusCancelled)
	s.Reset(t, imp.WorkflowID)
	s.WaitFor(t, imp.ID, "completed", func(now importstore.Summary) bool {
		return now.Import.Status == importstore.StatusCompleted
	})
	s.end(imp, importstore.StatusCompleted)
	require.Equal(t, sumTo(3000), s.visitors(imp))
}

// A reset changes nothing about an import that has completed, or that may not run now.
func TestResetChangesNothing(t *testing.T) {
	t.Parallel()
	s := setupNoop(t)
	s.StartWorker(t)
	imp := s.noop(site, `{"rows": 500, "parts": 3}`)
	s.end(imp, importstore.StatusCompleted)
	// The workflow has ended: what it records last is in the store.
	before := s.Wait(t, imp.ID)
	refused := func(imp importstore.Import) {
		run := s.Reset(t, imp.WorkflowID)
		ctx := enginetest.Context(t)
		err := s.Temporal.GetWorkflow(ctx, imp.WorkflowID, run).Get(ctx, nil)
		var app *temporal.ApplicationError
		require.ErrorAs(t, err, &app)
		require.Equal(t, string(importers.ClassEnded), app.Type())
		require.Equal(t, map[string]any{
			"SluiceSite": site, "SluiceSource": "noop", "SluiceErrorClass": "ended", "SluicePaused": false,
		}, s.attributes(imp.WorkflowID, run), "the run must not pass for the one that tells how the import ended")
	}
	refused(imp)
	after := s.Wait(t, imp.ID)
	require.Equal(t, before.Import, after.Import)
	all, visible := rowsOf(t, s.System, imp)
	require.EqualValues(t, 500, all)
	require.EqualValues(t, 500, visible)

	// A failed one waits for its locks while another of the site is under way.
	failed := s.noop(site, `{"start_date": "2022-01-01", "end_date": "2022-01-01", "fail": "plan", "permanent": true}`)
	s.end(failed, importstore.StatusFailed)
	other := s.noop(site, `{"rows": 4000, "delay": "30ms", "start_date": "2023-01-01", "end_date": "2023-01-01"}`)
	s.WaitLoading(t, other.ID)
	s.Reset(t, failed.WorkflowID)
	s.waitPhase(failed.ID, importstore.PhaseLocking)
	s.end(other, importstore.StatusCompleted)
	s.end(failed, importstore.StatusFailed)
	require.Equal(t, sumTo(4000), s.visitors(other))
}
