package workflows

import (
	"errors"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/internal/inbound"
	"github.com/sluicehq/sluice/store"
)

// turns lets an import's activities take turns with what interrupts them: a pause, a
// wait for the source, a change of pace.
type turns struct {
	paused bool
	// until is when the source can be asked again, while the import waits for that.
	until time.Time
	// running cancels what is running and can be interrupted.
	running []*turn
}

// turn is an activity that is running.
type turn struct {
	cancel      workflow.CancelFunc
	interrupted bool
	// loading says that it loads a part.
	loading bool
}

// take runs an activity that can be interrupted: it waits until nothing stands in the
// way, and runs it again after an interruption, until it has come to an end by itself.
func (t *turns) take(ctx workflow.Context, r *importRun, activity func(ctx workflow.Context) error) error {
	return t.takeTurn(ctx, r, false, activity)
}

func (t *turns) takeTurn(
	ctx workflow.Context, r *importRun, loading bool, activity func(ctx workflow.Context) error,
) error {
	for {
		if err := workflow.Await(ctx, func() bool { return !t.paused && t.until.IsZero() }); err != nil {
			return err
		}
		attempt, cancel := workflow.WithCancel(ctx)
		now := &turn{cancel: cancel, loading: loading}
		t.running = append(t.running, now)
		err := activity(attempt)
		cancel()
		t.forget(now)
		var app *temporal.ApplicationError
		switch {
		case now.interrupted && ctx.Err() == nil && stopped(err):
			continue
		case errors.As(err, &app) && app.Type() == activities.TypeWait:
			var wait activities.Wait
			if err := app.Details(&wait); err != nil {
				return err
			}
			if err := t.wait(ctx, r, wait); err != nil {
				return err
			}
		default:
			return err
		}
	}
}

// stopped says whether an attempt that was told to stop has, and is to be repeated. One
// that fails of something else before it hears of it, or whose worker dies, is not
// retried by the server any more: that is up to whoever has interrupted it.
func stopped(err error) bool {
	return err != nil && (temporal.IsCanceledError(err) || !isPermanent(err))
}

func (t *turns) forget(done *turn) {
	for i, running := range t.running {
		if running == done {
			t.running = append(t.running[:i], t.running[i+1:]...)
			return
		}
	}
}

// interrupt stops what is running, to be run again: everything, or only what loads.
func (t *turns) interrupt(loadingOnly bool) {
	for _, running := range t.running {
		if running.loading || !loadingOnly {
			running.interrupted = true
			running.cancel()
		}
	}
}

// wait lets the whole import wait until the source can be asked again. Whatever asks
// while it waits, waits with it; a pause ends the wait, so that a resume tries at once.
func (t *turns) wait(ctx workflow.Context, r *importRun, w activities.Wait) error {
	if !t.until.IsZero() {
		// A sibling has run into the same.
		return nil
	}
	left := w.Until.Sub(workflow.Now(ctx))
	if left <= 0 {
		return nil
	}
	t.until, r.waiting = w.Until, w.Reason
	defer func() { t.until, r.waiting = time.Time{}, "" }()
	if err := r.note(ctx, store.LevelWarn, "Waiting until "+w.Until.Format(time.RFC3339)+": "+w.Reason); err != nil {
		return err
	}
	r.describe(ctx)
	_, err := workflow.AwaitWithOptions(ctx, workflow.AwaitOptions{
		Timeout: left, TimerOptions: workflow.TimerOptions{Summary: brief(w.Reason)},
	}, func() bool { return t.paused })
	return err
}

// maxSummary bounds the summary of a timer or an activity, in bytes of JSON. The server
// refuses more than 400, and with it the workflow task.
const maxSummary = 300

func brief(text string) string { return inbound.Cut(text, maxSummary) }
