package importing

import (
	"go.temporal.io/sdk/workflow"

	importacts "github.com/sluicehq/sluice/activities/importing"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
)

// lock gets the import its locks. While it waits for them it costs nothing: the
// release that makes way for it wakes it with a signal.
func (r *importRun) lock(ctx workflow.Context) error {
	if err := r.enter(ctx, importstore.PhaseLocking); err != nil {
		return err
	}
	granted := workflow.GetSignalChannel(ctx, workflows.SignalLockGranted)
	for {
		var answer importacts.Acquired
		err := workflow.ExecuteActivity(workflows.Bookkeeping(ctx, "acquire locks"), workflows.ActivityAcquire,
			r.self()).Get(ctx, &answer)
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
