package importing_test

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	importacts "github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/importers"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/command"
	"github.com/sluicehq/sluice/workflows/importing"
	"github.com/sluicehq/sluice/workflows/workflowtest"
)

// setupReview returns a run whose import waits for a decision for two weeks, and is
// reminded of after a day.
func setupReview(t *testing.T) *run {
	t.Helper()
	r := setup(t)
	r.planned = plan(1)
	r.planned.Review = true
	r.opened = importacts.Opened{ExpiresAt: r.Now().Add(14 * 24 * time.Hour), Reminder: 24 * time.Hour}
	return r
}

func (r *run) decide(verdict, by, reason string) *workflowtest.Answer {
	return r.command(workflows.CommandDecide, importing.Decide{
		Verdict: verdict, Command: command.Command{By: by, Reason: reason},
	})
}

func TestReviewAccepted(t *testing.T) {
	t.Parallel()
	r := setupReview(t)
	var accepted, late *workflowtest.Answer
	refused := map[string]*workflowtest.Answer{}
	r.RegisterDelayedCallback(func() {
		require.Equal(t, importstore.PhaseInReview, r.state().Phase)
		require.Contains(t, r.state().Waiting, "a decision until ")
		require.Zero(t, r.calledTimes(workflows.ActivityFinalize))
		require.Zero(t, r.calledTimes(workflows.ActivityRemind))
		refused[`the verdict is "perhaps": want accepted or declined`] = r.decide("perhaps", "ann", "")
		refused["say who decides: by is empty"] = r.decide(importstore.Accepted, " ", "")
		refused["say why the import is declined: the reason is empty"] = r.decide(importstore.Declined, "ann", "")
		accepted = r.decide(importstore.Accepted, "ann", "")
		late = r.decide(importstore.Declined, "bob", "no")
	}, time.Hour)
	require.NoError(t, r.start())
	require.Equal(t, workflowtest.Answer{Accepted: true}, *accepted)
	for want, got := range refused {
		require.EqualError(t, got.Rejected, want)
	}
	require.Equal(t, []importacts.Verdict{{ImportID: ImportID, Verdict: importstore.Accepted, By: "ann"}}, r.verdicts)
	if late.Rejected == nil {
		require.ErrorContains(t, late.Finished, "import 7 was accepted by ann already")
	}
	require.Equal(t, append([]string{
		workflows.ActivityBeforeStart, workflows.ActivityPlan, "import_data 0", workflows.ActivityBeginReview,
		workflows.ActivityDecide,
	}, happyEnd...), r.once())
}

func TestReviewDeclined(t *testing.T) {
	t.Parallel()
	r := setupReview(t)
	r.RegisterDelayedCallback(func() { r.decide(importstore.Declined, "ann", "wrong site") }, 30*time.Hour)
	require.Error(t, r.start())
	require.Equal(t, 1, r.calledTimes(workflows.ActivityRemind))
	require.Equal(t, failedEnd, r.once()[len(r.once())-len(failedEnd):])
	require.Equal(t, importacts.Ended{
		ImportID: ImportID, Status: importstore.StatusDeclined, Class: string(importers.ClassDeclined),
		Reason: "declined by ann: wrong site",
	}, r.ended[0])
}

func TestReviewExpires(t *testing.T) {
	t.Parallel()
	r := setupReview(t)
	require.Error(t, r.start())
	require.Equal(t, "sluice", r.verdicts[0].By)
	require.Equal(t, importstore.Declined, r.verdicts[0].Verdict)
	require.Contains(t, r.ended[0].Reason, "declined by sluice: no decision by ")
	require.False(t, r.Now().Before(r.opened.ExpiresAt))
}

// A store that is away when a review expires delays the end of the import, however long it is away.
func TestReviewExpiresWhileTheStoreIsAway(t *testing.T) {
	t.Parallel()
	r := setupReview(t)
	r.fail = func(name string, call int) error {
		if name == workflows.ActivityDecide && call <= 8 {
			return errors.New("connection refused")
		}
		return nil
	}
	require.Error(t, r.start())
	require.Contains(t, r.ended[0].Reason, "declined by sluice: ")
	require.Equal(t, importstore.StatusDeclined, r.ended[0].Status)
	require.Equal(t, 9, r.calledTimes(workflows.ActivityDecide))
}

// Reminders are sent at the interval until a decision, or until no time is left before the review
// expires; their number is bounded.
func TestReminders(t *testing.T) {
	t.Parallel()
	const day = 24 * time.Hour
	for name, test := range map[string]struct {
		reminder, expiry, decided time.Duration
		// old is a run that began when people were reminded once.
		old  bool
		want int
	}{
		"until it expires":         {day, 14 * day, 0, false, 13},
		"until it is decided":      {day, 14 * day, 3*day + time.Hour, false, 3},
		"decided before":           {day, 14 * day, time.Hour, false, 0},
		"no time for one":          {day, day, 0, false, 0},
		"time for one":             {day, 2 * day, 0, false, 1},
		"not without end":          {time.Second, 14 * day, 0, false, importing.MaxReminders},
		"once, in a run from then": {day, 14 * day, 5 * day, true, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := setupReview(t)
			if test.old {
				r.OnGetVersion("repeated-reminders", workflow.DefaultVersion, workflow.Version(1)).Return(workflow.DefaultVersion)
			}
			r.opened = importacts.Opened{ExpiresAt: r.Now().Add(test.expiry), Reminder: test.reminder}
			if test.decided != 0 {
				r.RegisterDelayedCallback(func() { r.decide(importstore.Accepted, "ann", "") }, test.decided)
			}
			err := r.start()
			require.Equal(t, test.decided == 0, err != nil)
			require.Len(t, r.reminders, test.want)
			for i, reminder := range r.reminders {
				require.Equal(t, importacts.Reminder{ImportRef: importacts.ImportRef{ImportID: ImportID}, No: i + 1}, reminder)
			}
		})
	}
}

// A decision whose execution fails has no effect: the import remains in review.
func TestDecisionFails(t *testing.T) {
	t.Parallel()
	r := setupReview(t)
	r.fail = func(name string, call int) error {
		if name == workflows.ActivityDecide && call == 1 {
			return temporal.NewNonRetryableApplicationError("could not be finalised: no room", importacts.TypeStageDone, nil)
		}
		return nil
	}
	var first, second *workflowtest.Answer
	r.RegisterDelayedCallback(func() { first = r.decide(importstore.Accepted, "ann", "") }, time.Hour)
	r.RegisterDelayedCallback(func() {
		require.Equal(t, importstore.PhaseInReview, r.state().Phase)
		second = r.decide(importstore.Accepted, "ann", "")
	}, 2*time.Hour)
	require.NoError(t, r.start())
	require.ErrorContains(t, first.Finished, "could not be finalised: no room")
	require.Equal(t, workflowtest.Answer{Accepted: true}, *second)
	require.Len(t, r.verdicts, 2)
}

// Decisions before and behind the review are refused.
func TestDecisionsOutOfTime(t *testing.T) {
	t.Parallel()
	r := setupReview(t)
	var early, late *workflowtest.Answer
	r.during[workflows.ActivityPlan] = func() { early = r.decide(importstore.Accepted, "ann", "") }
	r.during[workflows.ActivityFinalize] = func() { late = r.decide(importstore.Accepted, "bob", "") }
	r.RegisterDelayedCallback(func() { r.decide(importstore.Accepted, "ann", "") }, time.Hour)
	require.NoError(t, r.start())
	require.EqualError(t, early.Rejected, "import 7 does not wait for a decision: its phase is planning")
	require.EqualError(t, late.Rejected, "import 7 was accepted by ann already")
}
