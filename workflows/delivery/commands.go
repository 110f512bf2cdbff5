package delivery

import (
	"errors"
	"fmt"
	"strings"

	"go.temporal.io/sdk/workflow"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/internal/inbound"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/command"
)

// Trigger is the argument of the command trigger.
type Trigger struct{ command.Command }

// SetSchedule is the argument of the command set_schedule. A nil field leaves the setting unchanged; an
// empty text restores the program's.
type SetSchedule struct {
	command.Command
	// Realtime, Interval and TimeZone are as in destinations.Schedule.
	Realtime *bool   `json:"realtime,omitempty"`
	Interval *string `json:"interval,omitempty"`
	TimeZone *string `json:"time_zone,omitempty"`
}

// SetJobRate is the argument of the command set_rate to an action of a destination.
type SetJobRate struct {
	command.Command
	// JobsPerSecond limits the jobs per second of each connection: MinJobsPerSecond to
	// MaxJobsPerSecond. 0 restores the program's limit.
	JobsPerSecond float64 `json:"jobs_per_second" required:"true"`
}

// MinJobsPerSecond and MaxJobsPerSecond bound set_rate of an action; 0 is valid too.
const (
	MinJobsPerSecond = 0.001
	MaxJobsPerSecond = 1_000_000
)

// SetConcurrency is the argument of the command set_concurrency.
type SetConcurrency struct {
	command.Command
	// Batches limits the batches of each connection that are in flight, up to MaxConcurrency. 0
	// restores the program's limit.
	Batches int32 `json:"batches" required:"true"`
}

// MaxConcurrency bounds the batches of a connection that are in flight.
const MaxConcurrency = 100

func (r *actionRun) CommandState() *command.State { return &r.commands }

// LogRefusal keeps the last refusal for the query state.
func (r *actionRun) LogRefusal(ctx workflow.Context, message string) {
	r.refusal = message
	workflow.GetLogger(ctx).Warn("signal refused", "refusal", message)
}

// answered reports whether all commands were executed, including those in signals that were not yet
// received.
func (r *actionRun) answered(ctx workflow.Context) bool { return r.commands.Answered(ctx) }

// serve registers the handlers of commands, signals and queries.
func (r *actionRun) serve(ctx workflow.Context) error {
	r.handleSignal(ctx, workflows.SignalEnqueue, "Reports new jobs. It has no argument.", r.enqueued)
	r.handleSignal(ctx, workflows.SignalRefresh, "Reports changed settings. It has no argument.",
		func(workflow.Context) { r.stale = true })
	return errors.Join(
		workflow.SetQueryHandlerWithOptions(ctx, workflows.QueryState, func() (ActionState, error) { return r.state(), nil },
			workflow.QueryHandlerOptions{Description: "The action's plan and its state."}),
		workflow.SetQueryHandlerWithOptions(ctx, workflows.QueryBacklog,
			func() (BacklogState, error) { return r.backlog(), nil },
			workflow.QueryHandlerOptions{Description: "The waiting jobs, according to the last known status."}),
		command.Handle(ctx, r, workflows.CommandPause, `Deliver nothing: {"by": "..", "reason": ".."}.`,
			func(command.Pause) error { return nil },
			func(ctx workflow.Context, o command.Pause) error { return r.setPaused(ctx, o.Command, true) }),
		command.Handle(ctx, r, workflows.CommandResume, `Deliver again: {"by": ".."}.`,
			func(command.Resume) error { return nil },
			func(ctx workflow.Context, o command.Resume) error { return r.setPaused(ctx, o.Command, false) }),
		command.Handle(ctx, r, workflows.CommandTrigger, `Deliver waiting jobs now: {"by": ".."}.`,
			func(Trigger) error { return r.canTrigger() }, r.trigger),
		command.Handle(ctx, r, workflows.CommandSetSchedule,
			`Change the schedule: {"realtime": true, "interval": "@every 5m", "time_zone": "UTC"}.`,
			canSetSchedule, r.setSchedule),
		command.Handle(ctx, r, workflows.CommandSetJobRate,
			`Limit the jobs per second of each connection: {"jobs_per_second": 10}.`,
			canSetJobRate, r.setRate),
		command.Handle(ctx, r, workflows.CommandSetConcurrency,
			`Limit the concurrent batches of each connection: {"batches": 4}.`,
			canSetConcurrency, r.setConcurrency),
	)
}

// handleSignal handles a signal without an argument.
func (r *actionRun) handleSignal(ctx workflow.Context, name, description string, handle func(workflow.Context)) {
	signals := workflow.GetSignalChannelWithOptions(ctx, name, workflow.SignalChannelOptions{Description: description})
	r.commands.Signals = append(r.commands.Signals, signals)
	workflow.GoNamed(ctx, "signal-"+name, func(ctx workflow.Context) {
		for signals.Receive(ctx, nil) {
			r.cost += costSignal
			r.changed = true
			handle(ctx)
		}
	})
}

// apply stores a change of the settings. It takes effect at once.
func (r *actionRun) apply(ctx workflow.Context, o command.Command, c deliveryacts.SettingsChange) error {
	if err := r.settings.Lock(ctx); err != nil {
		return err
	}
	defer r.settings.Unlock()
	c.StatusRequest, c.By = r.statusRequest(ctx), o.By
	r.cost += costActivity
	var answer deliveryacts.ActionStatus
	applying := workflow.WithTaskQueue(workflows.Deciding(ctx, "change settings"+command.Signature(o)),
		workflows.DestinationQueue(r.ref.Destination))
	if err := workflow.ExecuteActivity(applying, workflows.ActivityApplySettings, c).Get(ctx, &answer); err != nil {
		return err
	}
	r.changes++
	r.setStatus(ctx, answer, r.changes)
	r.wanted, r.changed = r.wanted || answer.Due > 0, true
	return nil
}

func (r *actionRun) setPaused(ctx workflow.Context, o command.Command, paused bool) error {
	return r.apply(ctx, o, deliveryacts.SettingsChange{Paused: &paused, TryNow: !paused})
}

func (r *actionRun) canTrigger() error {
	if r.known.Plan.Paused {
		return fmt.Errorf("%s/%s is paused: resume it, which delivers its waiting jobs", r.ref.Destination, r.ref.Action)
	}
	return nil
}

// trigger delivers the waiting jobs now: new jobs, retries, and jobs of connections with an open circuit.
func (r *actionRun) trigger(ctx workflow.Context, o Trigger) error {
	if err := r.apply(ctx, o.Command, deliveryacts.SettingsChange{TryNow: true}); err != nil {
		return err
	}
	r.wake(true)
	return nil
}

func canSetSchedule(o SetSchedule) error {
	if o.Realtime == nil && o.Interval == nil && o.TimeZone == nil {
		return errors.New("want at least one of realtime, interval and time_zone")
	}
	if err := errors.Join(checkTiming("interval", o.Interval), checkTiming("time_zone", o.TimeZone)); err != nil {
		return err
	}
	// The activity validates them with the worker's time zone database.
	if o.Interval != nil && *o.Interval != "" && strings.TrimSpace(*o.Interval) == "" {
		return errors.New(`the interval is blank: want "@every 1h", five fields of cron, or "" for the program's`)
	}
	return nil
}

// checkTiming refuses a text that is long or has control characters.
func checkTiming(name string, text *string) error {
	if text == nil {
		return nil
	}
	clean, err := inbound.Text(name, *text, inbound.MaxName)
	if err == nil && clean != strings.TrimSpace(*text) {
		err = fmt.Errorf("%s has control characters: want none", name)
	}
	return err
}

func (r *actionRun) setSchedule(ctx workflow.Context, o SetSchedule) error {
	return r.apply(ctx, o.Command, deliveryacts.SettingsChange{
		Realtime: o.Realtime, Interval: o.Interval, TimeZone: o.TimeZone,
	})
}

func canSetJobRate(o SetJobRate) error {
	if o.JobsPerSecond == 0 || o.JobsPerSecond >= MinJobsPerSecond && o.JobsPerSecond <= MaxJobsPerSecond {
		return nil
	}
	return fmt.Errorf("jobs_per_second is %g: want %g to %d, or 0 for the program's limit",
		o.JobsPerSecond, MinJobsPerSecond, MaxJobsPerSecond)
}

func (r *actionRun) setRate(ctx workflow.Context, o SetJobRate) error {
	return r.apply(ctx, o.Command, deliveryacts.SettingsChange{Rate: &o.JobsPerSecond})
}

func canSetConcurrency(o SetConcurrency) error {
	if o.Batches < 0 || o.Batches > MaxConcurrency {
		return fmt.Errorf("batches is %d: want 1 to %d, or 0 for the program's limit", o.Batches, MaxConcurrency)
	}
	return nil
}

func (r *actionRun) setConcurrency(ctx workflow.Context, o SetConcurrency) error {
	return r.apply(ctx, o.Command, deliveryacts.SettingsChange{Concurrency: &o.Batches})
}
