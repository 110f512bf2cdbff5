package importing_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	importacts "github.com/sluicehq/sluice/activities/importing"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/importing"
)

// report sends the report of a running part, of whose rows all are loaded.
func (r *run) report(part int32, token, rows int64) {
	r.SignalWorkflow(workflows.SignalPartProgress, importacts.PartReport{
		Part: part, FencingToken: token, PartResult: importacts.PartResult{RowsRead: rows, RowsLoaded: rows},
	})
}

// held returns a load that waits until hold is closed. begun is called once both parts wait.
func (r *run) held(hold chan struct{}, begun func()) func(context.Context, int32, int) error {
	var waiting atomic.Int32
	return func(context.Context, int32, int) error {
		if waiting.Add(1) == 2 {
			r.RegisterDelayedCallback(begun, time.Millisecond)
		}
		<-hold
		return nil
	}
}

// The progress of an import moves while its parts are running: with each report of the last
// attempt, and with nothing else.
func TestProgressWithinPart(t *testing.T) {
	t.Parallel()
	r := setup(t)
	steps := []struct {
		part        int32
		token, rows int64
		// loaded is what the report makes of the import's progress, 0 if it is ignored.
		loaded int64
	}{
		{part: 0, token: 1, rows: 1, loaded: 1},
		{part: 1, token: 1, rows: 2, loaded: 3},
		{part: 0, token: 1, rows: 3, loaded: 5},
		{part: 0, token: 1, rows: 2}, // overtaken
		{part: 0, token: 1, rows: 3}, // twice
		{part: 0, token: 2, rows: 4, loaded: 6},
		{part: 0, token: 1, rows: 9},  // an earlier attempt
		{part: 0, token: 2, rows: -1}, // not valid
		{part: 9, token: 1, rows: 9},  // no part of the import
		{part: 0, token: 3, rows: 2, loaded: 4},
	}
	hold, done := make(chan struct{}), 0
	var take func()
	take = func() {
		if done == len(steps) {
			close(hold)
			return
		}
		step, before := steps[done], r.progress()
		r.report(step.part, step.token, step.rows)
		r.RegisterDelayedCallback(func() {
			now := r.progress()
			if step.loaded == 0 {
				require.Equal(t, before, now, "step %d", done)
			} else {
				require.Equal(t, []int64{step.loaded, step.loaded}, []int64{now.RowsRead, now.RowsLoaded}, "step %d", done)
				require.True(t, now.AsOf.After(before.AsOf), "step %d", done)
			}
			done++
			take()
		}, time.Millisecond)
	}
	r.load = r.held(hold, take)
	require.NoError(t, r.start())
	require.Len(t, steps, done)
	require.EqualValues(t, 8, r.progress().RowsLoaded, "the results have replaced the reports")
	require.Equal(t, 2, r.progress().PartsDone)
}

// A report that comes after the end of its part, or while it is parked, is ignored; the figures of
// a parked part stay until it is skipped.
func TestLateReports(t *testing.T) {
	t.Parallel()
	r := setup(t)
	hold := make(chan struct{})
	wait := r.held(hold, func() {
		r.report(0, 1, 3)
		r.RegisterDelayedCallback(func() { close(hold) }, time.Millisecond)
	})
	r.load = func(ctx context.Context, part int32, call int) error {
		if err := wait(ctx, part, call); err != nil || part == 1 {
			return err
		}
		return transient()
	}
	r.RegisterDelayedCallback(func() {
		require.Equal(t, []string{importstore.PartParked, importstore.PartDone}, r.statuses())
		require.EqualValues(t, 7, r.progress().RowsLoaded)
		before := r.progress()
		r.report(0, 1, 5)
		r.report(1, 1, 5)
		r.RegisterDelayedCallback(func() {
			require.Equal(t, before, r.progress())
			r.skip(0, "the export is lost")
		}, time.Second)
	}, time.Hour)
	require.NoError(t, r.start())
	require.EqualValues(t, 4, r.progress().RowsLoaded, "those of the other part")
	require.Equal(t, 2, r.progress().PartsDone)
}

// A run that continues another one begins with the figures in the store, and its parts know when to
// report.
func TestProgressOfLaterRun(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.planned = plan(1)
	r.planned.Total, r.planned.Bytes = 3, 2001
	r.planned.Recorded = importacts.PartResult{RowsRead: 10, RowsLoaded: 10}
	r.planned.Parts[0].Recorded = &importacts.PartResult{RowsRead: 2, RowsLoaded: 2}
	hold := make(chan struct{})
	r.load = func(context.Context, int32, int) error {
		r.RegisterDelayedCallback(func() {
			defer close(hold)
			require.EqualValues(t, 12, r.progress().RowsLoaded)
			require.Equal(t, 2, r.progress().PartsDone)
		}, time.Millisecond)
		<-hold
		return nil
	}
	r.ExecuteWorkflow(workflows.TypeImport, importing.ImportInput{ImportID: ImportID, Importer: "noop", Resumed: true, FencingToken: fencingToken})
	require.NoError(t, r.GetWorkflowError())
	require.EqualValues(t, 14, r.progress().RowsLoaded)
	require.Equal(t, importacts.ReportRule{Bytes: 101}, r.loads[0].Report)
}
