package importing

import (
	"context"
	"fmt"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/activities"
)

// patience is how many attempts an activity has before progress makes it begin anew. It
// is more than one because each new activity makes the history longer.
const patience = 2

// startOf returns the chunk at which the activity's first attempt began, as its
// heartbeats tell, or the next chunk if none has got that far.
func startOf(ctx context.Context, next int32) int32 {
	var last Advance
	if activity.HasHeartbeatDetails(ctx) && activity.GetHeartbeatDetails(ctx, &last) == nil {
		return last.From
	}
	return next
}

// beginAnew ends an attempt with an error of activities.TypeAdvanced where earlier attempts of its
// activity have failed, but not without progress.
func beginAnew(ctx context.Context, from, next int32) error {
	if activity.GetInfo(ctx).Attempt <= patience || next <= from {
		return nil
	}
	return temporal.NewApplicationErrorWithOptions(
		fmt.Sprintf("continuing after chunk %d, with attempts counted anew", next), activities.TypeAdvanced,
		temporal.ApplicationErrorOptions{NonRetryable: true, Details: []any{Advance{Chunks: next, From: from}}})
}
