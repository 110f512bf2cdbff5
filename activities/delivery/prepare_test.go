package delivery_test

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/internal/enginetest"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// picky is the destination crm with an action whose Marshal depends on the event's data.
type picky struct{ crm }

func (p picky) Actions() []destinations.Action {
	return []destinations.Action{pickyAction{crmAction{p.crm, "upsert", true}}}
}

type pickyAction struct{ crmAction }

func (pickyAction) Marshal(_ context.Context, tk *destinations.Toolkit, e destinations.Event) (*destinations.Job, error) {
	switch string(e.Data) {
	case `{"is": "nothing"}`:
		return nil, nil //nolint:nilnil // the contract: nothing to do
	case `{"is": "refused"}`:
		return nil, errors.New("no such thing")
	case `{"is": "zero"}`:
		return &destinations.Job{Data: json.RawMessage(`"\u0000"`)}, nil
	}
	data, err := json.Marshal(map[string]string{"connection": "shop", "job": tk.JobID, "event": e.ID, "version": e.Version})
	return &destinations.Job{Data: data}, err
}

// The worker that claims an unprepared job gives it the payload of Marshal and then delivers it. What
// Marshal refuses is discarded with its reason, and keeps no other job from being delivered.
func TestUnpreparedJobs(t *testing.T) {
	t.Parallel()
	d := &deliveries{t: t, ctx: enginetest.Context(t), loaded: map[string]int{}, observed: map[string]int{}}
	d.Destinations = &delivery.Destinations{
		Store: enginetest.Store(t).Deliveries, Registry: destinations.NewRegistry(picky{crm{d.loadJobs}}), Versions: &destinations.Versions{},
		Logger: slog.New(slog.DiscardHandler), Observer: d, ReportIdle: 50 * time.Millisecond,
	}
	d.start(d.Destinations)
	event := deliverystore.NewEvent{Source: "shop", Data: json.RawMessage(`{"the": "event"}`)}
	for _, is := range []string{"good", "nothing", "refused", "zero", "good"} {
		event.Jobs = append(event.Jobs, deliverystore.NewJob{
			Destination: "crm", Action: "upsert", Data: json.RawMessage(`{"is": "` + is + `"}`), Unprepared: true,
		})
	}
	event.Jobs = append(event.Jobs, deliverystore.NewJob{Destination: "crm", Action: "upsert", Data: json.RawMessage(`{"is": "nothing"}`)})
	added, err := d.Store.AddEvent(d.ctx, event)
	require.NoError(t, err)
	for d.count() < 3 {
		d.drain("upsert", false)
	}
	for i, want := range []struct{ state, reason string }{
		{deliverystore.JobSucceeded, ""},
		{deliverystore.JobDiscarded, "the action has nothing to do with the event"},
		{deliverystore.JobDiscarded, "marshal for crm/upsert: no such thing"},
		{deliverystore.JobDiscarded, "does not store"},
		{deliverystore.JobSucceeded, ""},
		{deliverystore.JobSucceeded, ""},
	} {
		job, err := d.Store.Job(d.ctx, added.Jobs[i])
		require.NoError(t, err)
		require.Equal(t, want.state, job.State, i)
		why, err := deliverystore.ErrorOf(job.LastError)
		require.NoError(t, err)
		require.Contains(t, why.Message, want.reason)
	}
	job, err := d.Store.Job(d.ctx, added.Jobs[0])
	require.NoError(t, err)
	require.JSONEq(t, `{"connection": "shop", "job": "`+job.ID+`", "event": "`+added.Event.ID+`", "version": ""}`, string(job.Data))
	require.Equal(t, "shop", job.Connection)
	require.EqualValues(t, 1, job.Attempt, "the preparation is no attempt")
	require.Equal(t, map[string]int{"upsert " + deliverystore.JobSucceeded: 3, "upsert " + deliverystore.JobDiscarded: 3}, d.observed)
}
