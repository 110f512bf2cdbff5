package delivery_test

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/workflow"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/command"
	"github.com/sluicehq/sluice/workflows/delivery"
	"github.com/sluicehq/sluice/workflows/workflowtest"
)

// actionEnv is one run of DestinationAction in the SDK's test environment. The store is a number of jobs.
type actionEnv struct {
	*testsuite.TestWorkflowEnvironment
	t *testing.T

	mu   sync.Mutex
	plan deliveryacts.ActionPlan
	// due is how many new jobs can be delivered, retries how many retries, nextDue when the next
	// job is due.
	due, retries int64
	nextDue      time.Time
	// blocked is how many jobs wait for their connection, scheduled how many are due later.
	blocked, scheduled int64
	// requests are the requests for drains, pending is the token of the drain that waits for jobs.
	requests []deliveryacts.DrainRequest
	pending  []byte
	// running is how many drains run, maxRunning the highest number.
	running, maxRunning int
	changes             []deliveryacts.SettingsChange
	// slow keeps the answers of activities that read the status; slowAnswers end them.
	slow        bool
	slowAnswers []func() error
}

func setupAction(t *testing.T) *actionEnv {
	t.Helper()
	suite := &testsuite.WorkflowTestSuite{}
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	e := &actionEnv{
		TestWorkflowEnvironment: suite.NewTestWorkflowEnvironment(), t: t,
		plan: deliveryacts.ActionPlan{
			Realtime: true, Interval: "@every 1h", TimeZone: "UTC", Concurrency: 1, BatchSize: 10, TimeoutSeconds: 60,
		},
	}
	e.SetTestTimeout(time.Minute)
	e.RegisterWorkflowWithOptions(delivery.DestinationAction,
		workflow.RegisterOptions{Name: workflows.TypeDestinationAction})
	e.RegisterActivityWithOptions(func(ctx context.Context, s deliveryacts.StatusRequest) (deliveryacts.ActionStatus, error) {
		e.mu.Lock()
		defer e.mu.Unlock()
		if e.slow {
			token, read := activity.GetInfo(ctx).TaskToken, e.status(s)
			e.slowAnswers = append(e.slowAnswers, func() error { return e.CompleteActivity(token, read, nil) })
			return deliveryacts.ActionStatus{}, activity.ErrResultPending
		}
		return e.status(s), nil
	}, activity.RegisterOptions{Name: workflows.ActivityNextDue})
	e.RegisterActivityWithOptions(func(_ context.Context, c deliveryacts.SettingsChange) (deliveryacts.ActionStatus, error) {
		return e.apply(c)
	}, activity.RegisterOptions{Name: workflows.ActivityApplySettings})
	e.RegisterActivityWithOptions(func(ctx context.Context, r deliveryacts.DrainRequest) (deliveryacts.Drained, error) {
		return e.drain(activity.GetInfo(ctx).TaskToken, r)
	}, activity.RegisterOptions{Name: workflows.ActivityDrain})
	e.SetOnActivityCanceledListener(func(*activity.Info) {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.running, e.pending = e.running-1, nil
	})
	workflowtest.RequireHeartbeats(t, e.TestWorkflowEnvironment)
	workflowtest.AcceptRecords(e.TestWorkflowEnvironment)
	return e
}

func (e *actionEnv) status(s deliveryacts.StatusRequest) deliveryacts.ActionStatus {
	answer := deliveryacts.ActionStatus{
		Plan: e.plan, NextRun: s.NextRun, NextDue: e.nextDue, Blocked: e.blocked,
	}
	if e.plan.Realtime || s.Full {
		answer.Due, answer.Waiting = e.due, e.due+e.blocked+e.scheduled
	}
	answer.Due += e.retries
	if !s.NextRun.After(s.Now) || s.Interval != e.plan.Interval {
		every, err := time.ParseDuration(e.plan.Interval[len("@every "):])
		require.NoError(e.t, err)
		answer.NextRun = s.Now.Add(every)
	}
	return answer
}

func (e *actionEnv) apply(c deliveryacts.SettingsChange) (deliveryacts.ActionStatus, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.changes = append(e.changes, c)
	switch {
	case c.Paused != nil:
		e.plan.Paused = *c.Paused
	case c.Interval != nil && *c.Interval == "never":
		return deliveryacts.ActionStatus{}, temporal.NewNonRetryableApplicationError("there is no such interval", "input", nil)
	case c.Interval != nil:
		e.plan.Interval = *c.Interval
	case c.Rate != nil:
		e.plan.RatePerSecond = *c.Rate
	case c.Concurrency != nil:
		e.plan.Concurrency = int(*c.Concurrency)
	}
	e.report()
	return e.status(c.StatusRequest), nil
}

// drain delivers all jobs. A drain of a realtime action waits for jobs or for changed settings.
func (e *actionEnv) drain(token []byte, r deliveryacts.DrainRequest) (deliveryacts.Drained, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.requests = append(e.requests, r)
	e.running++
	e.maxRunning = max(e.maxRunning, e.running)
	if e.plan.Realtime && !e.plan.Paused && e.due+e.retries == 0 {
		e.pending = token
		return deliveryacts.Drained{}, activity.ErrResultPending
	}
	return e.drained(r), nil
}

// drained delivers the jobs that a request is for. The mutex is held.
func (e *actionEnv) drained(r deliveryacts.DrainRequest) deliveryacts.Drained {
	e.running--
	claimed := int64(0)
	if !e.plan.Paused {
		claimed, e.retries = e.retries, 0
		if e.plan.Realtime || r.Full {
			claimed, e.due = claimed+e.due, 0
		}
	}
	return deliveryacts.Drained{
		ActionStatus: e.status(r.StatusRequest), Claimed: int(claimed), Batches: int(min(claimed, 1)),
		JobCounts: deliveryacts.JobCounts{Succeeded: claimed},
	}
}

// report ends the drain that waits. The mutex is held.
func (e *actionEnv) report() {
	if e.pending == nil {
		return
	}
	token := e.pending
	e.pending = nil
	if err := e.CompleteActivity(token, e.drained(e.requests[len(e.requests)-1]), nil); err != nil {
		e.t.Error(err)
	}
}

func (e *actionEnv) add(jobs int64) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.due += jobs
	if jobs > 0 {
		e.report()
	}
}

// at calls fn at a time of the workflow.
func (e *actionEnv) at(after time.Duration, fn func()) { e.RegisterDelayedCallback(fn, after) }

func (e *actionEnv) enqueue(jobs int64) {
	e.add(jobs)
	e.SignalWorkflow(workflows.SignalEnqueue, nil)
}

func (e *actionEnv) left() int64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.due + e.retries
}

// start runs the workflow until it is cancelled after a time, or continues as new.
func (e *actionEnv) start(carried *delivery.CarriedAction, until time.Duration) *delivery.CarriedAction {
	e.t.Helper()
	e.at(until, e.CancelWorkflow)
	e.ExecuteWorkflow(workflows.TypeDestinationAction, delivery.DestinationActionInput{
		Destination: "crm", Action: "post", Carried: carried,
	})
	require.True(e.t, e.IsWorkflowCompleted())
	err := e.GetWorkflowError()
	var again *workflow.ContinueAsNewError
	if !temporal.IsCanceledError(err) {
		require.ErrorAs(e.t, err, &again)
		var in delivery.DestinationActionInput
		require.NoError(e.t, converter.GetDefaultDataConverter().FromPayloads(again.Input, &in))
		require.NotNil(e.t, in.Carried)
		require.Equal(e.t, "crm/post", in.Destination+"/"+in.Action)
		return in.Carried
	}
	return nil
}

func (e *actionEnv) state() delivery.ActionState {
	e.t.Helper()
	var s delivery.ActionState
	value, err := e.QueryWorkflow(workflows.QueryState)
	require.NoError(e.t, err)
	require.NoError(e.t, value.Get(&s))
	return s
}

func (e *actionEnv) backlog() delivery.BacklogState {
	e.t.Helper()
	var s delivery.BacklogState
	value, err := e.QueryWorkflow(workflows.QueryBacklog)
	require.NoError(e.t, err)
	require.NoError(e.t, value.Get(&s))
	return s
}

func TestRealtimeAction(t *testing.T) {
	t.Parallel()
	e := setupAction(t)
	e.at(time.Minute, func() { e.enqueue(25) })
	e.at(2*time.Minute, func() {
		require.Zero(t, e.left())
		require.EqualValues(t, 25, e.state().Totals.Succeeded)
		require.Len(t, e.requests, 2, "the one that has reported, and the next one")
		require.Equal(t, delivery.ActionDraining, e.state().Status)
		// Jobs that no signal is sent for.
		e.add(5)
	})
	e.at(61*time.Minute, func() {
		require.Zero(t, e.left())
		require.EqualValues(t, 30, e.state().Totals.Succeeded)
		require.Len(t, e.requests, 3)
		require.True(t, e.state().NextRun.After(e.Now()), "the next run of the schedule is known while a drain runs")
	})
	require.Nil(t, e.start(nil, 62*time.Minute))
	require.Equal(t, 1, e.maxRunning)
}

// An action with a schedule delivers new jobs at its times or after a trigger, and only retries in
// between.
func TestScheduledAction(t *testing.T) {
	t.Parallel()
	e := setupAction(t)
	e.plan.Realtime = false
	e.due = 25
	e.at(time.Minute, func() { e.enqueue(0) })
	e.at(2*time.Minute, func() {
		require.Len(t, e.requests, 1, "only retries")
		require.False(t, e.requests[0].Full)
		require.EqualValues(t, 25, e.left())
	})
	e.at(61*time.Minute, func() {
		require.Zero(t, e.left())
		e.add(7)
		e.UpdateWorkflow(workflows.CommandTrigger, "", &testsuite.TestUpdateCallback{
			OnReject:   func(err error) { require.NoError(t, err) },
			OnComplete: func(_ any, err error) { require.NoError(t, err) },
			OnAccept:   func() {},
		}, delivery.Trigger{})
	})
	e.at(62*time.Minute, func() { require.Zero(t, e.left()) })
	require.Nil(t, e.start(nil, 63*time.Minute))
	require.Len(t, e.requests, 3)
}

func TestActionWakesForRetries(t *testing.T) {
	t.Parallel()
	e := setupAction(t)
	e.plan.Realtime = false
	e.nextDue = e.Now().Add(10 * time.Minute)
	e.at(9*time.Minute, func() { require.Empty(t, e.requests) })
	e.at(10*time.Minute, func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		e.retries, e.nextDue = 1, time.Time{}
	})
	e.at(11*time.Minute, func() {
		require.Zero(t, e.left())
		require.Len(t, e.requests, 1)
	})
	require.Nil(t, e.start(nil, 12*time.Minute))
}

// A pause keeps jobs waiting and loses none; a repeated command is executed once.
func TestActionCommands(t *testing.T) {
	t.Parallel()
	e := setupAction(t)
	byAnn := func(key string) command.Command { return command.Command{Key: key, By: "ann"} }
	e.at(time.Minute, func() { e.SignalWorkflow(workflows.CommandPause, command.Pause{Command: byAnn("a")}) })
	e.at(2*time.Minute, func() { e.enqueue(100) })
	e.at(2*time.Hour, func() {
		require.EqualValues(t, 100, e.left(), "also when its time comes")
		require.Equal(t, delivery.ActionPaused, e.state().Status)
		e.SignalWorkflow(workflows.CommandPause, command.Pause{Command: byAnn("a")})
		e.SignalWorkflow(workflows.CommandTrigger, delivery.Trigger{})
	})
	e.at(2*time.Hour+time.Minute, func() {
		require.Len(t, e.changes, 1)
		require.Contains(t, e.state().Refusal, "crm/post is paused")
		rate, interval := 5.0, "@every 5m"
		e.SignalWorkflow(workflows.CommandSetJobRate, delivery.SetJobRate{Command: byAnn("b"), JobsPerSecond: rate})
		e.SignalWorkflow(workflows.CommandSetSchedule, delivery.SetSchedule{Command: byAnn("c"), Interval: &interval})
		e.SignalWorkflow(workflows.CommandResume, command.Resume{Command: byAnn("d")})
	})
	e.at(3*time.Hour, func() {
		require.Zero(t, e.left())
		require.Equal(t, "@every 5m", e.state().Plan.Interval)
		never := "never"
		e.SignalWorkflow(workflows.CommandSetSchedule, delivery.SetSchedule{Interval: &never})
	})
	e.at(3*time.Hour+time.Minute, func() { require.Contains(t, e.state().Refusal, "there is no such interval") })
	require.Nil(t, e.start(nil, 3*time.Hour+2*time.Minute))
	require.Equal(t, "ann", e.changes[0].By)
}

// A status that was read before a command changed the settings, and arrives after it, does not undo the
// command.
func TestLateStatusDoesNotUndoCommand(t *testing.T) {
	t.Parallel()
	e := setupAction(t)
	e.slow = true
	e.at(time.Second, func() {
		e.SignalWorkflow(workflows.CommandSetConcurrency, delivery.SetConcurrency{Batches: 3})
	})
	e.at(2*time.Second, func() {
		require.Equal(t, 3, e.state().Plan.Concurrency)
		e.mu.Lock()
		e.slow = false
		late := e.slowAnswers
		e.mu.Unlock()
		require.Len(t, late, 1)
		require.NoError(t, late[0]())
	})
	e.at(3*time.Second, func() { require.Equal(t, 3, e.state().Plan.Concurrency) })
	require.Nil(t, e.start(nil, time.Minute))
}

// Jobs of a connection with an open circuit are delivered when the store says that it closes, also those
// that have waited for the action's schedule.
func TestActionOfBlockedConnection(t *testing.T) {
	t.Parallel()
	e := setupAction(t)
	e.plan.Realtime = false
	e.blocked, e.scheduled, e.nextDue = 30, 4, e.Now().Add(90*time.Minute)
	e.at(61*time.Minute, func() { require.Len(t, e.requests, 1, "at its time") })
	e.at(89*time.Minute, func() {
		require.Len(t, e.requests, 1)
		require.Equal(t, delivery.ActionIdle, e.state().Status)
		backlog := e.backlog()
		require.EqualValues(t, 34, backlog.Waiting)
		require.EqualValues(t, 4, backlog.Scheduled, "those of the connection are due")
		e.mu.Lock()
		defer e.mu.Unlock()
		e.due, e.blocked, e.nextDue = 30, 0, time.Time{}
	})
	e.at(91*time.Minute, func() {
		require.Zero(t, e.left())
		require.True(t, e.requests[1].Full)
	})
	require.Nil(t, e.start(nil, 92*time.Minute))
}

// A trigger delivers the waiting jobs now, also those that have failed; so does resume.
func TestActionTriesNow(t *testing.T) {
	t.Parallel()
	e := setupAction(t)
	e.nextDue = e.Now().Add(24 * time.Hour)
	e.at(time.Minute, func() { e.SignalWorkflow(workflows.CommandTrigger, delivery.Trigger{}) })
	e.at(2*time.Minute, func() { e.SignalWorkflow(workflows.CommandPause, command.Pause{}) })
	e.at(3*time.Minute, func() { e.SignalWorkflow(workflows.CommandResume, command.Resume{}) })
	require.Nil(t, e.start(nil, 4*time.Minute))
	require.Len(t, e.changes, 3)
	require.True(t, e.changes[0].TryNow)
	require.Nil(t, e.changes[0].Paused)
	require.False(t, e.changes[1].TryNow)
	require.True(t, e.changes[2].TryNow)
	require.NotEmpty(t, e.requests)
}

// The histories of ten thousand wake-ups are bounded, and no job is lost between two runs.
func TestActionHistoryIsBounded(t *testing.T) {
	t.Parallel()
	const wakes = 10_000
	var carried *delivery.CarriedAction
	sent, left := 0, int64(0)
	for runs := 1; runs == 1 || carried != nil; runs++ {
		e := setupAction(t)
		e.due = left
		first := sent
		var next func()
		next = func() {
			if sent == wakes {
				return
			}
			sent++
			e.enqueue(1)
			e.at(time.Second, next)
		}
		e.at(time.Second, next)
		carried = e.start(carried, 24*time.Hour)
		// A wake-up is a signal, two activities and up to four workflow tasks.
		require.Less(t, (sent-first)*20, 2000, "run %d", runs)
		left = e.left()
		if carried != nil {
			require.EqualValues(t, runs, carried.Totals.Runs)
			require.EqualValues(t, sent, carried.Totals.Succeeded+left)
		}
	}
	require.Equal(t, wakes, sent)
	require.Zero(t, left)
}
