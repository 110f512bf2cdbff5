package e2e

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/sluicehq/sluice/internal/enginetest"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// runsOf returns how many events each run of a workflow has.
func (s *system) runsOf(imp importstore.Import) (lengths []int64) {
	s.t.Helper()
	ctx := enginetest.Context(s.t)
	run := ""
	for {
		now, err := s.Temporal.DescribeWorkflowExecution(ctx, imp.WorkflowID, run)
		require.NoError(s.t, err)
		lengths = append(lengths, now.GetWorkflowExecutionInfo().GetHistoryLength())
		first := s.History(s.t, imp.WorkflowID, now.GetWorkflowExecutionInfo().GetExecution().GetRunId()).GetEvents()[0]
		if run = first.GetWorkflowExecutionStartedEventAttributes().GetContinuedExecutionRunId(); run == "" {
			return lengths
		}
	}
}

// More commands than a run takes are answered all, whatever the import does meanwhile; it can
// be cancelled afterwards, and no run's history grows long.
func TestManyCommands(t *testing.T) {
	t.Parallel()
	const commands = 2100
	s := setupNoop(t)
	ctx := enginetest.Context(t)
	s.StartWorker(t)
	imp := s.noop(site, forHours)
	s.WaitLoading(t, imp.ID)
	send := func(from, to int) {
		group, ctx := errgroup.WithContext(ctx)
		group.SetLimit(8)
		for i := from; i < to; i++ {
			group.Go(func() error { return s.Starter.SetRate(ctx, imp.ID, int64(1_000_000+i), ann) })
		}
		require.NoError(t, group.Wait())
	}
	send(0, 210)
	require.NoError(t, s.Starter.Pause(ctx, imp.ID, ann))
	send(210, commands)
	now, err := s.Store.Imports.Import(ctx, imp.ID)
	require.NoError(t, err)
	require.True(t, now.Paused)
	require.Greater(t, now.Rate, int64(1_000_000))
	require.NoError(t, s.Starter.Cancel(ctx, imp.ID, bob))
	require.Equal(t, "cancelled by bob: as agreed", s.end(imp, importstore.StatusCancelled).Import.Error)
	lengths := s.runsOf(imp)
	require.Greater(t, len(lengths), commands/maxCommands)
	for _, length := range lengths {
		require.Less(t, length, int64(2000), fmt.Sprint(lengths))
	}
}

// forHours is an import that is not done before the test is.
const forHours = `{"rows": 100000, "parts": 3, "delay": "500ms"}`

// maxCommands is more than a run takes.
const maxCommands = 210

// An import in review, one that waits for its locks and one that is parked continue as new
// runs, too, and wait on.
func TestManyCommandsWhileWaiting(t *testing.T) {
	t.Parallel()
	s := setupNoop(t)
	ctx := enginetest.Context(t)
	s.StartWorker(t)
	s.AddSite(t, "parked.example")
	s.AddSite(t, "locked.example")
	review := s.reviewed(`{"rows": 50}`)
	parked := s.noop("parked.example", `{"rows": 100, "fail": "import_data", "fail_times": 10}`)
	s.WaitParked(t, parked.ID)
	holder := s.noop("locked.example", forHours)
	s.WaitLoading(t, holder.ID)
	locked := s.noop("locked.example", `{"rows": 10}`)
	s.waitPhase(locked.ID, importstore.PhaseLocking)
	var group errgroup.Group
	for _, imp := range []importstore.Import{review, parked, locked} {
		group.Go(func() error {
			for i := range maxCommands {
				if err := s.Starter.SetRate(ctx, imp.ID, int64(1_000_000+i), ann); err != nil {
					return err
				}
			}
			return nil
		})
	}
	require.NoError(t, group.Wait())
	for _, imp := range []importstore.Import{review, parked, locked} {
		require.Greater(t, len(s.runsOf(imp)), 1)
	}
	s.WaitParked(t, parked.ID)
	require.NoError(t, s.Starter.RetryPart(ctx, parked.ID, 0, bob))
	s.end(parked, importstore.StatusCompleted)
	s.waitPhase(review.ID, importstore.PhaseInReview)
	require.NoError(t, s.Starter.Decide(ctx, review.ID, importstore.Accepted, bob))
	s.end(review, importstore.StatusCompleted)
	require.NoError(t, s.Starter.Cancel(ctx, holder.ID, bob))
	s.end(locked, importstore.StatusCompleted)
}
