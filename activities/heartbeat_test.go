package activities_test

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/converter"
	"go.temporal.io/sdk/interceptor"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/testsuite"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/activities"
)

// heartbeat runs an activity once on a worker with the interceptor, and returns the number of heartbeats
// and its error. received, if set, is called for each heartbeat.
func heartbeat(
	options workflow.ActivityOptions, fn func(ctx context.Context) error, stopping chan struct{}, received func(),
) (int64, error) {
	var suite testsuite.WorkflowTestSuite
	suite.SetLogger(log.NewStructuredLogger(slog.New(slog.DiscardHandler)))
	env := suite.NewTestWorkflowEnvironment()
	env.SetWorkerOptions(worker.Options{Interceptors: []interceptor.WorkerInterceptor{&activities.Heartbeater{}}})
	env.SetWorkerStopChannel(stopping)
	var beats atomic.Int64
	env.SetOnActivityHeartbeatListener(func(*activity.Info, converter.EncodedValues) {
		beats.Add(1)
		if received != nil {
			received()
		}
	})
	env.RegisterActivityWithOptions(fn, activity.RegisterOptions{Name: "beaten"})
	env.ExecuteWorkflow(func(ctx workflow.Context) error {
		options.RetryPolicy = &temporal.RetryPolicy{MaximumAttempts: 1}
		return workflow.ExecuteActivity(workflow.WithActivityOptions(ctx, options), "beaten").Get(ctx, nil)
	})
	return beats.Load(), env.GetWorkflowError()
}

// An activity with a heartbeat timeout heartbeats while it runs.
func TestHeartbeater(t *testing.T) {
	t.Parallel()
	t.Run("long", func(t *testing.T) {
		t.Parallel()
		options := workflow.ActivityOptions{StartToCloseTimeout: activities.BookkeepingTimeout, HeartbeatTimeout: 400 * time.Millisecond}
		var once sync.Once
		heard := make(chan struct{})
		beats, err := heartbeat(options, func(ctx context.Context) error {
			select {
			case <-heard:
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}, nil, func() { once.Do(func() { close(heard) }) })
		require.NoError(t, err)
		require.Positive(t, beats)
	})
	for name, test := range map[string]struct{ heartbeat, takes time.Duration }{
		"short":   {10 * time.Second, 0},
		"without": {0, 300 * time.Millisecond},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			options := workflow.ActivityOptions{StartToCloseTimeout: activities.BookkeepingTimeout, HeartbeatTimeout: test.heartbeat}
			beats, err := heartbeat(options, func(context.Context) error {
				<-time.After(test.takes)
				return nil
			}, nil, nil)
			require.NoError(t, err)
			require.Zero(t, beats)
		})
	}
}

// A worker that stops interrupts long activities and lets bookkeeping end.
func TestHeartbeaterOfStoppingWorker(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		timeout, takes time.Duration
		want           string
	}{
		"bookkeeping": {activities.BookkeepingTimeout, 500 * time.Millisecond, ""},
		"callback":    {activities.BookkeepingTimeout + time.Second, time.Hour, "the worker is stopping"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stopping := make(chan struct{})
			options := workflow.ActivityOptions{StartToCloseTimeout: test.timeout, HeartbeatTimeout: 10 * time.Second}
			_, err := heartbeat(options, func(ctx context.Context) error {
				close(stopping)
				select {
				case <-ctx.Done():
					return ctx.Err()
				case <-time.After(test.takes):
					return nil
				}
			}, stopping, nil)
			if test.want == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, test.want)
		})
	}
}
