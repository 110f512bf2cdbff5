package stack_test

import (
	"context"
	"fmt"
	"log/slog"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/log"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"
	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/devstack/stack"
)

// sum adds the results of three activities.
func sum(ctx workflow.Context, n int) (total int, err error) {
	ctx = workflow.WithActivityOptions(ctx, workflow.ActivityOptions{StartToCloseTimeout: 2 * time.Second})
	for range 3 {
		var got int
		if err := workflow.ExecuteActivity(ctx, "Echo", n).Get(ctx, &got); err != nil {
			return 0, err
		}
		total += got
	}
	return total, nil
}

// Every workflow that was accepted ends with the right result although the
// server is killed twice while they run: a commit survives SIGKILL.
func TestTemporalLosesNoAcceptedWorkflow(t *testing.T) {
	t.Parallel()
	s := start(t, config(t))
	quiet := log.NewStructuredLogger(slog.New(slog.DiscardHandler))
	c, err := client.Dial(client.Options{HostPort: s.Addresses().Temporal, Logger: quiet})
	require.NoError(t, err)
	t.Cleanup(c.Close)

	const workflows = 40
	reached := map[int64]chan struct{}{10: make(chan struct{}), 60: make(chan struct{})}
	var calls atomic.Int64
	echo := func(_ context.Context, n int) (int, error) {
		if mark, ok := reached[calls.Add(1)]; ok {
			close(mark)
		}
		return n, nil
	}
	ctx := within(t, 3*time.Minute)
	for i := range workflows {
		_, err := c.ExecuteWorkflow(ctx, client.StartWorkflowOptions{ID: fmt.Sprint("sum-", i), TaskQueue: "load"}, "Sum", i)
		require.NoError(t, err)
	}
	w := worker.New(c, "load", worker.Options{})
	w.RegisterWorkflowWithOptions(sum, workflow.RegisterOptions{Name: "Sum"})
	w.RegisterActivityWithOptions(echo, activity.RegisterOptions{Name: "Echo"})
	require.NoError(t, w.Start())
	t.Cleanup(w.Stop)
	for _, mark := range []int64{10, 60} {
		select {
		case <-reached[mark]:
		case <-ctx.Done():
			require.NoError(t, ctx.Err())
		}
		require.NoError(t, s.Kill(stack.ComponentTemporal))
		require.NoError(t, s.WaitReady(ctx, stack.ComponentTemporal))
	}

	var results errgroup.Group
	for i := range workflows {
		results.Go(func() error {
			var got int
			if err := c.GetWorkflow(ctx, fmt.Sprint("sum-", i), "").Get(ctx, &got); err != nil {
				return fmt.Errorf("workflow %d: %w", i, err)
			}
			if got != 3*i {
				return fmt.Errorf("workflow %d: got %d", i, got)
			}
			return nil
		})
	}
	require.NoError(t, results.Wait())
}
