package delivery_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	"google.golang.org/protobuf/types/known/timestamppb"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/destinations"
	dlog "github.com/sluicehq/sluice/destinations/log"
	"github.com/sluicehq/sluice/internal/enginetest"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	"github.com/sluicehq/sluice/starter/internal/call"
	"github.com/sluicehq/sluice/store"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	"github.com/sluicehq/sluice/workflows"
)

// away is a client of a Temporal that cannot be reached.
func away(context.Context) (*deliveryclient.Client, error) {
	return nil, errors.New("connection refused")
}

// job adds an event with a job of an action for a connection, "" for none.
func (s *stored) job(t *testing.T, destination, action, connection string, due time.Time) string {
	t.Helper()
	data, err := json.Marshal(map[string]string{"connection": connection})
	require.NoError(t, err)
	return s.add(t, deliverystore.NewEvent{Source: "shop", Jobs: []deliverystore.NewJob{
		{Destination: destination, Action: action, Data: data, DueAt: due},
	}}).Jobs[0]
}

// A list has the destinations of the program, of live workers, and of unfinished jobs.
func TestDestinations(t *testing.T) {
	t.Parallel()
	s := setupStore(t)
	s.heartbeat(t, "mail", "send")
	s.job(t, "mail", "sent", "", time.Time{})
	s.job(t, "old", "write", "", time.Time{})
	ended := s.job(t, "ended", "write", "", time.Time{})
	_, err := s.jobs().Change(s.ctx, deliverystore.CommandCancel, deliveryclient.Selection{IDs: []string{ended}}, ann)
	require.NoError(t, err)
	require.NoError(t, s.Deliveries.Pause(s.ctx, "mail", "", "ann"))
	require.NoError(t, s.Deliveries.Pause(s.ctx, "old", "write", "ann"))

	d := s.destinations(away, dlog.New(), crm{})
	list, err := d.List(s.ctx, deliveryclient.DestinationFilter{})
	require.NoError(t, err)
	require.Len(t, list, 4)
	for i, name := range []string{"crm", "log", "mail", "old"} {
		require.Equal(t, name, list[i].Name)
		require.Equal(t, i < 2, list[i].Registered)
		require.Equal(t, deliveryclient.WorkflowUnknown, list[i].WorkflowState())
		shown, err := d.Show(s.ctx, name)
		require.NoError(t, err)
		for a := range shown.Actions {
			// It is counted from now.
			shown.Actions[a].Next, list[i].Actions[a].Next = nil, nil
		}
		require.Equal(t, list[i], shown, "a destination is the same in a list")
	}
	mail := list[2]
	require.Equal(t, []any{"The mail", 1, true}, []any{mail.Label, mail.Workers, mail.Paused})
	require.Equal(t, map[string]int64{"acknowledged": 1}, mail.Jobs)
	require.Len(t, mail.Actions, 2, "those of workers and of jobs")
	require.Equal(t, []any{"send", true, 1, map[string]int64{}},
		[]any{mail.Actions[0].Name, mail.Actions[0].Paused, mail.Actions[0].Workers, mail.Actions[0].Jobs})
	require.Equal(t, []any{"sent", true, 0, map[string]int64{"acknowledged": 1}},
		[]any{mail.Actions[1].Name, mail.Actions[1].Paused, mail.Actions[1].Workers, mail.Actions[1].Jobs})
	require.Equal(t, "connection refused", mail.Actions[0].WorkflowFault)
	require.False(t, list[3].Paused)
	require.True(t, list[3].Actions[0].Paused)
	require.Equal(t, []deliveryclient.Version{}, list[3].Versions)

	for want, filter := range map[string]deliveryclient.DestinationFilter{
		"[crm]": {Text: "CR"}, "[mail]": {Text: "the mail"}, "[]": {State: deliveryclient.DestinationHealthy},
		"[crm log mail old]": {State: deliveryclient.DestinationUnhealthy},
	} {
		some, err := d.List(s.ctx, filter)
		require.NoError(t, err)
		names := []string{}
		for i := range some {
			names = append(names, some[i].Name)
		}
		require.Equal(t, want, fmt.Sprint(names))
	}
	shown, err := d.Show(s.ctx, "ended")
	require.NoError(t, err, "it has jobs")
	require.Equal(t, map[string]int64{"cancelled": 1}, shown.Jobs)
	_, err = d.Show(s.ctx, "none")
	require.ErrorIs(t, err, call.ErrInvalid)
	require.ErrorIs(t, err, store.ErrNotFound)
	require.EqualError(t, err, `unknown destination "none" (want crm, log, mail)`)
}

// A destination of the program has its settings, overridden by those of operators, its jobs, and their connections.
func TestShowDestination(t *testing.T) {
	t.Parallel()
	s := setupStore(t)
	_, err := s.AddConnection(s.ctx, store.NewConnection{
		Name: "ops", Kind: "webhook", Settings: json.RawMessage(`{}`), SecretNames: []string{}, Sealed: []byte{1},
	})
	require.NoError(t, err)
	first := s.job(t, "crm", "upsert", "ops", time.Now().Add(-time.Hour))
	s.job(t, "crm", "upsert", "ops", time.Now().Add(time.Hour))
	s.job(t, "crm", "upsert", "typo", time.Time{})
	s.job(t, "crm", "audit", "", time.Time{})
	_, err = s.Deliveries.NoteEvidence(s.ctx, "ops", deliverystore.Evidence{Failed: []string{first}, Reason: broken},
		deliverystore.CircuitRule{})
	require.NoError(t, err)
	d := s.destinations(away, crm{})
	show := func() deliveryclient.Destination {
		t.Helper()
		v, err := d.Show(s.ctx, "crm")
		require.NoError(t, err)
		return v
	}

	v := show()
	require.Equal(t, []any{"CRM", true, "v2", false, 0}, []any{v.Label, v.Registered, v.DefaultVersion, v.Paused, v.Workers})
	since := deprecated
	require.Equal(t, []deliveryclient.Version{{Name: "v1", DeprecatedSince: &since}, {Name: "v2"}}, v.Versions)
	require.Equal(t, map[string]int64{"acknowledged": 4}, v.Jobs)
	require.EqualValues(t, 3, v.Due)
	require.WithinDuration(t, time.Now().Add(-time.Hour), *v.OldestDue, time.Minute)
	var waiting []any
	for _, c := range v.Connections {
		waiting = append(waiting, []any{c.Connection, c.State, c.Failures, c.Waiting, c.Due})
	}
	require.Equal(t, []any{
		[]any{"", deliverystore.ConnectionHealthy, int32(0), int64(1), int64(1)},
		[]any{"ops", deliverystore.ConnectionFailing, int32(1), int64(2), int64(1)},
		[]any{"typo", deliveryclient.ConnectionMissing, int32(0), int64(1), int64(1)},
	}, waiting)
	require.Equal(t, broken, v.Connections[1].Reason)
	require.Len(t, v.Actions, 2)
	audit, upsert := v.Actions[0], v.Actions[1]
	require.Equal(t, deliveryclient.Action{
		Name: "audit", Interval: "@every 2h", TimeZone: "UTC", MaxRetries: 72, InitialBackoff: 30, MaxBackoff: 3600,
		Concurrency: 3, RatePerSecond: 2.5, BatchSize: 7, TimeoutSeconds: 30, RedriveUnknown: true,
		Workflow: deliveryclient.WorkflowUnknown, WorkflowFault: "connection refused",
		Jobs: map[string]int64{"acknowledged": 1},
	}, audit)
	next := upsert.Next
	require.NotNil(t, next)
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	require.Equal(t, 3, next.In(berlin).Hour())
	upsert.Next = nil
	require.Equal(t, deliveryclient.Action{
		Name: "upsert", Realtime: true, Interval: "0 3 * * *", TimeZone: "Europe/Berlin", MaxRetries: 4, InitialBackoff: 5,
		MaxBackoff: 60, Concurrency: 3, RatePerSecond: 2.5, BatchSize: 7, TimeoutSeconds: 30, RedriveUnknown: true,
		Workflow: deliveryclient.WorkflowUnknown, WorkflowFault: "connection refused",
		Jobs: map[string]int64{"acknowledged": 3},
	}, upsert)

	rate, retries, interval := 9.5, int32(1), "@evry 1h"
	_, err = s.Deliveries.SaveSettings(s.ctx, deliverystore.ChangedSettings{Destination: "crm", Rate: &rate, UpdatedBy: "ann"})
	require.NoError(t, err)
	_, err = s.Deliveries.SaveSettings(s.ctx, deliverystore.ChangedSettings{
		Destination: "crm", Action: "audit", Paused: true, MaxRetries: &retries, Interval: &interval, UpdatedBy: "ann",
	})
	require.NoError(t, err)
	s.heartbeat(t, "crm", "audit")
	v = show()
	require.Equal(t, 1, v.Workers)
	require.Equal(t, []any{true, 9.5, 1}, []any{v.Actions[0].Paused, v.Actions[0].RatePerSecond, v.Actions[0].Workers})
	require.Contains(t, v.Actions[0].Fault, `interval: `, "an invalid setting is ignored, and reported")
	require.Contains(t, v.Actions[0].Fault, "@evry")
	require.Equal(t, "@every 2h", v.Actions[0].Interval)
	require.Equal(t, []any{false, 9.5, 0, ""},
		[]any{v.Actions[1].Paused, v.Actions[1].RatePerSecond, v.Actions[1].Workers, v.Actions[1].Fault})
}

// The worst state of the workflows is that of the destination.
func TestWorkflowState(t *testing.T) {
	t.Parallel()
	const (
		running, failing = deliveryclient.WorkflowRunning, deliveryclient.WorkflowFailing
		gone, unknown    = deliveryclient.WorkflowNotRunning, deliveryclient.WorkflowUnknown
	)
	for _, test := range []struct {
		actions []string
		want    string
	}{
		{nil, running},
		{[]string{running, running}, running},
		{[]string{running, unknown}, unknown},
		{[]string{unknown, failing, running}, failing},
		{[]string{failing, gone, unknown}, gone},
		{[]string{gone, failing}, gone},
	} {
		var d deliveryclient.Destination
		for _, state := range test.actions {
			d.Actions = append(d.Actions, deliveryclient.Action{Workflow: state})
		}
		require.Equal(t, test.want, d.WorkflowState(), test.actions)
	}
}

// failing is a Temporal server at which a task of each workflow fails.
type failing struct{ client.Client }

func (f failing) DescribeWorkflowExecution(
	ctx context.Context, id, run string,
) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	answer, err := f.Client.DescribeWorkflowExecution(ctx, id, run)
	if err == nil {
		answer.PendingWorkflowTask = &workflowpb.PendingWorkflowTaskInfo{
			Attempt: 5, OriginalScheduledTime: timestamppb.New(deprecated),
		}
	}
	return answer, err
}

// denying is a Temporal server that answers no question about workflows.
type denying struct{ client.Client }

func (denying) DescribeWorkflowExecution(
	context.Context, string, string,
) (*workflowservice.DescribeWorkflowExecutionResponse, error) {
	return nil, serviceerror.NewPermissionDenied("Request unauthorized.", "")
}

// setupTemporal returns a client with a Temporal namespace of its own and without a worker, whose commands wait a
// moment for an answer.
func setupTemporal(t *testing.T) (*stored, *deliveryclient.Client, deliveryclient.Config) {
	t.Helper()
	s := setupStore(t)
	temporal, err := client.DialContext(s.ctx, enginetest.Namespace(t))
	require.NoError(t, err)
	t.Cleanup(temporal.Close)
	cfg := deliveryclient.Config{
		Temporal: temporal, Store: s.Store, Registry: destinations.NewRegistry(crm{}), AnswerTimeout: 300 * time.Millisecond,
	}
	c, err := deliveryclient.New(cfg)
	require.NoError(t, err)
	return s, c, cfg
}

// An action has the state of its workflow, and why it does not run.
func TestWorkflowsOfActions(t *testing.T) {
	t.Parallel()
	s, c, cfg := setupTemporal(t)
	audit := deliveryacts.ActionRef{Destination: "crm", Action: "audit"}
	upsert := deliveryacts.ActionRef{Destination: "crm", Action: "upsert"}
	show := func(c *deliveryclient.Client) []deliveryclient.Action {
		t.Helper()
		known := func(context.Context) (*deliveryclient.Client, error) { return c, nil }
		v, err := s.destinations(known, crm{}).Show(s.ctx, "crm")
		require.NoError(t, err)
		return v.Actions
	}
	standing, err := c.Workflow(s.ctx, upsert)
	require.NoError(t, err)
	require.Equal(t, deliveryclient.ActionWorkflow{}, standing)
	standing, started, err := c.Recover(s.ctx, upsert)
	require.NoError(t, err)
	require.Equal(t, deliveryclient.ActionWorkflow{}, standing, "how it stood before")
	require.True(t, started)
	standing, started, err = c.Recover(s.ctx, upsert)
	require.NoError(t, err)
	require.Equal(t, deliveryclient.ActionWorkflow{Running: true}, standing)
	require.False(t, started)

	actions := show(c)
	require.Equal(t, []string{deliveryclient.WorkflowNotRunning, "workflow is not running; a worker starts it within a minute"},
		[]string{actions[0].Workflow, actions[0].WorkflowFault})
	require.Equal(t, []string{deliveryclient.WorkflowRunning, ""}, []string{actions[1].Workflow, actions[1].WorkflowFault})

	cfg.Temporal = failing{cfg.Temporal}
	faulty, err := deliveryclient.New(cfg)
	require.NoError(t, err)
	actions = show(faulty)
	require.Equal(t, []string{deliveryclient.WorkflowNotRunning, deliveryclient.WorkflowFailing},
		[]string{actions[0].Workflow, actions[1].Workflow})
	require.Equal(t, "the workflow stands still: a task of it fails since 2026-03-01T00:00:00Z, in attempt 5",
		actions[1].WorkflowFault)

	cfg.Temporal = denying{cfg.Temporal}
	denied, err := deliveryclient.New(cfg)
	require.NoError(t, err)
	actions = show(denied)
	require.Equal(t, []string{deliveryclient.WorkflowUnknown, "describe the workflow of crm/audit: Request unauthorized."},
		[]string{actions[0].Workflow, actions[0].WorkflowFault})

	id := workflows.DestinationActionID("crm", "upsert")
	require.NoError(t, cfg.Temporal.TerminateWorkflow(s.ctx, id, "", "a test"))
	actions = show(c)
	require.Equal(t, deliveryclient.WorkflowNotRunning, actions[1].Workflow)
	require.Regexp(t, `^workflow closed at 20\d\d-.*Z; a worker restarts it within a minute$`, actions[1].WorkflowFault)
	for _, ref := range []deliveryacts.ActionRef{audit, upsert} {
		_, started, err = c.Recover(s.ctx, ref)
		require.NoError(t, err)
		require.True(t, started)
	}

	// With a worker for each of its actions the destination is healthy.
	d := s.destinations(func(context.Context) (*deliveryclient.Client, error) { return c, nil }, crm{})
	state := func() string {
		t.Helper()
		v, err := d.Show(s.ctx, "crm")
		require.NoError(t, err)
		some, err := d.List(s.ctx, deliveryclient.DestinationFilter{State: v.State})
		require.NoError(t, err)
		require.Len(t, some, 1)
		return v.State
	}
	s.heartbeat(t, "crm", "audit")
	require.Equal(t, deliveryclient.DestinationUnhealthy, state())
	s.heartbeat(t, "crm", "audit", "upsert")
	require.Equal(t, deliveryclient.DestinationHealthy, state())
	require.NoError(t, s.Deliveries.Pause(s.ctx, "crm", "", "ann"))
	require.Equal(t, deliveryclient.DestinationPaused, state())
	s.job(t, "crm", "audit", "typo", time.Time{})
	require.Equal(t, deliveryclient.DestinationUnhealthy, state(), "a job waits for a connection that does not exist")

	gone, cancel := context.WithCancel(s.ctx)
	cancel()
	_, err = c.Workflow(gone, audit)
	require.ErrorContains(t, err, "describe the workflow of crm/audit: ")
}
