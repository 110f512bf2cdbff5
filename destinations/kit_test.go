package destinations_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/destinations"
)

// Defaults are those of the kit's original: hourly, 72 retries, not realtime.
func TestDefaults(t *testing.T) {
	t.Parallel()
	schedule := destinations.Defaults().DefaultSchedule
	require.False(t, schedule.Realtime)
	require.Equal(t, "@every 1h", schedule.Interval)
	require.EqualValues(t, 72, *schedule.MaxRetries)
	destinations.Defaults().DefaultSchedule.Interval = "@daily"
	require.Equal(t, "@every 1h", destinations.Defaults().DefaultSchedule.Interval, "they are no one's to change")
	require.Equal(t, "destination", destinations.InterfaceDestination)
	require.Equal(t, "destination/action", destinations.InterfaceAction)
}

func TestActionsByDestination(t *testing.T) {
	t.Parallel()
	d := &fake{name: "crm", actions: []destinations.Action{&action{name: "upsert"}, &action{name: "remove"}}}
	actions := destinations.NewRegistry(d).Actions()
	require.Equal(t, destinations.Actions{"crm": d.actions}, actions)
}

// Marshal receives the future ID of its job, and its caller.
func TestToolkitOfMarshal(t *testing.T) {
	t.Parallel()
	var seen *destinations.Toolkit
	a := &action{name: "upsert", marshal: func(tk *destinations.Toolkit, _ destinations.Event) (*destinations.Job, error) {
		seen = tk
		return &destinations.Job{}, nil
	}}
	d := &fake{name: "crm", actions: []destinations.Action{a}}
	service := &destinations.Service{Name: destinations.ServiceGateway, ID: "1@host"}
	given := &destinations.Toolkit{Service: service}
	job, made, err := destinations.MakeJob(context.Background(), given, &destinations.Versions{}, d, a, destinations.Event{ID: "e1"})
	require.NoError(t, err)
	require.True(t, made)
	require.NotEmpty(t, job.ID)
	require.Equal(t, job.ID, seen.JobID)
	require.Equal(t, "e1", seen.EventID)
	require.Same(t, service, seen.Service)
	require.Empty(t, given.JobID, "it is for this one alone")
}

// Jobs that are discarded without an error stay discarded, and say so.
func TestForceDiscardWithoutError(t *testing.T) {
	t.Parallel()
	q := &destinations.Queue{Events: []destinations.QueuedEvent{{Jobs: []destinations.QueuedJob{{ID: "a", Attempt: 1}}}}}
	o := destinations.OutcomeOf(q, []destinations.Then{{ForceDiscard: true, OnDiscarded: []destinations.Next{{Action: "x"}}}}, 72)
	require.Equal(t, destinations.StateDiscarded, o.Results[0].State)
	require.EqualError(t, o.Results[0].Error, "ForceDiscard without Error")
	require.Len(t, o.Results[0].Next, 1)
	require.Equal(t, []error{errors.New("report 1: ForceDiscard without Error: a discarded job needs its reason")}, o.Faults)
}
