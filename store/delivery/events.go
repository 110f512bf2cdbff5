package delivery

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// NewEvent is an event to be added.
type NewEvent struct {
	// ID defaults to a new one.
	ID string
	// Source is where it comes from. Required.
	Source string
	// Name is what happened there, such as order.paid.
	Name string
	// Version is the version of its schema.
	Version string
	// Context and Data are JSON. Default to {}.
	Context, Data json.RawMessage
	// IdempotencyKey deduplicates the events of a source: one with a known key is not added again.
	// Defaults to none: the event is always added.
	IdempotencyKey string
	// SentAt is when it happened, according to the source. Defaults to unknown.
	SentAt time.Time
	// Jobs are the jobs of the event.
	Jobs []NewJob
	// Faults are the flows that have failed for it: it is kept for a replay.
	Faults []FlowFault
	// SubEvents are its parts, each with jobs of its own. A part has no parts.
	SubEvents []NewEvent
}

// NewJob is a job to be added.
type NewJob struct {
	// ID defaults to a new one.
	ID string
	// Destination and Action name the action that delivers it. Required.
	Destination, Action string
	// Version is the destination's version that Data was made for.
	Version string
	// Context and Data are JSON. Context defaults to the event's, Data to {}.
	Context, Data json.RawMessage
	// SentAt defaults to the event's.
	SentAt time.Time
	// DueAt is when it becomes due. Defaults to now.
	DueAt time.Time
	// Unprepared says that Version, Context and Data are the input of the action's Marshal, not its
	// result: the process that adds the job does not have the destination.
	Unprepared bool
}

// AddedEvent is an event as it was stored.
type AddedEvent struct {
	Event Event
	// Created is false if the source has sent it before: nothing was added.
	Created bool
	// Jobs are the IDs of its jobs, followed by those of its parts.
	Jobs []string
	// Faults are the flows that a new event is kept for.
	Faults []FlowFault
	// SubEvents are its parts.
	SubEvents []AddedEvent
}

// AddEvent adds an event with its parts and all their jobs in one transaction. An event with an
// idempotency key that its source has used before changes nothing and returns the earlier event; the
// same holds for a part. The error is ErrPayload if PostgreSQL cannot store a payload.
func (s *Store) AddEvent(ctx context.Context, n NewEvent) (AddedEvent, error) {
	all, err := s.AddEvents(ctx, []NewEvent{n})
	if err != nil {
		return AddedEvent{}, err
	}
	return all[0], nil
}

// AddEvents is AddEvent for several events in one transaction. Results are in their order.
func (s *Store) AddEvents(ctx context.Context, events []NewEvent) ([]AddedEvent, error) {
	var b eventBatch
	for i := range events {
		if err := b.add(events[i]); err != nil {
			return nil, fmt.Errorf("add an event of %s: %w", events[i].Source, err)
		}
	}
	rows, err := s.sql.Queries.AddEvents(ctx, b.params)
	if err != nil {
		return nil, fmt.Errorf("add %d events: %w", len(events), asPayload(err))
	}
	stored := make(map[string]Event, len(rows))
	for _, row := range rows {
		stored[row.ID] = Event(row)
	}
	added := make([]AddedEvent, len(events))
	for i, whole := range b.wholes {
		if added[i], err = s.added(ctx, whole, stored); err != nil {
			return nil, err
		}
	}
	return added, nil
}

// AddNotifying adds an event in the caller's transaction, unless its source has used its idempotency key
// before, and notifies the producers of its jobs when the transaction is committed.
func AddNotifying(ctx context.Context, q *db.Queries, n NewEvent) error {
	var b eventBatch
	if err := b.add(n); err != nil {
		return err
	}
	added, err := q.AddEvents(ctx, b.params)
	if err != nil || len(added) == 0 {
		return err
	}
	return notifyAdded(ctx, q, n.Jobs)
}

// added returns an event as it is stored: as it was added, or as it was added before.
func (s *Store) added(ctx context.Context, p pendingEvent, stored map[string]Event) (AddedEvent, error) {
	event, created := stored[p.id]
	if !created {
		// A concurrent transaction that has added it has committed.
		event, err := s.sql.Queries.EventByKey(ctx, p.source, p.key)
		if err != nil {
			return AddedEvent{}, fmt.Errorf("read the event %q of %s: %w", p.key, p.source, err)
		}
		return known(ctx, s.sql.Queries, AddedEvent{Event: event})
	}
	added := AddedEvent{Event: event, Created: true, Jobs: p.jobs, Faults: p.faults}
	for _, part := range p.parts {
		sub, err := s.added(ctx, part, stored)
		if err != nil {
			return AddedEvent{}, err
		}
		added.SubEvents = append(added.SubEvents, sub)
		added.Jobs = append(added.Jobs, sub.Jobs...)
		added.Faults = append(added.Faults, sub.Faults...)
	}
	return added, nil
}

// known adds the jobs and parts of an event that was added before.
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

// insertJob adds a job that is chained to another one.
func insertJob(ctx context.Context, q *db.Queries, parent Job, n NewJob) (id string, err error) {
	p := db.InsertJobParams{
		ID: n.ID, Destination: n.Destination, Action: n.Action, Version: n.Version, EventID: parent.EventID,
		ParentJobID: &parent.ID, SentAt: orNil(n.SentAt), DueAt: orNil(n.DueAt),
	}
	if p.Lineage, err = lineage(parent, n); err != nil {
		return "", err
	}
	if p.SentAt == nil {
		p.SentAt = parent.SentAt
	}
	var faults [3]error
	if p.Context = parent.Context; len(n.Context) > 0 {
		p.Context, faults[0] = payload("context", n.Context)
	}
	p.Data, faults[1] = payload("data", n.Data)
	if p.ID == "" {
		p.ID, faults[2] = store.NewID()
	}
	if err := errors.Join(faults[:]...); err != nil {
		return "", err
	}
	return p.ID, q.InsertJob(ctx, p)
}

// Event returns an event, or ErrNotFound.
func (s *Store) Event(ctx context.Context, id string) (Event, error) {
	event, err := s.sql.Queries.EventByID(ctx, id)
	return event, store.Found(err, "event %s", id)
}

// Job returns a job, or ErrNotFound.
func (s *Store) Job(ctx context.Context, id string) (Job, error) {
	job, err := s.sql.Queries.JobByID(ctx, id)
	return job, store.Found(err, "job %s", id)
}
