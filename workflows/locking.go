package workflows

import (
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/store"
)

// lock gets the import its locks. While it waits for them it costs nothing: the
// release that makes way for it wakes it with a signal.
func (r *importRun) lock(ctx workflow.Context) error {
	if err := r.enter(ctx, store.PhaseLocking); err != nil {
		return err
	}
	granted := workflow.GetSignalChannel(ctx, SignalLockGranted)
	for {
		var answer activities.Acquired
		err := workflow.ExecuteActivity(bookkeeping(ctx, "acquire locks"), ActivityAcquire, r.self()).Get(ctx, &answer)
		if err != nil {
			return err
		}
		if r.fencingToken, r.waiting = answer.FencingToken, answer.Waiting; r.fencingToken != 0 {
			return nil
		}
		r.describe(ctx)
		workflow.NewSelector(ctx).
			AddReceive(granted, func(c workflow.ReceiveChannel, _ bool) { c.Receive(ctx, nil) }).
			AddReceive(ctx.Done(), func(workflow.ReceiveChannel, bool) {}).
			Select(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
	}
}
