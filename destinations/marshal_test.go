package destinations_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/destinations"
)

// A job for another program's destination keeps the event's payload; that program makes the job of it, under
// the same ID.
func TestUnpreparedJob(t *testing.T) {
	t.Parallel()
	e := destinations.Event{ID: "1", Context: json.RawMessage(`{"c": 1}`), Data: json.RawMessage(`{"no": 1}`)}
	n, err := destinations.UnpreparedJob("crm", "upsert", e)
	require.NoError(t, err)
	require.NotEmpty(t, n.ID)
	require.Equal(t, destinations.NewJob{
		ID: n.ID, Destination: "crm", Action: "upsert", Context: e.Context, Data: e.Data, Unprepared: true,
	}, n)

	due := time.Now().Add(time.Hour)
	upsert := &action{name: "upsert", marshal: func(tk *destinations.Toolkit, e destinations.Event) (*destinations.Job, error) {
		require.Equal(t, n.ID, tk.JobID)
		require.JSONEq(t, `{"no": 1}`, string(e.Data))
		return &destinations.Job{Data: json.RawMessage(`{"row": 1}`), DueAt: due}, nil
	}}
	crm := &fake{name: "crm", actions: []destinations.Action{upsert}}
	claimed := destinations.QueuedJob{ID: n.ID, EventID: "1", Context: n.Context, Data: n.Data}
	prepared, made, err := destinations.PrepareJob(t.Context(), nil, &destinations.Versions{}, crm, upsert, destinations.Event{ID: "1"}, claimed)
	require.NoError(t, err)
	require.True(t, made)
	require.Equal(t, destinations.NewJob{
		ID: n.ID, Destination: "crm", Action: "upsert", Context: e.Context, Data: json.RawMessage(`{"row": 1}`), DueAt: due,
	}, prepared)
}

func TestUnpreparedJobRefuses(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{
		`{`: destinations.ErrPayload,
		`"` + strings.Repeat("x", destinations.MaxPayload) + `"`: destinations.ErrTooLarge,
	} {
		_, err := destinations.UnpreparedJob("crm", "upsert", destinations.Event{Data: json.RawMessage(text)})
		require.ErrorIs(t, err, want)
		require.ErrorContains(t, err, "job of crm/upsert: ")
		require.Less(t, len(err.Error()), 200, "the error does not quote the payload")
	}
}

// Several faults are one line of a table, and each is still found.
func TestJoin(t *testing.T) {
	t.Parallel()
	require.NoError(t, destinations.Join(nil, nil))
	second := errors.New("second")
	err := destinations.Join(errNo, nil, second)
	require.EqualError(t, err, "no; second")
	require.ErrorIs(t, err, errNo)
	require.ErrorIs(t, err, second)
}
