package delivery

import (
	"context"
	"errors"
	"time"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	dispatchacts "github.com/sluicehq/sluice/activities/dispatch"
	"github.com/sluicehq/sluice/destinations/flow"
	"github.com/sluicehq/sluice/store"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
	dispatchstore "github.com/sluicehq/sluice/store/dispatch"
)

// ErrReservedSource means that an event has a source that is reserved for Sluice's own events:
// flow.SourceImport for events of imports, or dispatchstore.SourceSluice for notifications.
var ErrReservedSource = errors.New("the sources " + flow.SourceImport + " and " + dispatchstore.SourceSluice +
	" are reserved for Sluice's own events: want another name")

// importBatch is how many events of an import are stored in one transaction.
const importBatch = 200

// AddImportEvents makes the jobs of an import's events by the current flows, stores each event that has
// jobs, and notifies the producers. An event without jobs is not stored. Results are in the order of the
// events. After an error some events may be stored; repeated with the same keys, nothing is stored twice.
func (c *Client) AddImportEvents(
	ctx context.Context, events []dispatchacts.ImportEvent,
) ([]dispatchacts.AddedImportEvent, error) {
	answers := make([]dispatchacts.AddedImportEvent, len(events))
	program, err := c.flowProgram(ctx)
	if err != nil || program == nil {
		return answers, err
	}
	var fit []deliverystore.NewEvent
	// answered are the results of the events in fit.
	var answered []*dispatchacts.AddedImportEvent
	for i := range events {
		n, unfit, err := c.importEvent(ctx, program, events[i])
		switch {
		case err != nil:
			return nil, err
		case unfit != nil:
			answers[i].Unfit = unfit
		case len(n.Jobs) > 0 || len(n.Faults) > 0:
			fit, answered = append(fit, n), append(answered, &answers[i])
		}
	}
	for from := 0; from < len(fit); from += importBatch {
		to := min(from+importBatch, len(fit))
		if err := c.storeImportEvents(ctx, fit[from:to], answered[from:to]); err != nil {
			return nil, err
		}
	}
	c.notify(ctx, jobsOf(fit))
	return answers, nil
}

// importEvent makes the jobs of one event. unfit is why the flows cannot use the event.
func (c *Client) importEvent(
	ctx context.Context, program *flow.Program, e dispatchacts.ImportEvent,
) (n deliverystore.NewEvent, unfit, err error) {
	event := e.Event
	if event.ID, err = store.NewID(); err != nil {
		return n, nil, err
	}
	event.ReceivedAt = time.Now()
	n = deliverystore.NewEvent{
		ID: event.ID, Source: event.Source, Name: event.Name, Context: event.Context, Data: event.Data,
		IdempotencyKey: e.Key, SentAt: event.SentAt,
	}
	decisions := program.Decide(ctx, c.toolkit, c.versions, event)
	jobs, kept := flow.Split(decisions)
	for _, k := range kept {
		if !k.Faulty {
			// The flow works for other rows: this one is skipped, and the import's log says so.
			_, unfit = flow.Jobs(decisions)
			return n, unfit, nil
		}
		n.Faults = append(n.Faults, deliverystore.FlowFault{Flow: k.Flow, Reason: k.Err.Error()})
	}
	n.Jobs = deliveryacts.NewJobs(jobs)
	return n, nil, nil
}

// storeImportEvents stores events in one transaction, or one by one if PostgreSQL refuses one of them.
func (c *Client) storeImportEvents(
	ctx context.Context, events []deliverystore.NewEvent, answers []*dispatchacts.AddedImportEvent,
) error {
	added, err := c.cfg.Store.Deliveries.AddEvents(ctx, events)
	switch {
	case err == nil:
		for i := range added {
			answers[i].Jobs = len(added[i].Jobs)
		}
		return nil
	case !errors.Is(err, deliverystore.ErrPayload):
		return err
	case len(events) == 1:
		answers[0].Unfit = err
		return nil
	}
	for i := range events {
		if err := c.storeImportEvents(ctx, events[i:i+1], answers[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}
