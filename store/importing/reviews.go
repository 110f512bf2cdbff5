package importing

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/internal/db"
)

// BeginReview begins the review of an import: it claims the days, releases the locks and
// notifies the reviewers. It is idempotent; a review that is already decided is returned
// unchanged. It returns the imports that were granted the locks, so that the caller can
// notify their workflows.
func (s *Store) BeginReview(
	ctx context.Context, id int64, e Entry, limits LockLimits,
) (review Review, woken []Woken, err error) {
	err = s.sql.InTx(ctx, func(q *db.Queries) error {
		if err := q.LockGrants(ctx); err != nil {
			return fmt.Errorf("lock the grants: %w", err)
		}
		imp, err := q.ImportByID(ctx, id)
		if err != nil {
			return store.Found(err, "import %d", id)
		}
		review, err = q.ReviewOf(ctx, id)
		if err == nil && review.Generation == imp.Generation && review.Decision != nil || err != nil && !store.NoRows(err) {
			return err
		}
		if imp.Status == StatusInReview && imp.FencingToken == 0 {
			review, err = q.OpenReview(ctx, id)
			return err
		}
		if err := claimDays(ctx, q, id, e.FencingToken); err != nil {
			return err
		}
		n, err := q.EnterPhase(ctx, db.EnterPhaseParams{
			ID: id, RunID: e.Run, FencingToken: e.FencingToken, Status: StatusInReview, Phase: PhaseInReview,
		})
		if err := changedOne(n, err, "import %d: enter %s", id, PhaseInReview); err != nil {
			return err
		}
		if review, err = q.OpenReview(ctx, id); err != nil {
			return fmt.Errorf("open the review: %w", err)
		}
		if woken, err = releaseLocks(ctx, q, id, limits); err != nil {
			return err
		}
		return s.Announce(ctx, q, id, EventReviewWanted, "")
	})
	return review, woken, err
}

// Decision is the decision about an import.
type Decision struct {
	// Verdict is Accepted or Declined.
	Verdict string
	// By says who, Reason why.
	By, Reason string
}

// Decide notes the decision of a review, and runs done in the same transaction: both
// happen, or neither. schema, if there is one, comes first in the search path of done. The
// errors are ErrNotFound if the import has no review, ErrDecided if it has its decision,
// ErrConflict if it does not wait for one, and ErrSelfReview if the one who started it must
// not accept it. The same decision by the same person is not an error: it is the repetition
// of an attempt whose outcome got lost.
func (s *Store) Decide(ctx context.Context, id int64, d Decision, schema string, done func(tx *sql.Tx) error) error {
	if schema != "" {
		if err := s.EnsureSchema(ctx, schema); err != nil {
			return err
		}
	}
	return s.sql.InSQLTx(ctx, func(tx *sql.Tx, queries func(func(q *db.Queries) error) error) error {
		repeated := false
		err := queries(func(q *db.Queries) (err error) {
			repeated, err = decide(ctx, q, id, d)
			return err
		})
		if err != nil || repeated {
			return err
		}
		if schema != "" {
			if err := store.UseSchema(ctx, tx, schema); err != nil {
				return err
			}
		}
		return done(tx)
	})
}

// decide notes a decision; repeated says that it stands there already.
func decide(ctx context.Context, q *db.Queries, id int64, d Decision) (repeated bool, err error) {
	review, err := q.LockReview(ctx, id)
	if err != nil {
		return false, store.Found(err, "import %d has no review", id)
	}
	imp, err := q.ImportByID(ctx, id)
	if err != nil {
		return false, store.Found(err, "import %d", id)
	}
	if review.Decision != nil {
		if *review.Decision == d.Verdict && review.DecidedBy == d.By && review.Reason == d.Reason {
			return true, nil
		}
		return false, decided(review)
	}
	if imp.Status != StatusInReview {
		return false, fmt.Errorf("import %d does not wait for a decision: it is %s: %w", id, imp.Status, store.ErrConflict)
	}
	if d.Verdict == Accepted && imp.RequireSecondApprover && imp.RequestedBy == d.By {
		return false, fmt.Errorf("accept import %d, which %s requested: %w", id, d.By, ErrSelfReview)
	}
	n, err := q.DecideReview(ctx, db.DecideReviewParams{
		ImportID: id, Generation: review.Generation, Decision: &d.Verdict, DecidedBy: store.Plain(d.By),
		Reason: store.Plain(d.Reason),
	})
	return false, changedOne(n, err, "decide about import %d", id)
}

// decided says what has been decided.
func decided(r Review) error {
	at := ""
	if r.DecidedAt != nil {
		at = " on " + r.DecidedAt.UTC().Format(time.RFC3339)
	}
	err := fmt.Errorf("import %d was %s by %s%s: %w", r.ImportID, *r.Decision, r.DecidedBy, at, ErrDecided)
	if r.Reason != "" {
		err = fmt.Errorf("import %d was %s by %s%s (%s): %w", r.ImportID, *r.Decision, r.DecidedBy, at, r.Reason, ErrDecided)
	}
	return err
}

// CheckDecidable says why a review cannot be decided any more, if it cannot.
func (s *Store) CheckDecidable(ctx context.Context, id int64) error {
	imp, err := s.Import(ctx, id)
	if err != nil {
		return err
	}
	review, err := s.sql.Queries.ReviewOf(ctx, id)
	if store.NoRows(err) {
		return fmt.Errorf("import %d does not wait for a decision: it is %s: %w", id, imp.Status, store.ErrConflict)
	}
	if err != nil {
		return fmt.Errorf("read the review: %w", err)
	}
	if review.Decision != nil {
		return decided(review)
	}
	if imp.Status != StatusInReview {
		return fmt.Errorf("import %d does not wait for a decision: it is %s: %w", id, imp.Status, store.ErrConflict)
	}
	return nil
}

// NoteReviewError notes why an accepted import could not be finalised: its review
// stays open.
func (s *Store) NoteReviewError(ctx context.Context, id int64, reason string) error {
	review, err := s.sql.Queries.ReviewOf(ctx, id)
	if err != nil {
		return store.Found(err, "import %d has no review", id)
	}
	return s.sql.Queries.SetReviewError(ctx, db.SetReviewErrorParams{
		ImportID: id, Generation: review.Generation, Error: store.Plain(reason),
	})
}

func ptr[T any](v T) *T { return &v }

// Remind announces that an import still waits for a decision. no counts the reminders of a
// review, from 1; each is announced once. An import that does not wait is not changed.
func (s *Store) Remind(ctx context.Context, id int64, no int) error {
	imp, err := s.Import(ctx, id)
	if err != nil || imp.Status != StatusInReview {
		return err
	}
	return s.sql.InTx(ctx, func(q *db.Queries) error {
		return s.announceAs(ctx, q, announcedEvent{importID: id, event: EventReviewReminder, no: no})
	})
}
