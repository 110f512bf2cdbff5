package delivery

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sluicehq/sluice/internal/convert"
	"github.com/sluicehq/sluice/starter/internal/call"
	"github.com/sluicehq/sluice/store"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
)

// Events lists, shows and purges events, which belong to no site. It needs no Temporal, and is safe for concurrent use.
type Events struct {
	// Store is the system of record. Required.
	Store *dispatchstore.Store
}

// Event is an event in lists: the JSON of the command line and of the API. Fields are only ever added.
type Event struct {
	ID             string     `json:"id"`
	Source         string     `json:"source"`
	Name           string     `json:"name"`
	Version        string     `json:"version"`
	ParentID       *string    `json:"parent_id"`
	IdempotencyKey *string    `json:"idempotency_key"`
	SentAt         *time.Time `json:"sent_at"`
	ReceivedAt     time.Time  `json:"received_at"`
	// JobCount is the number of its own jobs, without those of its parts.
	JobCount int64 `json:"job_count"`
}

// EventDetails is an event with its payload, and its newest parts and jobs, at most deliverystore.MaxPage each.
// Fields are only ever added.
type EventDetails struct {
	Event

	Context json.RawMessage `json:"context"`
	Data    json.RawMessage `json:"data"`
	Parts   []Event         `json:"parts"`
	Jobs    []Job           `json:"jobs"`
}

func eventOf(e deliverystore.ListedEvent) Event {
	return Event{
		ID: e.ID, Source: e.Source, Name: e.Name, Version: e.Version, ParentID: e.ParentEventID,
		IdempotencyKey: e.IdempotencyKey, SentAt: e.SentAt, ReceivedAt: e.ReceivedAt, JobCount: e.Jobs,
	}
}

func eventsOf(rows []deliverystore.ListedEvent) []Event {
	return convert.Slice(rows, eventOf)
}

// WithoutNotifications excludes the notifications of imports from a filter, unless it includes their source.
func WithoutNotifications(f deliverystore.EventFilter) deliverystore.EventFilter {
	if !slices.Contains(f.Sources, dispatchstore.SourceSluice) {
		f.NotSources = append(slices.Clone(f.NotSources), dispatchstore.SourceSluice)
	}
	return f
}

// List returns a page of events, newest first.
func (e Events) List(ctx context.Context, f deliverystore.EventFilter, p deliverystore.Page) ([]Event, error) {
	rows, err := e.Store.Deliveries.ListEvents(ctx, f, p)
	return eventsOf(rows), err
}

// Count counts the events that a filter selects.
func (e Events) Count(ctx context.Context, f deliverystore.EventFilter) (int64, error) {
	return e.Store.Deliveries.CountEvents(ctx, f)
}

// Show returns an event, or store.ErrNotFound.
func (e Events) Show(ctx context.Context, id string) (EventDetails, error) {
	row, err := e.Store.Deliveries.Event(ctx, id)
	if err != nil {
		return EventDetails{}, err
	}
	most := deliverystore.Page{Limit: deliverystore.MaxPage}
	own := deliverystore.JobFilter{EventID: id}
	jobs, err := e.Store.Deliveries.ListJobs(ctx, own, most)
	if err != nil {
		return EventDetails{}, err
	}
	count := int64(len(jobs))
	if count == deliverystore.MaxPage {
		if count, err = e.Store.Deliveries.CountJobs(ctx, own); err != nil {
			return EventDetails{}, err
		}
	}
	parts, err := e.Store.Deliveries.ListEvents(ctx, deliverystore.EventFilter{ParentID: id}, most)
	if err != nil {
		return EventDetails{}, err
	}
	d := EventDetails{
		Event: Event{
			ID: row.ID, Source: row.Source, Name: row.Name, Version: row.Version, ParentID: row.ParentEventID,
			IdempotencyKey: row.IdempotencyKey, SentAt: row.SentAt, ReceivedAt: row.ReceivedAt, JobCount: count,
		},
		Context: row.Context, Data: row.Data, Parts: eventsOf(parts),
	}
	d.Jobs, err = jobsOfRows(ctx, e.Store, jobs)
	return d, err
}

// Purge deletes old events with their jobs and their history, or counts them with dryRun. An event is deleted with its
// parts when all of their jobs are in one of the rule's states. It works in steps: after an error the events of earlier
// steps stay deleted, and are counted. The error is starter.ErrInvalid for another state than those of
// deliverystore.EndedStates, and for a rule without a time.
func (e Events) Purge(
	ctx context.Context, rule deliverystore.Retention, dryRun bool,
) (purged deliverystore.Purged, err error) {
	if rule.ReceivedBefore.IsZero() {
		return deliverystore.Purged{}, call.Mark(
			fmt.Errorf("purge events: want the time before which they were received"), call.ErrInvalid)
	}
	for _, state := range rule.States {
		if err := CheckEndedState(state); err != nil {
			return deliverystore.Purged{}, err
		}
	}
	if dryRun {
		return e.Store.Deliveries.Purge(ctx, rule, true)
	}
	// A purge has many transactions.
	entry := store.AuditEntry{
		Operation: "event.purge", SubjectType: "event", Ahead: true,
		After: map[string]any{
			"received_before": rule.ReceivedBefore, "states": rule.States, "sources": rule.Sources,
			"not_sources": rule.NotSources,
		},
	}
	err = e.Store.Deliveries.Audited(ctx, entry, func(ctx context.Context) error {
		purged, err = e.Store.Deliveries.Purge(ctx, rule, false)
		return err
	})
	return purged, err
}

// CheckEndedState returns starter.ErrInvalid unless jobs in a state may be purged.
func CheckEndedState(state string) error {
	if slices.Contains(deliverystore.EndedStates(), state) {
		return nil
	}
	return call.Mark(fmt.Errorf("state %.40s: want one of %s", state, strings.Join(deliverystore.EndedStates(), ", ")),
		call.ErrInvalid)
}
