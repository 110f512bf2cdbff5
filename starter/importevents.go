package starter

import (
	"context"
	"errors"
	"time"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/destinations/flow"
	"github.com/sluicehq/sluice/store"
)

// ErrReservedSource means that an event from outside has the source of Sluice's own events:
// flow.SourceImport, by which flows know events of imports, or store.SourceSluice, which is for
// notifications.
var ErrReservedSource = errors.New("the sources " + flow.SourceImport + " and " + store.SourceSluice +
	" are reserved for Sluice's own events: want another name")

// importBatch is how many events of an import are stored in one transaction.
const importBatch = 200

// AddImportEvents makes the jobs of what an import has to say by the flows in force, stores
// each event that has some with them, and notifies the producers. What no flow makes a job of is not stored: the import has
// it. The answers are in the order of the events. After an error some events may be stored;
// repeated under the same keys nothing is stored twice.
func (d *Destinations) AddImportEvents(
	ctx context.Context, events []activities.ImportEvent,
) ([]activities.AddedImportEvent, error) {
	answers := make([]activities.AddedImportEvent, len(events))
	program, err := d.flowProgram(ctx)
	if err != nil || program == nil {
		return answers, err
	}
	var fit []store.NewEvent
	// answered are the answers to those that are fit.
	var answered []*activities.AddedImportEvent
	for i := range events {
		n, unfit, err := d.importEvent(ctx, program, events[i])
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
		if err := d.storeImportEvents(ctx, fit[from:to], answered[from:to]); err != nil {
			return nil, err
		}
	}
	d.notify(ctx, jobsOf(fit))
	return answers, nil
}

// importEvent makes the jobs of one event. unfit says why none can be made of it.
func (d *Destinations) importEvent(
	ctx context.Context, program *flow.Program, e activities.ImportEvent,
) (n store.NewEvent, unfit, err error) {
	event := e.Event
	if event.ID, err = store.NewID(); err != nil {
		return n, nil, err
	}
	event.ReceivedAt = time.Now()
	n = store.NewEvent{
		ID: event.ID, Source: event.Source, Trigger: event.Trigger, Context: event.Context, Data: event.Data,
		IdempotencyKey: e.Key, SentAt: event.SentAt,
	}
	decisions := program.Decide(ctx, d.toolkit, d.versions, event)
	jobs, kept := flow.Split(decisions)
	for _, k := range kept {
		if !k.Faulty {
			// The flow is fit for other rows: this one is left out, and the import's log says so.
			_, unfit = flow.Jobs(decisions)
			return n, unfit, nil
		}
		n.Faults = append(n.Faults, store.FlowFault{Flow: k.Flow, Reason: k.Err.Error()})
	}
	n.Jobs = jobs
	return n, nil, nil
}

// storeImportEvents stores events in one transaction, or one by one if one of them cannot be
// stored.
func (d *Destinations) storeImportEvents(
	ctx context.Context, events []store.NewEvent, answers []*activities.AddedImportEvent,
) error {
	added, err := d.cfg.Store.AddEvents(ctx, events)
	switch {
	case err == nil:
		for i := range added {
			answers[i].Jobs = len(added[i].Jobs)
		}
		return nil
	case !errors.Is(err, store.ErrPayload):
		return err
	case len(events) == 1:
		answers[0].Unfit = err
		return nil
	}
	for i := range events {
		if err := d.storeImportEvents(ctx, events[i:i+1], answers[i:i+1]); err != nil {
			return err
		}
	}
	return nil
}
