package syncing_test

import (
	"context"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/sluicehq/sluice/internal/enginetest"
	syncclient "github.com/sluicehq/sluice/starter/syncing"
	syncstore "github.com/sluicehq/sluice/store/syncing"
	"github.com/sluicehq/sluice/workflows"
	syncworkflows "github.com/sluicehq/sluice/workflows/syncing"
)

// A watch runs a sync once on its own queue, and learns why it has failed; it leaves no workflow behind.
func TestRunOnce(t *testing.T) {
	t.Parallel()
	options := enginetest.Namespace(t)
	temporalClient, err := client.Dial(options)
	require.NoError(t, err)
	t.Cleanup(temporalClient.Close)
	s := &syncclient.Syncs{Temporal: temporalClient}
	ctx := enginetest.Context(t)
	watch := worker.New(temporalClient, "watch", worker.Options{LocalActivityWorkerOnly: true})
	watch.RegisterWorkflowWithOptions(func(ctx workflow.Context, in syncworkflows.SyncInput) error {
		switch {
		case !in.Once:
			return workflow.Await(ctx, func() bool { return false })
		case in.Sync == "late":
			return temporal.NewNonRetryableApplicationError("2 pages in a row were wholly rejected", "failed", nil)
		default:
			return nil
		}
	}, workflow.RegisterOptions{Name: workflows.TypeSync})
	require.NoError(t, watch.Start())
	t.Cleanup(watch.Stop)
	row := func(name string) syncstore.Sync {
		return syncstore.Sync{Name: name, FromKind: "mailchimp", ToKind: "ometria", EverySeconds: 3600}
	}
	status := func(name string) string {
		t.Helper()
		now, err := temporalClient.DescribeWorkflowExecution(ctx, workflows.SyncID(name), "")
		require.NoError(t, err)
		return now.GetWorkflowExecutionInfo().GetStatus().String()
	}
	require.NoError(t, s.RunOnce(ctx, row("news"), "watch"))
	require.Equal(t, "Completed", status("news"))
	require.EqualError(t, s.RunOnce(ctx, row("late"), "watch"), "2 pages in a row were wholly rejected", "what Temporal adds is left out")

	// A workflow of a process that has ended does not keep the next one from running; one that waits is ended.
	require.NoError(t, s.Wake(ctx, row("news")))
	require.Equal(t, "Running", status("news"))
	require.NoError(t, s.RunOnce(ctx, row("news"), "watch"))
	require.NoError(t, s.Wake(ctx, row("news")))
	for range 2 {
		require.NoError(t, s.Abandon(ctx, "news", "the watch has stopped"))
		require.Equal(t, "Terminated", status("news"))
	}
	gone, cancel := context.WithCancel(ctx)
	cancel()
	require.EqualError(t, s.RunOnce(gone, row("news"), "watch"), "start the workflow of sync news: context canceled")

	long := row(strings.Repeat("x", 2000))
	var invalid *serviceerror.InvalidArgument
	for name, err := range map[string]error{
		"run once": s.RunOnce(ctx, long, "watch"), "wake": s.Wake(ctx, long),
		"apply schedule": s.ApplySchedule(ctx, long),
	} {
		require.ErrorAs(t, err, &invalid, name)
	}
}
