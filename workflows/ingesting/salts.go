// Package ingesting has the workflows of the ingestion.
package ingesting

import (
	"fmt"

	"go.temporal.io/sdk/workflow"

	ingestacts "github.com/sluicehq/sluice/activities/ingesting"
	"github.com/sluicehq/sluice/workflows"
)

// SaltRotation creates the salts of visitors' IDs of today and tomorrow, and deletes those of the days before
// yesterday. It retries until that is done. Its schedule starts it at midnight UTC.
func SaltRotation(ctx workflow.Context) (ingestacts.Rotation, error) {
	rotating := workflows.Bookkeeping(ctx, "rotate the salts of visitors' IDs")
	var done ingestacts.Rotation
	if err := workflow.ExecuteActivity(rotating, workflows.ActivityRotateSalts).Get(ctx, &done); err != nil {
		return ingestacts.Rotation{}, err
	}
	workflow.SetCurrentDetails(ctx, fmt.Sprintf("The salt of **%s** is in use; **%d** older salts were deleted.",
		done.Today, done.Deleted))
	return done, nil
}
