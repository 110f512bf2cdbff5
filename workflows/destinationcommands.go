package workflows

import (
	"errors"
	"fmt"
	"strings"

	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/internal/inbound"
)

// Trigger is the argument of the command trigger.
type Trigger struct{ Command }

// SetSchedule is the argument of the command set_schedule. A nil field leaves the setting unchanged; an
// empty text restores the program's.
type SetSchedule struct {
	Command
	// Realtime, Interval and TimeZone are as in destinations.Schedule.
	Realtime *bool   `json:"realtime,omitempty"`
	Interval *string `json:"interval,omitempty"`
	TimeZone *string `json:"time_zone,omitempty"`
}

// SetJobRate is the argument of the command set_rate to an action of a destination.
type SetJobRate struct {
	Command
	// JobsPerSecond limits the jobs per second of each connection: MinJobsPerSecond to
	// MaxJobsPerSecond. 0 restores the program's limit.
	JobsPerSecond float64 `json:"jobs_per_second" required:"true"`
}

// SetConcurrency is the argument of the command set_concurrency.
type SetConcurrency struct {
	Command
	// Batches limits the batches of each connection that are in flight, up to MaxConcurrency. 0
	// restores the program's limit.
	Batches int32 `json:"batches" required:"true"`
}

// MaxConcurrency bounds the batches of a connection that are in flight.
const MaxConcurrency = 100

func (r *actionRun) commandState() *commandState { return &r.commands }

// logRefusal keeps the last refusal for the query state.
func (r *actionRun) logRefusal(ctx workflow.Context, message string) {
	r.refusal = message
	workflow.GetLogger(ctx).Warn("signal refused", "refusal", message)
}

// answered reports whether all commands were executed, including those in signals that were not yet
// received.
func (r *actionRun) answered(ctx workflow.Context) bool { return r.commands.answered(ctx) }

// serve registers the handlers of commands, signals and queries.
func (r *actionRun) serve(ctx workflow.Context) error {
	r.handleSignal(ctx, SignalEnqueue, "Reports new jobs. It has no argument.", r.enqueued)
	r.handleSignal(ctx, SignalRefresh, "Reports changed settings. It has no argument.", func(workflow.Context) { r.stale = true })
	return errors.Join(
		workflow.SetQueryHandlerWithOptions(ctx, QueryState, func() (ActionState, error) { return r.state(), nil },
			workflow.QueryHandlerOptions{Description: "The action's plan and its state."}),
		workflow.SetQueryHandlerWithOptions(ctx, QueryBacklog, func() (BacklogState, error) { return r.backlog(), nil },
			workflow.QueryHandlerOptions{Description: "The waiting jobs, according to the last known status."}),
		handleCommand(ctx, r, CommandPause, `Deliver nothing: {"by": "..", "reason": ".."}.`, func(Pause) error { return nil },
			func(ctx workflow.Context, o Pause) error { return r.setPaused(ctx, o.Command, true) }),
		handleCommand(ctx, r, CommandResume, `Deliver again: {"by": ".."}.`, func(Resume) error { return nil },
			func(ctx workflow.Context, o Resume) error { return r.setPaused(ctx, o.Command, false) }),
		handleCommand(ctx, r, CommandTrigger, `Deliver waiting jobs now: {"by": ".."}.`,
			func(Trigger) error { return r.canTrigger() }, r.trigger),
		handleCommand(ctx, r, CommandSetSchedule,
			`Change the schedule: {"realtime": true, "interval": "@every 5m", "time_zone": "UTC"}.`,
			canSetSchedule, r.setSchedule),
		handleCommand(ctx, r, CommandSetJobRate, `Limit the jobs per second of each connection: {"jobs_per_second": 10}.`,
			canSetJobRate, r.setRate),
		handleCommand(ctx, r, CommandSetConcurrency, `Limit the concurrent batches of each connection: {"batches": 4}.`,
			canSetConcurrency, r.setConcurrency),
	)
}

// handleSignal handles a signal without an argument.
func (r *actionRun) handleSignal(ctx workflow.Context, name, description string, handle func(workflow.Context)) {
	signals := workflow.GetSignalChannelWithOptions(ctx, name, workflow.SignalChannelOptions{Description: description})
	r.commands.signals = append(r.commands.signals, signals)
	workflow.GoNamed(ctx, "signal-"+name, func(ctx workflow.Context) {
		for signals.Receive(ctx, nil) {
			r.cost += costSignal
			r.changed = true
			handle(ctx)
		}
	})
}

// apply stores a change of the settings. It takes effect at once.
func (r *actionRun) apply(ctx workflow.Context, o Command, c activities.SettingsChange) error {
	c.StatusRequest, c.By = r.statusRequest(ctx), o.By
	r.cost += costActivity
	var answer activities.ActionStatus
	applying := workflow.WithTaskQueue(deciding(ctx, "change settings"+signature(o)), DestinationQueue(r.ref.Destination))
	if err := workflow.ExecuteActivity(applying, ActivityApplySettings, c).Get(ctx, &answer); err != nil {
		return err
	}
	r.setStatus(ctx, answer)
	r.wanted, r.changed = r.wanted || answer.Due > 0, true
	return nil
}

func (r *actionRun) setPaused(ctx workflow.Context, o Command, paused bool) error {
	return r.apply(ctx, o, activities.SettingsChange{Paused: &paused, TryNow: !paused})
}

func (r *actionRun) canTrigger() error {
	if r.known.Plan.Paused {
		return fmt.Errorf("%s/%s is paused: resume it, which delivers its waiting jobs", r.ref.Destination, r.ref.Action)
	}
	return nil
}

// trigger delivers the waiting jobs now: new jobs, retries, and jobs of connections with an open circuit.
func (r *actionRun) trigger(ctx workflow.Context, o Trigger) error {
	if err := r.apply(ctx, o.Command, activities.SettingsChange{TryNow: true}); err != nil {
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
	return r.apply(ctx, o.Command, activities.SettingsChange{
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
	return r.apply(ctx, o.Command, activities.SettingsChange{Rate: &o.JobsPerSecond})
}

func canSetConcurrency(o SetConcurrency) error {
	if o.Batches < 0 || o.Batches > MaxConcurrency {
		return fmt.Errorf("batches is %d: want 1 to %d, or 0 for the program's limit", o.Batches, MaxConcurrency)
	}
	return nil
}

func (r *actionRun) setConcurrency(ctx workflow.Context, o SetConcurrency) error {
	return r.apply(ctx, o.Command, activities.SettingsChange{Concurrency: &o.Batches})
}
