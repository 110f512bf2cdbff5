package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"
)

// The retry policies, one for each kind of activity. Permanent errors are never
// retried, whatever the policy says.
var (
	// retryCallback is for an importer's own callbacks: about ten minutes in all,
	// then the import fails.
	retryCallback = &temporal.RetryPolicy{
		InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 2 * time.Minute, MaximumAttempts: 10,
	}
	// retryLoad is for loading a part: it counts attempts since the last progress,
	// about five minutes in all, then the part is parked. The intervals are short
	// because an attempt that follows a worker's death should begin soon.
	retryLoad = &temporal.RetryPolicy{
		InitialInterval: 500 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: time.Minute, MaximumAttempts: 10,
	}
	// retryForever is for Sluice's own bookkeeping, which needs nothing but its
	// databases and must not be left half done.
	retryForever = &temporal.RetryPolicy{
		InitialInterval: 500 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: time.Minute,
	}
)

// Timeouts of single attempts.
const (
	callbackTimeout    = 10 * time.Minute
	loadTimeout        = 24 * time.Hour
	loadHeartbeat      = 10 * time.Second
	bookkeepingTimeout = time.Minute
	purgeTimeout       = time.Hour
	purgeHeartbeat     = 10 * time.Minute
)

// callback are the options of an importer's callback.
func callback(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: callbackTimeout, RetryPolicy: retryCallback, Summary: summary,
	})
}

// bookkeeping are the options of Sluice's own activities.
func bookkeeping(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: bookkeepingTimeout, RetryPolicy: retryForever, Summary: summary,
	})
}

// purging are the options of activities that wait for ClickHouse to rewrite data.
func purging(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: purgeTimeout, HeartbeatTimeout: purgeHeartbeat, RetryPolicy: retryForever, Summary: summary,
	})
}

// loadingPart are the options of the activity that loads a part.
func loadingPart(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           QueueLoad,
		StartToCloseTimeout: loadTimeout, HeartbeatTimeout: loadHeartbeat, RetryPolicy: retryLoad, Summary: summary,
		// A cancelled attempt is waited for, so that it does not insert into what is
		// being purged.
		WaitForCancellation: true,
	})
}
