package delivery_test

import (
	"encoding/json"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/delivery"
)

func TestAddEvent(t *testing.T) {
	t.Parallel()
	b := setup(t)
	n := newEvent("order-1", 2)
	n.SentAt = time.Date(2026, 2, 1, 12, 0, 0, 0, time.UTC)
	n.Jobs[1].Context = json.RawMessage(`{"own": true}`)
	n.Jobs[1].DueAt = time.Now().Add(time.Hour)
	n.SubEvents = []delivery.NewEvent{newEvent("order-1-a", 1), newEvent("", 0)}
	added, err := b.AddEvent(b.ctx, n)
	require.NoError(t, err)
	require.True(t, added.Created)
	require.Len(t, added.Jobs, 3)
	require.Len(t, added.SubEvents, 2)
	require.Equal(t, &added.Event.ID, added.SubEvents[0].Event.ParentEventID)

	event, err := b.Event(b.ctx, added.Event.ID)
	require.NoError(t, err)
	require.Equal(t, added.Event, event)
	require.JSONEq(t, `{"total": 12}`, string(event.Data))
	first, err := b.Job(b.ctx, added.Jobs[0])
	require.NoError(t, err)
	require.Equal(t, delivery.JobAcknowledged, first.State)
	require.JSONEq(t, `{"ip": "::1"}`, string(first.Context), "the event's")
	require.True(t, n.SentAt.Equal(*first.SentAt), "the event's")
	second, err := b.Job(b.ctx, added.Jobs[1])
	require.NoError(t, err)
	require.JSONEq(t, `{"own": true}`, string(second.Context))
	require.WithinDuration(t, n.Jobs[1].DueAt, *second.DueAt, time.Second)

	// The same again changes nothing, and gives what there is.
	again, err := b.AddEvent(b.ctx, n)
	require.NoError(t, err)
	require.False(t, again.Created)
	require.Equal(t, added.Event, again.Event)
	require.Equal(t, added.Jobs, again.Jobs)
	require.Equal(t, added.SubEvents[0].Event, again.SubEvents[0].Event)
	// Keys are a source's own.
	n.Source, n.SubEvents = "till", nil
	other, err := b.AddEvent(b.ctx, n)
	require.NoError(t, err)
	require.True(t, other.Created)
}

func TestAddEventAtOnce(t *testing.T) {
	t.Parallel()
	b := setup(t)
	var created atomic.Int32
	for _, err := range enginetest.AtOnce(8, func(int) error {
		added, err := b.AddEvent(b.ctx, newEvent("once", 2))
		if added.Created {
			created.Add(1)
		}
		if err == nil && len(added.Jobs) != 2 {
			err = fmt.Errorf("%d jobs instead of 2", len(added.Jobs))
		}
		return err
	}) {
		require.NoError(t, err)
	}
	require.EqualValues(t, 1, created.Load())
	n, err := b.CountJobs(b.ctx, delivery.JobFilter{})
	require.NoError(t, err)
	require.EqualValues(t, 2, n)
}

// An event that cannot be kept as a whole leaves nothing.
func TestAddEventRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	for name, change := range map[string]func(n *delivery.NewEvent){
		"context":   func(n *delivery.NewEvent) { n.Context = json.RawMessage(`{`) },
		"data":      func(n *delivery.NewEvent) { n.Data = json.RawMessage(`{"a": "\u0000"}`) },
		"surrogate": func(n *delivery.NewEvent) { n.Data = json.RawMessage(`{"a": "\ud800"}`) },
		"number":    func(n *delivery.NewEvent) { n.Data = json.RawMessage(`{"a": 1e999999}`) },
		"utf-8":     func(n *delivery.NewEvent) { n.Data = json.RawMessage("{\"a\": \"\xff\"}") },
		"job":       func(n *delivery.NewEvent) { n.Jobs[1].Data = json.RawMessage(`nope`) },
		"part":      func(n *delivery.NewEvent) { n.SubEvents[1].Data = json.RawMessage(`nope`) },
	} {
		n := newEvent("", 2)
		n.SubEvents = []delivery.NewEvent{newEvent("", 1), newEvent("", 1)}
		change(&n)
		_, err := b.AddEvent(b.ctx, n)
		require.ErrorIs(t, err, delivery.ErrPayload, name)
	}
	n := newEvent("", 0)
	n.SubEvents = []delivery.NewEvent{newEvent("", 0)}
	n.SubEvents[0].SubEvents = []delivery.NewEvent{newEvent("", 0)}
	_, err := b.AddEvent(b.ctx, n)
	require.ErrorContains(t, err, "a part of an event has parts: want none")
	count, err := b.CountEvents(b.ctx, delivery.EventFilter{})
	require.NoError(t, err)
	require.Zero(t, count)
	_, err = b.Event(b.ctx, "nope")
	require.ErrorIs(t, err, store.ErrNotFound)
	_, err = b.Job(b.ctx, "nope")
	require.ErrorIs(t, err, store.ErrNotFound)
}
