package syncing_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/mock"
	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	syncacts "github.com/sluicehq/sluice/activities/syncing"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/command"
	"github.com/sluicehq/sluice/workflows/syncing"
	"github.com/sluicehq/sluice/workflows/workflowtest"
)

// bundle is a workflow in the test environment with activities that are mocked by name.
type bundle struct {
	*testsuite.TestWorkflowEnvironment
	begun int
	// audited are the runs whose late errors were read; auditFault is the result.
	audited    []int64
	auditFault error
}

var until = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{TestWorkflowEnvironment: (&testsuite.WorkflowTestSuite{}).NewTestWorkflowEnvironment()}
	b.SetTestTimeout(time.Minute)
	workflowtest.RequireHeartbeats(t, b.TestWorkflowEnvironment)
	workflowtest.AcceptRecords(b.TestWorkflowEnvironment)
	b.SetWorkflowRunTimeout(24 * time.Hour)
	register := func(name string, fn any) { b.RegisterActivityWithOptions(fn, activity.RegisterOptions{Name: name}) }
	register(workflows.ActivityBeginSync, (&syncacts.Syncs{}).Begin)
	register(workflows.ActivitySyncPages, (&syncacts.Syncs{}).Pages)
	register(workflows.ActivityRetrySync, (&syncacts.Syncs{}).Retry)
	register(workflows.ActivityScanSync, (&syncacts.Syncs{}).Scan)
	register(workflows.ActivityCountSync, (&syncacts.Syncs{}).Count)
	register(workflows.ActivityFindSync, (&syncacts.Syncs{}).Find)
	register(workflows.ActivityAuditSync, (&syncacts.Syncs{}).Audit)
	register(workflows.ActivityEndSync, (&syncacts.Syncs{}).End)
	register(workflows.ActivityPauseSync, (&syncacts.Syncs{}).SetPaused)
	b.RegisterWorkflowWithOptions(syncing.Sync, workflow.RegisterOptions{Name: workflows.TypeSync})
	b.OnActivity(workflows.ActivityRetrySync, mock.Anything, mock.Anything).Return(syncacts.Retried{}, nil).Maybe()
	b.OnActivity(workflows.ActivityScanSync, mock.Anything, mock.Anything).Return(syncacts.Scanned{Skipped: true}, nil).Maybe()
	b.OnActivity(workflows.ActivityPauseSync, mock.Anything, mock.Anything).Return(nil).Maybe()
	b.OnActivity(workflows.ActivityAuditSync, mock.Anything, mock.Anything).Return(
		func(_ context.Context, ref syncacts.RunRef) (syncacts.Audited, error) {
			b.audited = append(b.audited, ref.RunID)
			return syncacts.Audited{}, b.auditFault
		}).Maybe()
	return b
}

// begins lets each run begin.
func (b *bundle) begins() {
	b.OnActivity(workflows.ActivityBeginSync, mock.Anything, mock.Anything).Return(
		func(context.Context, syncacts.BeginRequest) (syncacts.Begun, error) {
			b.begun++
			return syncacts.Begun{RunID: int64(b.begun), Until: until}, nil
		})
}

// wakeAt wakes the sync after a while.
func (b *bundle) wakeAt(after time.Duration) {
	b.RegisterDelayedCallback(func() { b.SignalWorkflow(workflows.SignalWake, nil) }, after)
}

// run runs the workflow until its run timeout.
func (b *bundle) run() {
	b.ExecuteWorkflow(workflows.TypeSync, syncing.SyncInput{Sync: "news", From: "mailchimp", To: "ometria"})
}

func (b *bundle) state(t *testing.T) (s syncing.State) {
	t.Helper()
	answer, err := b.QueryWorkflow(workflows.QueryState)
	require.NoError(t, err)
	require.NoError(t, answer.Get(&s))
	return s
}

// Each wake is a run, and pages are delivered until the window is complete.
func TestSyncRuns(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.begins()
	b.OnActivity(workflows.ActivitySyncPages, mock.Anything, syncacts.RunRef{Sync: "news", RunID: 1}).
		Return(syncacts.Progress{Read: 10, Delivered: 10}, nil).Once()
	b.OnActivity(workflows.ActivitySyncPages, mock.Anything, syncacts.RunRef{Sync: "news", RunID: 1}).
		Return(syncacts.Progress{Read: 15, Delivered: 15, Interrupted: "throttled"}, nil).Once()
	b.OnActivity(workflows.ActivitySyncPages, mock.Anything, mock.Anything).
		Return(syncacts.Progress{Read: 20, Delivered: 20, Done: true}, nil)
	b.OnActivity(workflows.ActivityEndSync, mock.Anything, syncacts.EndRequest{RunID: 1}).
		Return(syncacts.Progress{Read: 20, Delivered: 20, Done: true}, nil).Once()
	b.OnActivity(workflows.ActivityEndSync, mock.Anything, syncacts.EndRequest{RunID: 2}).
		Return(syncacts.Progress{Done: true}, nil).Once()
	b.wakeAt(time.Minute)
	b.wakeAt(2 * time.Hour)
	b.RegisterDelayedCallback(func() {
		s := b.state(t)
		require.Equal(t, syncing.PhaseIdle, s.Phase)
		require.Equal(t, until, s.CurrentTo)
		answer, err := b.QueryWorkflow(workflows.QueryFreshness)
		require.NoError(t, err)
		var f syncing.Freshness
		require.NoError(t, answer.Get(&f))
		require.Equal(t, until, f.CurrentTo)
		require.False(t, f.Since.IsZero())
	}, 3*time.Hour)
	b.run()
	b.AssertExpectations(t)
	require.Equal(t, 2, b.begun)
	require.Equal(t, []int64{1}, b.audited, "the second run has delivered nothing")
}

// A failed run is ended with its reason, and the next wake begins another one.
func TestSyncFails(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.begins()
	b.OnActivity(workflows.ActivitySyncPages, mock.Anything, syncacts.RunRef{Sync: "news", RunID: 1}).
		Return(syncacts.Progress{}, temporal.NewNonRetryableApplicationError("no access", "permanent", nil)).Once()
	b.OnActivity(workflows.ActivityEndSync, mock.Anything,
		syncacts.EndRequest{RunID: 1, Error: "no access", Class: "permanent"}).Return(syncacts.Progress{}, nil).Once()
	b.OnActivity(workflows.ActivitySyncPages, mock.Anything, syncacts.RunRef{Sync: "news", RunID: 2}).
		Return(syncacts.Progress{}, errors.New("lost")).Times(10)
	b.OnActivity(workflows.ActivityEndSync, mock.Anything, mock.MatchedBy(func(r syncacts.EndRequest) bool {
		return r.RunID == 2 && r.Error == "lost"
	})).Return(syncacts.Progress{}, nil).Once()
	b.OnActivity(workflows.ActivitySyncPages, mock.Anything, mock.Anything).Return(syncacts.Progress{Done: true}, nil)
	b.OnActivity(workflows.ActivityEndSync, mock.Anything, mock.Anything).Return(syncacts.Progress{Done: true}, nil)
	for hour := range 3 {
		b.wakeAt(time.Duration(2*hour+1) * time.Hour)
	}
	b.RegisterDelayedCallback(func() {
		s := b.state(t)
		require.Equal(t, 2, s.Failures)
		require.Equal(t, "lost", s.LastError)
	}, 4*time.Hour)
	b.RegisterDelayedCallback(func() { require.Zero(t, b.state(t).Failures) }, 6*time.Hour)
	b.run()
	b.AssertExpectations(t)
	require.Equal(t, 3, b.begun)
}

func (b *bundle) command(t *testing.T, name string, argument any) {
	t.Helper()
	answer := &workflowtest.Answer{}
	b.UpdateWorkflow(name, name, answer, argument)
	require.NoError(t, answer.Rejected)
}

// A pause interrupts the pages and leaves the run as it is; a resume continues it.
func TestSyncPause(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.begins()
	b.OnActivity(workflows.ActivitySyncPages, mock.Anything, mock.Anything).After(time.Hour).
		Return(syncacts.Progress{}, context.Canceled).Once()
	b.OnActivity(workflows.ActivitySyncPages, mock.Anything, mock.Anything).Return(syncacts.Progress{Done: true}, nil)
	b.OnActivity(workflows.ActivityEndSync, mock.Anything, syncacts.EndRequest{RunID: 2}).Return(syncacts.Progress{Done: true}, nil)
	b.wakeAt(time.Minute)
	b.RegisterDelayedCallback(func() {
		b.command(t, workflows.CommandPause, command.Pause{Command: command.Command{By: "ann", Reason: "cleaning"}})
	}, 2*time.Minute)
	b.RegisterDelayedCallback(func() { require.Equal(t, syncing.PhasePaused, b.state(t).Phase) }, 2*time.Hour)
	b.RegisterDelayedCallback(func() {
		b.command(t, workflows.CommandResume, command.Resume{Command: command.Command{By: "ann"}})
	}, 3*time.Hour)
	b.run()
	b.AssertExpectations(t)
	require.Equal(t, 2, b.begun, "the store returns the same run")
}

// A sync that was deleted ends its workflow.
func TestSyncGone(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.OnActivity(workflows.ActivityBeginSync, mock.Anything, mock.Anything).
		Return(syncacts.Begun{}, temporal.NewNonRetryableApplicationError("not found", syncacts.TypeGone, nil))
	b.wakeAt(time.Minute)
	b.run()
	require.True(t, b.IsWorkflowCompleted())
	require.NoError(t, b.GetWorkflowError())
}

// runOnce runs the workflow for one run.
func (b *bundle) runOnce() {
	b.ExecuteWorkflow(workflows.TypeSync, syncing.SyncInput{Sync: "news", From: "mailchimp", To: "ometria", Once: true})
}

// A single run needs no wake, has all activities on the task queue of its workflow, and ends the workflow.
func TestSyncOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.begins()
	b.OnActivity(workflows.ActivitySyncPages, mock.Anything, mock.Anything).Return(syncacts.Progress{Read: 10, Delivered: 10}, nil).Once()
	b.OnActivity(workflows.ActivitySyncPages, mock.Anything, mock.Anything).Return(syncacts.Progress{Done: true}, nil)
	b.OnActivity(workflows.ActivityEndSync, mock.Anything, syncacts.EndRequest{RunID: 1}).
		Return(syncacts.Progress{Done: true}, nil).Once()
	var queues []string
	b.SetOnActivityStartedListener(func(info *activity.Info, _ context.Context, _ converter.EncodedValues) {
		queues = append(queues, info.TaskQueue)
	})
	b.SetStartWorkflowOptions(client.StartWorkflowOptions{TaskQueue: "own"})
	b.runOnce()
	require.True(t, b.IsWorkflowCompleted())
	require.NoError(t, b.GetWorkflowError())
	b.AssertExpectations(t)
	require.Equal(t, 1, b.begun)
	require.Len(t, queues, 6)
	require.Equal(t, []string{"own"}, slices.Compact(queues))
}

// A single run that fails is ended with its reason, and fails its workflow.
func TestSyncOnceFails(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.begins()
	b.OnActivity(workflows.ActivitySyncPages, mock.Anything, mock.Anything).
		Return(syncacts.Progress{}, temporal.NewNonRetryableApplicationError("no access", "permanent", nil)).Once()
	b.OnActivity(workflows.ActivityEndSync, mock.Anything,
		syncacts.EndRequest{RunID: 1, Error: "no access", Class: "permanent"}).Return(syncacts.Progress{}, nil).Once()
	b.runOnce()
	require.True(t, b.IsWorkflowCompleted())
	require.ErrorContains(t, b.GetWorkflowError(), "no access")
	b.AssertExpectations(t)
}

// A full load is compared with the counts of the source before it ends.
func TestSyncCounts(t *testing.T) {
	t.Parallel()
	b := setup(t)
	total := int64(7)
	b.OnActivity(workflows.ActivityBeginSync, mock.Anything, mock.Anything).
		Return(syncacts.Begun{RunID: 1, Full: true, Until: until}, nil)
	b.OnActivity(workflows.ActivitySyncPages, mock.Anything, mock.Anything).Return(syncacts.Progress{Done: true}, nil).Once()
	b.OnActivity(workflows.ActivityCountSync, mock.Anything, syncacts.RunRef{Sync: "news", RunID: 1}).
		Return(syncacts.Counted{SourceCount: &total, Difference: 2}, nil).Once()
	b.OnActivity(workflows.ActivityEndSync, mock.Anything, syncacts.EndRequest{RunID: 1, SourceCount: &total}).
		Return(syncacts.Progress{Done: true, Failed: "all 7 records of the full load were rejected"}, nil).Once()
	b.wakeAt(time.Minute)
	b.RegisterDelayedCallback(func() {
		s := b.state(t)
		require.EqualValues(t, 2, s.Counted.Difference)
		require.Equal(t, "all 7 records of the full load were rejected", s.LastError)
		require.Equal(t, 1, s.Failures)
		require.True(t, s.CurrentTo.IsZero(), "the run has failed")
	}, time.Hour)
	b.run()
	b.AssertExpectations(t)
}

// A run that has stopped waits for a command, whatever wakes the sync.
func TestSyncStops(t *testing.T) {
	t.Parallel()
	b := setup(t)
	begin := func(proceed bool, stopped string) {
		b.OnActivity(workflows.ActivityBeginSync, mock.Anything, mock.MatchedBy(func(r syncacts.BeginRequest) bool {
			return r.Continue == proceed
		})).Return(syncacts.Begun{RunID: 1, Until: until, Stopped: stopped}, nil).Once()
	}
	begin(false, "")
	b.OnActivity(workflows.ActivitySyncPages, mock.Anything, mock.Anything).
		Return(syncacts.Progress{Read: 10, Rejected: 10, Stopped: "the last 10 pages"}, nil).Once()
	begin(false, "the last 10 pages")
	begin(true, "")
	b.OnActivity(workflows.ActivitySyncPages, mock.Anything, mock.Anything).
		Return(syncacts.Progress{Read: 20, Rejected: 10, Delivered: 10, Done: true}, nil).Once()
	b.OnActivity(workflows.ActivityEndSync, mock.Anything, syncacts.EndRequest{RunID: 1}).
		Return(syncacts.Progress{Done: true}, nil).Once()
	stopped := func() {
		s := b.state(t)
		require.Equal(t, syncing.PhaseStopped, s.Phase)
		require.Equal(t, "the last 10 pages", s.LastError)
	}
	b.wakeAt(time.Minute)
	b.RegisterDelayedCallback(stopped, time.Hour)
	b.wakeAt(2 * time.Hour)
	b.RegisterDelayedCallback(stopped, 3*time.Hour)
	b.RegisterDelayedCallback(func() {
		b.command(t, workflows.CommandRun, syncing.Run{Command: command.Command{By: "ann"}})
	}, 4*time.Hour)
	b.RegisterDelayedCallback(func() {
		s := b.state(t)
		require.Equal(t, syncing.PhaseIdle, s.Phase)
		require.Empty(t, s.LastError)
	}, 5*time.Hour)
	b.run()
	b.AssertExpectations(t)
}

// A page is searched as a run of its own, between those of the list, and without a change of the freshness.
func TestSyncSearches(t *testing.T) {
	t.Parallel()
	b := setup(t)
	page := &syncacts.PageRef{RunID: 7, Page: 3}
	b.OnActivity(workflows.ActivityBeginSync, mock.Anything, syncacts.BeginRequest{Sync: "news", RequestedBy: "ann", Find: page}).
		Return(syncacts.Begun{RunID: 8, Find: page, Until: until}, nil).Once()
	b.OnActivity(workflows.ActivityFindSync, mock.Anything, syncacts.RunRef{Sync: "news", RunID: 8}).After(time.Hour).
		Return(syncacts.Progress{Read: 10, Rejected: 1, Delivered: 9, Done: true}, nil).Once()
	b.OnActivity(workflows.ActivityEndSync, mock.Anything, syncacts.EndRequest{RunID: 8}).
		Return(syncacts.Progress{Read: 10, Rejected: 1, Delivered: 9, Done: true}, nil).Once()
	b.OnActivity(workflows.ActivityBeginSync, mock.Anything, mock.Anything).Return(syncacts.Begun{RunID: 9, Until: until}, nil).Once()
	b.OnActivity(workflows.ActivitySyncPages, mock.Anything, mock.Anything).Return(syncacts.Progress{Done: true}, nil).Once()
	b.OnActivity(workflows.ActivityEndSync, mock.Anything, syncacts.EndRequest{RunID: 9}).
		Return(syncacts.Progress{Done: true}, nil).Once()
	b.RegisterDelayedCallback(func() {
		b.command(t, workflows.CommandRun, syncing.Run{Command: command.Command{By: "ann"}, Find: page})
	}, time.Minute)
	b.RegisterDelayedCallback(func() {
		require.Equal(t, syncing.PhaseSearching, b.state(t).Phase)
		b.SignalWorkflow(workflows.SignalWake, nil)
	}, 10*time.Minute)
	b.RegisterDelayedCallback(func() {
		s := b.state(t)
		require.EqualValues(t, 9, s.RunID)
		require.Equal(t, until, s.CurrentTo)
	}, 3*time.Hour)
	b.run()
	b.AssertExpectations(t)
	require.Empty(t, b.audited)
}

// A search that was under way comes before the run that is due, and a run before the search that is requested; late
// errors that cannot be read end nothing.
func TestSyncSearchWaits(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.auditFault = temporal.NewNonRetryableApplicationError("403", "permanent", nil)
	page := &syncacts.PageRef{RunID: 7, Page: 3}
	b.OnActivity(workflows.ActivityBeginSync, mock.Anything, syncacts.BeginRequest{Sync: "news"}).
		Return(syncacts.Begun{RunID: 8, Find: page, Until: until}, nil).Once()
	b.OnActivity(workflows.ActivityBeginSync, mock.Anything, syncacts.BeginRequest{Sync: "news"}).
		Return(syncacts.Begun{RunID: 9, Until: until}, nil).Once()
	b.OnActivity(workflows.ActivityFindSync, mock.Anything, mock.Anything).
		Return(syncacts.Progress{}, temporal.NewNonRetryableApplicationError("too old", "permanent", nil)).Once()
	b.OnActivity(workflows.ActivityEndSync, mock.Anything, syncacts.EndRequest{RunID: 8, Error: "too old", Class: "permanent"}).
		Return(syncacts.Progress{}, nil).Once()
	b.OnActivity(workflows.ActivitySyncPages, mock.Anything, mock.Anything).Return(syncacts.Progress{Done: true}, nil)
	b.OnActivity(workflows.ActivityEndSync, mock.Anything, mock.Anything).
		Return(syncacts.Progress{Done: true, Read: 1, Delivered: 1}, nil)
	asked := syncacts.BeginRequest{Sync: "news", RequestedBy: "ann", Find: page}
	b.OnActivity(workflows.ActivityBeginSync, mock.Anything, asked).Return(syncacts.Begun{RunID: 10, Until: until}, nil).Once()
	b.OnActivity(workflows.ActivityBeginSync, mock.Anything, mock.MatchedBy(func(r syncacts.BeginRequest) bool { return r.Find != nil })).
		Return(syncacts.Begun{RunID: 11, Find: page, Until: until}, nil).Once()
	b.OnActivity(workflows.ActivityFindSync, mock.Anything, mock.Anything).Return(syncacts.Progress{Done: true}, nil).Once()
	wrong := &workflowtest.Answer{}
	b.wakeAt(time.Minute)
	b.RegisterDelayedCallback(func() {
		b.command(t, workflows.CommandRun, syncing.Run{Command: command.Command{By: "ann"}, Find: page})
		b.UpdateWorkflow(workflows.CommandRun, "wrong", wrong, syncing.Run{Find: &syncacts.PageRef{RunID: 7}})
	}, time.Hour)
	b.RegisterDelayedCallback(func() { require.EqualValues(t, 11, b.state(t).RunID) }, 2*time.Hour)
	b.run()
	b.AssertExpectations(t)
	require.ErrorContains(t, wrong.Rejected, "want the numbers of a run and of a page")
	require.Equal(t, []int64{9, 10}, b.audited)
}
