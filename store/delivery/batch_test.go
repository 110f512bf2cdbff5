package delivery_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/store/delivery"
)

// Several events are added at once, each as if it had come alone.
func TestAddEvents(t *testing.T) {
	t.Parallel()
	b := setup(t)
	known, err := b.AddEvent(b.ctx, newEvent("known", 2))
	require.NoError(t, err)
	whole := newEvent("whole", 1)
	whole.SubEvents = []delivery.NewEvent{newEvent("part", 1), newEvent("known", 1)}
	added, err := b.AddEvents(b.ctx, []delivery.NewEvent{
		newEvent("", 0), newEvent("known", 1), whole, newEvent("twice", 1), newEvent("twice", 3),
	})
	require.NoError(t, err)
	require.Len(t, added, 5)
	require.True(t, added[0].Created)
	require.Empty(t, added[0].Jobs)
	require.False(t, added[1].Created)
	require.Equal(t, known.Event, added[1].Event)
	require.Equal(t, known.Jobs, added[1].Jobs)
	require.True(t, added[2].Created)
	require.True(t, added[2].SubEvents[0].Created)
	require.False(t, added[2].SubEvents[1].Created, "as a part, too")
	require.Equal(t, known.Event, added[2].SubEvents[1].Event)
	require.Len(t, added[2].Jobs, 1+1+2)
	require.NotEqual(t, added[3].Created, added[4].Created)
	require.Equal(t, added[3].Event, added[4].Event)
	require.Equal(t, added[3].Jobs, added[4].Jobs)
	events, err := b.CountEvents(b.ctx, delivery.EventFilter{})
	require.NoError(t, err)
	require.EqualValues(t, 5, events, "the known one, one without a key, a whole with a part, one of two")

	// All of them, or none.
	bad := newEvent("", 1)
	bad.Jobs[0].Data = json.RawMessage(`{"a": "\u0000"}`)
	_, err = b.AddEvents(b.ctx, []delivery.NewEvent{newEvent("", 1), bad})
	require.ErrorIs(t, err, delivery.ErrPayload)
	again, err := b.CountEvents(b.ctx, delivery.EventFilter{})
	require.NoError(t, err)
	require.Equal(t, events, again)
	none, err := b.AddEvents(b.ctx, nil)
	require.NoError(t, err)
	require.Empty(t, none)
}
