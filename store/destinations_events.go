package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/sluicehq/sluice/store/db"
)

// NewEvent is an event to be added.
type NewEvent struct {
	// ID defaults to a new one.
	ID string
	// Source is where it comes from. Required.
	Source string
	// Trigger is what about the source made it.
	Trigger string
	// Version is the version of its form.
	Version string
	// Context and Data are JSON. Default to {}.
	Context, Data json.RawMessage
	// IdempotencyKey names the occasion: a source's events of the same key are one.
	// Defaults to none, with which every event is a new one.
	IdempotencyKey string
	// SentAt is when the source says that it happened. Defaults to not known.
	SentAt time.Time
	// Jobs are what is to be done with it.
	Jobs []NewJob
	// SubEvents are its parts, each with jobs of its own and none with parts.
	SubEvents []NewEvent
}

// NewJob is a job to be added.
type NewJob struct {
	// ID defaults to a new one.
	ID string
	// Destination and Action name what loads it. Required.
	Destination, Action string
	// Version is the version of the destination that Data is made for.
	Version string
	// Context and Data are JSON. Context defaults to the event's, Data to {}.
	Context, Data json.RawMessage
	// SentAt defaults to the event's.
	SentAt time.Time
	// DueAt is when it is to be loaded at the earliest. Defaults to now.
	DueAt time.Time
}

// AddedEvent is an event as it was stored.
type AddedEvent struct {
	Event Event
	// Created is false if the source had sent it before: nothing was added then.
	Created bool
	// Jobs are the IDs of its jobs, those of its parts behind its own.
	Jobs []string
	// SubEvents are its parts.
	SubEvents []AddedEvent
}

// AddEvent adds an event with its parts and all their jobs: everything or nothing. An
// event whose source has sent one under the same key before changes nothing, and gives
// the one of then; so does a part. The error is ErrPayload if a payload cannot be kept.
func (s *Store) AddEvent(ctx context.Context, n NewEvent) (added AddedEvent, err error) {
	err = s.inTx(ctx, func(q *db.Queries) error {
		added, err = addEvent(ctx, q, n, nil)
		return err
	})
	if err != nil {
		return AddedEvent{}, fmt.Errorf("add an event of %s: %w", n.Source, asPayload(err))
	}
	return added, nil
}

func addEvent(ctx context.Context, q *db.Queries, n NewEvent, parent *Event) (AddedEvent, error) {
	if parent != nil && len(n.SubEvents) > 0 {
		return AddedEvent{}, errors.New("a part of an event has parts itself")
	}
	event, created, err := insertEvent(ctx, q, n, parent)
	if err != nil {
		return AddedEvent{}, err
	}
	added := AddedEvent{Event: event, Created: created}
	if !created {
		return known(ctx, q, added)
	}
	for _, job := range n.Jobs {
		id, err := insertJob(ctx, q, event, job, nil)
		if err != nil {
			return AddedEvent{}, fmt.Errorf("job of %s/%s: %w", job.Destination, job.Action, err)
		}
		added.Jobs = append(added.Jobs, id)
	}
	for i, sub := range n.SubEvents {
		part, err := addEvent(ctx, q, sub, &event)
		if err != nil {
			return AddedEvent{}, fmt.Errorf("part %d: %w", i+1, err)
		}
		added.SubEvents = append(added.SubEvents, part)
		added.Jobs = append(added.Jobs, part.Jobs...)
	}
	return added, nil
}

// known fills in what was stored with an event that is there already.
func known(ctx context.Context, q *db.Queries, added AddedEvent) (AddedEvent, error) {
	jobs, err := q.JobsOfEvent(ctx, added.Event.ID)
	if err != nil {
		return AddedEvent{}, fmt.Errorf("read the jobs of %s: %w", added.Event.ID, err)
	}
	for _, job := range jobs {
		added.Jobs = append(added.Jobs, job.ID)
	}
	parts, err := q.SubEvents(ctx, added.Event.ID)
	if err != nil {
		return AddedEvent{}, fmt.Errorf("read the parts of %s: %w", added.Event.ID, err)
	}
	for _, part := range parts {
		sub, err := known(ctx, q, AddedEvent{Event: part})
		if err != nil {
			return AddedEvent{}, err
		}
		added.SubEvents = append(added.SubEvents, sub)
		added.Jobs = append(added.Jobs, sub.Jobs...)
	}
	return added, nil
}

func insertEvent(ctx context.Context, q *db.Queries, n NewEvent, parent *Event) (Event, bool, error) {
	p := db.InsertEventParams{
		ID: n.ID, Source: n.Source, Trigger: n.Trigger, Version: n.Version,
		IdempotencyKey: optional(n.IdempotencyKey), SentAt: orNil(n.SentAt),
	}
	var faults [3]error
	p.Context, faults[0] = payload("context", n.Context)
	p.Data, faults[1] = payload("data", n.Data)
	if p.ID == "" {
		p.ID, faults[2] = NewID()
	}
	if err := errors.Join(faults[:]...); err != nil {
		return Event{}, false, err
	}
	if parent != nil {
		p.ParentEventID = &parent.ID
	}
	event, err := q.InsertEvent(ctx, p)
	if !errors.Is(err, pgx.ErrNoRows) {
		return event, err == nil, err
	}
	// Whoever adds the same event at the same moment was waited for.
	event, err = q.EventByKey(ctx, n.Source, n.IdempotencyKey)
	return event, false, err
}

// insertJob adds a job of an event: of a job's outcome if there is a parent.
func insertJob(ctx context.Context, q *db.Queries, event Event, n NewJob, parent *Job) (id string, err error) {
	p := db.InsertJobParams{
		ID: n.ID, Destination: n.Destination, Action: n.Action, Version: n.Version, EventID: event.ID,
		Lineage: []string{}, SentAt: orNil(n.SentAt), DueAt: orNil(n.DueAt),
	}
	if parent != nil {
		p.ParentJobID = &parent.ID
		if p.Lineage, err = lineage(*parent, n); err != nil {
			return "", err
		}
	}
	if p.SentAt == nil {
		p.SentAt = event.SentAt
	}
	var faults [3]error
	if p.Context = event.Context; len(n.Context) > 0 {
		p.Context, faults[0] = payload("context", n.Context)
	}
	p.Data, faults[1] = payload("data", n.Data)
	if p.ID == "" {
		p.ID, faults[2] = NewID()
	}
	if err := errors.Join(faults[:]...); err != nil {
		return "", err
	}
	return p.ID, q.InsertJob(ctx, p)
}

// Event returns an event, or ErrNotFound.
func (s *Store) Event(ctx context.Context, id string) (Event, error) {
	event, err := s.EventByID(ctx, id)
	return event, found(err, "event %s", id)
}

// Job returns a job, or ErrNotFound.
func (s *Store) Job(ctx context.Context, id string) (Job, error) {
	job, err := s.JobByID(ctx, id)
	return job, found(err, "job %s", id)
}
