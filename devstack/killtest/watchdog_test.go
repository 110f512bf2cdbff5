package killtest_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/api/workflowservice/v1"

	"github.com/sluicehq/sluice/devstack/ports"
	"github.com/sluicehq/sluice/devstack/stack"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
)

// requireCalm is the watchdog: every import has ended, or is parked and says why, and
// no workflow runs on behind the store's back.
func (s *system) requireCalm(t *testing.T) {
	t.Helper()
	ctx := bounded(t)
	imports, err := s.store.Imports.Summaries(ctx, importstore.Listing{Limit: 1000})
	require.NoError(t, err)
	parked := int64(0)
	for _, i := range imports {
		if importstore.Ended(i.Import.Status) {
			continue
		}
		require.Equal(t, importstore.StatusParked, i.Import.Status, "import %d has neither ended nor is it parked", i.Import.ID)
		parked++
		parts, err := s.store.Imports.ListParts(ctx, i.Import.ID)
		require.NoError(t, err)
		for _, p := range parts {
			require.True(t, p.Status != importstore.PartParked || p.Error != "", "part %d is parked without a reason", p.No)
		}
	}
	// Visibility follows a moment after the workflows' ends. Workflows of destination actions never
	// end, by design.
	poll(ctx, t, "the end of all workflows", func(ctx context.Context) bool {
		running, err := s.temporal.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{
			Query: fmt.Sprintf("ExecutionStatus = 'Running' AND WorkflowType != '%s'", workflows.TypeDestinationAction),
		})
		return err == nil && running.GetCount() == parked
	})
}

// requireNothingLeft makes sure that a stack that was stopped has left no process and
// listens nowhere.
func requireNothingLeft(t *testing.T, s *stack.Stack) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	a := s.Addresses()
	for _, address := range []string{a.Store, a.Warehouse, a.Temporal, a.TemporalUI, a.Worker, a.EventLog, a.Server} {
		poll(ctx, t, fmt.Sprintf("%s to be free", address), func(context.Context) bool { return ports.Check(address) == nil })
	}
	poll(ctx, t, "the end of all processes", func(context.Context) bool { return len(processesOf(t, s.DataDir())) == 0 })
}
