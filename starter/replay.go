package starter

import (
	"context"
	"fmt"

	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/flow"
	"github.com/sluicehq/sluice/store"
)

// replayPage is how many events are read at a time that are kept for a flow.
const replayPage = 100

// Replayed is how a replay went.
type Replayed struct {
	// Events is how many events were replayed, Jobs how many jobs were made of them, Failed how
	// many events are kept because the flow has failed for them again.
	Events, Jobs, Failed int
	// LastFault is why the flow has failed last, nil if it has not.
	LastFault error
}

// ReplayFlow makes the jobs of the events that are kept for a flow, by what the flow is now.
// Events that it fails for again stay. Repeated, or done twice at once, it makes no job twice.
// The error is store.ErrNotFound if no flow of that name is in force, or says why the flow is
// faulty still.
func (d *Destinations) ReplayFlow(ctx context.Context, name string) (r Replayed, err error) {
	program, err := d.flowProgram(ctx)
	if err != nil {
		return r, err
	}
	if program = program.Only(name); program == nil {
		return r, fmt.Errorf("flow %s: %w", name, store.ErrNotFound)
	}
	if fault := program.Faults()[name]; fault != nil {
		return r, fmt.Errorf("flow %s is faulty still, its events are kept: %w", name, fault)
	}
	for after := ""; ; {
		events, err := d.cfg.Store.KeptForFlow(ctx, name, after, replayPage)
		if err != nil || len(events) == 0 {
			return r, err
		}
		var made []store.NewJob
		for _, event := range events {
			jobs, err := d.replay(ctx, program, name, event, &r)
			if err != nil {
				return r, err
			}
			made = append(made, jobs...)
			after = event.ID
		}
		d.notify(ctx, made)
	}
}

// replay replays one event.
func (d *Destinations) replay(
	ctx context.Context, program *flow.Program, name string, event store.Event, r *Replayed,
) ([]store.NewJob, error) {
	e := destinations.Event{
		ID: event.ID, Source: event.Source, Trigger: event.Trigger, Version: event.Version,
		Context: event.Context, Data: event.Data, ReceivedAt: event.ReceivedAt,
	}
	if event.SentAt != nil {
		e.SentAt = *event.SentAt
	}
	jobs, kept := flow.Split(program.Decide(ctx, d.toolkit, d.versions, e))
	if len(kept) > 0 {
		r.Failed++
		r.LastFault = kept[0].Err
		return nil, d.cfg.Store.FailFlow(ctx, event.ID, store.FlowFault{Flow: name, Reason: kept[0].Err.Error()})
	}
	replayed, err := d.cfg.Store.ReplayFlow(ctx, name, event, jobs)
	if err != nil || !replayed {
		return nil, err
	}
	r.Events++
	r.Jobs += len(jobs)
	return jobs, nil
}
