package delivery

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/flow"
	"github.com/sluicehq/sluice/internal/convert"
	"github.com/sluicehq/sluice/internal/groupcommit"
	"github.com/sluicehq/sluice/starter/internal/call"
	"github.com/sluicehq/sluice/store"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
)

// EventRequest is an event to be delivered. Only Source is required.
type EventRequest struct {
	// Source is where it comes from, Name what happened there, such as order.paid.
	Source string
	Name   string
	// Version is the version of its schema.
	Version string
	// Context and Data are JSON objects. Default to {}.
	Context, Data json.RawMessage
	// IdempotencyKey deduplicates the events of a source: one with a known key is not added again.
	IdempotencyKey string
	// SentAt is when it happened, according to the source.
	SentAt time.Time
	// To are the actions that deliver it, in addition to those of flows.
	To []deliveryacts.ActionRef
	// Parts are its sub-events, each with actions of its own. A part has no parts.
	Parts []EventRequest
}

// AddEvent makes the jobs of an event, stores the event and its jobs in one transaction, and notifies the
// producers. Repeated with the same idempotency key it returns the event of the first call. A flow that
// fails does not stop the event: the event is kept for a replay, and AddedEvent.Faults names the flow.
// The error is starter.ErrInvalid for an event that is wrong in itself, and also destinations.ErrVersion,
// destinations.ErrPayload, deliverystore.ErrPayload, ErrReservedSource, store.ErrNotFound for an unknown action, or
// the error of an action.
func (c *Client) AddEvent(ctx context.Context, r EventRequest) (deliverystore.AddedEvent, error) {
	results, err := c.AddEvents(ctx, []EventRequest{r})
	if err != nil {
		return deliverystore.AddedEvent{}, err
	}
	return results[0].AddedEvent, results[0].Err
}

// AddResult is the result of one event of AddEvents.
type AddResult struct {
	deliverystore.AddedEvent
	// Err is why the event was not stored.
	Err error
}

// AddEvents is AddEvent for several events at the cost of little more than one. A refused event does not
// affect the others. Results are in the order of the requests. Concurrent calls with few events share a
// transaction. The error is that of ctx.
func (c *Client) AddEvents(ctx context.Context, requests []EventRequest) ([]AddResult, error) {
	call := &eventCall{}
	for i := range requests {
		call.events = append(call.events, &pendingEvent{request: &requests[i]})
	}
	entry := store.AuditEntry{
		Operation: "event.send", SubjectType: "event", After: map[string]int{"events": len(requests)},
	}
	err := c.cfg.Store.Audited(ctx, entry, func(ctx context.Context) error {
		if err := c.addTogether(store.WithoutAudit(ctx), call); err != nil {
			return err
		}
		call.note(ctx)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return convert.Slice(call.events, func(e *pendingEvent) AddResult {
		return AddResult{AddedEvent: e.added, Err: e.err}
	}), nil
}

// eventCall is a call of AddEvents.
type eventCall struct{ events []*pendingEvent }

// minOwn is how many events of a call fill a transaction: one shared with other calls would be no cheaper, and
// delay them.
const minOwn = 100

// addTogether adds the events of a call in a transaction that it shares with concurrent calls, unless it has many.
func (c *Client) addTogether(ctx context.Context, call *eventCall) error {
	events := 0
	for _, e := range call.events {
		events += 1 + len(e.request.Parts)
	}
	if events < minOwn {
		return c.adding.Call(ctx, call)
	}
	own, cancel := context.WithTimeout(ctx, groupcommit.Timeout)
	defer cancel()
	c.addEvents(own, []*eventCall{call})
	return ctx.Err()
}

// maxNoted bounds the events that an entry of the audit names.
const maxNoted = 100

// note says in the audit which events were stored. A call that has stored none is not recorded.
func (c *eventCall) note(ctx context.Context) {
	ids := []string{}
	for _, e := range c.events {
		if e.err == nil && e.added.Created {
			ids = append(ids, e.added.Event.ID)
		}
	}
	switch n := len(ids); n {
	case 0:
		store.NoteUnchanged(ctx)
	case 1:
		store.NoteSubject(ctx, ids[0], "")
	default:
		store.NoteChange(ctx, nil, map[string]any{"events": n, "ids": ids[:min(n, maxNoted)]})
	}
}

// pendingEvent is an event that is being added.
type pendingEvent struct {
	request *EventRequest
	event   deliverystore.NewEvent
	added   deliverystore.AddedEvent
	err     error
}

// addEvents executes several calls together. An error of one event does not affect the others.
func (c *Client) addEvents(ctx context.Context, calls []*eventCall) {
	program, err := c.flowProgram(ctx)
	var good []*pendingEvent
	for _, one := range calls {
		for _, e := range one.events {
			if e.err = err; err == nil {
				e.event, e.err = c.newEvent(ctx, program, *e.request)
			}
			if e.err == nil {
				good = append(good, e)
			}
		}
	}
	if len(good) == 0 {
		return
	}
	c.storeAll(ctx, good)
	var added []deliverystore.NewEvent
	for _, e := range good {
		if e.err == nil {
			added = append(added, e.event)
		}
	}
	c.notify(ctx, jobsOf(added))
}

// storeAll stores events in as few transactions as the refused ones among them allow.
func (c *Client) storeAll(ctx context.Context, pending []*pendingEvent) {
	if !c.store(ctx, pending) {
		half := len(pending) / 2
		c.storeAll(ctx, pending[:half])
		c.storeAll(ctx, pending[half:])
	}
}

// store stores events in one transaction. It reports whether each of them has its result: of several that
// have failed together it is not known which one is to blame.
func (c *Client) store(ctx context.Context, pending []*pendingEvent) bool {
	events := convert.Slice(pending, func(e *pendingEvent) deliverystore.NewEvent { return e.event })
	added, err := c.cfg.Store.Deliveries.AddEvents(ctx, events)
	if errors.Is(err, deliverystore.ErrPayload) {
		err = call.Mark(err, call.ErrInvalid)
	}
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

// newEvent makes the jobs of an event.
func (c *Client) newEvent(
	ctx context.Context, program *flow.Program, r EventRequest,
) (deliverystore.NewEvent, error) {
	if r.Source == flow.SourceImport || r.Source == dispatchstore.SourceSluice {
		return deliverystore.NewEvent{}, call.Mark(ErrReservedSource, call.ErrInvalid)
	}
	if err := checkEvent(r); err != nil {
		return deliverystore.NewEvent{}, call.Mark(err, call.ErrInvalid)
	}
	id, err := store.NewID()
	if err != nil {
		return deliverystore.NewEvent{}, err
	}
	n := deliverystore.NewEvent{
		ID: id, Source: r.Source, Name: r.Name, Version: r.Version, Context: r.Context, Data: r.Data,
		IdempotencyKey: r.IdempotencyKey, SentAt: r.SentAt,
	}
	event := destinations.Event{
		ID: id, Source: r.Source, Name: r.Name, Version: r.Version, Context: r.Context, Data: r.Data,
		SentAt: r.SentAt, ReceivedAt: time.Now(),
	}
	for _, ref := range r.To {
		job, made, err := c.jobFor(ctx, ref, event)
		if err != nil {
			return deliverystore.NewEvent{}, err
		}
		if made {
			n.Jobs = append(n.Jobs, job)
		}
	}
	made, faults := c.flowJobs(ctx, program, event)
	n.Jobs, n.Faults = append(n.Jobs, made...), faults
	for i, part := range r.Parts {
		if len(part.Parts) > 0 {
			err := fmt.Errorf("part %d has %d parts: want none", i+1, len(part.Parts))
			return deliverystore.NewEvent{}, call.Mark(err, call.ErrInvalid)
		}
		part.Source = cmp.Or(part.Source, r.Source)
		sub, err := c.newEvent(ctx, program, part)
		if err != nil {
			return deliverystore.NewEvent{}, fmt.Errorf("part %d: %w", i+1, err)
		}
		n.SubEvents = append(n.SubEvents, sub)
	}
	return n, nil
}

// jobsOf returns the jobs of events and of their parts.
func jobsOf(events []deliverystore.NewEvent) []deliverystore.NewJob {
	var jobs []deliverystore.NewJob
	for _, event := range events {
		jobs = append(append(jobs, event.Jobs...), jobsOf(event.SubEvents)...)
	}
	return jobs
}
