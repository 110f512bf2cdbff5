package delivery_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	"github.com/sluicehq/sluice/starter/internal/call"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
)

// Every command refuses a destination and an action that neither this program nor a live worker has.
func TestCommandsToUnknownActions(t *testing.T) {
	t.Parallel()
	s := setupStore(t)
	s.heartbeat(t, "mail", "send")
	c := s.client(t, crm{})
	for name, command := range map[string]func(ref deliveryacts.ActionRef) error{
		"pause":           func(ref deliveryacts.ActionRef) error { return c.Pause(s.ctx, ref, ann) },
		"resume":          func(ref deliveryacts.ActionRef) error { return c.Resume(s.ctx, ref, ann) },
		"trigger":         func(ref deliveryacts.ActionRef) error { return c.Trigger(s.ctx, ref, ann) },
		"set rate":        func(ref deliveryacts.ActionRef) error { return c.SetRate(s.ctx, ref, 1, ann) },
		"set concurrency": func(ref deliveryacts.ActionRef) error { return c.SetConcurrency(s.ctx, ref, 1, ann) },
		"set schedule": func(ref deliveryacts.ActionRef) error {
			return c.SetSchedule(s.ctx, ref, deliveryclient.NewTiming{}, ann)
		},
	} {
		for want, ref := range map[string]deliveryacts.ActionRef{
			`unknown destination "cmr" (want crm, mail)`:       {Destination: "cmr", Action: "upsert"},
			`crm: unknown action "write" (want audit, upsert)`: {Destination: "crm", Action: "write"},
			`mail: unknown action "read" (want send)`:          {Destination: "mail", Action: "read"},
		} {
			err := command(ref)
			require.ErrorIs(t, err, call.ErrInvalid, name)
			require.ErrorIs(t, err, store.ErrNotFound, name)
			require.EqualError(t, err, want, name)
		}
	}
	for _, err := range []error{
		c.Pause(s.ctx, deliveryacts.ActionRef{Destination: "cmr"}, ann),
		c.Resume(s.ctx, deliveryacts.ActionRef{Destination: "cmr"}, ann),
	} {
		require.ErrorIs(t, err, store.ErrNotFound)
	}
}

// signalsOf counts the signals of a workflow by name.
func signalsOf(t *testing.T, cfg deliveryclient.Config, id string) map[string]int {
	t.Helper()
	history := cfg.Temporal.GetWorkflowHistory(t.Context(), id, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	signals := map[string]int{}
	for history.HasNext() {
		event, err := history.Next()
		require.NoError(t, err)
		if event.GetEventType() == enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED {
			signals[event.GetWorkflowExecutionSignaledEventAttributes().GetSignalName()]++
		}
	}
	return signals
}

// A destination is paused and resumed as a whole in the store, and the workflows of its actions are notified.
func TestPauseDestination(t *testing.T) {
	t.Parallel()
	s, c, cfg := setupTemporal(t)
	mail, send := deliveryacts.ActionRef{Destination: "mail"}, workflows.DestinationActionID("mail", "send")
	s.heartbeat(t, "mail", "failed", "send")
	_, ids := s.inEachState(t, "mail")
	require.NoError(t, c.Wake(s.ctx, []deliveryacts.ActionRef{{Destination: "mail", Action: "send"}}))
	require.NoError(t, c.Pause(s.asAnn(), mail, ann))
	settings, err := s.Deliveries.Settings(s.ctx, "mail")
	require.NoError(t, err)
	require.Equal(t, []any{true, "ann"}, []any{settings[""].Paused, settings[""].UpdatedBy})
	entry := s.lastAudit(t)
	require.Equal(t, []string{"destination.pause", "destination", "mail"}, []string{entry.Operation, entry.SubjectType, entry.SubjectID})
	require.Equal(t, map[string]int{workflows.SignalEnqueue: 1, workflows.SignalRefresh: 1}, signalsOf(t, cfg, send))

	before, err := s.jobs().Show(s.ctx, ids["failed"])
	require.NoError(t, err)
	require.Greater(t, time.Until(*before.DueAt), 50*time.Minute)
	require.NoError(t, c.Resume(s.asAnn(), mail, ann))
	settings, err = s.Deliveries.Settings(s.ctx, "mail")
	require.NoError(t, err)
	require.False(t, settings[""].Paused)
	require.Equal(t, "destination.resume", s.lastAudit(t).Operation)
	after, err := s.jobs().Show(s.ctx, ids["failed"])
	require.NoError(t, err)
	require.Less(t, time.Until(*after.DueAt), time.Minute, "a retry that waited is due now")

	require.NoError(t, c.Refresh(s.ctx), "also of actions whose workflows do not run")
	require.Equal(t, map[string]int{workflows.SignalEnqueue: 1, workflows.SignalRefresh: 3}, signalsOf(t, cfg, send))
}

// Without a worker a command says so, and starts the workflow that will execute it.
func TestCommandsWithoutWorker(t *testing.T) {
	t.Parallel()
	s, c, _ := setupTemporal(t)
	upsert := deliveryacts.ActionRef{Destination: "crm", Action: "upsert"}
	_, err := c.State(s.ctx, upsert)
	var missing *serviceerror.NotFound
	require.ErrorAs(t, err, &missing)
	require.ErrorContains(t, err, "state of crm/upsert: ")
	err = c.Trigger(s.asAnn(), upsert, ann)
	require.ErrorIs(t, err, call.ErrNoWorker)
	require.EqualError(t, err, "trigger of crm/upsert: no worker answers within 300ms: check that a worker is running and "+
		"ready. The command may still be executed once it is")
	entry := s.lastAudit(t)
	require.Equal(t, []string{"action.trigger", "crm/upsert"}, []string{entry.Operation, entry.SubjectID})
	require.Contains(t, entry.Error, "no worker answers")
	standing, err := c.Workflow(s.ctx, upsert)
	require.NoError(t, err)
	require.True(t, standing.Running)
	_, err = c.Backlog(s.ctx, upsert)
	require.ErrorContains(t, err, "backlog of crm/upsert: ")
}

// Starting a destination twice starts its actions once.
func TestStart(t *testing.T) {
	t.Parallel()
	s, c, cfg := setupTemporal(t)
	run := func() string {
		t.Helper()
		require.NoError(t, c.Start(s.ctx, crm{}))
		described, err := cfg.Temporal.DescribeWorkflowExecution(s.ctx, workflows.DestinationID("crm"), "")
		require.NoError(t, err)
		info := described.GetWorkflowExecutionInfo()
		require.Equal(t, workflows.TypeDestination, info.GetType().GetName())
		require.Equal(t, enums.WORKFLOW_EXECUTION_STATUS_RUNNING, info.GetStatus())
		return info.GetExecution().GetRunId()
	}
	first := run()
	require.Equal(t, first, run())
	gone, cancel := context.WithCancel(s.ctx)
	cancel()
	require.ErrorContains(t, c.Start(gone, crm{}), "start destination crm: ")
	require.ErrorContains(t, c.Wake(gone, []deliveryacts.ActionRef{{Destination: "crm", Action: "audit"}}), "wake crm/audit: ")
}
