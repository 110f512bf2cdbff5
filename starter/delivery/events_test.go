package delivery_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/destinations/webhook"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	"github.com/sluicehq/sluice/workflows"
)

var post = deliveryacts.ActionRef{Destination: "webhook", Action: "post"}

// order is an event with that text, as it stands in JSON, in it.
func order(key, text string) deliveryclient.EventRequest {
	return deliveryclient.EventRequest{
		Source: "shop", Name: "order", IdempotencyKey: key, To: []deliveryacts.ActionRef{post},
		Data: json.RawMessage(`{"connection": "ops", "type": "order", "data": {"text": "` + text + `"}}`),
	}
}

// Events that come at once are stored together, and what is wrong with one is wrong with
// that one alone.
func TestAddEventAtOnce(t *testing.T) {
	t.Parallel()
	h, _ := setupPosting(t)
	const n = 60
	added, faults := make([]deliverystore.AddedEvent, n), make([]error, n)
	var adding sync.WaitGroup
	for i := range n {
		adding.Go(func() {
			text := "good"
			switch i % 10 {
			case 3:
				// Go takes it for JSON, PostgreSQL does not.
				text = `\u0000`
			case 7:
				text = strings.Repeat("x", webhook.MaxData)
			}
			// Every two have a key in common.
			added[i], faults[i] = h.AddEvent(h.ctx, order(fmt.Sprint(i/10, i%10/2, i%10 == 3 || i%10 == 7), text))
		})
	}
	adding.Wait()
	created := map[string]int{}
	for i := range n {
		switch i % 10 {
		case 3:
			require.ErrorIs(t, faults[i], deliverystore.ErrPayload)
		case 7:
			require.ErrorContains(t, faults[i], `field "data" of the data`)
		default:
			require.NoError(t, faults[i])
			require.Len(t, added[i].Jobs, 1)
			if added[i].Created {
				created[added[i].Event.ID]++
			} else {
				created[added[i].Event.ID] += 0
			}
		}
	}
	require.Len(t, created, n/10*5, "each key once")
	for id, times := range created {
		require.Equal(t, 1, times, id)
	}
	jobs, err := h.store.Deliveries.CountJobs(h.ctx, deliverystore.JobFilter{})
	require.NoError(t, err)
	require.EqualValues(t, len(created), jobs)
}

// Producers are notified of jobs; the workflow of the action is not signalled.
func TestAddEventNotifies(t *testing.T) {
	t.Parallel()
	h, s := setupPosting(t)
	heard, err := h.store.Subscribe(h.ctx, deliverystore.AddedChannel)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, heard.Close(h.ctx)) })
	_, err = h.AddEvent(h.ctx, order("", "x"))
	require.NoError(t, err)
	payload, told, err := heard.Await(h.ctx)
	require.NoError(t, err)
	require.True(t, told)
	require.Equal(t, "webhook/post", payload)
	id := workflows.DestinationActionID("webhook", "post")
	_, err = s.Temporal.DescribeWorkflowExecution(h.ctx, id, "")
	var missing *serviceerror.NotFound
	require.ErrorAs(t, err, &missing)

	// The signal is for other services. It starts the workflow if it does not run.
	require.NoError(t, h.Wake(h.ctx, []deliveryacts.ActionRef{post}))
	history := s.Temporal.GetWorkflowHistory(h.ctx, id, "", false, enums.HISTORY_EVENT_FILTER_TYPE_ALL_EVENT)
	signals := 0
	for history.HasNext() {
		event, err := history.Next()
		require.NoError(t, err)
		if event.GetEventType() == enums.EVENT_TYPE_WORKFLOW_EXECUTION_SIGNALED {
			signals++
		}
	}
	require.Equal(t, 1, signals)
}
