package delivery

import (
	"context"
	"fmt"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/destinations/flow"
	"github.com/sluicehq/sluice/starter/internal/call"
	"github.com/sluicehq/sluice/store"
	deliverystore "github.com/sluicehq/sluice/store/delivery"
)

// replayPage is how many kept events are read at a time.
const replayPage = 100

// Replayed is the result of a replay.
type Replayed struct {
	// Events is how many events were replayed, Jobs how many jobs were made, Failed how many events
	// stay kept because the flow has failed again.
	Events, Jobs, Failed int
	// LastFault is the last error of the flow, nil if there was none.
	LastFault error
}

// ReplayFlow makes the jobs of the events that are kept for a flow, with the current version of the flow.
// Events for which it fails again stay kept. It is idempotent, also when called concurrently. The error
// is store.ErrNotFound if there is no such flow, or starter.ErrRefused if it is still faulty, or disabled: a disabled
// flow makes no jobs, and its events stay kept until it is enabled.
func (c *Client) ReplayFlow(ctx context.Context, name string) (Replayed, error) {
	entry := store.AuditEntry{Operation: "flow.replay", SubjectType: "flow", SubjectID: name}
	return store.AuditedResult(ctx, c.cfg.Store.Store, entry, func(ctx context.Context) (Replayed, error) {
		return c.replayFlow(ctx, name)
	})
}

func (c *Client) replayFlow(ctx context.Context, name string) (r Replayed, err error) {
	program, err := c.flowProgram(ctx)
	if err != nil {
		return r, err
	}
	if program = program.Only(name); program == nil {
		return r, fmt.Errorf("flow %s: %w", name, store.ErrNotFound)
	}
	if fault := program.Faults()[name]; fault != nil {
		return r, call.Mark(fmt.Errorf("flow %s is still faulty, its events are kept: %w", name, fault), call.ErrRefused)
	}
	for after := ""; ; {
		events, err := c.cfg.Store.Deliveries.KeptForFlow(ctx, name, after, replayPage)
		if err != nil || len(events) == 0 {
			return r, err
		}
		var made []deliverystore.NewJob
		for _, event := range events {
			jobs, err := c.replay(ctx, program, name, event, &r)
			if err != nil {
				return r, err
			}
			made = append(made, jobs...)
			after = event.ID
		}
		c.notify(ctx, made)
	}
}

// replay replays one event.
func (c *Client) replay(
	ctx context.Context, program *flow.Program, name string, event deliverystore.Event, r *Replayed,
) ([]deliverystore.NewJob, error) {
	decisions := program.Decide(ctx, c.toolkit, c.versions, deliveryacts.EventOf(event))
	if decisions[0].Decided == flow.DecidedDisabled {
		err := fmt.Errorf("flow %s is disabled, its events are kept: enable it to replay them", name)
		return nil, call.Mark(err, call.ErrRefused)
	}
	made, kept := flow.Split(decisions)
	if len(kept) > 0 {
		r.Failed++
		r.LastFault = kept[0].Err
		return nil, c.cfg.Store.Deliveries.FailFlow(ctx, event.ID, deliverystore.FlowFault{
			Flow: name, Reason: kept[0].Err.Error(),
		})
	}
	jobs := deliveryacts.NewJobs(made)
	replayed, err := c.cfg.Store.Deliveries.ReplayFlow(ctx, name, event, jobs)
	if err != nil || !replayed {
		return nil, err
	}
	r.Events++
	r.Jobs += len(jobs)
	return jobs, nil
}
