package importing

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
)

// pauseGate holds an import's activities while the import is paused or waits for its source, and
// interrupts those that run.
type pauseGate struct {
	paused bool
	// until is when the source can be asked again, while the import waits for that.
	until time.Time
	// running cancels what is running and can be interrupted.
	running []*gated
}

// gated is a running activity that can be interrupted.
type gated struct {
	cancel      workflow.CancelFunc
	interrupted bool
	// loading says that it loads a part.
	loading bool
}

// run executes an activity that can be interrupted: it waits for the gate to open, and repeats the
// activity after an interruption, until it ends by itself.
func (g *pauseGate) run(ctx workflow.Context, r *importRun, activity func(ctx workflow.Context) error) error {
	return g.runAttempts(ctx, r, false, activity)
}

func (g *pauseGate) runAttempts(
	ctx workflow.Context, r *importRun, loading bool, activity func(ctx workflow.Context) error,
) error {
	for {
		if err := workflow.Await(ctx, func() bool { return !g.paused && g.until.IsZero() }); err != nil {
			return err
		}
		attempt, cancel := workflow.WithCancel(ctx)
		now := &gated{cancel: cancel, loading: loading}
		g.running = append(g.running, now)
		err := activity(attempt)
		cancel()
		g.forget(now)
		var app *temporal.ApplicationError
		switch {
		case now.interrupted && ctx.Err() == nil && stopped(err):
			continue
		case errors.As(err, &app) && app.Type() == activities.TypeWait:
			var wait activities.Wait
			if err := app.Details(&wait); err != nil {
				return err
			}
			if err := g.wait(ctx, r, wait); err != nil {
				return err
			}
		default:
			return err
		}
	}
}

// stopped reports whether a cancelled attempt has ended and must be repeated. An attempt that fails
// for another reason before its cancellation, or whose worker dies, is not retried by the server
// any more: the workflow that cancelled it repeats it.
func stopped(err error) bool {
	return err != nil && (temporal.IsCanceledError(err) || !workflows.IsPermanent(err))
}

func (g *pauseGate) forget(done *gated) {
	for i, running := range g.running {
		if running == done {
			g.running = append(g.running[:i], g.running[i+1:]...)
			return
		}
	}
}

// interrupt stops what is running, to be run again: everything, or only what loads.
func (g *pauseGate) interrupt(loadingOnly bool) {
	for _, running := range g.running {
		if running.loading || !loadingOnly {
			running.interrupted = true
			running.cancel()
		}
	}
}

// wait lets the whole import wait until the source can be asked again. Whatever asks
// while it waits, waits with it; a pause ends the wait, so that a resume tries at once.
func (g *pauseGate) wait(ctx workflow.Context, r *importRun, w activities.Wait) error {
	if !g.until.IsZero() {
		// A sibling has run into the same.
		return nil
	}
	left := w.Until.Sub(workflow.Now(ctx))
	if left <= 0 {
		return nil
	}
	g.until, r.waiting = w.Until, w.Reason
	defer func() { g.until, r.waiting = time.Time{}, "" }()
	if err := r.note(ctx, importstore.LevelWarn, "Waiting until "+w.Until.Format(time.RFC3339)+": "+w.Reason); err != nil {
		return err
	}
	r.describe(ctx)
	_, err := workflow.AwaitWithOptions(ctx, workflow.AwaitOptions{
		Timeout: left, TimerOptions: workflow.TimerOptions{Summary: workflows.Summary(w.Reason)},
	}, func() bool { return g.paused })
	return err
}
