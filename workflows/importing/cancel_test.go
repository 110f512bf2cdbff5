package importing_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	importacts "github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/importers"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
)

var cancelled = importacts.Ended{
	Status: importstore.StatusCancelled, Class: string(importers.ClassCancelled), Reason: "cancelled",
}

// Wherever it is before its point of no return, a cancelled import is purged and
// ends as cancelled.
func TestImportCancelled(t *testing.T) {
	t.Parallel()
	loaded := []string{workflows.ActivityBeforeStart, workflows.ActivityPlan, "import_data 0"}
	for at, before := range map[string][]string{
		workflows.ActivityBeforeStart: loaded[:1],
		workflows.ActivityPlan:        loaded[:2],
		workflows.ActivityImportData:  loaded,
		workflows.ActivityFinalize:    append(loaded, workflows.ActivityFinalize),
	} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			r := setup(t)
			r.planned = plan(1)
			r.during[at] = func() { r.CancelWorkflow() }
			err := r.start()
			var canceled *temporal.CanceledError
			require.ErrorAs(t, err, &canceled)
			r.requireEnd(before, cancelled)
		})
	}
}

// A cancelled attempt ends before anything is purged.
func TestImportCancelledWaitsForItsAttempts(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.planned = plan(4)
	r.load = func(ctx context.Context, part int32, _ int) error {
		if part == 0 {
			r.CancelWorkflow()
		}
		<-ctx.Done()
		return ctx.Err()
	}
	err := r.start()
	var canceled *temporal.CanceledError
	require.ErrorAs(t, err, &canceled)
	require.Zero(t, r.calledTimes("import_data 2"), "what has not begun does not begin")
	require.Equal(t, failedEnd, r.once()[len(r.once())-len(failedEnd):])
	for _, end := range r.ended {
		require.Equal(t, importstore.StatusCancelled, end.Status)
	}
}

// A part that waits for a decision is no reason not to end.
func TestImportCancelledWhileParked(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.load = func(context.Context, int32, int) error { return transient() }
	r.RegisterDelayedCallback(func() {
		require.Equal(t, []string{importstore.PartParked, importstore.PartParked}, r.statuses())
		r.CancelWorkflow()
	}, time.Hour)
	err := r.start()
	var canceled *temporal.CanceledError
	require.ErrorAs(t, err, &canceled)
	require.Equal(t, append([]string{workflows.ActivityPark}, failedEnd...), r.once()[len(r.once())-len(failedEnd)-1:])
}

// Once an import cleans up to be published, it is too late.
func TestImportCancelledTooLate(t *testing.T) {
	t.Parallel()
	for _, at := range []string{workflows.ActivityCleanUp, workflows.ActivityPublish} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			r := setup(t)
			r.during[at] = func() { r.CancelWorkflow() }
			require.NoError(t, r.start())
			require.Equal(t, happyEnd, r.once()[len(r.once())-len(happyEnd):])
			require.Equal(t, importstore.StatusCompleted, r.state().Phase)
		})
	}
}

// A second cancellation, or one of an import that is failing, changes nothing.
func TestImportCancelledWhileEnding(t *testing.T) {
	t.Parallel()
	for _, at := range failedEnd {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			r := setup(t)
			r.fail = failAt(workflows.ActivityBeforeStart, permanent(importers.ClassInput))
			r.during[at] = func() { r.CancelWorkflow() }
			err := r.start()
			var app *temporal.ApplicationError
			require.ErrorAs(t, err, &app)
			r.requireEnd([]string{workflows.ActivityBeforeStart}, importacts.Ended{
				Status: importstore.StatusFailed, Class: string(importers.ClassInput), Reason: "the header is wrong",
			})
		})
	}
}

// An import that no worker has begun has nothing to clean up: it ends also while no worker has its
// importer.
func TestImportCancelledBeforeItBegins(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.untouched = true
	r.during[workflows.ActivityBeforeStart] = func() { r.CancelWorkflow() }
	var canceled *temporal.CanceledError
	require.ErrorAs(t, r.start(), &canceled)
	want := []string{workflows.ActivityPurgeRows, workflows.ActivityFinish, workflows.ActivityClose}
	require.Equal(t, want, r.once()[1:])
}
