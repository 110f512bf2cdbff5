package starter

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"go.temporal.io/api/serviceerror"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/command"
	"github.com/sluicehq/sluice/workflows/delivery"
)

// Pause keeps the jobs of an action waiting, or those of all actions of the destination if ref names no
// action. Batches in flight are not interrupted.
func (d *Destinations) Pause(ctx context.Context, ref deliveryacts.ActionRef, by By) error {
	if ref.Action == "" {
		return errors.Join(d.cfg.Store.Deliveries.Pause(ctx, ref.Destination, "", by.Who), d.refresh(ctx, ref.Destination))
	}
	return d.sendCommand(ctx, ref, workflows.CommandPause, func(o command.Command) any {
		return command.Pause{Command: o}
	}, by)
}

// Resume is the opposite of Pause. It probes connections with an open circuit now and makes waiting
// retries due. An action whose destination is paused as a whole cannot be resumed by itself.
func (d *Destinations) Resume(ctx context.Context, ref deliveryacts.ActionRef, by By) error {
	if ref.Action == "" {
		return errors.Join(d.cfg.Store.Deliveries.Resume(ctx, ref.Destination, "", by.Who),
			d.cfg.Store.Deliveries.TryNow(ctx, ref.Destination, ""), d.refresh(ctx, ref.Destination))
	}
	return d.sendCommand(ctx, ref, workflows.CommandResume, func(o command.Command) any {
		return command.Resume{Command: o}
	}, by)
}

// Trigger delivers the waiting jobs of an action now: new jobs and retries. Connections with an open
// circuit are probed.
func (d *Destinations) Trigger(ctx context.Context, ref deliveryacts.ActionRef, by By) error {
	return d.sendCommand(ctx, ref, workflows.CommandTrigger, func(o command.Command) any {
		return delivery.Trigger{Command: o}
	}, by)
}

// NewTiming is a change of an action's schedule. A nil field leaves the setting unchanged; an empty text
// restores the program's.
type NewTiming struct {
	Realtime           *bool
	Interval, TimeZone *string
}

// SetSchedule changes the schedule of an action.
func (d *Destinations) SetSchedule(ctx context.Context, ref deliveryacts.ActionRef, t NewTiming, by By) error {
	return d.sendCommand(ctx, ref, workflows.CommandSetSchedule, func(o command.Command) any {
		return delivery.SetSchedule{Command: o, Realtime: t.Realtime, Interval: t.Interval, TimeZone: t.TimeZone}
	}, by)
}

// SetRate limits the jobs per second of each connection; 0 restores the program's limit.
func (d *Destinations) SetRate(ctx context.Context, ref deliveryacts.ActionRef, jobsPerSecond float64, by By) error {
	return d.sendCommand(ctx, ref, workflows.CommandSetJobRate, func(o command.Command) any {
		return delivery.SetJobRate{Command: o, JobsPerSecond: jobsPerSecond}
	}, by)
}

// SetConcurrency limits the concurrent batches of each connection; 0 restores the program's limit.
func (d *Destinations) SetConcurrency(ctx context.Context, ref deliveryacts.ActionRef, batches int32, by By) error {
	return d.sendCommand(ctx, ref, workflows.CommandSetConcurrency, func(o command.Command) any {
		return delivery.SetConcurrency{Command: o, Batches: batches}
	}, by)
}

// State returns the state of an action's workflow.
func (d *Destinations) State(ctx context.Context, ref deliveryacts.ActionRef) (s delivery.ActionState, err error) {
	err = d.ask(ctx, ref, workflows.QueryState, &s)
	return s, err
}

// Backlog returns how many jobs of an action wait.
func (d *Destinations) Backlog(ctx context.Context, ref deliveryacts.ActionRef) (b delivery.BacklogState, err error) {
	err = d.ask(ctx, ref, workflows.QueryBacklog, &b)
	return b, err
}

func (d *Destinations) ask(ctx context.Context, ref deliveryacts.ActionRef, query string, into any) error {
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
	workers, err := d.cfg.Store.LiveWorkers(ctx)
	names := d.cfg.Registry.Names()
	for _, offered := range workers.Offers().Destinations {
		if !slices.Contains(names, offered.Name) {
			names = append(names, offered.Name)
		}
	}
	faults := []error{err}
	for _, name := range names {
		faults = append(faults, d.refresh(ctx, name))
	}
	return errors.Join(faults...)
}

// refresh notifies all actions of a destination of changed settings.
func (d *Destinations) refresh(ctx context.Context, destination string) error {
	actions, err := d.actions(ctx, destination)
	if err != nil {
		return err
	}
	var faults []error
	for _, action := range actions {
		id := workflows.DestinationActionID(destination, action)
		err := d.cfg.Temporal.SignalWorkflow(ctx, id, "", workflows.SignalRefresh, nil)
		var gone *serviceerror.NotFound
		if err != nil && !errors.As(err, &gone) {
			// One that does not run reads its settings when it is started.
			faults = append(faults, fmt.Errorf("notify %s/%s of changed settings: %w", destination, action, err))
		}
	}
	return errors.Join(faults...)
}

// sendCommand sends a command and waits for the answer. The key deduplicates its attempts.
func (d *Destinations) sendCommand(
	ctx context.Context, ref deliveryacts.ActionRef, name string, argument func(command.Command) any, by By,
) error {
	if err := d.checkAction(ctx, ref); err != nil {
		return err
	}
	key, err := store.NewID()
	if err != nil {
		return err
	}
	return update{
		temporal: d.cfg.Temporal, timeout: d.cfg.AnswerTimeout, name: name, subject: ref.Destination + "/" + ref.Action,
		target: func(ctx context.Context, last error) (workflowID string, arg any, err error) {
			if errors.Is(last, errClosed) {
				// The workflow does not run: start it from the store.
				_, _, err = d.Recover(ctx, ref)
			}
			return workflows.DestinationActionID(ref.Destination, ref.Action),
				argument(command.Command{Key: key, By: by.Who, Reason: by.Why}), err
		},
	}.send(ctx)
}
