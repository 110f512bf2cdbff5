package starter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/flow"
	"github.com/sluicehq/sluice/store"
)

// ErrNotWoken means that an event is stored with its jobs, but that the workflows of their
// actions could not be told. The jobs are loaded at the next time of the actions' schedules.
var ErrNotWoken = errors.New("the event is stored, but its destinations could not be told")

// EventRequest is an event to be delivered. Only Source is required.
type EventRequest struct {
	// Source is where it comes from, Name what about the source made it.
	Source string
	Name   string
	// Version is the version of its form.
	Version string
	// Context and Data are JSON objects. Default to {}.
	Context, Data json.RawMessage
	// IdempotencyKey names the occasion: a source's events of the same key are one.
	IdempotencyKey string
	// SentAt is when the source says that it happened.
	SentAt time.Time
	// To are the actions that it is delivered by, beside those that flows deliver it by.
	To []activities.ActionRef
	// Parts are parts of it, each with actions of its own and none with parts.
	Parts []EventRequest
}

// AddEvent makes the jobs of an event, stores it with them, everything or nothing, and tells
// those of their actions that load in realtime. Repeated under the same idempotency key it
// returns the event of the first time, and tells them again. A flow that fails for the event
// stops nothing: the event is kept for it, and AddedEvent.Faults names it. The error is ErrNotWoken if only
// that went wrong, destinations.ErrVersion, store.ErrPayload or what an action has to say
// about the event, or ErrReservedSource, if nothing is stored.
func (d *Destinations) AddEvent(ctx context.Context, r EventRequest) (store.AddedEvent, error) {
	results, err := d.AddEvents(ctx, []EventRequest{r})
	if err != nil {
		return store.AddedEvent{}, err
	}
	return results[0].AddedEvent, results[0].Err
}

// AddResult is how one event of AddEvents went.
type AddResult struct {
	store.AddedEvent
	// Err is why the event is not stored, or ErrNotWoken if it is.
	Err error
}

// AddEvents is AddEvent for several events at once, which costs little more than one. Each
// event stands for itself: one that an action refuses is not stored, and the others are. The
// answers are in their order. Calls that come at the same time share a transaction. The error
// is that of ctx, or of the store before it was asked.
func (d *Destinations) AddEvents(ctx context.Context, requests []EventRequest) ([]AddResult, error) {
	call := &eventCall{}
	for i := range requests {
		call.events = append(call.events, &pendingEvent{request: &requests[i]})
	}
	if err := d.adding.Call(ctx, call); err != nil {
		return nil, err
	}
	results := make([]AddResult, len(call.events))
	for i, e := range call.events {
		results[i] = AddResult{AddedEvent: e.added, Err: e.err}
	}
	return results, nil
}

// eventCall is a call of AddEvents.
type eventCall struct{ events []*pendingEvent }

// pendingEvent is an event on its way into the store.
type pendingEvent struct {
	request *EventRequest
	event   store.NewEvent
	added   store.AddedEvent
	err     error
}

// addEvents carries calls out together. What goes wrong with one event is no fault of the
// others.
func (d *Destinations) addEvents(ctx context.Context, calls []*eventCall) {
	program, err := d.flowProgram(ctx)
	var good []*pendingEvent
	for _, c := range calls {
		for _, e := range c.events {
			if e.err = err; err == nil {
				e.event, e.err = d.newEvent(ctx, program, *e.request)
			}
			if e.err == nil {
				good = append(good, e)
			}
		}
	}
	if len(good) == 0 {
		return
	}
	if !d.store(ctx, good) {
		for _, e := range good {
			d.store(ctx, []*pendingEvent{e})
		}
	}
	d.tell(ctx, good)
}

// store stores events in one transaction. It says whether each of them knows now how it went:
// several that have failed together have to be stored one by one.
func (d *Destinations) store(ctx context.Context, pending []*pendingEvent) bool {
	events := make([]store.NewEvent, len(pending))
	for i, e := range pending {
		events[i] = e.event
	}
	// The same event is told again: whoever has stored it may have died before.
	added, err := d.cfg.Store.AddEvents(ctx, events)
	if err != nil && len(pending) > 1 && ctx.Err() == nil {
		return false
	}
	for i, e := range pending {
		if e.err = err; err == nil {
			e.added = added[i]
		}
	}
	return true
}

// tell tells the actions that have to be told that there are jobs.
func (d *Destinations) tell(ctx context.Context, pending []*pendingEvent) {
	var events []store.NewEvent
	for _, e := range pending {
		if e.err == nil {
			events = append(events, e.event)
		}
	}
	refs, err := d.unattended(ctx, jobsOf(events))
	if err == nil {
		err = d.Wake(ctx, refs)
	}
	if err == nil {
		return
	}
	for _, e := range pending {
		if e.err == nil {
			e.err = fmt.Errorf("event %s: %w: %w", e.added.Event.ID, ErrNotWoken, err)
		}
	}
}

// TellNotifiers tells the actions that send notifications of imports that there are jobs.
func (d *Destinations) TellNotifiers(ctx context.Context) error {
	var jobs []store.NewJob
	for _, ref := range []activities.ActionRef{
		{Destination: "smtp", Action: "send"}, {Destination: "webhook", Action: "post"},
	} {
		if _, _, err := d.cfg.Registry.LookupAction(ref.Destination, ref.Action); err == nil {
			jobs = append(jobs, store.NewJob{Destination: ref.Destination, Action: ref.Action})
		}
	}
	refs, err := d.unattended(ctx, jobs)
	if err != nil {
		return err
	}
	return d.Wake(ctx, refs)
}

// newEvent makes the jobs of an event.
func (d *Destinations) newEvent(ctx context.Context, program *flow.Program, r EventRequest) (store.NewEvent, error) {
	if r.Source == flow.SourceImport || r.Source == store.SourceSluice {
		return store.NewEvent{}, ErrReservedSource
	}
	if err := checkEvent(r); err != nil {
		return store.NewEvent{}, mark(err, ErrInvalid)
	}
	id, err := store.NewID()
	if err != nil {
		return store.NewEvent{}, err
	}
	n := store.NewEvent{
		ID: id, Source: r.Source, Trigger: r.Name, Version: r.Version, Context: r.Context, Data: r.Data,
		IdempotencyKey: r.IdempotencyKey, SentAt: r.SentAt,
	}
	event := destinations.Event{
		ID: id, Source: r.Source, Trigger: r.Name, Version: r.Version, Context: r.Context, Data: r.Data,
		SentAt: r.SentAt, ReceivedAt: time.Now(),
	}
	for _, ref := range r.To {
		dest, action, err := d.cfg.Registry.LookupAction(ref.Destination, ref.Action)
		if err != nil {
			return store.NewEvent{}, err
		}
		job, made, err := destinations.MakeJob(ctx, d.toolkit, d.versions, dest, action, event)
		if err != nil {
			return store.NewEvent{}, mark(err, ErrInvalid)
		}
		if made {
			n.Jobs = append(n.Jobs, job)
		}
	}
	made, faults := d.flowJobs(ctx, program, event)
	n.Jobs, n.Faults = append(n.Jobs, made...), faults
	for i, part := range r.Parts {
		if part.Source == "" {
			part.Source = r.Source
		}
		sub, err := d.newEvent(ctx, program, part)
		if err != nil {
			return store.NewEvent{}, fmt.Errorf("part %d: %w", i+1, err)
		}
		n.SubEvents = append(n.SubEvents, sub)
	}
	return n, nil
}

// unattended returns the actions that load in realtime, have some of the jobs, and have no
// load that looks for them anyway.
func (d *Destinations) unattended(ctx context.Context, jobs []store.NewJob) ([]activities.ActionRef, error) {
	var those []store.ActionName
	for _, job := range jobs {
		if name := (store.ActionName{Destination: job.Destination, Action: job.Action}); !slices.Contains(those, name) {
			those = append(those, name)
		}
	}
	if len(those) == 0 {
		return nil, nil
	}
	attended, err := d.cfg.Store.RingLookouts(ctx, those)
	if err != nil {
		return nil, err
	}
	var refs []activities.ActionRef
	for _, name := range those {
		if !slices.Contains(attended, name) {
			refs = append(refs, activities.ActionRef(name))
		}
	}
	return d.realtime(ctx, refs)
}

// realtime returns those of some actions that load in realtime.
func (d *Destinations) realtime(
	ctx context.Context, refs []activities.ActionRef,
) (those []activities.ActionRef, err error) {
	settings := map[string]map[string]store.DestinationSettings{}
	for _, ref := range refs {
		dest, action, err := d.cfg.Registry.LookupAction(ref.Destination, ref.Action)
		if err != nil {
			return nil, err
		}
		if settings[ref.Destination] == nil {
			if settings[ref.Destination], err = d.cfg.Store.Settings(ctx, ref.Destination); err != nil {
				return nil, err
			}
		}
		plan, err := destinations.PlanOf(dest, action, settings[ref.Destination])
		if err != nil {
			d.cfg.Logger.Error("settings are left aside", "destination", ref.Destination, "action", ref.Action, "error", err)
		}
		if plan.Realtime {
			those = append(those, ref)
		}
	}
	return those, nil
}

// jobsOf returns the jobs of events and of their parts.
func jobsOf(events []store.NewEvent) []store.NewJob {
	var jobs []store.NewJob
	for _, event := range events {
		jobs = append(append(jobs, event.Jobs...), jobsOf(event.SubEvents)...)
	}
	return jobs
}
