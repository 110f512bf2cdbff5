package importing_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/activities"
	importacts "github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/importers"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/command"
	"github.com/sluicehq/sluice/workflows/importing"
	"github.com/sluicehq/sluice/workflows/workflowtest"
)

// command sends a command as an update.
func (r *run) command(name string, arg any) *workflowtest.Answer {
	a := &workflowtest.Answer{}
	r.UpdateWorkflow(name, "", a, arg)
	return a
}

var byAnn = command.Command{By: "ann", Reason: "a look at it"}

// An import that waits for its locks does nothing until it is woken, and asks again then.
func TestLocking(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.grant = func(call int) importacts.Acquired {
		if call < 3 {
			return importacts.Acquired{Waiting: "import 6 (site:example.com)"}
		}
		return importacts.Acquired{FencingToken: fencingToken}
	}
	wake := func() { r.SignalWorkflow(workflows.SignalLockGranted, nil) }
	r.RegisterDelayedCallback(func() {
		s := r.state()
		require.Equal(t, importstore.PhaseLocking, s.Phase)
		require.Equal(t, "import 6 (site:example.com)", s.Waiting)
		require.Equal(t, 1, r.count[workflows.ActivityAcquire])
		wake()
	}, 1000*time.Hour)
	r.RegisterDelayedCallback(wake, 2000*time.Hour)
	require.NoError(t, r.start())
	require.Equal(t, 3, r.count[workflows.ActivityAcquire], "woken without need it asks, and waits on")
	require.EqualValues(t, fencingToken, r.loads[0].FencingToken)
}

func TestCancelWhileLocking(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.grant = func(int) importacts.Acquired { return importacts.Acquired{Waiting: "import 6"} }
	var cancelled *workflowtest.Answer
	r.RegisterDelayedCallback(func() { cancelled = r.command(workflows.CommandCancel, command.Cancel{Command: byAnn}) }, time.Hour)
	err := r.start()
	require.True(t, temporal.IsCanceledError(err))
	require.Equal(t, workflowtest.Answer{Accepted: true}, *cancelled)
	r.requireEnd([]string{workflows.ActivityBeforeStart}, importacts.Ended{
		Status: importstore.StatusCancelled, Class: string(importers.ClassCancelled), Reason: "cancelled by ann: a look at it",
	})
}

// A reset can bring a run back behind a grant of locks that the import no longer has: it
// begins again.
func TestUnlockedRunBeginsAgain(t *testing.T) {
	t.Parallel()
	for _, name := range []string{workflows.ActivityPlan, workflows.ActivityImportData, workflows.ActivityFinalize} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := setup(t)
			r.planned = plan(1)
			r.fail = func(got string, call int) error {
				if got == name && call == 1 {
					return temporal.NewNonRetryableApplicationError("not held", activities.TypeUnlocked, nil)
				}
				return nil
			}
			require.NoError(t, r.start())
			require.Equal(t, 2, r.count[workflows.ActivityAcquire])
			require.Equal(t, happyEnd, r.once()[len(r.once())-len(happyEnd):])
		})
	}
}

// A paused import does nothing, whatever its step, and resumes there.
func TestPause(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.planned = plan(2)
	paused := make(chan struct{})
	r.load = func(_ context.Context, _ int32, call int) error {
		if call == 1 {
			<-paused
			return context.Canceled
		}
		return nil
	}
	answers := map[string]*workflowtest.Answer{}
	r.RegisterDelayedCallback(func() {
		answers["pause"] = r.command(workflows.CommandPause, command.Pause{Command: byAnn})
		answers["again"] = r.command(workflows.CommandPause, command.Pause{Command: byAnn})
	}, time.Second)
	r.RegisterDelayedCallback(func() { close(paused) }, 2*time.Second)
	r.RegisterDelayedCallback(func() {
		require.True(t, r.state().Paused)
		require.Equal(t, []string{importstore.PartWaiting, importstore.PartWaiting}, r.statuses())
		answers["rate"] = r.command(workflows.CommandSetRate, importing.SetRate{RowsPerSecond: 1000})
		answers["negative"] = r.command(workflows.CommandSetRate, importing.SetRate{RowsPerSecond: -1})
		answers["resume"] = r.command(workflows.CommandResume, command.Resume{Command: byAnn})
		answers["resume again"] = r.command(workflows.CommandResume, command.Resume{Command: byAnn})
	}, 100*time.Hour)
	require.NoError(t, r.start())
	for _, name := range []string{"pause", "rate", "resume"} {
		require.Equal(t, workflowtest.Answer{Accepted: true}, *answers[name], name)
	}
	require.EqualError(t, answers["again"].Rejected, "import 7 is paused already")
	require.EqualError(t, answers["resume again"].Rejected, "import 7 is not paused")
	require.EqualError(t, answers["negative"].Rejected, "invalid rows_per_second -1: want 1 to 1000000000, or 0 for no limit")
	require.Len(t, r.loads, 4)
	require.EqualValues(t, 500, r.loads[3].RowsPerSecond, "each of two parts has half")
	messages := []string{}
	for _, n := range r.notes {
		messages = append(messages, n.Message)
	}
	require.Equal(t, []string{
		"Paused by ann: a look at it.", "Rate limit set to 1000 rows per second.", "Resumed by ann: a look at it.",
	}, messages)
	require.True(t, *r.notes[0].Paused)
	require.EqualValues(t, 1000, *r.notes[1].RowsPerSecond)
	require.False(t, *r.notes[2].Paused)
}

// While the source is waited for nothing is asked of it, whichever part has run into it;
// a pause ends the wait, so that a resume tries at once.
func TestWaitForTheSource(t *testing.T) {
	t.Parallel()
	for name, early := range map[string]bool{"to its end": false, "until it is resumed": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := setup(t)
			r.planned = plan(4)
			until := r.Now().Add(50 * time.Hour)
			r.load = func(_ context.Context, part int32, call int) error {
				if part < 2 && call == 1 {
					return temporal.NewApplicationErrorWithOptions("the quota is used up", activities.TypeWait,
						temporal.ApplicationErrorOptions{NonRetryable: true, Details: []any{activities.Wait{Until: until, Reason: "the quota is used up"}}})
				}
				return nil
			}
			r.RegisterDelayedCallback(func() {
				s := r.state()
				require.Equal(t, "the quota is used up", s.Waiting)
				require.WithinDuration(t, until, *s.WaitUntil, time.Second)
				require.Contains(t, r.details(), "Phase **loading**, waits until "+s.WaitUntil.Format(time.RFC3339)+
					": the quota is used up. 0 of 4 parts done, 0 rows loaded\n")
				require.LessOrEqual(t, len(r.loads), 2, "no attempt meanwhile")
				if early {
					r.command(workflows.CommandPause, command.Pause{})
					r.RegisterDelayedCallback(func() { r.command(workflows.CommandResume, command.Resume{}) }, time.Minute)
				}
			}, 40*time.Hour)
			require.NoError(t, r.start())
			require.Equal(t, early, r.Now().Before(until))
			require.Equal(t, importstore.LevelWarn, r.notes[0].Level)
			require.Contains(t, r.notes[0].Message, "Waiting until ")
			require.Zero(t, r.calledTimes(workflows.ActivityParkPart), "no retry is used up")
		})
	}
}

// Commands that come as signals are carried out like updates; a key is carried out once; what is
// refused is noted.
func TestSignalledOrders(t *testing.T) {
	t.Parallel()
	r := setup(t)
	paused := make(chan struct{})
	r.load = func(_ context.Context, _ int32, call int) error {
		if call == 1 {
			<-paused
			return context.Canceled
		}
		return nil
	}
	once := command.Command{Key: "k1", By: "a service"}
	r.RegisterDelayedCallback(func() {
		r.SignalWorkflow(workflows.CommandPause, command.Pause{Command: once})
		r.SignalWorkflow(workflows.CommandSkipPart, importing.SkipPart{Part: 1})
		r.SignalWorkflow(workflows.CommandPause, command.Pause{Command: command.Command{Key: strings.Repeat("k", 201)}})
	}, time.Second)
	r.RegisterDelayedCallback(func() { close(paused) }, 2*time.Second)
	r.RegisterDelayedCallback(func() {
		require.True(t, r.state().Paused)
		r.SignalWorkflow(workflows.CommandResume, command.Resume{})
		r.SignalWorkflow(workflows.CommandPause, command.Pause{Command: once})
	}, time.Hour)
	require.NoError(t, r.start())
	messages := []string{}
	for _, n := range r.notes {
		messages = append(messages, n.Message)
	}
	require.ElementsMatch(t, []string{
		"Paused by a service.", "The signal skip_part was refused: skipping a part requires a reason.",
		"The signal pause was refused: key has 201 bytes in JSON: want at most 200.", "Resumed.",
	}, messages)
	var lines []importing.Line
	value, err := r.QueryWorkflow(workflows.QueryFeedback)
	require.NoError(t, err)
	require.NoError(t, value.Get(&lines))
	require.Len(t, lines, 4)
}

// The query feedback has the last 20 lines.
func TestFeedbackIsBounded(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.grant = func(call int) importacts.Acquired {
		if call == 1 {
			return importacts.Acquired{Waiting: "import 6"}
		}
		return importacts.Acquired{FencingToken: fencingToken}
	}
	r.RegisterDelayedCallback(func() {
		for n := range 25 {
			r.SignalWorkflow(workflows.CommandSetRate, importing.SetRate{RowsPerSecond: int64(n + 1)})
		}
	}, time.Hour)
	r.RegisterDelayedCallback(func() { r.SignalWorkflow(workflows.SignalLockGranted, nil) }, 2*time.Hour)
	require.NoError(t, r.start())
	var lines []importing.Line
	value, err := r.QueryWorkflow(workflows.QueryFeedback)
	require.NoError(t, err)
	require.NoError(t, value.Get(&lines))
	require.Len(t, lines, 20)
	require.Equal(t, "Rate limit set to 25 rows per second.", lines[19].Message)
}

// From the beginning of its end on, an import takes no commands, and says so.
func TestOrdersComeTooLate(t *testing.T) {
	t.Parallel()
	r := setup(t)
	late := map[string]*workflowtest.Answer{}
	r.during[workflows.ActivityPublish] = func() {
		late["pause"] = r.command(workflows.CommandPause, command.Pause{})
		late["cancel"] = r.command(workflows.CommandCancel, command.Cancel{})
		late["set_rate"] = r.command(workflows.CommandSetRate, importing.SetRate{})
	}
	require.NoError(t, r.start())
	for name, a := range late {
		require.EqualError(t, a.Rejected, "too late: import 7 is ending, its phase is clean_up", name)
	}
	require.Len(t, late, 3)
}

func TestUnchanged(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(r *run){
		"by its content": func(r *run) { r.planned.Unchanged = "import 6 has brought in the same content" },
		"by its plan": func(r *run) {
			r.fail = failAt(workflows.ActivityPlan, temporal.NewNonRetryableApplicationError(
				"import 6 has brought in the same content", activities.TypeUnchanged, nil))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := setup(t)
			prepare(r)
			require.NoError(t, r.start())
			calls := r.once()
			require.Equal(t, []string{workflows.ActivityCleanUp, workflows.ActivityFinish, workflows.ActivityClose}, calls[len(calls)-3:])
			require.NotContains(t, calls, workflows.ActivityOnFailure)
			require.Equal(t, []importacts.Ended{{ImportID: ImportID, Status: importstore.StatusUnchanged}}, r.ended)
			require.Equal(t, "Unchanged: import 6 has brought in the same content.", r.notes[0].Message)
			require.Equal(t, importstore.StatusUnchanged, r.state().Phase)
		})
	}
}

// A run that is started only to end an import does nothing else.
func TestGiveUp(t *testing.T) {
	t.Parallel()
	r := setup(t)
	r.ExecuteWorkflow(workflows.TypeImport, importing.ImportInput{ImportID: ImportID, Importer: "noop", GiveUp: "its workflow was terminated"})
	require.Error(t, r.GetWorkflowError())
	require.Equal(t, failedEnd, r.once())
	require.Equal(t, "its workflow was terminated", r.ended[0].Reason)
	require.Zero(t, r.count[workflows.ActivityAcquire])
}
