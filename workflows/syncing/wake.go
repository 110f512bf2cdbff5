package syncing

import (
	"go.temporal.io/sdk/workflow"

	syncacts "github.com/sluicehq/sluice/activities/syncing"
	"github.com/sluicehq/sluice/workflows"
)

// SyncWake is what the schedule of a sync starts: it wakes the sync's workflow, and starts it if it does not
// run.
func SyncWake(ctx workflow.Context, in syncacts.WakeRequest) error {
	return workflows.Execute(workflows.Polling(ctx, "wake the sync"), workflows.ActivityWakeSync, in)
}
