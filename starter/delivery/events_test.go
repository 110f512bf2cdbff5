package delivery_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	enums "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/webhook"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	"github.com/sluicehq/sluice/starter/internal/call"
	"github.com/sluicehq/sluice/store"
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

// Of a call with so many events that it has its own transaction, those that the store refuses are not stored, and all
// others are.
func TestAddManyEvents(t *testing.T) {
	t.Parallel()
	h, _ := setupPosting(t)
	requests := make([]deliveryclient.EventRequest, 130)
	refused := map[int]bool{0: true, 64: true, 65: true, 129: true}
	for i := range requests {
		text := "good"
		if refused[i] {
			text = `\u0000`
		}
		requests[i] = order(fmt.Sprint(i), text)
	}
	results, err := h.AddEvents(h.ctx, requests)
	require.NoError(t, err)
	require.Len(t, results, len(requests))
	for i, r := range results {
		if refused[i] {
			require.ErrorIs(t, r.Err, deliverystore.ErrPayload, i)
			continue
		}
		require.NoError(t, r.Err, i)
		require.True(t, r.Created, i)
		require.Equal(t, fmt.Sprint(i), *r.Event.IdempotencyKey)
	}
	jobs, err := h.store.Deliveries.CountJobs(h.ctx, deliverystore.JobFilter{})
	require.NoError(t, err)
	require.EqualValues(t, len(requests)-len(refused), jobs)

	ended, end := context.WithCancel(h.ctx)
	end()
	_, err = h.AddEvents(ended, requests)
	require.ErrorIs(t, err, context.Canceled)
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

// An event with the key of an earlier one of its source changes nothing, and returns that one.
func TestRepeatedEvent(t *testing.T) {
	t.Parallel()
	s := setupStore(t)
	c := s.client(t, crm{})
	sent := time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)
	r := deliveryclient.EventRequest{
		Source: "shop", Name: "paid", Version: "v1", IdempotencyKey: "7", SentAt: sent,
		Context: json.RawMessage(`{"country": "DE"}`), Data: json.RawMessage(`{"total": 12}`),
		To:    []deliveryacts.ActionRef{{Destination: "crm", Action: "upsert"}},
		Parts: []deliveryclient.EventRequest{{Name: "item", To: []deliveryacts.ActionRef{{Destination: "crm", Action: "audit"}}}},
	}
	first, err := c.AddEvent(s.asAnn(), r)
	require.NoError(t, err)
	require.True(t, first.Created)
	require.Len(t, first.Jobs, 2)
	require.Equal(t, "shop", first.SubEvents[0].Event.Source, "a part has the source of the whole")
	shown, err := s.events().Show(s.ctx, first.Event.ID)
	require.NoError(t, err)
	require.Equal(t, []string{"paid", "v1", "7"}, []string{shown.Name, shown.Version, *shown.IdempotencyKey})
	require.True(t, sent.Equal(*shown.SentAt))
	job, err := s.jobs().Show(s.ctx, first.Jobs[0])
	require.NoError(t, err)
	require.Equal(t, []string{"crm", "upsert", "v1", "acknowledged"}, []string{job.Destination, job.Action, job.Version, job.State})
	require.JSONEq(t, `{"total": 12}`, string(job.Data))
	require.JSONEq(t, `{"country": "DE"}`, string(job.Context))
	require.True(t, sent.Equal(*job.SentAt))
	entry := s.lastAudit(t)
	require.Equal(t, []string{"event.send", first.Event.ID}, []string{entry.Operation, entry.SubjectID})

	r.Data = json.RawMessage(`{"total": 13}`)
	again, err := c.AddEvent(s.asAnn(), r)
	require.NoError(t, err)
	require.False(t, again.Created)
	require.Equal(t, first.Event.ID, again.Event.ID)
	require.ElementsMatch(t, first.Jobs, again.Jobs)
	require.JSONEq(t, `{"total": 12}`, string(again.Event.Data))
	require.Equal(t, entry, s.lastAudit(t), "a repetition is not recorded")
	r.Source = "blog"
	other, err := c.AddEvent(s.ctx, r)
	require.NoError(t, err)
	require.True(t, other.Created, "keys belong to a source")

	results, err := c.AddEvents(s.asAnn(), []deliveryclient.EventRequest{
		{Source: "shop", IdempotencyKey: "7"}, {Source: "shop"}, {}, {Source: "shop", IdempotencyKey: "8"},
	})
	require.NoError(t, err)
	require.Equal(t, []bool{false, true, false, true},
		[]bool{results[0].Created, results[1].Created, results[2].Created, results[3].Created})
	require.EqualError(t, results[2].Err, "the event has no source: want the name of the system that sends it")
	entry = s.lastAudit(t)
	var after struct {
		Events int
		IDs    []string
	}
	require.NoError(t, json.Unmarshal(entry.After, &after))
	require.Equal(t, 2, after.Events)
	require.Equal(t, []string{results[1].Event.ID, results[3].Event.ID}, after.IDs)
	none, err := c.AddEvents(s.ctx, nil)
	require.NoError(t, err)
	require.Empty(t, none)
}

// What is wrong with an event is an invalid request, with every fault, and nothing is stored.
func TestInvalidEvents(t *testing.T) {
	t.Parallel()
	s := setupStore(t)
	c := s.client(t, crm{})
	to := func(destination, action string) []deliveryacts.ActionRef {
		return []deliveryacts.ActionRef{{Destination: destination, Action: action}}
	}
	upsert := to("crm", "upsert")
	long := strings.Repeat("x", deliveryclient.MaxEventText+1)
	for want, test := range map[string]struct {
		request deliveryclient.EventRequest
		is      error
	}{
		"the event has no source: want the name of the system that sends it": {},
		"the source of the event has 101 bytes: want at most 100\n" +
			"the name of the event holds a control character: want printable text\n" +
			"the version of the event is not valid UTF-8\n" +
			"the idempotency key of the event has 256 bytes: want at most 255": {request: deliveryclient.EventRequest{
			Source: long, Name: "a\tb", Version: "\xff", IdempotencyKey: strings.Repeat("k", deliveryclient.MaxEventKey+1),
		}},
		`unknown destination "cmr" (want crm, mail)`: {
			deliveryclient.EventRequest{Source: "shop", To: to("cmr", "upsert")}, store.ErrNotFound,
		},
		`crm: unknown action "write" (want audit, upsert)`: {
			deliveryclient.EventRequest{Source: "shop", To: to("crm", "write")}, store.ErrNotFound,
		},
		`mail: unknown action "read" (want send)`: {
			deliveryclient.EventRequest{Source: "shop", To: to("mail", "read")}, store.ErrNotFound,
		},
		`crm: version "v3": the destination does not know the version: it takes v1, v2`: {
			deliveryclient.EventRequest{Source: "shop", Version: "v3", To: upsert}, destinations.ErrVersion,
		},
		"job of crm/upsert: " + destinations.ErrPayload.Error(): {
			deliveryclient.EventRequest{Source: "shop", Data: json.RawMessage(`{`), To: upsert}, destinations.ErrPayload,
		},
		"job of mail/send: " + destinations.ErrPayload.Error(): {
			deliveryclient.EventRequest{Source: "shop", Data: json.RawMessage(`{`), To: to("mail", "send")}, destinations.ErrPayload,
		},
		"add an event of shop: data: " + deliverystore.ErrPayload.Error(): {
			deliveryclient.EventRequest{Source: "shop", Data: json.RawMessage(`{`)}, deliverystore.ErrPayload,
		},
		deliveryclient.ErrReservedSource.Error(): {
			deliveryclient.EventRequest{Source: "sluice"}, deliveryclient.ErrReservedSource,
		},
		"part 2: the source of the event has 101 bytes: want at most 100": {request: deliveryclient.EventRequest{
			Source: "shop", Parts: []deliveryclient.EventRequest{{}, {Source: long}},
		}},
		"part 1 has 2 parts: want none": {request: deliveryclient.EventRequest{
			Source: "shop", Parts: []deliveryclient.EventRequest{{Parts: make([]deliveryclient.EventRequest, 2)}},
		}},
	} {
		s.heartbeat(t, "mail", "send")
		_, err := c.AddEvent(s.ctx, test.request)
		require.ErrorIs(t, err, call.ErrInvalid, want)
		require.EqualError(t, err, want)
		if test.is != nil {
			require.ErrorIs(t, err, test.is)
		}
	}
	gone, cancel := context.WithCancel(s.ctx)
	cancel()
	_, err := c.AddEvent(gone, deliveryclient.EventRequest{Source: "shop"})
	require.ErrorIs(t, err, context.Canceled)
	n, err := s.events().Count(s.ctx, deliverystore.EventFilter{})
	require.NoError(t, err)
	require.Zero(t, n)
}

// The jobs of a destination that only another program has are prepared there. An action that has nothing to do with an
// event makes no job.
func TestJobsOfOffered(t *testing.T) {
	t.Parallel()
	s := setupStore(t)
	s.heartbeat(t, "mail", "send")
	c := s.client(t, crm{})
	require.Equal(t, []string{"crm"}, c.Registry().Names())
	added, err := c.AddEvent(s.ctx, deliveryclient.EventRequest{
		Source: "shop", Name: "noise", Version: "v2", Data: json.RawMessage(`{"to": "ann"}`),
		To: []deliveryacts.ActionRef{{Destination: "crm", Action: "audit"}, {Destination: "mail", Action: "send"}},
	})
	require.NoError(t, err)
	require.Len(t, added.Jobs, 1)
	job, err := s.jobs().Show(s.ctx, added.Jobs[0])
	require.NoError(t, err)
	require.Equal(t, []string{"mail", "send", "v2"}, []string{job.Destination, job.Action, job.Version})
	require.True(t, job.Unprepared)
	require.False(t, job.NoWorker)
	require.JSONEq(t, `{"to": "ann"}`, string(job.Data))
}
