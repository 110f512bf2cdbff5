package importing

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	importacts "github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/workflows"
)

// DryRunTimeout bounds a DryRun workflow, including the wait for a worker: a person waits for it.
const DryRunTimeout = 5 * time.Minute

// retryDryRun gives a dry run whose worker has died to another worker, once.
var retryDryRun = &temporal.RetryPolicy{InitialInterval: time.Second, BackoffCoefficient: 1, MaximumAttempts: 2}

// DryRun tells what an import would do, on a worker: that is where it would be done, with
// its files, its network and its keys. Nothing is written.
func DryRun(ctx workflow.Context, in importacts.DryRunRequest) (importacts.DryRunReport, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           workflows.ImporterQueue(in.Source),
		StartToCloseTimeout: importacts.DryRunTimeout + 30*time.Second, HeartbeatTimeout: workflows.CallbackHeartbeat,
		RetryPolicy: retryDryRun, WaitForCancellation: true,
		Summary: "look into " + in.Source + " for " + in.Site,
	})
	var report importacts.DryRunReport
	err := workflow.ExecuteActivity(ctx, workflows.ActivityDryRun, in).Get(ctx, &report)
	return report, err
}
