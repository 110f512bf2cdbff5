package starter_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/internal/polltest"
	"github.com/sluicehq/sluice/starter"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// What a restored store lacks of an import that runs is repaired, or, where its workflow is ahead for long, loaded again.
func testRecoverBehind(t *testing.T, s *enginetest.System, r starter.Request) {
	t.Helper()
	ctx := enginetest.Context(t)
	sql := enginetest.ConnectStore(t, s.Settings.Store.DSN)
	exec := func(t *testing.T, statement string, args ...any) {
		t.Helper()
		_, err := sql.Exec(ctx, statement, args...)
		require.NoError(t, err)
	}
	recovered := func(t *testing.T, id int64) (starter.Recovery, importstore.Import) {
		t.Helper()
		done, err := s.Starter.Recover(ctx, id)
		require.NoError(t, err)
		now, err := s.Store.Imports.Import(ctx, id)
		require.NoError(t, err)
		return done, now
	}

	// The pause is the workflow's.
	slow := s.Start(t, with(r, slowArgs))
	s.WaitLoading(t, slow.ID)
	require.NoError(t, s.Starter.Pause(ctx, slow.ID, ann))
	s.WaitFor(t, slow.ID, "paused", func(now importstore.Summary) bool { return now.Import.Paused })
	exec(t, "UPDATE imports SET paused = false WHERE id = $1", slow.ID)
	polltest.Eventually(t, func() bool {
		done, now := recovered(t, slow.ID)
		require.Equal(t, starter.Recovery{}, done)
		return now.Paused
	}, 30*time.Second, 50*time.Millisecond)

	// One that waits for the locks of the paused one has its place again.
	waits := s.Start(t, with(r, `{"rows": 3}`))
	s.WaitFor(t, waits.ID, "waiting for its locks", func(now importstore.Summary) bool { return now.Import.Phase == importstore.PhaseLocking })
	exec(t, "DELETE FROM lock_requests WHERE import_id = $1", waits.ID)
	polltest.Eventually(t, func() bool {
		_, _ = recovered(t, waits.ID)
		queueing, err := s.Store.Imports.Queueing(ctx, waits.ID)
		require.NoError(t, err)
		return queueing
	}, 30*time.Second, 100*time.Millisecond)
	require.NoError(t, s.Starter.Cancel(ctx, slow.ID, ann))
	require.Equal(t, importstore.StatusCompleted, s.Wait(t, waits.ID).Import.Status)

	// A part that is parked, and a review, are ahead of a store that was restored.
	yes := true
	review := with(r, `{"rows": 3, "start_date": "2022-01-01", "end_date": "2022-01-31"}`)
	review.Review = &yes
	for name, tc := range map[string]struct {
		request starter.Request
		await   func(id int64)
		restore string
	}{
		"parked": {
			with(r, `{"rows": 10, "start_date": "2022-01-01", "end_date": "2022-01-31", "fail": "import_data", "fail_times": 10}`),
			func(id int64) { s.WaitParked(t, id) },
			"UPDATE parts SET status = 'waiting' WHERE import_id = $1",
		},
		"in review": {
			review, func(id int64) {
				s.WaitFor(t, id, "in review", func(now importstore.Summary) bool { return now.Import.Status == importstore.StatusInReview })
			},
			"UPDATE imports SET status = 'running', phase = 'loading' WHERE id = $1",
		},
	} {
		imp := s.Start(t, tc.request)
		tc.await(imp.ID)
		_, now := recovered(t, imp.ID)
		require.Nil(t, now.BehindSince, "%s: both agree", name)
		exec(t, tc.restore, imp.ID)
		// The workflow shows its step a moment after the store has it.
		polltest.Eventually(t, func() bool {
			done, now := recovered(t, imp.ID)
			require.Equal(t, starter.Recovery{}, done, "%s: an activity may be about to record it", name)
			return now.BehindSince != nil
		}, 30*time.Second, 50*time.Millisecond, name)
		exec(t, "UPDATE imports SET behind_since = now() - interval '2 minutes' WHERE id = $1", imp.ID)
		done, _ := recovered(t, imp.ID)
		require.Equal(t, starter.Recovery{Cause: "its workflow was ahead of the store, which was restored"}, done, name)
		run, err := s.Temporal.DescribeWorkflowExecution(ctx, imp.WorkflowID, "")
		require.NoError(t, err)
		require.NotEqual(t, imp.RunID, run.GetWorkflowExecutionInfo().GetExecution().GetRunId())
		require.Contains(t, feedback(t, s, imp.ID),
			"warn: The workflow is started again from the last checkpoints: its workflow was ahead of the store, which was restored.")
		require.NoError(t, s.Starter.Cancel(ctx, imp.ID, ann))
		s.Wait(t, imp.ID)
	}
}
