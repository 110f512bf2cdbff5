package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"github.com/sluicehq/sluice/access"
	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// tagEvents is the resource of events in the document.
const tagEvents = "events"

// events adds the operations of events.
func (a *API) events() {
	add := func(o operation) operation {
		o.tag, o.reach = tagEvents, reachAll
		return o
	}
	register(a, add(operation{
		id: "list-events", method: http.MethodGet, path: "/events",
		summary: "List events, newest first", need: access.PermissionRead,
	}), a.listEvents)
	register(a, add(operation{
		id: "show-event", method: http.MethodGet, path: "/events/{event}",
		summary: "Show an event with its payload, parts and jobs", need: access.PermissionRead, description: aboutPayloads,
	}), a.showEvent)
	register(a, add(operation{
		id: "send-event", method: http.MethodPost, path: "/events", status: http.StatusCreated,
		summary: "Send an event to destinations", need: access.PermissionOperate,
		description: "It creates a job for each action of `to` and of each applied flow that matches it. An event with the " +
			"`idempotency_key` of an earlier one of its source is not stored again; `created` is false then.",
	}), a.sendEvent)
	register(a, add(operation{
		id: "purge-events", method: http.MethodPost, path: "/events/purge",
		summary: "Delete old events with their jobs and job history", need: access.PermissionAdminister,
		description: "An event is deleted with its parts when all of their jobs are in one of the states.",
	}), a.purgeEvents)
}

type listEventsInput struct {
	Page
	EventFilter
	Parent        string `query:"parent" maxLength:"64" doc:"Only parts of the event of this ID."`
	Notifications bool   `query:"notifications" doc:"Include notifications of imports, events of the source sluice."`
}

func (a *API) listEvents(ctx context.Context, in *listEventsInput) (*List[deliveryclient.Event], error) {
	filter, _ := in.filter()
	filter.ParentID = in.Parent
	if !in.Notifications {
		filter = deliveryclient.WithoutNotifications(filter)
	}
	return paged(ctx, in.Page, func(before string, limit int) ([]deliveryclient.Event, error) {
		return a.eventClient().List(ctx, filter, deliverystore.Page{Before: before, Limit: int32(limit)})
	}, func(e deliveryclient.Event) string { return e.ID })
}

// EventPath is the input of an operation on an event.
type EventPath struct {
	Event string `path:"event" maxLength:"64" doc:"ID of the event."`
}

func (a *API) showEvent(ctx context.Context, in *EventPath) (*output[deliveryclient.EventDetails], error) {
	event, err := a.eventClient().Show(ctx, in.Event)
	if err != nil {
		return nil, err
	}
	if err := redactFor(ctx, &event.Context, &event.Data); err != nil {
		return nil, fmt.Errorf("show event %s: %w", in.Event, err)
	}
	return answer(event, nil)
}

// SentEvent is an event to be delivered.
type SentEvent struct {
	Source         string                     `json:"source" minLength:"1" maxLength:"100" example:"shop" doc:"System that sends it."`
	Name           string                     `json:"name,omitempty" maxLength:"100" example:"order.paid" doc:"What happened."`
	Version        string                     `json:"version,omitempty" maxLength:"100" doc:"Version of its schema. Defaults to the destination's."`
	Context        map[string]json.RawMessage `json:"context,omitempty" doc:"Circumstances of the event."`
	Data           map[string]json.RawMessage `json:"data,omitempty" doc:"Data of the event."`
	IdempotencyKey string                     `json:"idempotency_key,omitempty" maxLength:"255" doc:"Deduplicates the events of the source."`
	SentAt         time.Time                  `json:"sent_at,omitzero" doc:"When it happened, according to the source."`
	To             []ActionName               `json:"to,omitempty" maxItems:"50" doc:"Actions that deliver it, beside those of flows."`
}

// ActionName names an action of a destination.
type ActionName struct {
	Destination string `json:"destination" minLength:"1" maxLength:"50" example:"webhook"`
	Action      string `json:"action" minLength:"1" maxLength:"50" example:"post"`
}

// AddedEvent is the result of send-event.
type AddedEvent struct {
	EventID string      `json:"event_id"`
	Created bool        `json:"created" doc:"False if the source has sent an event with this key before."`
	Jobs    []string    `json:"jobs" doc:"IDs of its jobs."`
	Kept    []FlowFault `json:"kept" doc:"Flows that failed for the event, for which it is kept."`
}

// FlowFault is a flow that failed for an event.
type FlowFault struct {
	Flow   string `json:"flow"`
	Reason string `json:"reason"`
}

func (a *API) sendEvent(ctx context.Context, in *input[SentEvent]) (*created[AddedEvent], error) {
	request := deliveryclient.EventRequest{
		Source: in.Body.Source, Name: in.Body.Name, Version: in.Body.Version, IdempotencyKey: in.Body.IdempotencyKey,
		SentAt: in.Body.SentAt,
	}
	var err error
	if request.Context, err = objectOf(in.Body.Context); err != nil {
		return nil, err
	}
	if request.Data, err = objectOf(in.Body.Data); err != nil {
		return nil, err
	}
	for _, to := range in.Body.To {
		request.To = append(request.To, deliveryacts.ActionRef{Destination: to.Destination, Action: to.Action})
	}
	added, err := a.cfg.Deliveries.AddEvent(ctx, request)
	if err != nil {
		return nil, err
	}
	out := &created[AddedEvent]{
		Location: pathOf("/events/%s", segment(added.Event.ID)),
		Body: AddedEvent{
			EventID: added.Event.ID, Created: added.Created, Jobs: append([]string{}, added.Jobs...), Kept: []FlowFault{},
		},
	}
	for _, f := range added.Faults {
		out.Body.Kept = append(out.Body.Kept, FlowFault{Flow: f.Flow, Reason: f.Reason})
	}
	return out, nil
}

// EventPurge is the body of purge-events.
type EventPurge struct {
	ReceivedBefore time.Time `json:"received_before" doc:"Delete events that were received before this time."`
	States         []string  `json:"states,omitempty" maxItems:"3" enum:"succeeded,discarded,cancelled" doc:"States that all of their jobs must have; succeeded by default."`
	Sources        []string  `json:"sources,omitempty" maxItems:"100" doc:"Only these sources of events."`
	NotSources     []string  `json:"not_sources,omitempty" maxItems:"100" doc:"Not these sources of events."`
	DryRun         bool      `json:"dry_run,omitempty" doc:"Count the events, and delete none."`
}

// Purged counts what a purge has deleted.
type Purged struct {
	DryRun      bool  `json:"dry_run" doc:"Nothing was deleted."`
	Events      int64 `json:"events"`
	Jobs        int64 `json:"jobs"`
	Transitions int64 `json:"transitions" doc:"Lines of the history of jobs."`
}

func (a *API) purgeEvents(ctx context.Context, in *input[EventPurge]) (*output[Purged], error) {
	purged, err := a.eventClient().Purge(ctx, deliverystore.Retention{
		ReceivedBefore: in.Body.ReceivedBefore, States: in.Body.States, Sources: in.Body.Sources,
		NotSources: in.Body.NotSources,
	}, in.Body.DryRun)
	return answer(Purged{
		DryRun: in.Body.DryRun, Events: purged.Events, Jobs: purged.Jobs, Transitions: purged.Transitions,
	}, err)
}
