package e2e

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	deliveryacts "github.com/sluicehq/sluice/activities/delivery"
	"github.com/sluicehq/sluice/destinations"
	"github.com/sluicehq/sluice/destinations/log"
	"github.com/sluicehq/sluice/internal/enginetest"
	deliveryclient "github.com/sluicehq/sluice/starter/delivery"
	"github.com/sluicehq/sluice/worker"
	"github.com/sluicehq/sluice/workflows"
)

// An action whose workflow was terminated, or lost with Temporal's data, is shown as not
// running, is started again by a worker, and takes commands at once.
func TestActionWorkflowIsRecovered(t *testing.T) {
	t.Parallel()
	s := setupNoop(t)
	ctx := enginetest.Context(t)
	registry := destinations.NewRegistry(log.New())
	ref := deliveryacts.ActionRef{Destination: "log", Action: registry.All()[0].Actions()[0].Name()}
	s.Tune = func(cfg *worker.Config) { cfg.ReconcileInterval, cfg.Destinations = 200*time.Millisecond, registry }
	client := func() *deliveryclient.Client {
		d, err := deliveryclient.New(deliveryclient.Config{
			Temporal: s.Temporal, Store: s.Store, Registry: registry, AnswerTimeout: time.Minute,
		})
		require.NoError(t, err)
		return d
	}
	standing := func() deliveryclient.ActionWorkflow {
		now, err := client().Workflow(ctx, ref)
		require.NoError(t, err)
		return now
	}
	running := func() bool { return standing().Running }
	require.Equal(t, deliveryclient.ActionWorkflow{}, standing(), "it has never run")
	stop := s.StartWorker(t)
	require.Eventually(t, running, time.Minute, 20*time.Millisecond)
	stop()
	id := workflows.DestinationActionID(ref.Destination, ref.Action)
	require.NoError(t, s.Temporal.TerminateWorkflow(ctx, id, "", "by mistake"))
	now := standing()
	require.False(t, now.Running)
	require.NotNil(t, now.ClosedAt)
	stop = s.StartWorker(t)
	require.Eventually(t, running, time.Minute, 20*time.Millisecond)
	stop()
	s.LoseTemporal(t)
	require.Equal(t, deliveryclient.ActionWorkflow{}, standing())
	stop = s.StartWorker(t)
	require.Eventually(t, running, time.Minute, 20*time.Millisecond)
	stop()

	s.Tune = func(cfg *worker.Config) { cfg.ReconcileInterval, cfg.Destinations = time.Hour, registry }
	s.StartWorker(t)
	require.NoError(t, client().SetRate(ctx, ref, 7, ann))
	require.NoError(t, s.Temporal.TerminateWorkflow(ctx, id, "", "by mistake"))
	require.NoError(t, client().SetConcurrency(ctx, ref, 3, ann), "the command starts it")
	state, err := client().State(ctx, ref)
	require.NoError(t, err)
	require.InDelta(t, 7, state.Plan.RatePerSecond, 0)
	require.Equal(t, 3, state.Plan.Concurrency)
}
