package destinations_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/connections"
	"github.com/sluicehq/sluice/destinations"
)

// refusing opens no connection, with an error.
type refusing struct{ err error }

// Open returns the error.
func (r refusing) Open(context.Context, string) (connections.Connection, error) {
	return connections.Connection{}, r.err
}

// delivered runs a destination on one job.
func delivered(t *testing.T, crm *fake, opener connections.Opener) destinations.Delivered {
	t.Helper()
	plan, err := destinations.PlanOf(crm, crm.actions[0], nil)
	require.NoError(t, err)
	job := destinations.QueuedJob{ID: "1", EventID: "e", Version: "v1", Context: json.RawMessage(`{"c": 1}`), Data: json.RawMessage(`{"d": 1}`)}
	return destinations.Delivery{
		Destination: crm, Action: crm.actions[0], Plan: plan, Versions: &destinations.Versions{},
		Queue:   destinations.NewQueue([]destinations.QueuedJob{job}, map[string]destinations.Event{"e": {ID: "e"}}),
		Toolkit: &destinations.Toolkit{Logger: slog.New(slog.DiscardHandler), Connections: opener},
	}.Run(t.Context())
}

// A job that follows has what the report says, and otherwise what its parent had. A job that cannot be made
// is a fault of the destination, and the others are made.
func TestChainedJobs(t *testing.T) {
	t.Parallel()
	var made []destinations.Event
	audit := &action{name: "audit", marshal: func(_ *destinations.Toolkit, e destinations.Event) (*destinations.Job, error) {
		if string(e.Data) == `{"bad": 1}` {
			return nil, errors.New("it is bad")
		}
		made = append(made, e)
		return &destinations.Job{Data: e.Data}, nil
	}}
	upsert := &action{name: "upsert", load: func(_ context.Context, _ *destinations.Queue, report func(destinations.Then)) {
		report(destinations.Then{OnSucceeded: []destinations.Next{
			{Action: "audit"},
			{Action: "audit", Version: "v2", Context: json.RawMessage(`{"c": 2}`), Data: json.RawMessage(`{"d": 2}`)},
			{Action: "audit", Data: json.RawMessage(`{"bad": 1}`)},
			{Action: "none"},
		}})
	}}
	crm := &fake{
		name: "crm", actions: []destinations.Action{upsert, audit},
		options: destinations.Options{Versions: map[string]time.Time{"v1": {}, "v2": {}}},
	}
	done := delivered(t, crm, connections.None{})
	require.Len(t, done.Outcomes[0].Chained, 2, "%v %+v", done.Outcome.Faults, done.Outcomes)
	require.Equal(t, []string{"v1", "v2"}, []string{made[0].Version, made[1].Version})
	require.JSONEq(t, `{"c": 1}`, string(made[0].Context))
	require.JSONEq(t, `{"d": 2}`, string(made[1].Data))
	require.ErrorContains(t, errors.Join(done.Outcome.Faults...), "job 1: what follows: ")
	require.Len(t, done.Outcome.Faults, 2)
}

// opening is an action that only opens a connection.
type opening struct{ *action }

// Load reports how the opening went.
func (opening) Load(ctx context.Context, tk *destinations.Toolkit, _ *destinations.Queue, report func(destinations.Then)) {
	_, err := tk.Connections.Open(ctx, "ops")
	report(destinations.Then{Error: err})
}

// A connection that an operator has to fix has another class than one that only this job names.
func TestClassOfOpening(t *testing.T) {
	t.Parallel()
	upsert := opening{&action{name: "upsert"}}
	for want, err := range map[destinations.ErrorClass]error{
		destinations.ErrorClassOperator: connections.ErrSealBroken, destinations.ErrorClassJob: errors.New("the name is invalid"),
	} {
		done := delivered(t, &fake{name: "crm", actions: []destinations.Action{upsert}}, refusing{err})
		require.Equal(t, want, destinations.ClassOf(done.Outcome.Results[0].Error))
		require.ErrorIs(t, done.Outcome.Results[0].Error, err)
	}
}

// A destination without a label is refused; a process has a name of its own.
func TestNames(t *testing.T) {
	t.Parallel()
	require.ErrorContains(t, destinations.Check(&unlabelled{fake{name: "crm"}}), "there is no label")
	one := destinations.NewService(destinations.ServiceGateway)
	require.Equal(t, destinations.ServiceGateway, one.Name)
	require.Regexp(t, `^\d+@.+`, one.ID)
	require.Len(t, destinations.States(), 5)
}

// unlabelled is a destination without a label.
type unlabelled struct{ fake }

// Label returns none.
func (*unlabelled) Label() string { return "" }
