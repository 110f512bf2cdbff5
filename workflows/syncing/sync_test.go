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
}

var until = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

func setup(t *testing.T) *bundle {
	t.Helper()
	b := &bundle{TestWorkflowEnvironment: (&testsuite.WorkflowTestSuite{}).NewTestWorkflowEnvironment()}
	b.SetTestTimeout(time.Minute)
	workflowtest.RequireHeartbeats(t, b.TestWorkflowEnvironment)
	b.SetWorkflowRunTimeout(24 * time.Hour)
	register := func(name string, fn any) { b.RegisterActivityWithOptions(fn, activity.RegisterOptions{Name: name}) }
	register(workflows.ActivityBeginSync, (&syncacts.Syncs{}).Begin)
	register(workflows.ActivitySyncPages, (&syncacts.Syncs{}).Pages)
	register(workflows.ActivityRetrySync, (&syncacts.Syncs{}).Retry)
	register(workflows.ActivityScanSync, (&syncacts.Syncs{}).Scan)
	register(workflows.ActivityEndSync, (&syncacts.Syncs{}).End)
	register(workflows.ActivityPauseSync, (&syncacts.Syncs{}).SetPaused)
	b.RegisterWorkflowWithOptions(syncing.Sync, workflow.RegisterOptions{Name: workflows.TypeSync})
	b.OnActivity(workflows.ActivityRetrySync, mock.Anything, mock.Anything).Return(syncacts.Retried{}, nil).Maybe()
	b.OnActivity(workflows.ActivityScanSync, mock.Anything, mock.Anything).Return(syncacts.Scanned{Skipped: true}, nil).Maybe()
	b.OnActivity(workflows.ActivityPauseSync, mock.Anything, mock.Anything).Return(nil).Maybe()
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
