package starter

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
// returns the event of the first time, and tells them again. The error is ErrNotWoken if only
// that went wrong, destinations.ErrVersion, store.ErrPayload or what an action has to say
// about the event, or ErrReservedSource, if nothing is stored.
func (d *Destinations) AddEvent(ctx context.Context, r EventRequest) (store.AddedEvent, error) {
	n, err := d.newEvent(ctx, r)
	if err != nil {
		return store.AddedEvent{}, err
	}
	// The same event is told again: whoever has stored it may have died before.
	added, err := d.cfg.Store.AddEvent(ctx, n)
	if err != nil {
		return store.AddedEvent{}, err
	}
	refs, err := d.realtime(ctx, n)
	if err == nil {
		err = d.Wake(ctx, refs)
	}
	if err != nil {
		return added, fmt.Errorf("event %s: %w: %w", added.Event.ID, ErrNotWoken, err)
	}
	return added, nil
}

// newEvent makes the jobs of an event.
func (d *Destinations) newEvent(ctx context.Context, r EventRequest) (store.NewEvent, error) {
	if r.Source == flow.SourceImport {
		return store.NewEvent{}, ErrReservedSource
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
			return store.NewEvent{}, err
		}
		if made {
			n.Jobs = append(n.Jobs, job)
		}
	}
	made, err := d.flowJobs(ctx, event)
	if err != nil {
		return store.NewEvent{}, err
	}
	n.Jobs = append(n.Jobs, made...)
	for i, part := range r.Parts {
		if part.Source == "" {
			part.Source = r.Source
		}
		sub, err := d.newEvent(ctx, part)
		if err != nil {
			return store.NewEvent{}, fmt.Errorf("part %d: %w", i+1, err)
		}
		n.SubEvents = append(n.SubEvents, sub)
	}
	return n, nil
}

// realtime returns the actions that an event has jobs for and that load in realtime.
func (d *Destinations) realtime(ctx context.Context, n store.NewEvent) ([]activities.ActionRef, error) {
	var refs []activities.ActionRef
	seen, settings := map[activities.ActionRef]bool{}, map[string]map[string]store.DestinationSettings{}
	for _, job := range append(n.Jobs, jobsOf(n.SubEvents)...) {
		ref := activities.ActionRef{Destination: job.Destination, Action: job.Action}
		if seen[ref] {
			continue
		}
		seen[ref] = true
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
			refs = append(refs, ref)
		}
	}
	return refs, nil
}

func jobsOf(parts []store.NewEvent) []store.NewJob {
	var jobs []store.NewJob
	for _, part := range parts {
		jobs = append(jobs, part.Jobs...)
	}
	return jobs
}
