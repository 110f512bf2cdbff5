package importing

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"go.temporal.io/sdk/activity"
	"go.temporal.io/sdk/temporal"

	"github.com/sluicehq/sluice/activities"
	"github.com/sluicehq/sluice/importers"
	importstore "github.com/sluicehq/sluice/store/importing"
)

// TypeStageDone is the type of the error of an accepted import whose StageDone failed. The import
// remains in review.
const TypeStageDone = "stage_done"

// Reviews has the activities of reviews: to open one, to remind of it and to execute its decision.
type Reviews struct {
	Kit
	Locks *Locks
}

// Opened is a review that has begun.
type Opened struct {
	// ExpiresAt is the time at which an undecided import is declined.
	ExpiresAt time.Time `json:"expires_at"`
	// OpenedAt is when the review began.
	OpenedAt time.Time `json:"opened_at,omitzero"`
	// Reminder is after how long people are reminded, and how long after that again.
	Reminder time.Duration `json:"reminder"`
	// Decided is the decision, if there is one already: an earlier run of the workflow has
	// learnt of it.
	Decided *Verdict `json:"decided,omitempty"`
}

// Begin lets an import wait for a decision: it releases its locks and keeps its days.
func (r *Reviews) Begin(ctx context.Context, ref ImportRef) (Opened, error) {
	entry := importstore.Entry{Run: runOf(ctx), FencingToken: ref.FencingToken}
	review, woken, err := r.Store.BeginReview(ctx, ref.ImportID, entry, r.Locks.Limits)
	if err != nil {
		return Opened{}, activities.Failure(claimed(err))
	}
	r.Locks.wake(ctx, woken)
	if review.Decision != nil {
		return Opened{ExpiresAt: review.ExpiresAt.UTC(), Decided: &Verdict{
			ImportID: ref.ImportID, Verdict: *review.Decision, By: review.DecidedBy, Reason: review.Reason,
		}}, nil
	}
	imp, err := r.Store.Import(ctx, ref.ImportID)
	if err != nil {
		return Opened{}, activities.Failure(err)
	}
	log := r.feedback(ctx, ref.ImportID)
	err = log.Info(ctx, fmt.Sprintf(
		"Loaded, and invisible until it is accepted. It is declined on %s if no decision is made by then.",
		review.ExpiresAt.UTC().Format(time.RFC3339)))
	return Opened{
		ExpiresAt: review.ExpiresAt.UTC(), OpenedAt: review.OpenedAt.UTC(),
		Reminder: time.Duration(imp.ReviewReminderS) * time.Second,
	}, activities.Failure(err)
}

// Verdict is a decision about an import.
type Verdict struct {
	ImportID int64 `json:"import_id"`
	// Verdict is importstore.Accepted or importstore.Declined.
	Verdict string `json:"verdict"`
	By      string `json:"by"`
	Reason  string `json:"reason,omitempty"`
}

// Decide executes a decision. For an accepted import the importer's StageDone runs in the
// transaction of the decision. If that fails, the import remains in review.
func (r *Reviews) Decide(ctx context.Context, v Verdict) error {
	// Only an accepted import needs its importer: a decline goes through without.
	get := r.read
	if v.Verdict == importstore.Accepted {
		get = r.loadSubject
	}
	s, err := get(ctx, v.ImportID)
	if err != nil {
		return activities.Failure(err)
	}
	if err := r.show(ctx, v, importstore.PhaseStagingDone); err != nil {
		return activities.Failure(err)
	}
	var staging error
	done := func(tx *sql.Tx) error {
		stager, ok := s.importer.(importers.Stager)
		if !ok || v.Verdict != importstore.Accepted {
			return nil
		}
		staging = stager.StageDone(ctx, tx, s.imp)
		return staging
	}
	decision := importstore.Decision{Verdict: v.Verdict, By: v.By, Reason: v.Reason}
	err = r.Store.Decide(ctx, v.ImportID, decision, schemaOf(s.importer), done)
	if staging != nil {
		return r.stagingFailed(ctx, v, staging)
	}
	if err != nil {
		if showErr := r.show(ctx, v, importstore.PhaseInReview); showErr != nil {
			activity.GetLogger(ctx).Warn("could not record that the import remains in review", "error", showErr)
		}
		return activities.Failure(err)
	}
	text := fmt.Sprintf("%s by %s", capital(v.Verdict), v.By)
	if v.Reason != "" {
		text += ": " + v.Reason
	}
	return activities.Failure(r.feedback(ctx, v.ImportID).Info(ctx, text+"."))
}

// show notes the phase of an import that is being accepted.
func (r *Reviews) show(ctx context.Context, v Verdict, phase string) error {
	imp, err := r.Store.Import(ctx, v.ImportID)
	if err != nil || v.Verdict != importstore.Accepted || imp.Status != importstore.StatusInReview {
		return err
	}
	return r.Store.EnterPhase(ctx, v.ImportID, importstore.Entry{
		Run: runOf(ctx), Status: importstore.StatusInReview, Phase: phase,
	})
}

// stagingFailed records and reports why an accepted import remains in review.
func (r *Reviews) stagingFailed(ctx context.Context, v Verdict, cause error) error {
	text := activities.Plain(fmt.Sprintf("accepted by %s, but staging failed, and the import remains in review: %s", v.By,
		cause))
	err := r.Store.NoteReviewError(ctx, v.ImportID, cause.Error())
	if err := errors.Join(err, r.show(ctx, v, importstore.PhaseInReview)); err != nil {
		return activities.Failure(err)
	}
	if err := r.feedback(ctx, v.ImportID).Error(ctx, capital(text)); err != nil {
		return activities.Failure(err)
	}
	return temporal.NewNonRetryableApplicationError(text, TypeStageDone, nil)
}

// Reminder is one of the reminders of a review.
type Reminder struct {
	ImportRef

	// No counts the reminders, from 1. Defaults to 1.
	No int `json:"no,omitempty"`
}

// Remind sends a reminder of an import in review. The same reminder is sent once.
func (r *Reviews) Remind(ctx context.Context, reminder Reminder) error {
	return activities.Failure(r.Store.Remind(ctx, reminder.ImportID, max(1, reminder.No)))
}

// capital writes the first letter large.
func capital(text string) string {
	if text == "" {
		return text
	}
	return string(text[0]&^0x20) + text[1:]
}
