package delivery

import (
	"fmt"
	"time"

	"go.temporal.io/sdk/workflow"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/workflows"
)

// RetentionInput starts a Retention workflow. It is the input of a schedule's action, and
// says what the schedule was made of: one that differs is brought up to date.
type RetentionInput struct {
	Rule deliveryacts.RetentionRule `json:"rule"`
	// Cron and Jitter say when the schedule runs.
	Cron   string        `json:"cron"`
	Jitter time.Duration `json:"jitter"`
	// Progress is how far the run before has come that has continued as this one.
	Progress deliveryacts.PurgeProgress `json:"progress,omitzero"`
}

// maxPurges is how many activities a run of Retention has before it continues as new, so
// that its history stays below 2,000 events.
const maxPurges = 100

// Retention purges the events that are too old at its start, and answers what it has taken
// away. It does so in bounded steps, each of which may be repeated.
func Retention(ctx workflow.Context, in RetentionInput) (deliveryacts.PurgeProgress, error) {
	progress := in.Progress
	if progress.Before.IsZero() {
		keep := time.Duration(in.Rule.KeepSeconds) * time.Second
		progress.Before = workflow.Now(ctx).UTC().Truncate(time.Second).Add(-keep)
	}
	for range maxPurges {
		workflow.SetCurrentDetails(ctx, fmt.Sprintf("Events received before **%s**: **%d** purged, with **%d** jobs.",
			progress.Before.Format(time.RFC3339), progress.Events, progress.Jobs))
		purging := workflows.Retaining(ctx, "purge events received before "+progress.Before.Format(time.RFC3339))
		request := deliveryacts.PurgeRequest{Rule: in.Rule, Progress: progress}
		// The answer is read into a value of its own: what it leaves out is not what was before.
		var next deliveryacts.PurgeProgress
		if err := workflow.ExecuteActivity(purging, workflows.ActivityPurgeEvents, request).Get(ctx, &next); err != nil {
			return progress, err
		}
		if progress = next; progress.Done {
			return progress, nil
		}
	}
	in.Progress = progress
	return progress, workflow.NewContinueAsNewError(ctx, workflows.TypeRetention, in)
}
