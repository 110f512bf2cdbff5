package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/internal/inbound"
)

// The retry policies, one for each kind of activity. Permanent errors are never
// retried, whatever the policy says.
var (
	// retryCallback is for an importer's own callbacks: ten attempts, with waits of
	// about six minutes in all, then the import fails.
	retryCallback = &temporal.RetryPolicy{
		InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 2 * time.Minute, MaximumAttempts: 10,
	}
	// retryLoad is for loading a part: ten attempts since the last progress, with
	// waits of about three minutes in all, then the part is parked. The intervals are short
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

// retryDecision is for the execution of a decision: a person waits for the answer.
var retryDecision = &temporal.RetryPolicy{
	InitialInterval: 200 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: 2 * time.Second, MaximumAttempts: 5,
}

// retryDrain is for drains, which fail while their worker does not reach PostgreSQL: deliveries
// resume within seconds after that.
var retryDrain = &temporal.RetryPolicy{
	InitialInterval: 500 * time.Millisecond, BackoffCoefficient: 2, MaximumInterval: 5 * time.Second,
}

// retryPoll is for looking every now and then whether something is there, as long as it
// takes: attempts leave no trace in the history.
var retryPoll = &temporal.RetryPolicy{
	InitialInterval: 2 * time.Second, BackoffCoefficient: 1.1, MaximumInterval: 30 * time.Second,
}

// Timeouts of single attempts. After the death of a worker, another one takes over an activity with
// a heartbeat after that timeout; heartbeats are sent in the background, so that they prove that
// the worker lives, not progress.
const (
	callbackTimeout      = 10 * time.Minute
	CallbackHeartbeat    = 30 * time.Second
	endCallbackAttempt   = 3 * time.Minute
	endCallbackTimeout   = 10 * time.Minute
	loadTimeout          = 24 * time.Hour
	loadHeartbeat        = 10 * time.Second
	bookkeepingTimeout   = activities.BookkeepingTimeout
	bookkeepingHeartbeat = 10 * time.Second
	purgeTimeout         = time.Hour
	purgeHeartbeat       = 30 * time.Second
	retentionTimeout     = 10 * time.Minute
)

// Callback are the options of an importer's callback.
func Callback(ctx workflow.Context, importer, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           ImporterQueue(importer),
		StartToCloseTimeout: callbackTimeout, HeartbeatTimeout: CallbackHeartbeat,
		RetryPolicy: retryCallback, Summary: Summary(summary),
		// An interrupted attempt is waited for before the next begins.
		WaitForCancellation: true,
	})
}

// EndCallback are the options of a callback after the import's outcome is settled
// (on_failure, clean_up, on_success): all attempts together have 10 minutes, so that one that
// hangs does not keep the import from ending.
func EndCallback(ctx workflow.Context, importer, summary string) workflow.Context {
	ctx = Callback(ctx, importer, summary)
	ctx = workflow.WithStartToCloseTimeout(ctx, endCallbackAttempt)
	return workflow.WithScheduleToCloseTimeout(ctx, endCallbackTimeout)
}

// Bookkeeping are the options of Sluice's own activities.
func Bookkeeping(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: bookkeepingTimeout, HeartbeatTimeout: bookkeepingHeartbeat,
		RetryPolicy: retryForever, Summary: Summary(summary),
	})
}

// Deciding are the options of the activity that executes a person's decision.
func Deciding(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: bookkeepingTimeout, HeartbeatTimeout: bookkeepingHeartbeat,
		RetryPolicy: retryDecision, Summary: Summary(summary),
	})
}

// Creation are the options of the activity that creates a schedule's import. A failure may need an
// operator, and the schedule fires again in any case.
func Creation(ctx workflow.Context, importer, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           ImporterQueue(importer),
		StartToCloseTimeout: bookkeepingTimeout, HeartbeatTimeout: bookkeepingHeartbeat,
		RetryPolicy: retryCallback, Summary: Summary(summary),
	})
}

// Polling are the options of an activity that fails until what it looks for is there.
func Polling(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: bookkeepingTimeout, HeartbeatTimeout: bookkeepingHeartbeat,
		RetryPolicy: retryPoll, Summary: Summary(summary),
	})
}

// Repairing are the options of the activity that reads again what the warehouse lacks.
func Repairing(ctx workflow.Context, importer, summary string) workflow.Context {
	return workflow.WithTaskQueue(Purging(ctx, summary), ImporterQueue(importer))
}

// Purging are the options of activities that wait for ClickHouse to rewrite data.
func Purging(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: purgeTimeout, HeartbeatTimeout: purgeHeartbeat, RetryPolicy: retryForever,
		Summary: Summary(summary),
	})
}

// Retaining are the options of the activity that purges events: what it could not do the
// next run of its schedule does.
func Retaining(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: retentionTimeout, HeartbeatTimeout: bookkeepingHeartbeat,
		RetryPolicy: retryCallback, Summary: Summary(summary),
	})
}

// LoadingPart are the options of the activity that loads a part.
func LoadingPart(ctx workflow.Context, importer, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           LoadQueue(importer),
		StartToCloseTimeout: loadTimeout, HeartbeatTimeout: loadHeartbeat, RetryPolicy: retryLoad, Summary: Summary(summary),
		// A cancelled attempt is waited for, so that it does not insert into what is
		// being purged.
		WaitForCancellation: true,
	})
}

// Draining are the options of the activity drain. It runs on the destination's own task queue. Its
// attempts end by themselves; only Sluice's own databases make it fail.
func Draining(ctx workflow.Context, destination string, timeout time.Duration, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           DestinationQueue(destination),
		StartToCloseTimeout: timeout + drainMargin, HeartbeatTimeout: loadHeartbeat, RetryPolicy: retryDrain,
		Summary: Summary(summary), WaitForCancellation: true,
	})
}

// drainMargin is what recording may take, beside the drain itself.
const drainMargin = time.Minute

// Dispatching are the options of activities that dispatch something of an import. They
// need Sluice's databases, and flows that can be compiled, which a person has to fix.
func Dispatching(ctx workflow.Context, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		StartToCloseTimeout: dispatchTimeout, HeartbeatTimeout: CallbackHeartbeat, RetryPolicy: retryForever,
		Summary: Summary(summary), WaitForCancellation: true,
	})
}

// dispatchTimeout bounds one page of rows, which takes seconds.
const dispatchTimeout = 10 * time.Minute

// retrySync is for activities of a sync that call other systems: they fail after about ten minutes without
// progress, and the next cycle begins again.
var retrySync = &temporal.RetryPolicy{
	InitialInterval: time.Second, BackoffCoefficient: 2, MaximumInterval: 2 * time.Minute, MaximumAttempts: 10,
}

// syncTimeout bounds an activity of a sync: a scan of a large list takes longest.
const syncTimeout = 4 * time.Hour

// Syncing are the options of activities of a sync that call other systems.
func Syncing(ctx workflow.Context, from, to, summary string) workflow.Context {
	return workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           SyncQueue(from, to),
		StartToCloseTimeout: syncTimeout, HeartbeatTimeout: loadHeartbeat, RetryPolicy: retrySync,
		Summary: Summary(summary), WaitForCancellation: true,
	})
}

// Execute runs an activity that has no result of its own.
func Execute(ctx workflow.Context, activity string, in any) error {
	return workflow.ExecuteActivity(ctx, activity, in).Get(ctx, nil)
}

// maxSummary bounds the summary of a timer or an activity, in bytes of JSON. The server
// refuses more than 400, and with it the workflow task.
const maxSummary = 300

// Summary cuts the summary of a timer or an activity to the size that the server accepts.
func Summary(text string) string { return inbound.Cut(text, maxSummary) }
