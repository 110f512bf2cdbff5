package starter_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
	"github.com/sluicehq/sluice/store"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// controls are all ways to do something about an import.
func controls(ctx context.Context, s *starter.Starter, id int64) map[string]error {
	return map[string]error{
		"cancel": s.Cancel(ctx, id, starter.By{}), "retry": s.RetryPart(ctx, id, 0, starter.By{}), "skip": s.SkipPart(ctx, id, 0, starter.By{Why: "lost"}),
	}
}

func TestUnknownImport(t *testing.T) {
	t.Parallel()
	s := setup(t)
	ctx := enginetest.Context(t)
	all := controls(ctx, s.Starter, 9)
	all["delete"] = s.Starter.Delete(ctx, 9)
	_, all["wait"] = s.Starter.Wait(ctx, 9, nil)
	for name, err := range all {
		require.ErrorIs(t, err, store.ErrNotFound, name)
		require.EqualError(t, err, "import 9: not found", name)
	}
	require.NoError(t, s.Starter.WaitDeleted(ctx, 9), "it is not there")
}

// An import that has ended can be deleted, and nothing else.
func TestEndedImport(t *testing.T) {
	t.Parallel()
	s := setup(t)
	ctx := enginetest.Context(t)
	stop := s.StartWorker(t)
	imp := s.Start(t, request(`{"rows": 3}`))
	require.Equal(t, importstore.StatusCompleted, s.Wait(t, imp.ID).Import.Status)
	for name, err := range controls(ctx, s.Starter, imp.ID) {
		require.ErrorIs(t, err, store.ErrConflict, name)
		require.EqualError(t, err, "import 1 is completed: not possible in this state", name)
	}
	stop()
	// Repeated requests start one deletion; a worker executes it.
	for range 3 {
		require.NoError(t, s.Starter.Delete(ctx, imp.ID))
	}
	for name, err := range controls(ctx, s.Starter, imp.ID) {
		require.EqualError(t, err, "import 1 is deleting: not possible in this state", name)
	}
	waiting, cancel := context.WithTimeout(ctx, 200*time.Millisecond)
	defer cancel()
	require.ErrorIs(t, s.Starter.WaitDeleted(waiting, imp.ID), context.DeadlineExceeded)
	s.StartWorker(t)
	require.NoError(t, s.Starter.WaitDeleted(ctx, imp.ID))
	require.ErrorIs(t, s.Starter.Delete(ctx, imp.ID), store.ErrNotFound)
}

// A decision needs a worker: where there is none, that is said, and not waited for
// without end.
func TestDecisionWithoutWorker(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		set, want time.Duration
		text      string
	}{
		"default":   {0, 10 * time.Second, "10s"},
		"as wanted": {300 * time.Millisecond, 300 * time.Millisecond, "300ms"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setup(t)
			ctx := enginetest.Context(t)
			stop := s.StartWorker(t)
			imp := s.Start(t, request(`{"rows": 10, "fail": "import_data", "fail_times": 10}`))
			s.WaitParked(t, imp.ID)
			stop()
			s.Starter.AnswerTimeout = tc.set
			begun := time.Now()
			err := s.Starter.RetryPart(ctx, imp.ID, 0, starter.By{})
			require.ErrorIs(t, err, starter.ErrNoWorker)
			require.EqualError(t, err, "retry_part of import 1: no worker answers within "+tc.text+
				": check that a worker is running and ready. The command may still be executed once it is; see `sluice import show 1`")
			require.GreaterOrEqual(t, time.Since(begun), tc.want)

			// A caller that gives up first gets the error of its own context.
			s.Starter.AnswerTimeout = time.Hour
			impatient, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
			defer cancel()
			require.NotErrorIs(t, s.Starter.RetryPart(impatient, imp.ID, 0, starter.By{}), starter.ErrNoWorker)

			// Once a worker is there, the decision is taken: the first one, or, had the
			// server forgotten it, this one.
			s.StartWorker(t)
			s.Starter.AnswerTimeout = 0
			if err := s.Starter.RetryPart(ctx, imp.ID, 0, starter.By{}); err != nil {
				require.Regexp(t, "part 0 is (running|done)|part 0 already has the decision retry|import 1 is completed|its workflow has ended",
					err.Error())
			}
			require.Equal(t, importstore.StatusCompleted, s.Wait(t, imp.ID).Import.Status)
		})
	}
}

// Waiting ends with the caller's patience, and has told what it saw.
func TestWait(t *testing.T) {
	t.Parallel()
	s := setup(t)
	imp := s.Start(t, request(`{"rows": 3}`))
	ctx, cancel := context.WithCancel(enginetest.Context(t))
	seen := 0
	last, err := s.Starter.Wait(ctx, imp.ID, func(now importstore.Summary) {
		require.Equal(t, importstore.StatusQueued, now.Import.Status)
		seen++
		if seen == 3 {
			cancel()
		}
	})
	require.Error(t, err)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 3, seen)
	require.Equal(t, imp.ID, last.Import.ID)

	s.StartWorker(t)
	var statuses []string
	end, err := s.Starter.Wait(enginetest.Context(t), imp.ID, func(now importstore.Summary) {
		statuses = append(statuses, now.Import.Status)
	})
	require.NoError(t, err)
	require.Equal(t, importstore.StatusCompleted, end.Import.Status)
	require.Equal(t, importstore.StatusCompleted, statuses[len(statuses)-1])
	again, err := s.Starter.Wait(enginetest.Context(t), imp.ID, nil)
	require.NoError(t, err)
	require.Equal(t, end, again)
}
