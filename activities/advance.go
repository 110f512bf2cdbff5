package activities

import (
	"context"
	"fmt"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"
)

// TypeAdvanced is the type of the error by which an attempt at a part that has made
// progress asks for a new activity. Temporal counts attempts, and lengthens the pauses
// between them, over the whole life of an activity: a part that is interrupted now
// and then, but advances, would be kept waiting for minutes and given up in the end.
const TypeAdvanced = "advanced"

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

// beginAnew ends an attempt with an error of TypeAdvanced where earlier attempts of its
// activity have failed, but not without progress.
func beginAnew(ctx context.Context, from, next int32) error {
	if activity.GetInfo(ctx).Attempt <= patience || next <= from {
		return nil
	}
	return temporal.NewApplicationErrorWithOptions(
		fmt.Sprintf("going on behind chunk %d, with attempts counted anew", next), TypeAdvanced,
		temporal.ApplicationErrorOptions{NonRetryable: true, Details: []any{Advance{Chunks: next, From: from}}})
}
