package importing_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/activities"
	importacts "github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/importers"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/importing"
)

// permanent is an activity's error that no retry will cure, as package activities
// makes it.
func permanent(class importers.Class) error {
	return temporal.NewNonRetryableApplicationError("the header is wrong", string(class), nil)
}

// transient is one that is worth a retry.
func transient(details ...any) error {
	return temporal.NewApplicationError("the source is away", activities.TypeTransient, details...)
}

// failAt fails every call of one activity.
func failAt(name string, err error) func(string, int) error {
	return func(got string, _ int) error {
		if got == name {
			return err
		}
		return nil
	}
}

func TestImportCompletes(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.planned.Parallelism = 1
	require.NoError(t, r.start())
	require.Equal(t, append([]string{
		workflows.ActivityBeforeStart, workflows.ActivityPlan, "import_data 0", "import_data 1",
	}, happyEnd...), r.once())
	var result importing.ImportResult
	require.NoError(t, r.GetWorkflowResult(&result))
	require.Equal(t, importing.ImportResult{
		PartResult: importacts.PartResult{RowsRead: 10, RowsLoaded: 8, RowsRejected: 1, RowsOutOfRange: 1},
		Days:       "2021-01-01..2021-01-31",
	}, result)
	require.Equal(t, importing.State{
		ImportID: ImportID, Phase: importstore.StatusCompleted, Days: "2021-01-01..2021-01-31",
		Parts: []importing.PartState{
			{Part: 0, Label: "file 0", Status: importstore.PartDone}, {Part: 1, Label: "file 1", Status: importstore.PartDone},
		},
	}, r.state())
	progress := r.progress()
	require.False(t, progress.AsOf.IsZero())
	progress.AsOf = time.Time{}
	require.Equal(t, importing.Progress{
		PartsTotal: 2, PartsDone: 2, PartResult: importacts.PartResult{RowsRead: 10, RowsLoaded: 8, RowsRejected: 2},
	}, progress)
}

// A permanent error of any step before the import is visible ends it, in the same
// order of steps.
func TestImportFails(t *testing.T) {
	t.Parallel()
	begun := []string{workflows.ActivityBeforeStart, workflows.ActivityPlan}
	loaded := append(begun, "import_data 0") //nolint:gocritic // a new slice is wanted
	for name, tc := range map[string]struct {
		at     string
		before []string
	}{
		"before_start": {workflows.ActivityBeforeStart, begun[:1]},
		"plan":         {workflows.ActivityPlan, begun},
		"import_data":  {workflows.ActivityImportData, loaded},
		"check_loaded": {workflows.ActivityCheckLoaded, loaded},
		"finalize":     {workflows.ActivityFinalize, append(loaded, workflows.ActivityFinalize)},
		"publish": {workflows.ActivityPublish, append(
			loaded, workflows.ActivityFinalize, workflows.ActivityCleanUp, workflows.ActivityPublish)},
	} {
		for _, class := range []importers.Class{
			importers.ClassInput, importers.ClassAccess, importers.ClassNoDays, importers.ClassRejects, importers.ClassInternal,
		} {
			t.Run(name+"/"+string(class), func(t *testing.T) {
				t.Parallel()
				r := setup(t)
				r.planned = plan(1)
				r.fail = failAt(tc.at, permanent(class))
				err := r.start()
				r.requireEnd(tc.before, importacts.Ended{
					Status: importstore.StatusFailed, Class: string(class), Reason: "the header is wrong",
				})
				var app *temporal.ApplicationError
				require.ErrorAs(t, err, &app)
				require.Equal(t, string(class), app.Type())
				require.Equal(t, "the header is wrong", app.Message())
				require.True(t, app.NonRetryable())
				require.Equal(t, 1, r.count[tc.at], "a permanent error is not tried again")
			})
		}
	}
}

// An import that has loaded nothing ends as unchanged: it is not reviewed, not finalized and
// not published, and leaves no row behind.
func TestNothingLoaded(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.planned = plan(1)
	r.planned.Review = true
	r.fail = failAt(workflows.ActivityCheckLoaded,
		temporal.NewNonRetryableApplicationError("the source has no rows", activities.TypeUnchanged, nil))
	require.NoError(t, r.start())
	require.Equal(t, []string{
		workflows.ActivityBeforeStart, workflows.ActivityPlan, "import_data 0",
		workflows.ActivityPurgeRows, workflows.ActivityCleanUp, workflows.ActivityFinish, workflows.ActivityClose,
	}, r.once())
	require.Equal(t, []importacts.Ended{{ImportID: ImportID, Status: importstore.StatusUnchanged}}, r.ended)
	require.Equal(t, []importacts.Note{
		{ImportID: ImportID, Level: importstore.LevelInfo, Message: "Unchanged: the source has no rows."},
	}, r.notes)
	var result importing.ImportResult
	require.NoError(t, r.GetWorkflowResult(&result))
	require.Equal(t, importing.ImportResult{Unchanged: "the source has no rows"}, result)
}

// An import whose before_start fails has not started: the importer's on_failure is not
// called, and the reason is in the log all the same.
func TestBeforeStartFails(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.fail = failAt(workflows.ActivityBeforeStart, permanent(importers.ClassInput))
	require.Error(t, r.start())
	require.Zero(t, r.calledTimes(workflows.ActivityOnFailure))
	require.Equal(t, 1, r.calledTimes(workflows.ActivityCleanUp))
	require.Equal(t, []importacts.Note{{ImportID: ImportID, Level: importstore.LevelError, Message: "the header is wrong"}}, r.notes)
	require.Zero(t, r.count[workflows.ActivityAcquire], "it needs no locks")
}

// on_success runs once the rows are visible: its failure is retried and told, and undoes
// nothing.
func TestOnSuccessFails(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err    error
		times  int
		reason string
	}{
		"permanent": {permanent(importers.ClassInput), 1, "the header is wrong"},
		"transient": {transient(), 10, "the source is away"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := setup(t)
			r.fail = failAt(workflows.ActivityOnSuccess, tc.err)
			require.NoError(t, r.start())
			require.Equal(t, tc.times, r.calledTimes(workflows.ActivityOnSuccess))
			require.Equal(t, happyEnd, r.once()[len(r.once())-len(happyEnd):])
			require.Equal(t, importstore.StatusCompleted, r.state().Phase)
			require.Equal(t, "on_success failed permanently; the import is completed: "+tc.reason, r.notes[len(r.notes)-1].Message)
			require.Zero(t, r.calledTimes(workflows.ActivityOnFailure))
		})
	}
}

// A summary is made only where the importer makes them, before the review.
func TestSummarize(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.planned = plan(1)
	r.planned.Summarize = true
	require.NoError(t, r.start())
	require.Equal(t, append([]string{
		workflows.ActivityBeforeStart, workflows.ActivityPlan, "import_data 0", workflows.ActivitySummarize,
	}, happyEnd...), r.once())
}

// What is not permanent is tried ten times in a callback.
func TestImportFailsAfterRetries(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		err           error
		class, reason string
	}{
		"transient": {transient(), string(importers.ClassSource), "the source is away"},
		"unknown": {
			temporal.NewApplicationError("unknown activity", "ActivityNotRegisteredError"),
			string(importers.ClassInternal), "unknown activity",
		},
		"plain":   {errors.New("boom"), string(importers.ClassInternal), "boom"},
		"timeout": {temporal.NewHeartbeatTimeoutError(), string(importers.ClassInternal), "an attempt took too long or its worker died: heartbeat timeout (type: Heartbeat)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := setup(t)
			r.fail = failAt(workflows.ActivityPlan, tc.err)
			require.Error(t, r.start())
			require.Equal(t, 10, r.calledTimes(workflows.ActivityPlan))
			r.requireEnd([]string{workflows.ActivityBeforeStart, workflows.ActivityPlan}, importacts.Ended{
				Status: importstore.StatusFailed, Class: tc.class, Reason: tc.reason,
			})
		})
	}
	t.Run("panic", func(t *testing.T) {
		t.Parallel()
		r := setup(t)
		r.during[workflows.ActivityBeforeStart] = func() { panic("nil map") }
		require.Error(t, r.start())
		require.Equal(t, 10, r.calledTimes(workflows.ActivityBeforeStart))
		r.requireEnd([]string{workflows.ActivityBeforeStart}, importacts.Ended{
			Status: importstore.StatusFailed, Class: string(importers.ClassInternal), Reason: "panic: nil map",
		})
	})
}

// Transient errors that cease are not seen in the end.
func TestImportSurvivesErrors(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.planned = plan(1)
	r.fail = func(_ string, call int) error {
		if call%3 != 0 {
			return transient()
		}
		return nil
	}
	require.NoError(t, r.start())
	require.Equal(t, append([]string{
		workflows.ActivityBeforeStart, workflows.ActivityPlan, "import_data 0",
	}, happyEnd...), r.once())
	require.Equal(t, 3, r.calledTimes(workflows.ActivityPublish))
}

// Errors of bookkeeping change nothing. (Its retries have no limit, but in the test
// environment: the recorded histories are held against that.)
func TestImportSurvivesErrorsAtItsEnd(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.load = func(context.Context, int32, int) error { return permanent(importers.ClassInput) }
	r.fail = func(name string, call int) error {
		switch {
		case (name == workflows.ActivityFinish || name == workflows.ActivityPurgeRows) && call <= 8:
			return transient()
		default:
			return nil
		}
	}
	require.Error(t, r.start())
	require.Equal(t, 9, r.calledTimes(workflows.ActivityPurgeRows))
	require.Equal(t, 9, r.calledTimes(workflows.ActivityFinish))
}

// Neither the importer's reaction nor its clean-up keeps an import from ending as it
// would have.
func TestImportEndsWhateverTheImporterDoes(t *testing.T) {
	t.Parallel()
	for _, name := range []string{workflows.ActivityCleanUp, workflows.ActivityOnFailure} {
		for kind, fault := range map[string]error{"permanent": permanent(importers.ClassInput), "transient": transient()} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				t.Parallel()
				r := setup(t)
				r.fail = func(got string, _ int) error {
					switch got {
					case name:
						return fault
					case workflows.ActivityBeforeStart:
						return permanent(importers.ClassAccess)
					default:
						return nil
					}
				}
				require.Error(t, r.start())
				r.requireEnd([]string{workflows.ActivityBeforeStart}, importacts.Ended{
					Status: importstore.StatusFailed, Class: string(importers.ClassAccess), Reason: "the header is wrong",
				})
			})
		}
	}
	t.Run("clean_up of a success", func(t *testing.T) {
		t.Parallel()
		r := setup(t)
		r.fail = failAt(workflows.ActivityCleanUp, permanent(importers.ClassInput))
		require.NoError(t, r.start())
		require.Equal(t, happyEnd, r.once()[len(r.once())-len(happyEnd):])
	})
}

// A callback that hangs after the outcome is settled does not keep the import from ending: all
// its attempts together have 10 minutes.
func TestEndCallbacksAreBounded(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]error{
		workflows.ActivityCleanUp: nil, workflows.ActivityOnSuccess: nil,
		workflows.ActivityOnFailure: permanent(importers.ClassInput),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := setup(t)
			var bound time.Duration
			r.SetOnActivityStartedListener(func(info *activity.Info, _ context.Context, _ converter.EncodedValues) {
				if info.ActivityType.Name == name {
					bound = info.ScheduleToCloseTimeout
				}
			})
			if fault != nil {
				r.fail = failAt(workflows.ActivityPlan, fault)
			}
			require.Equal(t, fault != nil, r.start() != nil)
			require.Equal(t, 10*time.Minute, bound)
		})
	}
}

// An import that has already ended is not changed: nothing is purged.
func TestImportThatHasEnded(t *testing.T) {
	t.Parallel()
	for _, at := range []string{
		workflows.ActivityBeforeStart, workflows.ActivityPlan, workflows.ActivityImportData,
		workflows.ActivityFinalize, workflows.ActivityPublish,
	} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			r := setup(t)
			r.fail = failAt(at, permanent(importers.ClassEnded))
			err := r.start()
			var app *temporal.ApplicationError
			require.ErrorAs(t, err, &app)
			require.Equal(t, string(importers.ClassEnded), app.Type())
			for _, name := range failedEnd {
				if name != workflows.ActivityCleanUp || at != workflows.ActivityPublish {
					require.Zero(t, r.calledTimes(name), name)
				}
			}
		})
	}
}

// Rows that differ from what was recorded are repaired before they become visible, by a worker
// that has the importer.
func TestPublishRepairs(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.planned = plan(1)
	r.fail = func(name string, call int) error {
		if name == workflows.ActivityPublish && call <= 2 {
			return temporal.NewNonRetryableApplicationError("other rows", activities.TypeUnverified, nil)
		}
		return nil
	}
	require.NoError(t, r.start())
	require.Equal(t, []string{
		workflows.ActivityCleanUp, workflows.ActivityPublish, workflows.ActivityRepair, workflows.ActivityPublish,
		workflows.ActivityRepair, workflows.ActivityPublish, workflows.ActivityOnSuccess, workflows.ActivityClose,
	}, r.once()[4:])
}

// The importer comes with the input: there is no task queue without it.
func TestImportWithoutImporter(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.ExecuteWorkflow(workflows.TypeImport, importing.ImportInput{ImportID: ImportID})
	require.ErrorContains(t, r.GetWorkflowError(), "the input names no importer")
	require.Empty(t, r.once())
}
