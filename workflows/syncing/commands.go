package syncing

import (
	"errors"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
	syncacts "github.com/sluicehq/sluice/activities/syncing"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/command"
)

func (r *syncRun) CommandState() *command.State { return &r.commands }

// LogRefusal keeps the last refusal, and logs it.
func (r *syncRun) LogRefusal(ctx workflow.Context, message string) {
	r.refusal = message
	workflow.GetLogger(ctx).Warn("signal refused", "refusal", message)
}

// serve registers the handlers of commands, signals and queries.
func (r *syncRun) serve(ctx workflow.Context) error {
	signals := workflow.GetSignalChannelWithOptions(ctx, workflows.SignalWake,
		workflow.SignalChannelOptions{Description: "Says that the next run is due. It has no argument."})
	r.commands.Signals = append(r.commands.Signals, signals)
	workflow.GoNamed(ctx, "signal-wake", func(ctx workflow.Context) {
		for signals.Receive(ctx, nil) {
			r.wanted = true
		}
	})
	return errors.Join(
		workflow.SetQueryHandlerWithOptions(ctx, workflows.QueryState, func() (State, error) { return r.state, nil },
			workflow.QueryHandlerOptions{Description: "The state of the sync and the progress of its run."}),
		workflow.SetQueryHandlerWithOptions(ctx, workflows.QueryFreshness, func() (Freshness, error) {
			return Freshness{CurrentTo: r.state.CurrentTo, Since: r.state.Succeeded, Failures: r.state.Failures}, nil
		}, workflow.QueryHandlerOptions{Description: "How current the sync is, and since when."}),
		command.Handle(ctx, r, workflows.CommandRun,
			`Run now: {"by": ".."}. With {"find": {"run_id": 1, "page": 2}}, search a page for records rejected later.`,
			checkRun, r.runNow),
		command.Handle(ctx, r, workflows.CommandPause, `Pause; a run under way is interrupted: {"by": "..", "reason": ".."}.`,
			func(command.Pause) error { return nil },
			func(ctx workflow.Context, o command.Pause) error { return r.setPaused(ctx, o.Command, true) }),
		command.Handle(ctx, r, workflows.CommandResume, `Resume, with a run now: {"by": ".."}.`,
			func(command.Resume) error { return nil },
			func(ctx workflow.Context, o command.Resume) error { return r.setPaused(ctx, o.Command, false) }),
	)
}

// checkRun refuses a page that cannot be.
func checkRun(o Run) error {
	if o.Find != nil && (o.Find.RunID < 1 || o.Find.Page < 1) {
		return errors.New("find: want the numbers of a run and of a page, both 1 or more")
	}
	return nil
}

// runNow requests a run. While one is under way, another one follows it; one that has stopped continues.
func (r *syncRun) runNow(_ workflow.Context, o Run) error {
	if o.Find != nil {
		r.find, r.by = o.Find, o.By
		return nil
	}
	r.wanted, r.by, r.proceed = true, o.By, true
	return nil
}

// setPaused stores the pause, and interrupts what is under way. The run continues after a resume.
func (r *syncRun) setPaused(ctx workflow.Context, o command.Command, paused bool) error {
	note := ""
	if paused {
		note = "paused" + command.Signature(o)
	}
	storing := workflows.Deciding(ctx, "store the pause"+command.Signature(o))
	err := workflows.Execute(storing, workflows.ActivityPauseSync,
		syncacts.PauseRequest{Sync: r.in.Sync, Paused: paused, Note: note})
	if err != nil {
		return err
	}
	if !paused {
		r.wanted, r.by, r.proceed = true, o.By, true
		return nil
	}
	r.wanted, r.find = false, nil
	if !r.active {
		r.state.Phase = PhasePaused
		return nil
	}
	if r.pausing = true; r.interrupt != nil {
		r.interrupt()
	}
	return nil
}

// explain returns the class and the text of the error that ended a run.
func explain(err error) (class, reason string) {
	var app *temporal.ApplicationError
	var timeout *temporal.TimeoutError
	switch {
	case errors.As(err, &app) && app.Type() == activities.TypeTransient:
		return "unavailable", app.Message()
	case errors.As(err, &app):
		return app.Type(), app.Message()
	case errors.As(err, &timeout):
		return "unavailable", "an attempt took too long or its worker died: " + timeout.Error()
	default:
		return "internal", err.Error()
	}
}
