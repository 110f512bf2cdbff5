package importing

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	importacts "github.com/sluicehq/sluice/activities/importing"
	"github.com/sluicehq/sluice/importers"
	"github.com/sluicehq/sluice/internal/inbound"
	importstore "github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/workflows"
	"github.com/sluicehq/sluice/workflows/command"
)

// reviewing is the state of an import's review.
type reviewing struct {
	open bool
	// busy says that a decision is being carried out: others wait for how that goes.
	busy bool
	// verdict is the decision, once there is one.
	verdict *importacts.Verdict
	expires time.Time
}

// reviewer is the author of the decision about an expired review.
const reviewer = "sluice"

// awaitDecision makes the import wait until it is accepted. It returns an error if the import is
// declined, also by expiry.
func (r *importRun) awaitDecision(ctx workflow.Context) error {
	if err := r.enter(ctx, importstore.PhaseInReview); err != nil {
		return err
	}
	var opened importacts.Opened
	begin := workflows.Bookkeeping(ctx, "wait for a decision")
	if err := workflow.ExecuteActivity(begin, workflows.ActivityBeginReview, r.self()).Get(ctx, &opened); err != nil {
		return err
	}
	r.fencingToken = 0
	r.review = reviewing{open: true, expires: opened.ExpiresAt}
	defer func() { r.review.open = false }()
	r.waiting = "a decision until " + opened.ExpiresAt.Format(time.RFC3339)
	r.describe(ctx)
	if r.review.verdict = opened.Decided; r.review.verdict == nil {
		if err := r.awaitVerdict(ctx, opened); err != nil {
			return err
		}
	}
	r.waiting = ""
	v := r.review.verdict
	if v.Verdict == importstore.Accepted {
		return nil
	}
	reason := "declined by " + v.By
	if v.Reason != "" {
		reason += ": " + v.Reason
	}
	return temporal.NewNonRetryableApplicationError(reason, string(importers.ClassDeclined), nil)
}

// MaxReminders bounds how often people are reminded of one review, however short the time
// between reminders: their mailboxes and the history are not endless.
const MaxReminders = 30

// changeReminders is the change since which people are reminded more than once.
const changeReminders = "repeated-reminders"

// awaitVerdict waits for the decision, reminds people of it, and at last decides itself.
func (r *importRun) awaitVerdict(ctx workflow.Context, opened importacts.Opened) error {
	decided := func() bool { return r.review.verdict != nil }
	if err := r.remind(ctx, opened, decided); err != nil {
		return err
	}
	for !decided() {
		left := max(0, opened.ExpiresAt.Sub(workflow.Now(ctx)))
		_, err := workflow.AwaitWithOptions(ctx, workflow.AwaitOptions{
			Timeout: left, TimerOptions: workflow.TimerOptions{Summary: "the review expires"},
		}, decided)
		if err != nil {
			return err
		}
		// A decision may be executing.
		if err := workflow.Await(ctx, func() bool { return !r.review.busy }); err != nil {
			return err
		}
		if decided() {
			return nil
		}
		expired := Decide{Verdict: importstore.Declined, Command: command.Command{
			By: reviewer, Reason: "no decision by " + opened.ExpiresAt.Format(time.RFC3339),
		}}
		// No person waits for the result: it is retried until it is recorded.
		if err := r.execute(ctx, expired, workflows.Bookkeeping); err != nil {
			return err
		}
	}
	return nil
}

// remind reminds people again and again, until a decision is made or there is no time
// left for another reminder.
func (r *importRun) remind(ctx workflow.Context, opened importacts.Opened, decided func() bool) error {
	now := workflow.Now(ctx)
	if opened.Reminder <= 0 {
		return nil
	}
	if opened.OpenedAt.IsZero() {
		opened.OpenedAt = now
	}
	// Earlier runs have reminded until now.
	for no := 1 + int(now.Sub(opened.OpenedAt)/opened.Reminder); no <= MaxReminders; no++ {
		due := opened.OpenedAt.Add(time.Duration(no) * opened.Reminder)
		if !due.Before(opened.ExpiresAt) {
			return nil
		}
		if no >= 2 && workflow.GetVersion(ctx, changeReminders, workflow.DefaultVersion, 1) == workflow.DefaultVersion {
			return nil
		}
		done, err := workflow.AwaitWithOptions(ctx, workflow.AwaitOptions{
			Timeout: max(0, due.Sub(workflow.Now(ctx))), TimerOptions: workflow.TimerOptions{Summary: "remind of the review"},
		}, decided)
		if done || err != nil {
			return err
		}
		reminder := importacts.Reminder{ImportRef: r.self(), No: no}
		if err := workflows.Execute(workflows.Bookkeeping(ctx, "remind of the review"), workflows.ActivityRemind,
			reminder); err != nil {
			return err
		}
	}
	return nil
}

// maxVerdict bounds a verdict in an error, in bytes of JSON.
const maxVerdict = 50

// canDecideReview validates a decision about the import.
func (r *importRun) canDecide(d Decide) error {
	switch {
	case d.Verdict != importstore.Accepted && d.Verdict != importstore.Declined:
		return fmt.Errorf("the verdict is %q: want %s or %s",
			inbound.Cut(d.Verdict, maxVerdict), importstore.Accepted, importstore.Declined)
	case strings.TrimSpace(d.By) == "":
		return errors.New("say who decides: by is empty")
	case d.Verdict == importstore.Declined && strings.TrimSpace(d.Reason) == "":
		return errors.New("say why the import is declined: the reason is empty")
	case r.review.verdict != nil:
		v := r.review.verdict
		return fmt.Errorf("import %d was %s by %s already", r.in.ImportID, v.Verdict, v.By)
	case !r.review.open && r.phase != importstore.PhaseInReview:
		return fmt.Errorf("import %d does not wait for a decision: its phase is %s", r.in.ImportID, r.phase)
	default:
		return nil
	}
}

// decide executes a decision of a person, who waits for its result.
func (r *importRun) decide(ctx workflow.Context, d Decide) error {
	return r.execute(ctx, d, workflows.Deciding)
}

// execute executes a decision, one at a time, with the options of an activity.
func (r *importRun) execute(
	ctx workflow.Context, d Decide, optionsOf func(workflow.Context, string) workflow.Context,
) error {
	// The store may show the review a moment before the workflow does.
	ready := func() bool {
		return !r.review.busy && (r.review.open || r.phase != importstore.PhaseInReview) || r.commands.Continuing
	}
	if err := workflow.Await(ctx, ready); err != nil {
		return err
	}
	if r.commands.Continuing {
		return command.ErrContinues()
	}
	if err := r.canDecide(d); err != nil {
		return err
	}
	r.review.busy = true
	defer func() { r.review.busy = false }()
	if d.Verdict == importstore.Accepted {
		if err := r.enter(ctx, importstore.PhaseStagingDone); err != nil {
			return err
		}
	}
	v := importacts.Verdict{ImportID: r.in.ImportID, Verdict: d.Verdict, By: d.By, Reason: d.Reason}
	summary := fmt.Sprintf("%s by %s", d.Verdict, d.By)
	options := optionsOf(ctx, summary)
	if d.Verdict == importstore.Accepted {
		// The importer's StageDone is part of it.
		options = workflow.WithTaskQueue(options, workflows.ImporterQueue(r.in.Importer))
	}
	if err := workflows.Execute(options, workflows.ActivityDecide, v); err != nil {
		// The import remains in review.
		if enterErr := r.enter(ctx, importstore.PhaseInReview); enterErr != nil {
			return enterErr
		}
		return err
	}
	r.review.verdict = &v
	return nil
}
