package delivery

import (
	"context"
	"errors"
	"fmt"
	"slices"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/starter/internal/call"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/command"
	deliveryworkflows "github.com/sluicehq/sluice/workflows/delivery"
)

// Pause keeps the jobs of an action waiting, or those of all actions of the destination if ref names no
// action. Batches in flight are not interrupted. The errors of this and the other commands are
// starter.ErrInvalid and store.ErrNotFound for an unknown action, starter.ErrRefused and starter.ErrNoWorker.
func (c *Client) Pause(ctx context.Context, ref deliveryacts.ActionRef, by call.By) error {
	if ref.Action == "" {
		if _, err := c.actions(ctx, ref.Destination); err != nil {
			return err
		}
		return c.auditedDestination(ctx, "destination.pause", ref.Destination, by, func(ctx context.Context) error {
			return errors.Join(c.cfg.Store.Deliveries.Pause(ctx, ref.Destination, "", by.Who), c.refresh(ctx, ref.Destination))
		})
	}
	return c.sendCommand(ctx, ref, workflows.CommandPause, func(o command.Command) any {
		return command.Pause{Command: o}
	}, by)
}

// Resume is the opposite of Pause. It probes connections with an open circuit now and makes waiting
// retries due. An action whose destination is paused as a whole cannot be resumed by
// itself, which is starter.ErrRefused. The other errors are those of Pause.
func (c *Client) Resume(ctx context.Context, ref deliveryacts.ActionRef, by call.By) error {
	if ref.Action == "" {
		if _, err := c.actions(ctx, ref.Destination); err != nil {
			return err
		}
		return c.auditedDestination(ctx, "destination.resume", ref.Destination, by, func(ctx context.Context) error {
			return errors.Join(c.cfg.Store.Deliveries.Resume(ctx, ref.Destination, "", by.Who),
				c.cfg.Store.Deliveries.TryNow(ctx, ref.Destination, ""), c.refresh(ctx, ref.Destination))
		})
	}
	return c.sendCommand(ctx, ref, workflows.CommandResume, func(o command.Command) any {
		return command.Resume{Command: o}
	}, by)
}

// auditedDestination makes a change of a destination as a whole and records it in the audit.
func (c *Client) auditedDestination(
	ctx context.Context, operation, destination string, by call.By, change func(ctx context.Context) error,
) error {
	return c.cfg.Store.Audited(ctx, store.AuditEntry{
		Operation: operation, SubjectType: "destination", SubjectID: destination, After: by.Command(ctx, "", ""),
	}, change)
}

// Trigger delivers the waiting jobs of an action now: new jobs and retries. Connections with an open
// circuit are probed. The errors are those of Pause.
func (c *Client) Trigger(ctx context.Context, ref deliveryacts.ActionRef, by call.By) error {
	return c.sendCommand(ctx, ref, workflows.CommandTrigger, func(o command.Command) any {
		return deliveryworkflows.Trigger{Command: o}
	}, by)
}

// NewTiming is a change of an action's schedule. A nil field leaves the setting unchanged; an empty text
// restores the program's.
type NewTiming struct {
	Realtime           *bool
	Interval, TimeZone *string
}

// SetSchedule changes the schedule of an action. The errors are those of Pause; an invalid schedule is
// starter.ErrRefused.
func (c *Client) SetSchedule(ctx context.Context, ref deliveryacts.ActionRef, t NewTiming, by call.By) error {
	return c.sendCommand(ctx, ref, workflows.CommandSetSchedule, func(o command.Command) any {
		return deliveryworkflows.SetSchedule{Command: o, Realtime: t.Realtime, Interval: t.Interval, TimeZone: t.TimeZone}
	}, by)
}

// SetRate limits the jobs per second of each connection; 0 restores the program's limit. The
// errors are those of Pause.
func (c *Client) SetRate(ctx context.Context, ref deliveryacts.ActionRef, jobsPerSecond float64, by call.By) error {
	return c.sendCommand(ctx, ref, workflows.CommandSetJobRate, func(o command.Command) any {
		return deliveryworkflows.SetJobRate{Command: o, JobsPerSecond: jobsPerSecond}
	}, by)
}

// SetConcurrency limits the concurrent batches of each connection; 0 restores the program's limit. The
// errors are those of Pause.
func (c *Client) SetConcurrency(ctx context.Context, ref deliveryacts.ActionRef, batches int32, by call.By) error {
	return c.sendCommand(ctx, ref, workflows.CommandSetConcurrency, func(o command.Command) any {
		return deliveryworkflows.SetConcurrency{Command: o, Batches: batches}
	}, by)
}

// State returns the state of an action's workflow. The error is that of Temporal, also if the workflow does not
// run or no worker answers in time.
func (c *Client) State(ctx context.Context, ref deliveryacts.ActionRef) (s deliveryworkflows.ActionState, err error) {
	err = c.ask(ctx, ref, workflows.QueryState, &s)
	return s, err
}

// Backlog returns how many jobs of an action wait. The error is that of State.
func (c *Client) Backlog(
	ctx context.Context, ref deliveryacts.ActionRef,
) (b deliveryworkflows.BacklogState, err error) {
	err = c.ask(ctx, ref, workflows.QueryBacklog, &b)
	return b, err
}

func (c *Client) ask(ctx context.Context, ref deliveryacts.ActionRef, query string, into any) error {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.AnswerTimeout)
	defer cancel()
	id := workflows.DestinationActionID(ref.Destination, ref.Action)
	answer, err := c.cfg.Temporal.QueryWorkflow(ctx, id, "", query)
	if err == nil {
		err = answer.Get(into)
	}
	if err != nil {
		return fmt.Errorf("%s of %s/%s: %w", query, ref.Destination, ref.Action, err)
	}
	return nil
}

// Refresh notifies all actions of all destinations of changed settings or connections. The error joins those
// of the store and of Temporal; the other actions are notified.
func (c *Client) Refresh(ctx context.Context) error {
	workers, err := c.cfg.Store.LiveWorkers(ctx)
	names := c.cfg.Registry.Names()
	for _, offered := range workers.Offers().Destinations {
		if !slices.Contains(names, offered.Name) {
			names = append(names, offered.Name)
		}
	}
	faults := []error{err}
	for _, name := range names {
		faults = append(faults, c.refresh(ctx, name))
	}
	return errors.Join(faults...)
}

// refresh notifies all actions of a destination of changed settings.
func (c *Client) refresh(ctx context.Context, destination string) error {
	actions, err := c.actions(ctx, destination)
	if err != nil {
		return err
	}
	var faults []error
	for _, action := range actions {
		id := workflows.DestinationActionID(destination, action)
		err := c.cfg.Temporal.SignalWorkflow(ctx, id, "", workflows.SignalRefresh, nil)
		if err != nil && !call.IsNotFound(err) {
			// One that does not run reads its settings when it is started.
			faults = append(faults, fmt.Errorf("notify %s/%s of changed settings: %w", destination, action, err))
		}
	}
	return errors.Join(faults...)
}

// sendCommand sends a command and waits for the answer. The key deduplicates its attempts.
func (c *Client) sendCommand(
	ctx context.Context, ref deliveryacts.ActionRef, name string, argument func(command.Command) any, by call.By,
) error {
	if err := c.checkAction(ctx, ref); err != nil {
		return err
	}
	key, err := store.NewID()
	if err != nil {
		return err
	}
	update := call.Update{
		Temporal: c.cfg.Temporal, Timeout: c.cfg.AnswerTimeout, Name: name, Subject: ref.Destination + "/" + ref.Action,
		Target: func(ctx context.Context, last error) (workflowID string, arg any, err error) {
			if errors.Is(last, call.ErrClosed) {
				// The workflow does not run: start it from the store.
				_, _, err = c.Recover(ctx, ref)
			}
			return workflows.DestinationActionID(ref.Destination, ref.Action),
				argument(by.Command(ctx, key, "")), err
		},
	}
	return c.cfg.Store.Audited(ctx, store.AuditEntry{
		Operation: "action." + name, SubjectType: "action", SubjectID: ref.Destination + "/" + ref.Action,
		After: argument(by.Command(ctx, "", "")), Ahead: true,
	}, update.Send)
}
