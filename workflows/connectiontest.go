package workflows

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
)

// ConnectionTestInput starts a ConnectionTest workflow.
type ConnectionTestInput struct {
	// Connection is the connection's name.
	Connection string `json:"connection"`
	// Kind is the connection's kind. Required.
	Kind string `json:"kind"`
}

// ConnectionTestTimeout bounds a ConnectionTest workflow, including the wait for a worker: a person
// waits for it.
const ConnectionTestTimeout = time.Minute

// ConnectionTest tests a connection on a worker, with the worker's network, key set and clock. It
// is not retried; the caller decides whether to repeat it.
func ConnectionTest(ctx workflow.Context, in ConnectionTestInput) (activities.ConnectionTested, error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{
		TaskQueue:           ConnectionQueue(in.Kind),
		StartToCloseTimeout: connectionTestTimeout,
		RetryPolicy:         &temporal.RetryPolicy{MaximumAttempts: 1},
		Summary:             "test connection " + in.Connection,
	})
	var tested activities.ConnectionTested
	ref := activities.ConnectionRef{Connection: in.Connection}
	err := workflow.ExecuteActivity(ctx, ActivityTestConnection, ref).Get(ctx, &tested)
	return tested, err
}

// connectionTestTimeout bounds the attempt; the test itself ends a little earlier, so
// that it can still tell what it has proven until then.
const connectionTestTimeout = 30 * time.Second
