package e2e

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/starter"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/worker"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/command"
	"github.com/sluicehq/sluice/workflows/importing"
)

var ann, bob = starter.By{Who: "ann", Why: "a look at it"}, starter.By{Who: "bob", Why: "as agreed"}

// reviewed starts an import that waits for a decision, and waits until it does.
func (s *system) reviewed(args string) importstore.Import {
	s.t.Helper()
	r := s.noopRequest(site, args)
	yes := true
	r.Review, r.By = &yes, "ann"
	imp := s.Start(s.t, r)
	now := s.waitPhase(imp.ID, importstore.PhaseInReview)
	require.Equal(s.t, importstore.StatusInReview, now.Import.Status)
	return imp
}

func TestReview(t *testing.T) {
	t.Parallel()

	t.Run("accepted", func(t *testing.T) {
		t.Parallel()
		s := setupNoop(t)
		ctx := enginetest.Context(t)
		s.StartWorker(t)
		imp := s.reviewed(`{"rows": 500}`)
		all, visible := rowsOf(t, s.System, imp)
		require.EqualValues(t, 500, all)
		require.Zero(t, visible, "loaded, and in no query")
		require.Equal(t, "in_review", s.attributes(imp.WorkflowID, "")["SluiceStatus"])
		// The site is not blocked meanwhile, and the days are not given away.
		other := s.noop(site, `{"rows": 310, "start_date": "2021-01-25", "end_date": "2021-02-10"}`)
		require.Equal(t, "2021-02-01..2021-02-10", s.end(other, importstore.StatusCompleted).Import.Days.String())
		require.ErrorContains(t, s.Starter.Pause(ctx, imp.ID, ann), "is in review: an import in review cannot be paused")
		require.ErrorContains(t, s.Starter.Decide(ctx, imp.ID, "perhaps", ann), `the verdict is "perhaps": want accepted or declined`)
		require.ErrorContains(t, s.Starter.Decide(ctx, imp.ID, importstore.Declined, starter.By{Who: "ann"}), "the reason is empty")
		require.ErrorContains(t, s.Starter.Decide(ctx, imp.ID, importstore.Accepted, starter.By{}), "say who decides")
		require.NoError(t, s.Starter.Decide(ctx, imp.ID, importstore.Accepted, bob))
		s.end(imp, importstore.StatusCompleted)
		require.Equal(t, sumTo(500), s.visitors(imp))
		err := s.Starter.Decide(ctx, imp.ID, importstore.Declined, ann)
		require.ErrorIs(t, err, importstore.ErrDecided)
		require.ErrorContains(t, err, "was accepted by bob")
		require.Contains(t, s.feedback(imp.ID), "info: Accepted by bob: as agreed.")
	})

	t.Run("declined", func(t *testing.T) {
		t.Parallel()
		s := setupNoop(t)
		ctx := enginetest.Context(t)
		s.StartWorker(t)
		imp := s.reviewed(`{"rows": 500, "bad_rows": 2}`)
		require.NoError(t, s.Starter.Decide(ctx, imp.ID, importstore.Declined, bob))
		last := s.end(imp, importstore.StatusDeclined)
		require.Equal(t, "declined by bob: as agreed", last.Import.Error)
		require.Contains(t, s.feedback(imp.ID), "info: Declined by bob: as agreed.", "the log stays")
		require.ErrorIs(t, s.Starter.Decide(ctx, imp.ID, importstore.Declined, bob), importstore.ErrDecided)
		s.end(s.noop(site, `{"rows": 10}`), importstore.StatusCompleted)
	})

	t.Run("expired", func(t *testing.T) {
		t.Parallel()
		s := setupNoop(t)
		s.Starter.Review.Expiry, s.Starter.Review.Reminder = 2*time.Second, time.Second
		s.StartWorker(t)
		imp := s.reviewed(`{"rows": 50}`)
		last := s.end(imp, importstore.StatusDeclined)
		require.Contains(t, last.Import.Error, "declined by sluice: no decision by 2")
		err := s.Starter.Decide(enginetest.Context(t), imp.ID, importstore.Accepted, bob)
		require.ErrorIs(t, err, importstore.ErrDecided)
		require.ErrorContains(t, err, "was declined by sluice")
	})

	t.Run("what goes with the decision fails", func(t *testing.T) {
		t.Parallel()
		s := setupNoop(t)
		ctx := enginetest.Context(t)
		s.StartWorker(t)
		imp := s.reviewed(`{"rows": 50, "fail": "stage_done", "fail_times": 1}`)
		err := s.Starter.Decide(ctx, imp.ID, importstore.Accepted, bob)
		require.ErrorContains(t, err, "accepted by bob, but staging failed, and the import remains in review: noop failed as configured in stage_done")
		now := s.waitPhase(imp.ID, importstore.PhaseInReview)
		require.Equal(t, importstore.StatusInReview, now.Import.Status)
		review, err := s.Store.Imports.ReviewOf(ctx, imp.ID)
		require.NoError(t, err)
		require.Equal(t, "noop failed as configured in stage_done", review.Error)
		require.NoError(t, s.Starter.Decide(ctx, imp.ID, importstore.Accepted, bob))
		s.end(imp, importstore.StatusCompleted)
	})

	t.Run("second approver", func(t *testing.T) {
		t.Parallel()
		s := setupNoop(t)
		ctx := enginetest.Context(t)
		s.Starter.Review.RequireSecondApprover = true
		s.StartWorker(t)
		imp := s.reviewed(`{"rows": 50}`)
		require.ErrorContains(t, s.Starter.Decide(ctx, imp.ID, importstore.Accepted, ann), "accept import 1, which ann requested: the requester cannot approve their own import")
		require.NoError(t, s.Starter.Decide(ctx, imp.ID, importstore.Accepted, bob))
		s.end(imp, importstore.StatusCompleted)
	})

	t.Run("cancelled while it waits", func(t *testing.T) {
		t.Parallel()
		s := setupNoop(t)
		s.StartWorker(t)
		imp := s.reviewed(`{"rows": 50}`)
		require.NoError(t, s.Starter.Cancel(enginetest.Context(t), imp.ID, ann))
		require.Equal(t, "cancelled by ann: a look at it", s.end(imp, importstore.StatusCancelled).Import.Error)
	})
}

// Fifty clients decide at once: one decision is executed, and the others receive an error
// which.
func TestDecisionIsRaced(t *testing.T) {
	t.Parallel()
	s := setupNoop(t)
	ctx := enginetest.Context(t)
	s.StartWorker(t)
	imp := s.reviewed(`{"rows": 50}`)
	// Fifty answers at once may take a busy machine longer than one person waits.
	s.Starter.AnswerTimeout = time.Minute
	const clients = 50
	errs := make([]error, clients)
	var all sync.WaitGroup
	for i := range clients {
		all.Go(func() {
			verdict := []string{importstore.Accepted, importstore.Declined}[i%2]
			errs[i] = s.Starter.Decide(ctx, imp.ID, verdict, starter.By{Who: fmt.Sprint("client ", i), Why: "mine"})
		})
	}
	all.Wait()
	winner := -1
	for i, err := range errs {
		if err == nil {
			require.Equal(t, -1, winner, "one wins")
			winner = i
		}
	}
	require.NotEqual(t, -1, winner, "%v", errs)
	for i, err := range errs {
		if i != winner {
			require.ErrorContains(t, err, fmt.Sprintf("by client %d", winner))
		}
	}
	s.end(imp, map[bool]string{true: importstore.StatusCompleted, false: importstore.StatusDeclined}[winner%2 == 0])
}

// Whatever was imported before is not imported again, and says so.
func TestUnchanged(t *testing.T) {
	t.Parallel()
	s := setupNoop(t)
	s.StartWorker(t)
	first := s.noop(site, `{"rows": 50, "fingerprint": "abc", "start_date": "2021-01-01", "end_date": "2021-01-02"}`)
	s.end(first, importstore.StatusCompleted)
	same := s.noop(site, `{"rows": 50, "fingerprint": "abc", "start_date": "2021-01-01", "end_date": "2021-01-02"}`)
	last := s.end(same, importstore.StatusUnchanged)
	require.Zero(t, last.PartsTotal, "before any work")
	require.Contains(t, s.feedback(same.ID), "info: Unchanged: import 1 has brought in the same content.")
	require.Equal(t, "unchanged", s.attributes(same.WorkflowID, "")["SluiceStatus"])
	told := s.noop(site, `{"unchanged": true}`)
	s.end(told, importstore.StatusUnchanged)
	require.Contains(t, s.feedback(told.ID), "info: Unchanged: as configured: nothing has changed since the last import.")
}

// A pause takes effect while an activity waits for its source, and a resume lets it continue
// where it stood.
func TestPause(t *testing.T) {
	t.Parallel()
	s := setupNoop(t)
	ctx := enginetest.Context(t)
	s.StartWorker(t)
	imp := s.noop(site, slowly)
	s.WaitLoading(t, imp.ID)
	require.NoError(t, s.Starter.Pause(ctx, imp.ID, ann))
	require.ErrorContains(t, s.Starter.Pause(ctx, imp.ID, ann), "is paused already")
	now, err := s.Store.Imports.Summary(ctx, imp.ID)
	require.NoError(t, err)
	require.True(t, now.Import.Paused)
	require.Equal(t, true, s.attributes(imp.WorkflowID, "")["SluicePaused"])
	var state importing.State
	require.Eventually(t, func() bool {
		answer, err := s.Temporal.QueryWorkflow(ctx, imp.WorkflowID, "", workflows.QueryState)
		if err != nil || answer.Get(&state) != nil {
			return false
		}
		for _, part := range state.Parts {
			if part.Status == importstore.PartRunning {
				return false
			}
		}
		return state.Paused
	}, time.Minute, 50*time.Millisecond, "no part is loading")
	before, err := s.Store.Imports.Summary(ctx, imp.ID)
	require.NoError(t, err)
	require.Positive(t, before.RowsRead)
	parts, err := s.Store.Imports.ListParts(ctx, imp.ID)
	require.NoError(t, err)
	for _, part := range parts {
		require.NotEqual(t, importstore.PartRunning, part.Status, "the store says so too")
	}
	require.NoError(t, s.Starter.SetRate(ctx, imp.ID, 1_000_000, ann))
	require.NoError(t, s.Starter.Resume(ctx, imp.ID, bob))
	require.ErrorContains(t, s.Starter.Resume(ctx, imp.ID, bob), "is not paused")
	last := s.end(imp, importstore.StatusCompleted)
	require.Equal(t, sumTo(20000), s.visitors(imp), "nothing is lost or doubled")
	require.False(t, last.Import.Paused)
	require.EqualValues(t, 1_000_000, last.Import.Rate)
	require.Subset(t, s.feedback(imp.ID), []string{
		"info: Paused by ann: a look at it.", "info: Rate limit set to 1000000 rows per second by ann: a look at it.",
		"info: Resumed by bob: as agreed.",
	})
}

// A pause takes effect also while loading is held back by a rate; no part is parked.
func TestPauseOfASlowImport(t *testing.T) {
	t.Parallel()
	s := setupNoop(t)
	ctx := enginetest.Context(t)
	s.StartWorker(t)
	r := s.noopRequest(site, `{"rows": 1000, "parts": 3}`)
	r.RowsPerSecond = 20
	imp := s.Start(t, r)
	s.WaitFor(t, imp.ID, "loading", func(now importstore.Summary) bool { return now.Import.Phase == importstore.PhaseLoading })
	require.NoError(t, s.Starter.Pause(ctx, imp.ID, ann))
	require.NoError(t, s.Starter.SetRate(ctx, imp.ID, 0, ann))
	require.NoError(t, s.Starter.Resume(ctx, imp.ID, bob))
	s.end(imp, importstore.StatusCompleted)
	for _, line := range s.feedback(imp.ID) {
		require.NotContains(t, line, "parked")
	}
	require.Equal(t, sumTo(1000), s.visitors(imp))
}

// A callback that takes its time is interrupted by a pause too, and by a cancellation of
// what is paused.
func TestPauseInACallback(t *testing.T) {
	t.Parallel()
	s := setupNoop(t)
	ctx := enginetest.Context(t)
	s.StartWorker(t)
	imp := s.noop(site, `{"rows": 50, "delay": "1h"}`)
	s.waitPhase(imp.ID, importstore.PhaseBeforeStart)
	require.NoError(t, s.Starter.Pause(ctx, imp.ID, ann))
	require.NoError(t, s.Starter.Cancel(ctx, imp.ID, bob))
	s.waitPhase(imp.ID, importstore.PhaseCleanUp)
	require.ErrorContains(t, s.Starter.Resume(ctx, imp.ID, bob), "too late")
}

// A source that asks to come back later is waited for, durably, and why is seen
// everywhere; no retry is used up.
func TestWaitForTheSource(t *testing.T) {
	t.Parallel()
	s := setupNoop(t)
	s.StartWorker(t)
	imp := s.noop(site, `{"rows": 200, "parts": 2, "fail": "import_data", "fail_times": 2, "wait": "1500ms"}`)
	now := s.WaitFor(t, imp.ID, "a wait", func(now importstore.Summary) bool { return now.Import.WaitUntil != nil })
	require.Contains(t, now.Import.WaitReason, "of 2: noop failed as configured in import_data")
	last := s.end(imp, importstore.StatusCompleted)
	require.Nil(t, last.Import.WaitUntil)
	require.Equal(t, sumTo(200), s.visitors(imp))
	require.GreaterOrEqual(t, last.Import.FinishedAt.Sub(*last.Import.StartedAt), 1500*time.Millisecond)
}

// Orders also come as signals: repeated under one key they are one, and what is refused
// is reported in the import's log.
func TestSignals(t *testing.T) {
	t.Parallel()
	s := setupNoop(t)
	ctx := enginetest.Context(t)
	s.StartWorker(t)
	imp := s.noop(site, slowly)
	s.WaitLoading(t, imp.ID)
	send := func(name string, arg any) {
		require.NoError(t, s.Temporal.SignalWorkflow(ctx, imp.WorkflowID, "", name, arg))
	}
	pause := command.Pause{Command: command.Command{Key: "k1", By: "another service"}}
	send(workflows.CommandPause, pause)
	s.WaitFor(t, imp.ID, "paused", func(now importstore.Summary) bool { return now.Import.Paused })
	send(workflows.CommandResume, command.Resume{Command: command.Command{Key: "k2"}})
	s.WaitFor(t, imp.ID, "resumed", func(now importstore.Summary) bool { return !now.Import.Paused })
	send(workflows.CommandPause, pause)
	send(workflows.CommandSkipPart, importing.SkipPart{Part: 77, Command: command.Command{Reason: "x"}})
	s.waitLine(imp.ID, "warn: The signal skip_part was refused: part 77 is not an open part: "+
		"the import has 3 parts, numbered from 0.")
	now, err := s.Store.Imports.Summary(ctx, imp.ID)
	require.NoError(t, err)
	require.False(t, now.Import.Paused, "the repeated order did nothing")
	send(workflows.CommandCancel, command.Cancel{Command: command.Command{By: "another service"}})
	require.Equal(t, "cancelled by another service", s.end(imp, importstore.StatusCancelled).Import.Error)
}

// An import whose workflow was terminated by a person ends: its rows are purged, and
// imports that wait for its locks continue.
func TestTerminated(t *testing.T) {
	t.Parallel()
	s := setupNoop(t)
	ctx := enginetest.Context(t)
	s.Tune = func(cfg *worker.Config) { cfg.ReconcileInterval = 200 * time.Millisecond }
	s.StartWorker(t)
	imp := s.noop(site, slowly)
	s.WaitLoading(t, imp.ID)
	next := s.noop(site, `{"rows": 10}`)
	s.waitPhase(next.ID, importstore.PhaseLocking)
	require.NoError(t, s.Temporal.TerminateWorkflow(ctx, imp.WorkflowID, "", "by mistake"))
	last := s.end(imp, importstore.StatusFailed)
	require.Equal(t, "its workflow was terminated: by mistake", last.Import.Error)
	s.end(next, importstore.StatusCompleted)
}

// As many imports run as may; the others wait their turn.
func TestLimitOfRunning(t *testing.T) {
	t.Parallel()
	s := setupNoop(t)
	s.Settings.Limits.Running = 1
	s.StartWorker(t)
	s.AddSite(t, "other.example")
	first := s.noop(site, `{"rows": 2000, "delay": "50ms"}`)
	s.WaitLoading(t, first.ID)
	second := s.noop("other.example", `{"rows": 10}`)
	s.waitPhase(second.ID, importstore.PhaseLocking)
	s.waitLine(second.ID, "info: Waiting for a place: as many imports run as may.")
	ended := s.end(first, importstore.StatusCompleted)
	last := s.end(second, importstore.StatusCompleted)
	require.False(t, last.Import.StartedAt.Before(*ended.Import.FinishedAt))
}
