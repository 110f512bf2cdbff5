package starter

import (
	"context"
	"errors"
	"fmt"

	"go.temporal.io/api/serviceerror"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
)

// Pause keeps the jobs of an action waiting; those of all actions of the destination if none
// is named. Loads that are under way go on to their end.
func (d *Destinations) Pause(ctx context.Context, ref activities.ActionRef, by By) error {
	if ref.Action == "" {
		return errors.Join(d.cfg.Store.Pause(ctx, ref.Destination, "", by.Who), d.refresh(ctx, ref.Destination))
	}
	return d.sendCommand(ctx, ref, workflows.CommandPause, func(o workflows.Command) any {
		return workflows.Pause{Command: o}
	}, by)
}

// Resume is the opposite of Pause, and tries at once what waits: the open circuits of
// connections let a job through, and retries become due. An action whose destination is paused
// as a whole cannot be resumed by itself.
func (d *Destinations) Resume(ctx context.Context, ref activities.ActionRef, by By) error {
	if ref.Action == "" {
		return errors.Join(d.cfg.Store.Resume(ctx, ref.Destination, "", by.Who),
			d.cfg.Store.TryNow(ctx, ref.Destination, ""), d.refresh(ctx, ref.Destination))
	}
	return d.sendCommand(ctx, ref, workflows.CommandResume, func(o workflows.Command) any {
		return workflows.Resume{Command: o}
	}, by)
}

// Trigger loads at once what waits for an action, retries too. Open circuits of connections let
// a job through.
func (d *Destinations) Trigger(ctx context.Context, ref activities.ActionRef, by By) error {
	return d.sendCommand(ctx, ref, workflows.CommandTrigger, func(o workflows.Command) any {
		return workflows.Trigger{Command: o}
	}, by)
}

// NewTiming is a change of when an action is loaded. What is nil stays as it is; an empty text
// goes back to what the program says.
type NewTiming struct {
	Realtime           *bool
	Interval, TimeZone *string
}

// SetSchedule changes when an action is loaded.
func (d *Destinations) SetSchedule(ctx context.Context, ref activities.ActionRef, t NewTiming, by By) error {
	return d.sendCommand(ctx, ref, workflows.CommandSetSchedule, func(o workflows.Command) any {
		return workflows.SetSchedule{Command: o, Realtime: t.Realtime, Interval: t.Interval, TimeZone: t.TimeZone}
	}, by)
}

// SetRate bounds how many jobs a second of each connection an action loads; 0 goes back to what the program says.
func (d *Destinations) SetRate(ctx context.Context, ref activities.ActionRef, jobsPerSecond float64, by By) error {
	return d.sendCommand(ctx, ref, workflows.CommandSetJobRate, func(o workflows.Command) any {
		return workflows.SetJobRate{Command: o, JobsPerSecond: jobsPerSecond}
	}, by)
}

// SetConcurrency bounds how many batches of each connection an action loads at once; 0 goes back to what the
// program says.
func (d *Destinations) SetConcurrency(ctx context.Context, ref activities.ActionRef, loads int32, by By) error {
	return d.sendCommand(ctx, ref, workflows.CommandSetConcurrency, func(o workflows.Command) any {
		return workflows.SetConcurrency{Command: o, Loads: loads}
	}, by)
}

// State asks the workflow of an action how it stands.
func (d *Destinations) State(ctx context.Context, ref activities.ActionRef) (s workflows.ActionState, err error) {
	err = d.ask(ctx, ref, workflows.QueryState, &s)
	return s, err
}

// Backlog asks the workflow of an action what waits.
func (d *Destinations) Backlog(ctx context.Context, ref activities.ActionRef) (b workflows.BacklogState, err error) {
	err = d.ask(ctx, ref, workflows.QueryBacklog, &b)
	return b, err
}

func (d *Destinations) ask(ctx context.Context, ref activities.ActionRef, query string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, d.cfg.AnswerTimeout)
	defer cancel()
	id := workflows.DestinationActionID(ref.Destination, ref.Action)
	answer, err := d.cfg.Temporal.QueryWorkflow(ctx, id, "", query)
	if err == nil {
		err = answer.Get(into)
	}
	if err != nil {
		return fmt.Errorf("%s of %s/%s: %w", query, ref.Destination, ref.Action, err)
	}
	return nil
}

// Refresh notifies all actions of all destinations of changed settings or connections.
func (d *Destinations) Refresh(ctx context.Context) error {
	var faults []error
	for _, dest := range d.cfg.Registry.All() {
		faults = append(faults, d.refresh(ctx, dest.Name()))
	}
	return errors.Join(faults...)
}

// refresh tells all actions of a destination that settings have changed.
func (d *Destinations) refresh(ctx context.Context, destination string) error {
	dest, err := d.cfg.Registry.Lookup(destination)
	if err != nil {
		return err
	}
	var faults []error
	for _, action := range dest.Actions() {
		id := workflows.DestinationActionID(destination, action.Name())
		err := d.cfg.Temporal.SignalWorkflow(ctx, id, "", workflows.SignalRefresh, nil)
		var gone *serviceerror.NotFound
		if err != nil && !errors.As(err, &gone) {
			// One that does not run reads its settings when it is started.
			faults = append(faults, fmt.Errorf("tell %s/%s: %w", destination, action.Name(), err))
		}
	}
	return errors.Join(faults...)
}

// sendCommand sends a command and waits for the answer. The key deduplicates its attempts.
func (d *Destinations) sendCommand(
	ctx context.Context, ref activities.ActionRef, name string, command func(workflows.Command) any, by By,
) error {
	if _, _, err := d.cfg.Registry.LookupAction(ref.Destination, ref.Action); err != nil {
		return err
	}
	key, err := store.NewID()
	if err != nil {
		return err
	}
	return update{
		temporal: d.cfg.Temporal, timeout: d.cfg.AnswerTimeout, name: name, subject: ref.Destination + "/" + ref.Action,
		target: func(ctx context.Context, last error) (workflowID string, argument any, err error) {
			if errors.Is(last, errClosed) {
				// The workflow does not run: start it from the store.
				_, _, err = d.Recover(ctx, ref)
			}
			return workflows.DestinationActionID(ref.Destination, ref.Action),
				command(workflows.Command{Key: key, By: by.Who, Reason: by.Why}), err
		},
	}.send(ctx)
}
