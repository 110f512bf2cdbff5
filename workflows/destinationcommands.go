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

// SetSchedule is the argument of the command set_schedule. What is nil stays as it is; an empty
// text goes back to what the program says.
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
	// JobsPerSecond is how many jobs a second of each connection are loaded at most,
	// MinJobsPerSecond to MaxJobsPerSecond; 0 goes back to what the program says.
	JobsPerSecond float64 `json:"jobs_per_second" required:"true"`
}

// SetConcurrency is the argument of the command set_concurrency.
type SetConcurrency struct {
	Command
	// Loads is how many batches of each connection are loaded at once, at most MaxConcurrency;
	// 0 goes back to what the program says.
	Loads int32 `json:"loads" required:"true"`
}

// MaxConcurrency bounds how many loads of an action run at once.
const MaxConcurrency = 100

func (r *actionRun) commandState() *commandState { return &r.commands }

// refuse keeps the last refusal, for the query state.
func (r *actionRun) logRefusal(ctx workflow.Context, message string) {
	r.refusal = message
	workflow.GetLogger(ctx).Warn("signal refused", "refusal", message)
}

// answered says whether all commands have been carried out, those among them that came as
// signals and that nobody has looked at yet.
func (r *actionRun) answered(ctx workflow.Context) bool { return r.commands.answered(ctx) }

// serve takes commands and signals and answers queries from now on.
func (r *actionRun) serve(ctx workflow.Context) error {
	r.handleSignal(ctx, SignalEnqueue, "There are jobs. It carries nothing.", r.enqueued)
	r.handleSignal(ctx, SignalRefresh, "Settings have changed. It carries nothing.", func(workflow.Context) { r.stale = true })
	return errors.Join(
		workflow.SetQueryHandlerWithOptions(ctx, QueryState, func() (ActionState, error) { return r.state(), nil },
			workflow.QueryHandlerOptions{Description: "What the action goes by, and what it is doing."}),
		workflow.SetQueryHandlerWithOptions(ctx, QueryBacklog, func() (BacklogState, error) { return r.backlog(), nil },
			workflow.QueryHandlerOptions{Description: "What waits to be loaded, as far as is known."}),
		handleCommand(ctx, r, CommandPause, `Load nothing: {"by": "..", "reason": ".."}.`, func(Pause) error { return nil },
			func(ctx workflow.Context, o Pause) error { return r.setPaused(ctx, o.Command, true) }),
		handleCommand(ctx, r, CommandResume, `Load again: {"by": ".."}.`, func(Resume) error { return nil },
			func(ctx workflow.Context, o Resume) error { return r.setPaused(ctx, o.Command, false) }),
		handleCommand(ctx, r, CommandTrigger, `Load at once what waits: {"by": ".."}.`,
			func(Trigger) error { return r.canTrigger() }, r.trigger),
		handleCommand(ctx, r, CommandSetSchedule,
			`Change when it is loaded: {"realtime": true, "interval": "@every 5m", "time_zone": "UTC"}.`,
			canSetSchedule, r.setSchedule),
		handleCommand(ctx, r, CommandSetJobRate, `Bound how fast it is loaded: {"jobs_per_second": 10}.`,
			canSetJobRate, r.setRate),
		handleCommand(ctx, r, CommandSetConcurrency, `Bound how many loads run at once: {"loads": 4}.`,
			canSetConcurrency, r.setConcurrency),
	)
}

// handleSignal takes a signal that carries nothing.
func (r *actionRun) handleSignal(ctx workflow.Context, name, description string, heard func(workflow.Context)) {
	signals := workflow.GetSignalChannelWithOptions(ctx, name, workflow.SignalChannelOptions{Description: description})
	r.commands.signals = append(r.commands.signals, signals)
	workflow.GoNamed(ctx, "signal-"+name, func(ctx workflow.Context) {
		for signals.Receive(ctx, nil) {
			r.cost += costSignal
			r.changed = true
			heard(ctx)
		}
	})
}

// apply stores a change of the settings, from which on it counts.
func (r *actionRun) apply(ctx workflow.Context, o Command, c activities.SettingsChange) error {
	c.Survey, c.By = r.question(ctx), o.By
	r.cost += costActivity
	var answer activities.Surveyed
	applying := deciding(ctx, "change settings"+signature(o))
	if err := workflow.ExecuteActivity(applying, ActivityApplySettings, c).Get(ctx, &answer); err != nil {
		return err
	}
	r.learn(ctx, answer)
	r.wanted, r.changed = r.wanted || answer.Due > 0, true
	return nil
}

func (r *actionRun) setPaused(ctx workflow.Context, o Command, paused bool) error {
	return r.apply(ctx, o, activities.SettingsChange{Paused: &paused, TryNow: !paused})
}

func (r *actionRun) canTrigger() error {
	if r.known.Plan.Paused {
		return fmt.Errorf("%s/%s is paused: resume it, then it loads what waits", r.ref.Destination, r.ref.Action)
	}
	return nil
}

// trigger tries at once what waits: the open circuits of its connections and its retries too.
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
	// Whether there are such times is looked up in the worker's own list of time zones.
	if o.Interval != nil && *o.Interval != "" && strings.TrimSpace(*o.Interval) == "" {
		return errors.New("the interval is blank")
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
	return fmt.Errorf("jobs_per_second is %g: want %g to %d, or 0 for what the program says",
		o.JobsPerSecond, MinJobsPerSecond, MaxJobsPerSecond)
}

func (r *actionRun) setRate(ctx workflow.Context, o SetJobRate) error {
	return r.apply(ctx, o.Command, activities.SettingsChange{Rate: &o.JobsPerSecond})
}

func canSetConcurrency(o SetConcurrency) error {
	if o.Loads < 0 || o.Loads > MaxConcurrency {
		return fmt.Errorf("loads is %d: want 1 to %d, or 0 for what the program says", o.Loads, MaxConcurrency)
	}
	return nil
}

func (r *actionRun) setConcurrency(ctx workflow.Context, o SetConcurrency) error {
	return r.apply(ctx, o.Command, activities.SettingsChange{Concurrency: &o.Loads})
}
