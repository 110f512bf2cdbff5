package importing_test

import (
	"database/sql"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/sluicehq/sluice/internal/enginetest"
	"github.com/sluicehq/sluice/store"
	"github.com/sluicehq/sluice/store/importing"
	"github.com/sluicehq/sluice/store/internal/db"
)

// reviewed creates an import that waits for a decision.
func (b *bundle) reviewed(t *testing.T, change func(n *importing.NewImport)) importing.Import {
	t.Helper()
	n := b.newImport("")
	n.Review, n.RequestedBy, n.ReviewReminderS, n.ReviewExpiryS = true, "ann", 60, 3600
	if change != nil {
		change(&n)
	}
	imp, _, err := b.CreateImport(b.ctx, n)
	require.NoError(t, err)
	grant, err := b.AcquireLocks(b.ctx, imp.ID, "run-1", importing.LockLimits{})
	require.NoError(t, err)
	b.plan(t, imp.ID, 1)
	part, open, err := b.ClaimPart(b.ctx, imp.ID, 0, grant.FencingToken)
	require.NoError(t, err)
	require.True(t, open)
	b.finishPart(t, part, grant.FencingToken)
	_, _, err = b.BeginReview(b.ctx, imp.ID, importing.Entry{Run: "run-1", FencingToken: grant.FencingToken}, importing.LockLimits{})
	require.NoError(t, err)
	imp, err = b.Import(b.ctx, imp.ID)
	require.NoError(t, err)
	return imp
}

func nothing(*sql.Tx) error { return nil }

func TestBeginReview(t *testing.T) {
	t.Parallel()
	b := setup(t)
	imp := b.reviewed(t, func(n *importing.NewImport) { n.Dependencies = exclusive("a") })
	require.Equal(t, []string{importing.StatusInReview, importing.PhaseInReview}, []string{imp.Status, imp.Phase})
	require.True(t, imp.DaysClaimed, "its days are its own")
	require.Zero(t, imp.FencingToken)
	locks, err := b.ListLocks(b.ctx, importing.LockQuery{RowLimit: 10})
	require.NoError(t, err)
	require.Empty(t, locks, "but its locks are not")
	again, _, err := b.BeginReview(b.ctx, imp.ID, importing.Entry{Run: "run-1", FencingToken: 1}, importing.LockLimits{})
	require.NoError(t, err, "an attempt whose outcome got lost")
	require.Equal(t, imp.ID, again.ImportID)
	waiting, err := b.ListReviews(b.ctx, db.ListReviewsParams{RowLimit: 10})
	require.NoError(t, err)
	require.Len(t, waiting, 1)
	require.Equal(t, "ann", waiting[0].RequestedBy)
	require.InDelta(t, 3600, waiting[0].Review.ExpiresAt.Sub(waiting[0].Review.OpenedAt).Seconds(), 1)
}

func TestDecide(t *testing.T) {
	t.Parallel()
	accept := importing.Decision{Verdict: importing.Accepted, By: "bob", Reason: "looks right"}

	t.Run("once, and returned to later callers", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		imp := b.reviewed(t, nil)
		require.NoError(t, b.CheckDecidable(b.ctx, imp.ID))
		require.NoError(t, b.Decide(b.ctx, imp.ID, accept, "", nothing))
		require.NoError(t, b.Decide(b.ctx, imp.ID, accept, "", nothing), "the repetition of a lost attempt")
		err := b.Decide(b.ctx, imp.ID, importing.Decision{Verdict: importing.Declined, By: "carl", Reason: "no"}, "", nothing)
		require.ErrorIs(t, err, importing.ErrDecided)
		require.ErrorContains(t, err, fmt.Sprintf("import %d was accepted by bob on 2", imp.ID))
		require.ErrorContains(t, err, "(looks right): decided already")
		require.ErrorIs(t, b.CheckDecidable(b.ctx, imp.ID), importing.ErrDecided)
	})

	t.Run("what goes with it happens with it or not at all", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		imp := b.reviewed(t, nil)
		b.exec(t, "CREATE TABLE staged (id bigint)")
		broken := errors.New("no room")
		err := b.Decide(b.ctx, imp.ID, accept, "", func(tx *sql.Tx) error {
			_, err := tx.ExecContext(b.ctx, "INSERT INTO staged VALUES (1)")
			return errors.Join(err, broken)
		})
		require.ErrorIs(t, err, broken)
		require.NoError(t, b.CheckDecidable(b.ctx, imp.ID), "it remains in review")
		require.NoError(t, b.NoteReviewError(b.ctx, imp.ID, "no room"))
		review, err := b.ReviewOf(b.ctx, imp.ID)
		require.NoError(t, err)
		require.Equal(t, "no room", review.Error)
		require.NoError(t, b.Decide(b.ctx, imp.ID, accept, "", func(tx *sql.Tx) error {
			_, err := tx.ExecContext(b.ctx, "INSERT INTO staged VALUES (2)")
			return err
		}))
		var staged int
		require.NoError(t, b.sql.QueryRow(b.ctx, "SELECT sum(id) FROM staged").Scan(&staged))
		require.Equal(t, 2, staged)
	})

	t.Run("second approver", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		imp := b.reviewed(t, func(n *importing.NewImport) { n.RequireSecondApprover = true })
		err := b.Decide(b.ctx, imp.ID, importing.Decision{Verdict: importing.Accepted, By: "ann"}, "", nothing)
		require.ErrorIs(t, err, importing.ErrSelfReview)
		require.EqualError(t, err, fmt.Sprintf("accept import %d, which ann requested: the requester cannot approve their own import", imp.ID))
		require.NoError(t, b.Decide(b.ctx, imp.ID, importing.Decision{Verdict: importing.Declined, By: "ann", Reason: "mine"}, "", nothing))
	})

	t.Run("fifty at once, one wins", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		imp := b.reviewed(t, nil)
		ran := make(chan string, 50)
		won := 0
		for _, err := range enginetest.AtOnce(50, func(i int) error {
			d := importing.Decision{Verdict: []string{importing.Accepted, importing.Declined}[i%2], By: fmt.Sprint("client ", i)}
			return b.Decide(b.ctx, imp.ID, d, "", func(*sql.Tx) error { ran <- d.By; return nil })
		}) {
			if err == nil {
				won++
				continue
			}
			require.ErrorIs(t, err, importing.ErrDecided)
		}
		require.Equal(t, 1, won)
		require.Len(t, ran, 1)
		review, err := b.ReviewOf(b.ctx, imp.ID)
		require.NoError(t, err)
		require.Equal(t, <-ran, review.DecidedBy)
	})

	t.Run("only what waits", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		plain := b.create(t)
		require.ErrorIs(t, b.Decide(b.ctx, plain.ID, accept, "", nothing), store.ErrNotFound)
		require.ErrorIs(t, b.CheckDecidable(b.ctx, plain.ID), store.ErrConflict)
		imp := b.reviewed(t, nil)
		require.NoError(t, b.Finish(b.ctx, imp.ID, importing.StatusCancelled, "cancelled", "cancelled"))
		err := b.Decide(b.ctx, imp.ID, accept, "", nothing)
		require.ErrorIs(t, err, store.ErrConflict)
		require.ErrorContains(t, err, "does not wait for a decision: it is cancelled")
	})
}

// A repeated reminder is announced under the same ID, and none of an import that does not wait any more.
func TestRemind(t *testing.T) {
	t.Parallel()
	b := setup(t)
	imp := b.reviewed(t, func(n *importing.NewImport) { n.Notify = []string{"anna@example.com"} })
	for _, no := range []int{1, 1, 2, 2, 3} {
		require.NoError(t, b.Remind(b.ctx, imp.ID, no))
	}
	require.NoError(t, b.Decide(b.ctx, imp.ID, importing.Decision{Verdict: importing.Declined, By: "ann", Reason: "no"}, "", nothing))
	err := b.Finish(b.ctx, imp.ID, importing.StatusDeclined, "no", "declined")
	require.NoError(t, err)
	require.NoError(t, b.Remind(b.ctx, imp.ID, 4))
	var ids []string
	for _, a := range b.announced.all {
		require.Equal(t, imp.ID, a.Import.ID)
		if a.Event == importing.EventReviewReminder {
			ids = append(ids, a.ID)
		}
	}
	first := fmt.Sprintf("imp_%d_0_review_reminder", imp.ID)
	require.Equal(t, []string{first, first, first + "_2", first + "_2", first + "_3"}, ids)
}
